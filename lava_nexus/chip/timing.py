"""How long a time step lasts, as data: coefficients with source, confidence and range, and how terms make a step.

What a core and its links do in a step gives terms in nanoseconds:

    neurons  = update of every neuron
    synapses = synaptic operations
    reads    = words of synapse memory that are read
    link     = messages over the busiest link
    barrier  = until all cores agree that the step is over

`combine: sum`: step = max over cores (neurons + synapses + reads) + link + barrier; `combine: maximum`: the largest of
them, a lower bound. A coefficient that is not public has a range, and so has what follows from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from lava_nexus.config import Config, load_config
from lava_nexus.errors import NexusError

_FOLDER = Path(__file__).parent / "timings"


@dataclass(frozen=True)
class Span:
    """A value with the range that it is known to lie in.

    Attributes:
        low, value, high: ascending; all the same where the value is known.
    """

    low: float
    value: float
    high: float

    @classmethod
    def of(cls, value: float) -> Span:
        """A value that is known."""
        return cls(value, value, value)

    @property
    def known(self) -> bool:
        """Whether the range is a single value."""
        return self.low == self.high

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.value + other.value, self.high + other.high)

    def __mul__(self, factor: float | Span) -> Span:
        """By a factor of at least 0."""
        by = factor if isinstance(factor, Span) else Span.of(factor)
        return Span(self.low * by.low, self.value * by.value, self.high * by.high)

    @staticmethod
    def total(spans: Iterable[Span]) -> Span:
        """The sum; 0 of none."""
        return sum(spans, Span.of(0.0))

    @staticmethod
    def largest(spans: Iterable[Span]) -> Span:
        """The maximum of each end and of the values."""
        listed = list(spans)
        return Span(max(s.low for s in listed), max(s.value for s in listed), max(s.high for s in listed))


class Sourced(Config):
    """What says where a number comes from.

    Attributes:
        source: where the value was read.
        confidence: how directly.
        note: what else a reader should know.
    """

    source: str = Field(min_length=1)
    confidence: str = Field(min_length=1)
    note: str = ""


class Coefficient(Sourced):
    """A number with its range.

    Attributes:
        value: what is charged.
        low, high: the range; the value where left out.
    """

    value: float = Field(ge=0)
    low: float | None = Field(default=None, ge=0)
    high: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _ascending(self) -> Coefficient:
        if not self.span.low <= self.value <= self.span.high:
            raise ValueError(f"{self.value:g} is not in the range {self.span.low:g} .. {self.span.high:g}")
        return self

    @property
    def span(self) -> Span:
        """The value and its range."""
        low = self.value if self.low is None else self.low
        return Span(low, self.value, self.value if self.high is None else self.high)


@dataclass(frozen=True)
class Load:
    """What one core does in a step.

    Attributes:
        neurons: on it.
        synops: synaptic operations.
        reads: words of synapse memory that they read; None where not counted, then 0 to one a synaptic operation.
    """

    neurons: float
    synops: float
    reads: float | None = None


@dataclass(frozen=True)
class Interconnect:
    """What all cores share in a step.

    Attributes:
        tiles, all_tiles: in use, and of the chip.
        link: messages over the busiest link; a range where no core has a place yet.
        fed: whether the host feeds words in.
    """

    tiles: int
    all_tiles: int
    link: Span = Span(0.0, 0.0, 0.0)
    fed: bool = False


class Timing(Config):
    """Coefficients of a step.

    Attributes:
        name, title: for configs and reports.
        combine: whether terms add up, or the largest one decides.
        neuron_update_ns: of one neuron; the low end where nothing reached it.
        synaptic_op_ns, synapse_read_ns: of one synaptic operation, of one word of synapse memory.
        link_message_ns: of one message over the busiest link.
        barrier_one_tile_ns, barrier_all_tiles_ns: between them the barrier grows with the tiles.
        min_step_ns: the shortest step.
        fed_step_ns: the shortest step in which the host feeds words in.
    """

    name: str
    title: str
    combine: Literal["sum", "maximum"]
    neuron_update_ns: Coefficient
    synaptic_op_ns: Coefficient
    synapse_read_ns: Coefficient
    link_message_ns: Coefficient
    barrier_one_tile_ns: Coefficient
    barrier_all_tiles_ns: Coefficient
    min_step_ns: Coefficient
    fed_step_ns: Coefficient

    @property
    def coefficients(self) -> dict[str, Coefficient]:
        """By name."""
        return {name: one for name in type(self).model_fields if isinstance(one := getattr(self, name), Coefficient)}

    def terms(self, loads: Iterable[Load], network: Interconnect) -> dict[str, Span]:
        """Nanoseconds of each term of a step: of the core that needs most of it."""
        listed = list(loads) or [Load(0.0, 0.0)]
        return {
            "neurons": Span.largest(self.neuron_update_ns.span * one.neurons for one in listed),
            "synapses": Span.largest(self.synaptic_op_ns.span * one.synops for one in listed),
            "synapse memory": Span.largest(self._reads(one) for one in listed),
            "busiest link": self.link_message_ns.span * network.link,
            "barrier": self._barrier(network),
            "shortest step": self.min_step_ns.span,
            **({"host": self.fed_step_ns.span} if network.fed else {}),
        }

    def step(self, loads: Iterable[Load], network: Interconnect) -> Span:
        """Nanoseconds of a step."""
        listed = list(loads) or [Load(0.0, 0.0)]
        found = self.terms(listed, network)
        if self.combine == "maximum":
            return Span.largest(found.values())
        core = Span.largest(self.core(one) for one in listed)
        floors = [found[name] for name in ("shortest step", "host") if name in found]
        return Span.largest([core + found["busiest link"] + found["barrier"], *floors])

    def core(self, load: Load) -> Span:
        """Nanoseconds that a core is busy in a step."""
        parts = (self.neuron_update_ns.span * load.neurons, self.synaptic_op_ns.span * load.synops, self._reads(load))
        return Span.total(parts) if self.combine == "sum" else Span.largest(parts)

    def _reads(self, load: Load) -> Span:
        words = Span(0.0, 0.0, load.synops) if load.reads is None else Span.of(load.reads)
        return self.synapse_read_ns.span * words

    def _barrier(self, network: Interconnect) -> Span:
        first, last = self.barrier_one_tile_ns.span, self.barrier_all_tiles_ns.span
        share = min(1.0, max(0, network.tiles - 1) / max(1, network.all_tiles - 1))
        return first * (1 - share) + last * share


def timing_names() -> tuple[str, ...]:
    """Timings that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_timing(name: str) -> Timing:
    """A timing by name, or from a YAML file of the same form.

    Raises:
        NexusError: there is none of that name, or the file breaks the form.
    """
    if name in timing_names():
        return _named(name)
    if Path(name).suffix not in (".yaml", ".yml"):
        raise NexusError(f"timing '{name}' does not exist; choose one of {', '.join(timing_names())}, or a YAML file")
    return load_config(Timing, Path(name))


@cache
def _named(name: str) -> Timing:
    return load_config(Timing, _FOLDER / f"{name}.yaml")
