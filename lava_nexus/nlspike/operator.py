"""An operator: a population network with one input `x` and one output `y`, and the integer program it must equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lava_nexus.formats import IntegerFormat
from lava_nexus.neurons.populations import PopulationNetwork
from lava_nexus.nlspike.fixed_point import Integers

Golden = Callable[[Integers], Integers]


@dataclass(frozen=True, eq=False)
class Operator:
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
    def neurons(self) -> int:
        """Neurons for one row."""
        return self.network.neurons

    @property
    def synapses(self) -> int:
        """Synapses of 8 bits, those of inputs and strobe included."""
        return self.network.synapses

    @property
    def depth(self) -> int:
        """Time steps from operands to results."""
        return self.network.depth

    @property
    def digest(self) -> str:
        """Name of the content."""
        return self.network.digest

    @property
    def label(self) -> str:
        """For tables: operator, size, options."""
        head = f"nls {self.name}" + (f" of {self.size}" if self.size > 1 else "")
        return ", ".join([head, *(f"{key} {value}" for key, value in self.options)])

    def __repr__(self) -> str:
        return f"<Operator {self.label}: {self.neurons} neurons, {self.synapses} synapses, depth {self.depth}>"
