"""What a check found on some operand sets; the findings of chunks add up and can be written down as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

MOST_EXAMPLES = 5
MOST_MISSES = 4096


@dataclass(frozen=True)
class Example:
    """One operand set on which neurons and reference differ; patterns.

    Attributes:
        operands: of each input port.
        answered: by the neurons.
        expected: by the golden function.
    """

    operands: tuple[int, ...]
    answered: int
    expected: int

    def text(self, widths: tuple[int, ...]) -> str:
        """`0x3f, 0x80 gives 0x40, not 0x41`, for operands and a result of these bits."""
        words = [
            f"0x{v:0{-(-w // 4)}x}" for v, w in zip((*self.operands, self.answered, self.expected), widths, strict=True)
        ]
        return f"{', '.join(words[:-2])} gives {words[-2]}, not {words[-1]}"


@dataclass
class Rounding:
    """A golden function against correct rounding.

    Attributes:
        wrong: results that are not the correctly rounded one.
        counted: results that are finite, not zero and no limit of the function.
        wrong_counted: those of them that are not the correctly rounded one.
        max_ulp: largest distance from it; 2^64 - 1 is a number where a NaN belongs, or the reverse.
        worst: operand with that distance.
        misses: (operand, result, correctly rounded result) of the wrong ones, None where there are too many.
        by_precision: results that the screen in wide floats left to multiple precision.
        neighbours: operands next to each other, between which the function only rises or only falls, that were
            compared.
        against_order: those of them whose results go the other way.
    """

    wrong: int = 0
    counted: int = 0
    wrong_counted: int = 0
    max_ulp: int = 0
    worst: int | None = None
    misses: list[tuple[int, int, int]] | None = field(default_factory=list)
    by_precision: int = 0
    neighbours: int = 0
    against_order: int = 0

    def add(self, other: Rounding) -> None:
        """Adds what was found on other operand sets."""
        if other.max_ulp > self.max_ulp:
            self.max_ulp, self.worst = other.max_ulp, other.worst
        known = None if self.misses is None or other.misses is None else self.misses + other.misses
        self.misses = known if known is not None and len(known) <= MOST_MISSES else None
        for name in ("wrong", "counted", "wrong_counted", "by_precision", "neighbours", "against_order"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def times(self, n: int) -> Rounding:
        """What was found on one operand, on n that are all like it."""
        misses = self.misses if n == 1 or not self.wrong else None
        counts = {name: n * getattr(self, name) for name in ("wrong", "counted", "wrong_counted")}
        return Rounding(**counts, max_ulp=self.max_ulp, worst=self.worst, misses=misses)


@dataclass
class Outcome:
    """What was found so far.

    Attributes:
        sets: operand sets tried.
        mismatches: sets on which the neurons differ from the golden function; None where not asked.
        examples: the first few of them.
        rounding: of the golden function, None where not asked.
        seconds: wall time.
    """

    sets: int = 0
    mismatches: int | None = None
    examples: list[Example] = field(default_factory=list)
    rounding: Rounding | None = None
    seconds: float = 0.0

    def add(self, other: Outcome) -> None:
        """Adds what was found on other operand sets."""
        self.sets += other.sets
        self.seconds += other.seconds
        if other.mismatches is not None:
            self.mismatches = (self.mismatches or 0) + other.mismatches
            self.examples = (self.examples + other.examples)[:MOST_EXAMPLES]
        if other.rounding is not None:
            self.rounding = self.rounding or Rounding()
            self.rounding.add(other.rounding)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Outcome:
        """The inverse of `to_dict`; raises TypeError or KeyError on other values."""
        examples = [Example(tuple(e["operands"]), e["answered"], e["expected"]) for e in values["examples"]]
        rounding = values["rounding"] and Rounding(**values["rounding"])
        if rounding and rounding.misses is not None:
            rounding.misses = [(int(p), int(got), int(right)) for p, got, right in rounding.misses]
        return Outcome(**{**values, "examples": examples, "rounding": rounding})
