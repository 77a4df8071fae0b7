"""Joules of a run by share and by circuit, with what they are of and the constants that they rest on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lava_nexus.chip.timing import Span
from lava_nexus.energy.constants import EnergyModel
from lava_nexus.energy.machine import CircuitCounts, Machine, Subject
from lava_nexus.shown import Shown

UNPLACED = (
    "none, so that only work is known: SynOps and active updates, no idle update, routing, input, output or power"
)
WORK = ("synops", "updates_active", "spikes")
"""Shares of `work`."""


@dataclass(frozen=True)
class CircuitEnergy:
    """One circuit's work, in joules.

    Attributes:
        label: operation and format.
        synops: spikes at synapses.
        updates_active: updates of neurons that received a spike or fired; 0 up to all updates where not counted.
        spikes: what a model charges for a spike by itself.
    """

    label: str
    synops: Span
    updates_active: Span
    spikes: Span = Span(0.0, 0.0, 0.0)  # noqa: RUF009

    @classmethod
    def of(cls, one: CircuitCounts, model: EnergyModel) -> CircuitEnergy:
        """From counts."""
        unit = model.span("neuron_update_active")
        unknown = Span(0.0, 0.0, unit.high * one.updates)
        active = unknown if one.active is None else unit * one.active
        return cls(one.label, model.span("synaptic_op") * one.synops, active, model.span("spike") * one.spikes)

    @property
    def total(self) -> float:
        """Joules of its work."""
        return self.synops.value + self.updates_active.value + self.spikes.value


@dataclass(frozen=True, repr=False)
class EnergyReport(Shown):
    """Energy of a run by share, in joules, with what it is of and the constants that it rests on.

    `lava_nexus.energy.machine` says what `work` and `machine` are.

    Attributes:
        model: the constants.
        inputs: inputs that the run answered.
        subject: which network.
        circuits: work of each circuit.
        placed: on what and at what pace; None without a placement.
        updates: one a neuron and operand set.
        active: updates that were counted as active.
        uncounted_updates: updates whose activity was not counted.
        notes: what a reader must know beside the numbers.
    """

    model: EnergyModel
    inputs: int
    subject: Subject
    circuits: tuple[CircuitEnergy, ...]
    placed: Machine | None
    updates: int
    active: float
    uncounted_updates: int
    notes: tuple[str, ...]

    def _facts(self) -> tuple[str, dict[str, Any]]:
        pace = None if self.placed is None else self.placed.pace.name
        spans = {"machine": self.machine, "work": self.work}
        joules = {what: f"{s.value:.3g} J ({s.low:.3g} to {s.high:.3g})" for what, s in spans.items() if s is not None}
        of = "work alone, no machine" if self.placed is None else "a machine"
        return f"of {of}, estimated", {**joules, "pace": pace, "inputs": self.inputs, "constants": self.model.title}

    @property
    def spans(self) -> dict[str, Span]:
        """Joules by share with their ranges; only those of work without a placement."""
        found = {name: Span.total(getattr(one, name) for one in self.circuits) for name in WORK}
        if self.placed is None:
            return found
        placed, model = self.placed, self.model
        idle, active = model.span("neuron_update_inactive"), found["updates_active"]
        # What was not counted is charged as idle, and at most as active instead.
        most = max(active.value, active.high - idle.high * self.uncounted_updates)
        found["updates_active"] = Span(active.low, active.value, most)
        return {
            **found,
            "updates_inactive": idle * max(0.0, placed.updates - self.active),
            "routing": placed.routing.joules(model),
            "input_output": model.span("host_word") * placed.words,
            "surroundings": placed.surroundings(model),
            "static": model.span("static_power") * placed.site.chips * placed.pace.seconds,
        }

    @property
    def shares(self) -> dict[str, float]:
        """Joules by share."""
        return {name: span.value for name, span in self.spans.items()}

    @property
    def work(self) -> Span:
        """Joules of SynOps and active updates, and what the model charges for a spike by itself."""
        return Span.total(getattr(one, name) for one in self.circuits for name in WORK)

    @property
    def machine(self) -> Span | None:
        """Joules of all that is placed, in all steps of the run; None without a placement."""
        return None if self.placed is None else Span.total(self.spans.values())

    @property
    def total(self) -> Span:
        """`machine` where there is a placement, else `work`."""
        return self.machine or self.work

    @property
    def joules(self) -> float:
        """`total` without its range."""
        return self.total.value

    @property
    def upper_joules(self) -> float:
        """The high end of `total`."""
        return self.total.high

    @property
    def joules_per_input(self) -> float:
        """`joules` for one input."""
        return self.joules / self.inputs

    @property
    def seconds(self) -> Span | None:
        """Of one input at the pace; None without a placement."""
        return None if self.placed is None else self.placed.pace.seconds * (1 / self.inputs)

    @property
    def definition(self) -> tuple[tuple[str, str], ...]:
        """(which network, on what, at what pace), each in words."""
        placed = self.placed
        where = UNPLACED if placed is None else str(placed.site)
        pace = [] if placed is None else [("pace", str(placed.pace))]
        return (("network", str(self.subject)), ("placement", where), *pace)

    @property
    def synops(self) -> float:
        """Joules of synaptic operations."""
        return self.shares["synops"]

    @property
    def updates_active(self) -> float:
        """Joules of active neuron updates."""
        return self.shares["updates_active"]

    @property
    def updates_inactive(self) -> float:
        """Joules of idle neuron updates; 0 without a placement."""
        return self.shares.get("updates_inactive", 0.0)

    @property
    def spikes(self) -> float:
        """Joules of spikes by themselves."""
        return self.shares["spikes"]

    @property
    def routing(self) -> float:
        """Joules of spikes between cores; 0 without a placement."""
        return self.shares.get("routing", 0.0)

    @property
    def static(self) -> float:
        """Joules that chips draw whatever they do; 0 without a placement."""
        return self.shares.get("static", 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for report.json."""
        machine, seconds = self.machine, self.seconds
        return {
            "kind": "work" if machine is None else "machine",
            "definition": [list(pair) for pair in self.definition],
            "joules": self.joules,
            "joules_per_input": self.joules_per_input,
            "joules_upper_bound": self.upper_joules,
            "work": asdict(self.work),
            "machine": None if machine is None else asdict(machine),
            "seconds_per_input": None if seconds is None else asdict(seconds),
            "shares": self.shares,
            "ranges": {name: [span.low, span.high] for name, span in self.spans.items()},
            "model": {"name": self.model.name, "title": self.model.title},
            "constants": {constant.name: asdict(constant) for constant in self.model.constants},
            "notes": list(self.notes),
        }
