"""Proofs by exhaustion and tests by sample: circuits against their references, references against correct rounding."""
