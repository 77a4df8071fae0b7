"""Formal proofs: the neurons of a circuit answer as SMT-LIB floating-point arithmetic does, on all operands."""
