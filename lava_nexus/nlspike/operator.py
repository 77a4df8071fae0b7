"""An operator: a population network with one input `x` and one output `y`, and the integer program it must equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lava_nexus.formats import IntegerFormat
from lava_nexus.neurons.built import Built
from lava_nexus.neurons.populations import PopulationNetwork
from lava_nexus.nlspike.fixed_point import Integers

Golden = Callable[[Integers], Integers]


@dataclass(frozen=True, eq=False, repr=False)
class Operator(Built):
    """One operator on rows of fixed-point integers.

    Attributes:
        name: for example "softmax".
        size: integers in a row of operands.
        results: integers in a row of results.
        network: the neurons; input `x` [size], output `y` [results].
        golden: [sets, size] to [sets, results], in integers (the reference).
        in_format, out_format: of operands and results, two's complement.
        in_fraction, out_fraction: fraction bits of both.
        options: what differs from the defaults.
    """

    name: str
    size: int
    results: int
    network: PopulationNetwork
    golden: Golden
    in_format: IntegerFormat
    out_format: IntegerFormat
    in_fraction: int
    out_fraction: int
    options: tuple[tuple[str, Any], ...] = ()

    basis = "populations"

    @property
    def title(self) -> str:
        """Operator and size."""
        return f"nls {self.name}" + (f" of {self.size}" if self.size > 1 else "")
