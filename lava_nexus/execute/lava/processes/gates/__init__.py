"""Processes of the named gates: small populations of IF neurons, ready to wire by hand."""
