"""Energy of a run, or of what is placed.

joules = synops * E_synop + active updates * E_active + inactive updates * E_inactive + spikes * E_spike
         + routing + static power * chips * time

under the `streamed` schedule: one update a neuron per operand set. Routing and static power are those of a placement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from lava_nexus.chip.placement import Placement
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.energy.constants import EnergyModel, load_energy_model
from lava_nexus.energy.machine import CircuitCounts, Machine, Occupancy, Routing
from lava_nexus.energy.report import CircuitEnergy, EnergyReport
from lava_nexus.errors import NexusError
from lava_nexus.execute.tallies import Tally

NO_PLACEMENT = "routing is 0 because there is no placement on cores: hops are not known"


class OfCircuit(Protocol):
    """A run of one circuit: the result of `run`."""

    @property
    def tally(self) -> Tally:
        """Its counts."""


class OfProgram(Protocol):
    """A run of programs: the result of one, the counts of a model's pass, an executor."""

    @property
    def tallies(self) -> Iterable[Tally]:
        """Counts of each circuit."""


class OfModel(Protocol):
    """What a model's call gave."""

    @property
    def counts(self) -> OfProgram:
        """Those of the whole pass."""


Run = OfCircuit | OfProgram | OfModel | Iterable[Tally]


def energy_of(
    what: Run | Placement | ProgramPlacement,
    model: str | EnergyModel = "loihi1_pre_silicon",
    *,
    placement: Placement | ProgramPlacement | None = None,
    inferences: int | None = None,
) -> EnergyReport:
    """Joules of a run of a circuit, a program or a model; or of what is placed, by the counts that it was placed with.

    Args:
        what: a result of `run`, of a program or of a model, or tallies; or a placement.
        model: name of the constants, a YAML file of them, or the constants.
        placement: where the run's circuit or program lives: its cores say what is routed, its chips and their time
            what static power comes to. A circuit must have run as it is placed: `placement.as_placed(circuit)`.
        inferences: inputs that the run answered. None takes the operand sets of a circuit, the tokens of a placed
            program, and else 1.

    Raises:
        NexusError: spikes were not counted, the placement is of something else, or `what` is none of these.

    Example:
        >>> adder = circuit("add", FLOAT32)
        >>> energy_of(run(adder, 1.5, 2.0)).joules
        >>> placed = place(adder)
        >>> energy_of(run(placed.as_placed(adder), 1.5, 2.0), placement=placed).shares
    """
    constants = model if isinstance(model, EnergyModel) else load_energy_model(model)
    if isinstance(what, Placement | ProgramPlacement):
        if placement is not None:
            raise NexusError("energy of a placement takes no other placement beside it")
        counts, machine, unit = _of_placed(what)
    else:
        tallies = _counted(what)
        machine, unit = _where(tallies, placement, 1 if getattr(what, "tally", None) is None else None)
        counts = [_counts(tally) for tally in tallies]
    return _estimate(counts, constants, unit if inferences is None else inferences, machine)


def energy_of_tallies(
    tallies: Iterable[Tally],
    model: EnergyModel,
    inferences: int = 1,
    routing: Routing | None = None,
    occupancy: Occupancy | None = None,
) -> EnergyReport | None:
    """As `energy_of`, for tallies whose routing and time are known already.

    Without a count of active updates a circuit's updates are all charged as inactive: a lower bound, noted as such.

    Args:
        tallies: what was counted.
        model: constants.
        inferences: inputs that the run answered.
        routing: spikes between cores, where a placement is known.
        occupancy: chips and time, where both are known; they draw the model's static power.

    Returns:
        The report, or None where spikes were not counted.

    Raises:
        NexusError: fewer than one inference.
    """
    listed = list(tallies)
    known = all(tally.synops is not None for tally in listed)
    found = _estimate(
        [_counts(tally) for tally in listed] if known else [], model, inferences, Machine(routing, occupancy)
    )
    return found if known else None


def _counted(what: Run) -> list[Tally]:
    """The tallies of a run."""
    found: Any = getattr(what, "counts", what)
    tally = getattr(found, "tally", None)
    tallies = getattr(found, "tallies", found) if tally is None else [tally]
    listed: list[Tally] = list(tallies) if isinstance(tallies, Iterable) else [tallies]
    for one in listed:
        if not isinstance(one, Tally):
            raise NexusError(
                f"energy takes the result of a run, its tallies or a placement, not {type(what).__name__}; "
                "lava_nexus.run and lava_nexus.place make them"
            )
        if one.synops is None:
            raise NexusError(
                f"run of '{one.circuit.label}' counted no spikes, so that its energy is not known; choose an executor "
                "that counts them"
            )
    return listed


def _counts(tally: Tally) -> CircuitCounts:
    return CircuitCounts(tally.circuit.label, tally.spikes or 0, tally.synops or 0, tally.updates, tally.active)


