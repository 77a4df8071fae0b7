"""The operand sets of the package under the name that tests know."""

from __future__ import annotations

from lava_nexus.verification.operands import (
    Patterns,
    addition_ties,
    corners,
    crossed,
    every,
    every_pair,
    exponents_at_the_edge,
    near_cancellation,
    near_quotients,
    near_squares,
    operands,
    ordinary,
    pairs,
    singles,
    specials,
    triples,
    uniform,
)

__all__ = [
    "Patterns",
    "addition_ties",
    "corners",
    "crossed",
    "every",
    "every_pair",
    "exponents_at_the_edge",
    "near_cancellation",
    "near_quotients",
    "near_squares",
    "operands",
    "ordinary",
    "pairs",
    "singles",
    "specials",
    "triples",
    "uniform",
]
