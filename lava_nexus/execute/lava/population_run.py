"""Runs a population Process on Lava's CPU simulator: operand sets in, results and spikes out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.lava.lif import READ_OUT_STEPS, Level
from lava_nexus.execute.lava.population_lif import LEAST_WINDOW
from lava_nexus.execute.lava.processes.host import Operands, Probe
from lava_nexus.execute.lava.processes.populations import PopulationProcess
from lava_nexus.execute.lava.session import run
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.execute.populations import check_feeds
from lava_nexus.populations.network import PopulationNetwork

Integers = NDArray[np.int64]


def run_process(
    process: PopulationProcess, feeds: Mapping[str, Integers], level: Level = "vectorised", timeout: float = 600.0
) -> dict[str, Integers]:
    """Outputs [sets, size] by name for int64 [sets, size] by input name; a Process runs once.

    Spikes are in `process.spike_counts` and, for as many steps as it records, `process.spike_trains`. A set
    enters every `period(network, level)` steps in each lane.

    Raises:
        NexusError: an input is missing or has another size, a value leaves its range, or the run failed.
    """
    network, lanes = process.network, process.lanes
    sets = check_feeds(network, feeds)
    rows = np.concatenate([np.ones((sets, 1), np.int64), *(feeds[p.name] for p in network.inputs[1:])], axis=1)
    waves = -(-sets // lanes)
    padded = np.zeros((waves * lanes, network.n_inputs), np.int32)
    padded[:sets] = rows
    window = period(network, level)
    steps = (waves - 1) * window + network.depth + READ_OUT_STEPS[level] + 1
    width = process.s_out.shape[1]
    sent = shared_array((steps, lanes, width), np.int32)
    operands = Operands(padded.reshape(waves, lanes, -1), window)
    results = Probe(shared_array((width,), np.int64), sent, np.arange(width))
    operands.s_out.connect(process.a_in)
    process.s_out.connect(results.a_in)
    run(process, steps, level, timeout)
    arrived = sent[np.arange(waves) * window + network.depth + READ_OUT_STEPS[level]]
    return _named(network, arrived.reshape(waves * lanes, width)[:sets].astype(np.int64))


def period(network: PopulationNetwork, level: Level) -> int:
    """Steps from one operand set to the next."""
    return max(network.window, LEAST_WINDOW if level == "lif" else 1)


def trains_of(process: PopulationProcess, sets: int, level: Level) -> Integers:
    """int64 [sets, signals]: what every signal sent for every set, of a Process that recorded the whole run."""
    network, lanes = process.network, process.lanes
    levels = np.concatenate([np.full(p.size, p.level) for p in network.populations])
    wave, lane = np.divmod(np.arange(sets), lanes)
    step = wave[:, None] * period(network, level) + levels
    return np.asarray(process.spike_trains[step, lane[:, None], np.arange(network.n_signals)], np.int64)


def _named(network: PopulationNetwork, sent: Integers) -> dict[str, Integers]:
    found, start = {}, 0
    for readout in network.outputs:
        size = network.populations[readout.population].size
        found[readout.name] = sent[:, start : start + size]
        start += size
        if readout.negative is not None:
            found[readout.name] = found[readout.name] - sent[:, start : start + size]
            start += size
    return found
