"""Recorded integer programs as machine code."""
