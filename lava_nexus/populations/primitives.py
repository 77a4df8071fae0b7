"""Division, exponentiation and l2 norm as networks of their own, each with its integer program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lava_nexus.populations.builder import PopulationBuilder, each, matrix
from lava_nexus.populations.chords import look_up
from lava_nexus.populations.division import Ladders, divide, quotient, quotient_terms
from lava_nexus.populations.fixed_point import Integers
from lava_nexus.populations.network import PopulationNetwork
from lava_nexus.populations.normalisation import exponential_table as exponential_table
from lava_nexus.populations.operator import DEFAULT, Options
from lava_nexus.populations.vectoring import Tree, golden_norm, norm


@dataclass(frozen=True, eq=False)
class Primitive:
    """A network and what it must equal.

    Attributes:
        network: the neurons.
        golden: int64 [sets, size] by input name to those by output name, in integers (the reference).
    """

    network: PopulationNetwork
    golden: Callable[[Mapping[str, Integers]], dict[str, Integers]]


def division(how: Ladders, dividends: int = 1) -> Primitive:
    """`quotient` [dividends] of `dividend` [dividends] by `divisor` [1]; see `nlspike.division`."""
    b = PopulationBuilder()
    x, d = b.input("dividend", dividends), b.input("divisor", 1)
    q = b.graded("quotient", dividends, *quotient_terms(divide(b, x, d, how), dividends))
    return Primitive(
        b.finish([("quotient", q, None)]),
        lambda feeds: {"quotient": quotient(feeds["dividend"], feeds["divisor"][:, 0], how)},
    )


def exponentiation(options: Options = DEFAULT, size: int = 1) -> Primitive:
    """`exponential` [size] of `x` [size], fixed point; 0 below -H, clamped above H; see `nlspike.chords`."""
    table, _ = exponential_table(options)
    low = table.length // 2 + 1
    b = PopulationBuilder()
    x = b.input("x", size)
    offset = b.graded("offset", size, each(x), matrix(b.strobe, range(size), 0, low))
    y = b.graded("exponential", size, *look_up(b, offset, table, bounded=False))
    return Primitive(b.finish([("exponential", y, None)]), lambda feeds: {"exponential": table(feeds["x"] + low)})


def l2_norm(tree: Tree) -> Primitive:
    """`norm` [1], tree.gain times the l2 norm of `x` [tree.size]; see `nlspike.vectoring`."""
    b = PopulationBuilder()
    x = b.input("x", tree.size)
    plus, minus = b.graded("plus", tree.size, each(x)), b.graded("minus", tree.size, each(x, -1))
    y = norm(b, b.graded("size", tree.size, each(plus), each(minus)), tree)
    return Primitive(
        b.finish([("norm", y, None)]), lambda feeds: {"norm": golden_norm(np.abs(feeds["x"]), tree)[:, None]}
    )
