"""Circuits held against references, on all operands or many, by runs and by proofs."""
