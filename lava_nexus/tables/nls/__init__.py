"""Errors, sweeps and costs of the operators of LIF populations, beside published figures and exact gates."""
