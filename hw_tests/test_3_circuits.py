"""Then circuits: vectors bit for bit against IEEE, spike for spike as the simulator. Not yet run by anyone."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lava")


import lava_nexus as nexus
from lava_nexus.circuits import Circuit
from lava_nexus.execute.loihi2.chip_run import run_on_chip
from lava_nexus.execute.loihi2.executor import Loihi2Executor
from lava_nexus.execute.loihi2.extension import extension
from tests.execute.loihi2.vectors import LARGER_VECTORS, VECTORS


@pytest.mark.parametrize("name", [*VECTORS, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGER_VECTORS)])
def test_the_chip_gives_the_bits_of_ieee(name: str) -> None:
    one = (VECTORS | LARGER_VECTORS)[name]
    assert one.agrees(nexus.run(one.circuit, *one.values, executor="loihi2", count=False).value)


@pytest.mark.parametrize("max_delay", [0, 6])
@pytest.mark.parametrize("name", VECTORS)
def test_spikes_of_every_neuron_are_those_of_the_simulator(name: str, max_delay: int) -> None:
    one = VECTORS[name]
    placed = Loihi2Executor(max_delay=max_delay).placement(one.circuit)
    whole = Circuit(one.name, one.circuit.basis, placed.network, one.circuit.golden)
    found = nexus.run(one.circuit, *one.values, executor="loihi2", max_delay=max_delay)
    expected = nexus.run(whole, *one.values, executor="lava", level="lif")
    assert np.array_equal(found.neuron_spikes, expected.neuron_spikes)


def test_the_energy_probe_measures_joules() -> None:
    one = VECTORS["add FP8"]
    joules = nexus.run(one.circuit, *one.values, executor="loihi2", count=False).measured_joules
    assert joules is not None and joules > 0


@pytest.mark.parametrize("name", VECTORS)
def test_counters_of_the_chip_count_the_synops_of_the_result(name: str) -> None:
    one = VECTORS[name]
    found = nexus.run(one.circuit, *one.values, executor="loihi2", energy=False)
    placed = Loihi2Executor().placement(one.circuit)
    counted = run_on_chip(placed, one.operands, extension(), probes=["activity", "memory"]).measured
    sets = len(one.operands[0])
    assert counted.synops == found.synops + sets  # the marker's synapse, once a wave
    assert counted.spikes_out == found.spikes + sets
    assert counted.memory.sum() > 0
