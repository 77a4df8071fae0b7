"""Counts, a machine and constants to one report of joules: what `energy_of` and its siblings end with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lava_nexus.energy.constants import EnergyModel
from lava_nexus.energy.machine import CircuitCounts, Machine, Subject
from lava_nexus.energy.report import CircuitEnergy, EnergyReport
from lava_nexus.errors import NexusError

NO_PLACEMENT = "there is no placement on cores, so that this is work alone and not what a machine takes"


def energy_of_counts(
    counts: Sequence[CircuitCounts], model: EnergyModel, inputs: int, machine: Machine | None, subject: Subject
) -> EnergyReport:
    """As `energy_of`, for counts of any kind, the machine that they are of, and what they are counts of.

    Raises:
        NexusError: fewer than one input.
    """
    if inputs < 1:
        raise NexusError(f"energy of {inputs} inputs does not exist; at least 1 is needed")
    uncounted = sum(one.updates for one in counts if one.active is None)
    notes = [f"constants are those of: {model.title}"]
    notes += [NO_PLACEMENT] if machine is None else [*machine.notes, *_machine_notes(machine, model)]
    report = EnergyReport(
        model=model,
        inputs=inputs,
        subject=subject,
        circuits=tuple(CircuitEnergy.of(one, model) for one in counts),
        placed=machine,
        updates=sum(one.updates for one in counts),
        active=sum(one.active for one in counts if one.active is not None),
        uncounted_updates=uncounted,
        notes=(),
    )
    if uncounted:
        how = "left out" if machine is None else "charged as idle"
        notes.append(
            f"activity of {uncounted:,} neuron updates was not counted: they are {how}, a lower bound; were all of "
            f"them active, the total would be {report.upper_joules:.4g} J"
        )
    return replace(report, notes=tuple(notes))


def _machine_notes(machine: Machine, model: EnergyModel) -> list[str]:
    """What is charged apart, or not at all."""
    notes = []
    if machine.filling:
        joules = machine.filling * machine.site.neurons * model.joules("neuron_update_inactive")
        notes.append(
            f"filling and draining the pipeline once takes {machine.filling:,} further steps, {joules:.3g} J of idle "
            "updates, charged apart"
        )
    if machine.words and not model.span("host_word").high:
        notes.append(f"{machine.words:,} words from and to the host are not charged: the model has no 'host_word'")
    return notes
