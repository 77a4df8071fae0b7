"""Joules and seconds of a decoder that ran by itself: every neuron was stepped, so every share is counted.

Work is that of all parts: what stands around the circuits (cells that hold their bits, ports, the sequencer) is run and
counted like the circuits. A step takes as long as the busiest core's mean load and the mean of all messages say.
"""

from __future__ import annotations

import numpy as np

from lava_nexus.chip.autonomous.network import AutonomousNetwork
from lava_nexus.chip.autonomous.neurons import PARTS
from lava_nexus.chip.machine_cores import MachinePlacement
from lava_nexus.chip.mesh import core_links, hops
from lava_nexus.chip.timing import Interconnect, Load, Span
from lava_nexus.energy.constants import EnergyModel, load_energy_model
from lava_nexus.energy.counts import energy_of_counts
from lava_nexus.energy.machine import CircuitCounts, Machine, Pace, Routing, Site, Subject
from lava_nexus.energy.report import EnergyReport
from lava_nexus.execute.autonomous import AutonomousRun

NOTE = "ways between chips are charged as hops of the mesh; a step is priced by the mean load of its cores over the run"


def energy_of_autonomous(
    placed: MachinePlacement[AutonomousNetwork], run: AutonomousRun, model: str | EnergyModel = "loihi1_pre_silicon"
) -> EnergyReport:
    """Joules of a sequence, for each token that passed through the layers.

    Args:
        placed: where its neurons live.
        run: the sequence.
        model: name of the constants, a YAML file of them, or the constants.
    """
    constants = model if isinstance(model, EnergyModel) else load_energy_model(model)
    network, chip, steps = placed.machine, placed.chip, run.taken
    links = core_links(network, placed.assignment, run.counts)
    source, target, messages = links
    apart = source != target
    between = int(messages[apart].sum())
    east_west, north_south = hops(placed.places, links, chip.mesh)
    cores = len(placed.places)
    reached = np.bincount(placed.assignment[network.targets], run.counts[network.sources], cores) / steps
    held = np.bincount(placed.assignment, minlength=cores)
    loads = [Load(float(n), float(s)) for n, s in zip(held, reached, strict=True)]
    tiles = len(np.unique(placed.places[:, :3], axis=0))
    step = chip.timing.step(
        loads, Interconnect(min(tiles, chip.mesh.routers), chip.mesh.routers, Span(0.0, 0.0, between / steps))
    )
    site = Site(chip.title, network.neurons, cores, int(placed.places[:, 0].max()) + 1, "on chip")
    counts = [
        CircuitCounts(part, run.spikes[part], run.synops[part], number * steps, run.active[part])
        for part, number in network.parts().items()
    ]
    assert [one.label for one in counts] == list(PARTS)
    machine = Machine(
        site,
        Pace("single", steps, step),
        Routing(between, east_west, north_south),
        words=len(run.prompt) + len(run.tokens),
        notes=(NOTE,),
    )
    delays = tuple(sorted({int(one.network.max_delay) for _, one in network.copies}))
    relays = sum(one.network.relays for _, one in network.copies)
    subject = Subject(1, network.neurons, relays, delays)
    return energy_of_counts(counts, constants, run.passed, machine, subject)
