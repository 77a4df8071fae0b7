"""What decays leave behind changes no spike, whichever way a chip rounds it: the bound, and the worst operands."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

pytest.importorskip("lava")

import lava_nexus as nexus
from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.lif import check_lif
from lava_nexus.execute.lava.processes.coding import Encoder
from lava_nexus.execute.lava.processes.network import Network
from lava_nexus.execute.lava.session import run
from lava_nexus.execute.loihi2.chip_run import run_on_chip
from lava_nexus.execute.loihi2.residue import UNIT, check_residue, residues
from lava_nexus.neurons import STROBE, Builder
from tests.evaluate import evaluate, input_spikes

ROUNDINGS = {
    "toward zero": lambda x: np.sign(x) * (np.abs(x) >> 12),
    "down": lambda x: x >> 12,
    "away from zero": lambda x: -np.sign(x) * (-np.abs(x) >> 12),
    "nearest": lambda x: (x + 2048) >> 12,
}
CIRCUITS = [("add", nexus.FLOAT32), ("mul", nexus.FLOAT32), ("div", nexus.FLOAT32), ("mul", nexus.FLOAT64)]


def lif_spikes(network, spikes, rounding, *, keeps_current):
    """bool [sets, neurons] of LIF neurons in integers, and their lowest potential; the waves are skewed by level.

    u = round(u (4096 - du) / 4096) + 64 a, where `keeps_current` says that a chip keeps u / 4096 of it too.
    """
    pairs, shape = (network.targets, network.sources), (network.neurons, spikes.shape[1])
    fan = csr_matrix((2 * network.weights.astype(np.int64), pairs), shape=shape)
    bias = UNIT * (2 - 2 * network.thresholds.astype(np.int64))
    u, v = np.zeros((2, network.neurons), np.int64)
    fired, lowest = [], np.zeros(network.neurons, np.int64)
    for row in spikes:
        u = (rounding(u) if keeps_current else 0) + UNIT * (fan @ row)
        v = rounding(v) + u + bias
        lowest = np.minimum(lowest, v)
        fired.append(v > UNIT)
        v = np.where(fired[-1], 0, v)
    return np.array(fired), lowest


def _worst_first(one, sets=120):
    """Corner patterns in pairs, then random ones; each followed by all others somewhere."""
    rng = np.random.default_rng(0)
    top = 1 << one.inputs[0].width
    corners = np.array([0, 1, top // 2 - 1, top // 2, top // 2 + 1, top - 1, top // 3, top // 4], np.uint64)
    pairs = np.stack(np.meshgrid(corners, corners), -1).reshape(-1, 2)
    rest = rng.integers(0, top, (sets - len(pairs), 2), dtype=np.uint64)
    return [column.astype(one.inputs[0].pattern_dtype) for column in np.vstack([rng.permutation(pairs), rest]).T]


@pytest.mark.parametrize(("name", "fmt"), CIRCUITS[:3], ids=["add", "mul", "div"])
def test_no_spike_of_a_circuit_changes_however_a_chip_rounds(name, fmt):
    """A neuron's waves come one a step whatever its level, so that its own inputs in order are all it sees."""
    network = nexus.circuit(name, fmt).network
    spikes = evaluate(network, input_spikes(network, _worst_first(nexus.circuit(name, fmt)))[:, : network.n_inputs])
    for rounding in ROUNDINGS.values():
        for keeps_current in (False, True):
            found, lowest = lif_spikes(network, spikes.astype(np.int64), rounding, keeps_current=keeps_current)
            assert np.array_equal(found, spikes[:, network.n_inputs :])
    assert (lowest < -4096).any(), "no operands left a residue"


def _gate(inhibition):
    """fires where a + b - 127 (c1 + ... + cn) + strobe >= 2, by the most that synapses hold."""
    builder = Builder()
    (a, b), deep = builder.input("a", width=2), builder.input("c", width=inhibition)
    gate = builder.gate([(a, 1), (b, 1), *((c, -127) for c in deep)], 2)
    return builder.finish([("out", [gate], None)])