def _of_placed(placement: Placement | ProgramPlacement) -> tuple[list[CircuitCounts], Machine, int]:
    """Counts that were placed with, the machine, and how many inputs they are of."""
    if isinstance(placement, Placement):
        network, sets = placement.network, placement.sets
        reached = zip(placement.spikes.tolist(), network.fan_out.tolist(), strict=True)
        spikes, synops = sum(placement.spikes[network.n_inputs :].tolist()), sum(n * times for n, times in reached)
        counts = [CircuitCounts(placement.label, spikes, synops, sets * network.neurons)]
        return counts, Machine.of_cores(placement, placement.traffic), sets
    used = [one for one in placement.circuits if one.arithmetic]
    if any(one.spikes is None or one.synops is None for one in used):
        raise NexusError(f"placement of '{placement.name}' holds no counted spikes; place it again")
    counts = [
        CircuitCounts(
            one.label,
            (one.spikes or 0) * one.invocations,
            (one.synops or 0) * one.invocations,
            one.invocations * one.neurons,
        )
        for one in used
    ]
    return counts, Machine.of_chips(placement, 1), 1


def _where(
    tallies: Sequence[Tally], placement: Placement | ProgramPlacement | None, unit: int | None
) -> tuple[Machine, int]:
    """The machine of a run, and how many inputs it answered: `unit`, else the operand sets."""
    if isinstance(placement, Placement):
        if len(tallies) != 1 or tallies[0].circuit.network.digest != placement.network.digest:
            names = ", ".join(f"'{tally.circuit.label}'" for tally in tallies[:3])
            raise NexusError(
                f"placement of '{placement.label}' is of another network than what ran ({names}); run "
                "placement.as_placed(circuit)"
            )
        (tally,) = tallies
        assert tally.signal_spikes is not None
        moved = placement.traffic_of(tally.signal_spikes, tally.invocations)
        return Machine.of_cores(placement, moved), tally.invocations
    if isinstance(placement, ProgramPlacement):
        tokens = _tokens(tallies, placement)
        return Machine.of_chips(placement, tokens), tokens
    return Machine(), sum(tally.invocations for tally in tallies) if unit is None else unit


def _tokens(tallies: Sequence[Tally], placement: ProgramPlacement) -> int:
    """Tokens of a run: of each circuit the same multiple of its invocations a token."""
    ran: dict[str, int] = {}
    for tally in tallies:
        ran[tally.circuit.label] = ran.get(tally.circuit.label, 0) + tally.invocations
    placed: dict[str, int] = {}
    for one in placement.circuits:
        if one.arithmetic:
            placed[one.label] = placed.get(one.label, 0) + one.invocations
    tokens = max((ran.get(label, 0) // count for label, count in placed.items()), default=0)
    for label in {**placed, **ran}:
        if not tokens or ran.get(label, 0) != tokens * placed.get(label, 0):
            raise NexusError(
                f"placement of '{placement.name}' is of another program than what ran: '{label}' is invoked "
                f"{placed.get(label, 0)} times a token, and was {ran.get(label, 0)} times"
            )
    return tokens


def _estimate(counts: Sequence[CircuitCounts], model: EnergyModel, inferences: int, machine: Machine) -> EnergyReport:
    if inferences < 1:
        raise NexusError(f"energy per inference of {inferences} inferences does not exist; at least 1 is needed")
    circuits = tuple(_share(one, model) for one in counts)
    uncounted = sum(one.updates for one in counts if one.active is None)
    occupancy = machine.occupancy
    static = model.static_watts * occupancy.chips * occupancy.seconds if occupancy else 0.0
    routed = machine.routing.joules(model) if machine.routing else 0.0
    lower = sum(circuit.total for circuit in circuits) + routed + static
    upper = lower + uncounted * (model.joules("neuron_update_active") - model.joules("neuron_update_inactive"))
    notes = [f"constants are those of: {model.title}"]
    notes += [NO_PLACEMENT] if machine.routing is None else machine.notes
    if uncounted:
        notes.append(
            f"activity of {uncounted:,} neuron updates was not counted: they are charged as inactive, a lower bound; "
            f"were all of them active, the total would be {upper:.4g} J"
        )
    return EnergyReport(model, inferences, circuits, routed, uncounted, upper, tuple(notes), static)


def _share(one: CircuitCounts, model: EnergyModel) -> CircuitEnergy:
    active = one.active or 0
    return CircuitEnergy(
        label=one.label,
        synops=one.synops * model.joules("synaptic_op"),
        updates_active=active * model.joules("neuron_update_active"),
        updates_inactive=(one.updates - active) * model.joules("neuron_update_inactive"),
        spikes=one.spikes * model.joules("spike"),
    )
