"""Operators of LIF populations beside published errors and exact gates."""
