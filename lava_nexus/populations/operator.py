"""An operator of LIF populations, a network with one input `x` and one output `y`, and what may be chosen of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from lava_nexus.errors import NexusError
from lava_nexus.formats import IntegerFormat
from lava_nexus.neurons.built import Built, Golden
from lava_nexus.populations.chords import ChordTable, Function, chord_table
from lava_nexus.populations.division import Ladders
from lava_nexus.populations.network import PopulationNetwork


@dataclass(frozen=True)
class Options:
    """How an operator is built; the defaults are the published values, where there are any.

    Attributes:
        bound: H; chords lie on [-H, H]. None: 5 for exponentials, 3 for GELU.
        segments: K, chords.
        slope_bits, intercept_bits: of the table's entries, 8 or 16.
        grid_bits: results are multiples of 2^-grid_bits, 4..12.
        single_ladder: whether a quotient is one ladder of 2^n neurons, as published, instead of digits of 4 bits;
            only where the quotient has up to 8 bits.
        steps: of CORDIC.
        last_inclusive: whether `steps` is the last shift (k = 0..n) rather than their number (k = 0..n - 1).
        in_fraction: fraction bits of operands, 4..12. None: 12 for RMSNorm, 10 for the others.
    """

    bound: float | None = None
    segments: int = 64
    slope_bits: int = 8
    intercept_bits: int = 16
    grid_bits: int = 8
    single_ladder: bool = True
    steps: int = 8
    last_inclusive: bool = False
    in_fraction: int | None = None

    def __post_init__(self) -> None:
        for name, low, high in (("grid_bits", 4, 12), ("in_fraction", 4, 12)):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise NexusError(f"option {name} of an operator is {value}, must be {low}..{high}")
        if self.bound is not None and not 0.5 <= self.bound <= 12:
            raise NexusError(f"option bound of an operator is {self.bound}, must be 0.5..12")

    def interval(self, default: float) -> float:
        """H."""
        return default if self.bound is None else self.bound

    def fraction(self, default: int = 10) -> int:
        """Fraction bits of operands."""
        return default if self.in_fraction is None else self.in_fraction

    def ladders(self, bits: int) -> Ladders:
        """How a quotient of so many bits is taken."""
        return Ladders.of(bits, self.single_ladder and bits <= 8)

    def chords(self, function: Function, high: float, fraction: int) -> ChordTable:
        """Chords of a function on [-high, high], values with so many fraction bits."""
        widths = (self.fraction(), fraction, self.slope_bits, self.intercept_bits)
        return chord_table(function, -high, high, self.segments, *widths)

    def changed(self) -> tuple[tuple[str, Any], ...]:
        """Names and values of what differs from the defaults."""
        own = [(f.name, getattr(self, f.name)) for f in fields(self)]
        return tuple((name, value) for name, value in own if value != getattr(DEFAULT, name))


DEFAULT = Options()


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
