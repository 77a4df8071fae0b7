"""Energy of a run, or of what is placed: counts, a machine and constants to joules.

What `work` and `machine` are is defined in `lava_nexus.energy.machine`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from lava_nexus.chip.placement import Placement
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.energy.constants import EnergyModel, load_energy_model
from lava_nexus.energy.counts import NO_PLACEMENT as NO_PLACEMENT
from lava_nexus.energy.counts import energy_of_counts
from lava_nexus.energy.machine import CircuitCounts, Machine, PaceName, Subject
from lava_nexus.energy.report import EnergyReport
from lava_nexus.errors import NexusError
from lava_nexus.execute.operands import real_number, whole_number
from lava_nexus.execute.sampled import Estimate
from lava_nexus.execute.tallies import Tally


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
    inputs: int | None = None,
    pace: PaceName | None = None,
    duty: float = 1.0,
) -> EnergyReport:
    """Joules of a run of a circuit, a program or a model; or of what is placed, by the counts that it was placed with.

    Without a placement the report holds `work` alone, with one `machine` too: see `lava_nexus.energy.machine`.

    Args:
        what: a result of `run`, of a program or of a model, or tallies; or a placement.
        model: name of the constants, a YAML file of them, or the constants.
        placement: where the run's circuit or program lives. A circuit must have run as it is placed:
            `placement.as_placed(circuit)`.
        inputs: inputs that the run answered. None takes the operand sets of a circuit, the tokens of a placed
            program, and else 1.
        pace: "streamed" (back to back) or "single" (one after the other); None takes `streamed` for a circuit and
            `single` for a program, whose tokens wait for one another.
        duty: share of the time in which there is something to do, above 0.

    Raises:
        NexusError: spikes were not counted, the placement is of something else, `what` is none of these, or there is
            no such pace or duty.

    Example:
        >>> adder = circuit("add", FLOAT32)
        >>> energy_of(run(adder, 1.5, 2.0)).work
        >>> placed = place(adder)
        >>> energy_of(run(placed.as_placed(adder), 1.5, 2.0), placement=placed).machine
    """
    constants = load_energy_model(model)
    duty = real_number("duty cycle", duty)
    inputs = None if inputs is None else whole_number("inputs", inputs, least=None)
    machine: Machine | None
    ran: Subject | None = None
    if isinstance(what, Placement | ProgramPlacement):
        if placement is not None:
            raise NexusError("energy of a placement takes no other placement beside it")
        counts, machine, unit = _of_placed(what, pace, duty)
        subject = _placed_subject(what)
    else:
        tallies = _counted(what)
        if placement is None and (pace is not None or duty != 1):
            raise NexusError("a pace or a duty cycle is of a placed network; give a placement")
        machine, unit = _where(tallies, placement, 1 if getattr(what, "tally", None) is None else None, pace, duty)
        counts = [_counts(tally) for tally in tallies]
        ran = _subject(tallies)
        subject = ran if placement is None else _placed_subject(placement)
    found = energy_of_counts(counts, constants, unit if inputs is None else inputs, machine, subject)
    if ran is None:
        return found
    return replace(found, notes=(*found.notes, *_other_networks(ran, subject), *_sampled(tallies)))


def _other_networks(ran: Subject, placed: Subject) -> list[str]:
    """A sentence where a program ran on networks of other delays than those that are placed."""
    if (ran.neurons, ran.relays, ran.largest_delays) == (placed.neurons, placed.relays, placed.largest_delays):
        return []
    relays = placed.relays - ran.relays
    return [
        f"what ran is not what is placed: {ran} ran, {placed} are placed; work is that of the run, and spikes, SynOps "
        f"and active updates of {relays:,} further relays of the placement are not in it"
    ]


def energy_of_tallies(
    tallies: Iterable[Tally], model: EnergyModel, inputs: int = 1, machine: Machine | None = None
) -> EnergyReport | None:
    """As `energy_of`, for tallies whose machine is known already.

    Args:
        tallies: what was counted.
        model: constants.
        inputs: inputs that the run answered.
        machine: on what and at what pace; None for work alone.

    Returns:
        The report, or None where spikes were not counted.

    Raises:
        NexusError: fewer than one input.
    """
    listed = list(tallies)
    known = all(tally.synops is not None for tally in listed)
    counts = [_counts(tally) for tally in listed] if known else []
    if not known:
        return None
    found = energy_of_counts(counts, model, inputs, machine, _subject(listed))
    return replace(found, notes=(*found.notes, *_sampled(listed)))


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
    spikes, synops = (float(n) if isinstance(n, Estimate) else n or 0 for n in (tally.spikes, tally.synops))
    return CircuitCounts(tally.circuit.label, spikes, synops, tally.updates, tally.active)


def _sampled(tallies: Iterable[Tally]) -> list[str]:
    """A sentence where spikes were counted on a sample."""
    total: Any = sum(tally.synops or 0 for tally in tallies)
    if not isinstance(total, Estimate):
        return []
    share = 100 * total.error / total.value if total.value else 0.0
    return [
        f"spikes and SynOps are estimates, {total.of} operand sets: {total:,} SynOps, a standard error of {share:.2g} %"
    ]


def _subject(tallies: Sequence[Tally]) -> Subject:
    """Of the networks that ran."""
    networks = [tally.circuit.network for tally in tallies]
    return Subject(
        len(tallies),
        sum(tally.circuit.neurons for tally in tallies),
        sum(int(getattr(network, "relays", 0)) for network in networks),
        tuple(sorted({int(getattr(network, "max_delay", 0)) for network in networks})),
    )


def _placed_subject(placement: Placement | ProgramPlacement) -> Subject:
    if isinstance(placement, Placement):
        network = placement.network
        return Subject(1, network.neurons, network.relays, (network.max_delay,))
    used = [one for one in placement.circuits if one.arithmetic]
    delays = tuple(sorted({one.max_delay for one in used}))
    return Subject(len(used), sum(one.neurons for one in used), sum(one.relays for one in used), delays)


def _of_placed(
    placement: Placement | ProgramPlacement, pace: PaceName | None, duty: float
) -> tuple[list[CircuitCounts], Machine, int]:
    """Counts that were placed with, the machine, and how many inputs they are of."""
    if isinstance(placement, Placement):
        network, sets = placement.network, placement.sets
        reached = zip(placement.spikes.tolist(), network.fan_out.tolist(), strict=True)
        spikes, synops = sum(placement.spikes[network.n_inputs :].tolist()), sum(n * times for n, times in reached)
        counts = [CircuitCounts(placement.label, spikes, synops, sets * network.neurons)]
        return counts, Machine.of_cores(placement, placement.traffic, pace, duty), sets
    used = [one for one in placement.circuits if one.arithmetic]
    if any(one.spikes is None or one.synops is None for one in used):
        raise NexusError(f"placement of '{placement.name}' holds no counted spikes; place it again")
    counts = [
        CircuitCounts(
            one.label,
            (one.spikes or 0) * one.invocations,
            (one.synops or 0) * one.invocations,
            one.invocations * one.neurons * one.window,
            None if one.active is None else one.active * one.invocations,
        )
        for one in used
    ]
    return counts, Machine.of_chips(placement, 1, pace, duty), 1


def _where(
    tallies: Sequence[Tally],
    placement: Placement | ProgramPlacement | None,
    unit: int | None,
    pace: PaceName | None,
    duty: float,
) -> tuple[Machine | None, int]:
    """The machine of a run, and how many inputs it answered: `unit`, else the operand sets."""
    if isinstance(placement, Placement):
        if len(tallies) != 1 or tallies[0].circuit.network.digest != placement.network.digest:
            names = ", ".join(f"'{tally.circuit.label}'" for tally in tallies[:3])
            raise NexusError(
                f"placement of '{placement.label}' is of another network than what ran ({names}); run "
                "placement.as_placed(circuit)"
            )
        (tally,) = tallies
        if tally.signal_spikes is None:
            raise NexusError(
                f"run of '{tally.circuit.label}' counted spikes in sum, not signal by signal, so that messages between "
                "cores are not known; run it on the executor 'membrane' or 'bitsliced', with every spike counted"
            )
        moved = placement.traffic_of(tally.signal_spikes, tally.invocations)
        return Machine.of_cores(placement, moved, pace, duty), tally.invocations
    if isinstance(placement, ProgramPlacement):
        tokens = _tokens(tallies, placement)
        return Machine.of_chips(placement, tokens, pace, duty), tokens
    if placement is not None:
        raise NexusError(f"placement {placement!r} is none; lava_nexus.place makes them")
    return None, sum(tally.invocations for tally in tallies) if unit is None else unit


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