def _lowest_margin(network, rounding):
    """Whether [a + b >= 2] still holds right after the deepest inhibition."""
    rows = np.zeros((6, network.n_inputs), np.int64)
    rows[1::2, 3:] = 1
    rows[2::2, 1:3] = 1
    rows[:, STROBE] = 1
    padded = np.hstack([rows, np.zeros((6, network.neurons), np.int64)])
    return lif_spikes(network, padded, rounding, keeps_current=True)[0][2::2].all()


def test_the_bound_is_where_spikes_are_lost_and_not_much_above():
    kept = [inhibition for inhibition in range(1, 30) if residues(_gate(inhibition)).max() < UNIT]
    assert kept == list(range(1, len(kept) + 1)) and len(kept) == 7
    for rounding in ROUNDINGS.values():
        assert all(_lowest_margin(_gate(inhibition), rounding) for inhibition in kept)
    assert not _lowest_margin(_gate(len(kept) + 2), ROUNDINGS["away from zero"])


def test_a_network_beyond_the_bound_is_refused_for_a_chip():
    check_residue(_gate(7))
    with pytest.raises(NexusError, match=r"neuron 0: decays of 12 bits may leave 6\d.\d / 64 .* smaller weights"):
        check_residue(_gate(8))
    check_lif(_gate(16))  # Lava's model, which clears u and rounds toward zero, holds twice as much
    with pytest.raises(NexusError, match="is above 4095|below -4095"):
        check_lif(_gate(17))


def test_lavas_own_lif_fires_right_after_the_deepest_inhibition_that_it_may_see():
    """c all set, then a and b, at the limit of what `check_lif` lets through: potential -4064, residue -63 / 64."""
    network = _gate(16)
    deepest, both = np.array([0, 0xFFFF]), np.array([3, 0])
    operands = [np.tile(both[::-1], 3).astype(np.uint8), np.tile(deepest[::-1], 3).astype(np.uint16)]
    encoder = Encoder(network.inputs, 6)
    whole = Network(network, record_steps=10)
    encoder.s_out.connect(whole.a_in)
    encoder.load(*operands)
    run(whole, 10, "lif")
    fired = whole.spike_trains[:, 0, -1]
    assert fired.sum() == 3 and np.diff(np.flatnonzero(fired)).tolist() == [2, 2]


def test_the_page_says_what_the_networks_are():
    """`docs/hardware.md`: neurons, those that can go below -63 doubled units, largest residue."""
    text = (Path(__file__).parents[3] / "docs" / "hardware.md").read_text()
    rows = re.findall(r"^\| FP(\d+) (\w+) \| ([\d,]+) \| ([\d,]+) \| ([\d.]+) / 64 \|$", text, re.MULTILINE)
    formats = {nexus.FLOAT32: "32", nexus.FLOAT64: "64"}
    expected = []
    for name, fmt in CIRCUITS:
        network = nexus.circuit(name, fmt).network
        below = np.bincount(network.targets, np.minimum(network.weights, 0), network.neurons)
        deep = int((2 * below + 2 - 2 * network.thresholds < -63).sum())
        worst = residues(network).max()
        expected.append((formats[fmt], name, f"{network.neurons:,}", f"{deep:,}", f"{worst:.1f}"))
    assert rows == expected


def test_a_chip_is_asked_only_after_the_proof():
    placed = nexus.place(nexus.circuit("neg", nexus.FLOAT8_E5M2), max_delay=0)
    network = _gate(8)

    other = replace(placed, network=network, assignment=np.zeros(network.neurons, np.int64))
    with pytest.raises(NexusError, match="decays of 12 bits"):
        run_on_chip(other, [np.zeros(1, np.uint8), np.zeros(1, np.uint8)], None)
