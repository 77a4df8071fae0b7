"""Operators of LIF populations: Softmax, SiLU, GELU and normalisation, approximate and cheap."""
