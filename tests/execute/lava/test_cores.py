from __future__ import annotations

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.circuits.circuit import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.lava import spike_trains
from lava_nexus.execute.lava.cores import spike_trains_by_core
from tests.execute.lava.operands import float32_pairs


@pytest.mark.parametrize(
    ("name", "level", "sets"),
    [("add", "vectorised", 64), ("mul", "vectorised", 64), ("add", "lif", 4), ("mul", "lif", 4)],
)
def test_core_by_core_the_spikes_are_those_of_the_whole(name, level, sets):
    circuit = nexus.circuit(name, nexus.FLOAT32)
    placed = nexus.place(circuit, max_delay=6, sets=64)
    assert len(placed.cores) > 1
    whole = Circuit(circuit.name, circuit.basis, placed.network, circuit.golden)
    x = float32_pairs(sets)
    expected = spike_trains(whole, x, lanes=8)[:, placed.network.n_inputs :]
    found = spike_trains_by_core(placed.network, placed.assignment, x, level)
    assert np.array_equal(found, expected)
    assert found.any(axis=0).sum() > 100


def test_mistakes():
    network = nexus.circuit("add", nexus.FLOAT32).network
    with pytest.raises(NexusError, match=f"simulation of {network.neurons} cores one by one is above 64"):
        spike_trains_by_core(network, np.arange(network.neurons), float32_pairs(2))
    with pytest.raises(NexusError, match="names no core for each"):
        spike_trains_by_core(network, np.zeros(3, np.int64), float32_pairs(2))
