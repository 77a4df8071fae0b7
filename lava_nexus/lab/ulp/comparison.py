"""One row of a ULP table: neurons, strict reference, PyTorch and float64 rounded once, against each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import FLOAT64, FloatFormat, UlpSummary, summarise, ulp_distance
from lava_nexus.lab.published import PublishedUlp, published
from lava_nexus.lab.trial import unless_quick
from lava_nexus.lab.ulp.components import rounded_once

Patterns = NDArray[Any]
Numbers = NDArray[Any]

NOT_A_NUMBER = 2**64 - 1
"""The distance of a NaN from a number."""
COMPARISONS = ("strict", "pytorch", "exact", "pytorch_exact")
TITLES = {
    "strict": "ours against the strict reference",
    "pytorch": "ours against PyTorch",
    "exact": "ours against float64 rounded once",
    "pytorch_exact": "PyTorch against float64 rounded once",
}


@dataclass(frozen=True)
class Answers:
    """The same results four times, as patterns of one shape; None where that one cannot compute them.

    Attributes:
        ours: by neurons.
        strict: by the strict reference.
        pytorch: by PyTorch in the same format.
        exact: in float64, rounded to the format once.
    """

    ours: Patterns
    strict: Patterns
    pytorch: Patterns | None
    exact: Patterns | None

    @classmethod
    def of(
        cls, ours: Patterns, strict: Patterns, pytorch: Numbers | None, double: Numbers | None, fmt: FloatFormat
    ) -> Answers:
        """Patterns of neurons and reference, PyTorch's numbers, and those in float64, not rounded yet."""
        theirs = None if pytorch is None else fmt.canonical(fmt.to_patterns(pytorch))
        return cls(ours, strict, theirs, None if double is None or fmt == FLOAT64 else rounded_once(double, fmt))

    def each(self, change: Callable[[Patterns], Patterns]) -> Answers:
        """All that there are, changed alike."""
        pytorch = None if self.pytorch is None else change(self.pytorch)
        exact = None if self.exact is None else change(self.exact)
        return Answers(change(self.ours), change(self.strict), pytorch, exact)

    def head(self, count: int) -> Answers:
        """The first `count` along the first axis."""
        return self.each(lambda patterns: patterns[:count])

    def pair(self, comparison: str) -> tuple[Patterns, Patterns] | None:
        """The two sides of one of `COMPARISONS`."""
        left = self.pytorch if comparison == "pytorch_exact" else self.ours
        right = {"strict": self.strict, "pytorch": self.pytorch}.get(comparison, self.exact)
        return None if left is None or right is None else (left, right)


@dataclass(frozen=True)
class Distances:
    """Distances of one comparison.

    Attributes:
        ulp: their summary.
        error: largest absolute difference, None where it is not finite.
        relative: it over the largest magnitude of the second side.
        histogram: results by distance: 0, 1, 2 to 3, 4 to 7, ... ULP (bin i from 2^(i-1) on); a NaN against a number is
            in the last.
    """

    ulp: UlpSummary
    error: float | None
    relative: float | None
    histogram: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**self.ulp.as_dict(), "error": self.error, "relative": self.relative, "histogram": list(self.histogram)}


@dataclass(frozen=True)
class UlpRow:
    """One row.

    Attributes:
        table: "component", "operation", "end_to_end", "depth" or "module".
        name: layer, operation, part of a model, or number of its layers.
        part: "forward", "grad x", ..., "forward + backward"; "" for an operation.
        inputs: random inputs.
        published: what a paper prints for it.
        measured: by comparison; None where there is nothing to compare with.
    """

    table: str
    name: str
    part: str
    inputs: int
    published: PublishedUlp | None
    measured: Mapping[str, Distances | None]

    @property
    def label(self) -> str:
        """Name and part."""
        return f"{self.name} {self.part}".strip()

    @property
    def results(self) -> int:
        """How many were compared."""
        strict = self.measured["strict"]
        return strict.ulp.count if strict else 0


@dataclass(frozen=True)
class Ran:
    """How long the engines took, side by side, and on what.

    Attributes:
        seconds: by engine, its reading of weights among them.
        machine: of a GPU; None where none took part.
    """

    seconds: dict[str, float]
    machine: dict[str, Any] | None


def row(
    table: str, name: str, part: str, inputs: int, answers: Answers, fmt: FloatFormat, printed: bool = True
) -> UlpRow:
    """The row of these answers, beside printed figures where wanted; those are of FP32 and stand beside no other."""
    paper = unless_quick(published("ulp").get((name, part))) if printed and fmt.name == "float32" else None
    pairs = {comparison: answers.pair(comparison) for comparison in COMPARISONS}
    measured = {key: None if pair is None else measure(*pair, fmt) for key, pair in pairs.items()}
    return UlpRow(table, name, part, inputs, paper, measured)


def measure(a: Patterns, b: Patterns, fmt: FloatFormat) -> Distances:
    """The distances between two arrays of patterns of one shape."""
    distance = ulp_distance(a, b, fmt).ravel()
    edges = np.array([0, *(2**i for i in range(fmt.bits)), 2**64 - 1], np.uint64)
    counts = np.bincount(np.searchsorted(edges[1:], distance, side="right"), minlength=len(edges))
    return Distances(summarise(a, b, fmt), *_error(a, b, fmt), tuple(int(count) for count in counts))


def _error(a: Patterns, b: Patterns, fmt: FloatFormat) -> tuple[float | None, float | None]:
    x, y = (fmt.from_patterns(side).astype(np.float64) for side in (a, b))
    with np.errstate(invalid="ignore"):
        largest = float(np.max(np.where(a == b, 0.0, np.abs(x - y)), initial=0.0))
    if not np.isfinite(largest):
        return None, None
    size = float(np.max(np.abs(y, where=np.isfinite(y), out=np.zeros_like(y)), initial=0.0))
    return largest, largest / size if size else float(largest > 0)


def joined(parts: Sequence[Answers]) -> Answers:
    """Several results as one flat one."""

    def join(arrays: Sequence[Patterns | None]) -> Patterns | None:
        return (
            None if any(a is None for a in arrays) else np.concatenate([np.ravel(a) for a in arrays if a is not None])
        )

    return Answers(
        np.concatenate([part.ours.ravel() for part in parts]),
        np.concatenate([part.strict.ravel() for part in parts]),
        join([part.pytorch for part in parts]),
        join([part.exact for part in parts]),
    )
