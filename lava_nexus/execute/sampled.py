"""Counts of a sample of operand sets: which are drawn, what they say of all, and how sure that is.

The sets lie in n equal stretches; of each one is drawn, every set with the same chance, so that the expected estimate
is the exact count. The sample falls into `GROUPS` groups, each spread over all stretches, and the spread of what they
say by themselves is the standard error (K. M. Wolter, "Introduction to Variance Estimation", 2nd ed., chapter 2). Where
units hold different numbers of sets, counts a set are estimated and multiplied, with a bias of the order of 1 / n.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import total_ordering
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.operands import real_number, whole_number
from lava_nexus.execute.tallies import Tally, TotalTally

GROUPS = 16
"""Groups of a sample; a standard error has one degree of freedom less."""
DEFAULT_FRACTION = 0.01

Deviations = tuple[float, ...]
_NONE: Deviations = (0.0,) * GROUPS


@total_ordering
@dataclass(frozen=True, eq=False)
class Estimate:
    """A total estimated from a sample; no integer, and shown with its standard error.

    Estimates add up with exact integers and are multiplied by numbers; so is what they owe to common samples.

    Attributes:
        value: estimated total.
        deviations: by how much the total that each group suggests lies above it, [GROUPS].
        counted: operand sets in the sample.
        sets: all operand sets.
    """

    value: float
    deviations: Deviations
    counted: int
    sets: int

    @property
    def error(self) -> float:
        """Standard error, of `GROUPS` - 1 degrees of freedom."""
        return sqrt(sum(one * one for one in self.deviations) / (GROUPS * (GROUPS - 1)))

    @property
    def of(self) -> str:
        """The sample, in words."""
        return f"sampled, {self.counted:,} of {self.sets:,}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        sets = {"counted_sets": self.counted, "sets": self.sets}
        return {"estimate": self.value, "standard_error": self.error, **sets}

    def __str__(self) -> str:
        return f"{self:,.0f} ({self.of})"

    def __format__(self, spec: str) -> str:
        if spec in ("", "s"):
            return str(self)
        two = float(f"{self.error:.2g}")
        return f"{self.value:{',.0f' if spec == ',' else spec}} ± {f'{two:,.0f}' if two >= 10 else f'{two:g}'}"

    def __float__(self) -> float:
        return self.value

    def __add__(self, other: Estimate | float) -> Estimate:
        if isinstance(other, Estimate):
            deviations = tuple(a + b for a, b in zip(self.deviations, other.deviations, strict=True))
            total = self.value + other.value
            return Estimate(total, deviations, self.counted + other.counted, self.sets + other.sets)
        return Estimate(self.value + other, self.deviations, self.counted, self.sets)

    __radd__ = __add__

    def __mul__(self, factor: float) -> Estimate:
        deviations = tuple(factor * one for one in self.deviations)
        return Estimate(self.value * factor, deviations, self.counted, self.sets)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Estimate:
        return self * (1 / divisor)

    def __neg__(self) -> Estimate:
        return self * -1.0

    def __round__(self, digits: int | None = None) -> Estimate:
        return self

    def __lt__(self, other: Estimate | float) -> bool:
        return self.value < float(other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Estimate | int | float) and self.value == float(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(repr=False)
class SampledTally(TotalTally):
    """Totals of a circuit whose signals are counted on a sample of its operand sets; exact where that is all of them.

    Attributes:
        fired, reached: spikes of neurons and SynOps; floats where some sets were not counted.
        counted: operand sets in the sample.
        fired_by, reached_by: deviations of their groups, as of `Estimate`.
    """

    counted: int = 0
    fired_by: Deviations = _NONE
    reached_by: Deviations = _NONE

    def __post_init__(self) -> None:
        self.fired_by, self.reached_by = tuple(self.fired_by), tuple(self.reached_by)  # JSON makes lists of them

    @classmethod
    def of(cls, circuit: Any, sets: int, counted: NDArray[Any], fired: NDArray[Any], reached: NDArray[Any]) -> Tally:
        """From what the groups of a sample counted.

        Args:
            circuit: that ran.
            sets: all operand sets.
            counted: [GROUPS] operand sets of each group.
            fired, reached: [GROUPS] their spikes and SynOps.
        """
        number, factor = int(counted.sum()), sets / int(counted.sum())
        totals: list[tuple[Any, Deviations]] = []
        for found in (fired, reached):
            rate = int(found.sum()) / number
            above = GROUPS * factor * (found.astype(np.float64) - rate * counted)
            totals.append((rate * sets, tuple(map(float, above))))
        (spikes, spikes_by), (synops, synops_by) = totals
        return cls(circuit, sets, None, None, spikes, synops, number, spikes_by, synops_by)

    @property
    def sampled(self) -> bool:
        """Whether some sets were not counted."""
        return self.counted != self.invocations

    @property
    def spikes(self) -> Any:
        """Spikes of neurons; an `Estimate` where some sets were not counted."""
        return self._told(self.fired, self.fired_by)

    @property
    def synops(self) -> Any:
        """Spikes times the synapses that they reach, likewise."""
        return self._told(self.reached, self.reached_by)

    def _told(self, total: float, deviations: Deviations) -> Any:
        return Estimate(total, deviations, self.counted, self.invocations) if self.sampled else int(total)

    def add(self, other: Tally) -> None:
        """Adds the counts of another run of the same circuit."""
        assert isinstance(other, SampledTally)
        super().add(other)
        self.counted += other.counted
        self.fired_by = tuple(a + b for a, b in zip(self.fired_by, other.fired_by, strict=True))
        self.reached_by = tuple(a + b for a, b in zip(self.reached_by, other.reached_by, strict=True))


@dataclass
class Sample:
    """Which operand sets are counted.

    Attributes:
        fraction: of them, above 0 and at most 1; at least `GROUPS` bunches are drawn, and where that were half of all
            sets, every one is counted.
        seed: the same one draws the same sets, in the same order of invocations.
    """

    fraction: float = DEFAULT_FRACTION
    seed: int = 0
    _draws: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self.fraction, self.seed = real_number("fraction", self.fraction), whole_number("seed", self.seed, 0)
        if not 0 < self.fraction <= 1:
            raise NexusError(f"fraction {self.fraction} of the operand sets is not above 0 and at most 1")

    def begin(self, part: int) -> None:
        """What is drawn from now on depends on this part of a run alone."""
        self._draws = part << 32

    def size(self, units: int, bunch: int) -> int | None:
        """How many of the units are drawn, bunches of so many; None where all are counted."""
        least = bunch * GROUPS
        size = -(-int(np.ceil(self.fraction * units)) // least) * least
        return None if 2 * size >= units else size

    def drawn(self, xp: Any, units: int, size: int, bunch: int) -> Any:
        """int64 [size], the units drawn, one of each of `size` stretches; bunch b is of group b % `GROUPS`.

        Args:
            xp: NumPy or CuPy.
            units: to draw from, fewer than 2^32.
            size: how many, see `size`.
            bunch: units that are counted together, each bunch spread over all stretches.
        """
        self._draws += 1
        seed = np.uint64((self.seed * 0x9E3779B97F4A7C15 + self._draws * 0xD1B54A32D192ED03) % (1 << 64))
        place = xp.arange(size, dtype=np.uint64)
        stretch = place % np.uint64(bunch) * np.uint64(size // bunch) + place // np.uint64(bunch)
        within = (_mixed(stretch + seed) >> np.uint64(32)) * np.uint64(units) >> np.uint64(32)
        return ((stretch * np.uint64(units) + within) // np.uint64(size)).astype(np.int64)


def events_told(synops: object) -> str:
    """How spikes and SynOps are known: the end of a sentence on what is counted."""
    if isinstance(synops, Estimate):
        return f". Estimated with standard errors: spikes, SynOps ({synops.of} operand sets)"
    return ", spikes, SynOps"


def sample_of(count: object, fraction: float, seed: int) -> Sample | None:
    """The sample of an executor that counts so.

    Raises:
        NexusError: `count` is not one of True, False, "activity" and "sample", or there is no such fraction or seed.
    """
    if not isinstance(count, bool) and count not in ("activity", "sample"):
        raise NexusError(f"count {count!r} is not one of True, False, 'activity', 'sample'")
    found = Sample(fraction, seed)
    return found if count == "sample" else None


def _mixed(word: Any) -> Any:
    """Words whose bits look drawn: the finaliser of SplitMix64 (G. Steele et al., OOPSLA 2014)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        word = (word ^ word >> np.uint64(shift)) * np.uint64(factor)
    return word ^ word >> np.uint64(31)
