"""A placed FP8 adder on SANA-FE's Loihi: the same spikes, and joules re-derived here from its published constants."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.export.sanafe import run_sanafe, write_sanafe
from lava_nexus.lab.configs.places import ExportConfig
from lava_nexus.lab.energy import sanafe as ledger
from lava_nexus.lab.runs.export import export_circuit
from tests.evaluate import evaluate, input_spikes

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def adder():
    one = nexus.circuit("add", nexus.FLOAT8_E4M3FN)
    return one, nexus.place(one, max_delay=0)


def _operands(sets=6):
    corners = np.array([0, 0x80, 0x7E, 0x7F, 0x01, 0x38], np.uint8)
    return [np.resize(corners, sets), np.resize(corners[::-1], sets)]


def test_on_two_cores_its_spikes_are_the_definitions_and_its_joules_its_constants(adder, tmp_path):
    pytest.importorskip("sanafe")
    _, placed = adder
    network = placed.network
    halves, places = np.arange(network.neurons) % 2, np.array([[0, 0, 0, 0], [0, 2, 1, 3]])
    two = replace(placed, assignment=halves, places=places)
    operands = _operands()
    steps = 6 + network.depth
    found = run_sanafe(write_sanafe(two, operands, tmp_path / "add.yaml"), two, steps)

    waves = evaluate(network, input_spikes(network, operands)[:, : network.n_inputs])
    expected = np.zeros((steps, network.n_signals), bool)
    for signal, level in enumerate(network.signal_levels.tolist()):
        expected[level : level + 6, signal] = waves[:, signal]
    assert np.array_equal(found.spikes, expected)

    fired = expected.sum(axis=0)
    assert found.synops == int((fired * network.fan_out).sum())
    assert found.joules["synapse"] == pytest.approx(35.5e-12 * found.synops)
    # Inputs stand on a third core of the first tile, the two halves on tiles 0 and 2 * 4 + 1: three hops apart.
    reached = [set(halves[network.targets[network.sources == s]].tolist()) for s in range(network.n_signals)]
    assert found.messages == sum(int(n) * len(cores) for n, cores in zip(fired, reached, strict=True))
    home = [0] * network.n_inputs + halves.tolist()
    crossing = sum(int(n) for n, cores, at in zip(fired, reached, home, strict=True) for core in cores if core != at)
    assert found.hops == 3 * crossing
    ways = (2 * 3.0 + 4.2) * 1e-12 * crossing
    assert found.joules["network"] == pytest.approx(111e-12 * found.messages + ways)
    soma = found.joules["soma"] - 51.2e-12 * network.neurons * steps - 69.3e-12 * fired[network.n_inputs :].sum()
    assert soma / 21.6e-12 == pytest.approx(round(soma / 21.6e-12), abs=1e-3)  # a whole number of updates
    assert found.seconds == pytest.approx(found.busy.sum())


def test_the_page_shows_todays_run_and_nothing_is_left_unexplained(tmp_path):
    pytest.importorskip("sanafe")
    config = load_config(ExportConfig, ROOT / "configs" / "export.yaml", ["files=[sanafe]"])
    export_circuit(config, tmp_path)
    page = (ROOT / "docs" / "comparisons.md").read_text()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "comparisons.md").write_text(page)
    ledger.update_sanafe(tmp_path, tmp_path)
    assert (tmp_path / "docs" / "comparisons.md").read_text() == page
    left, whole = (
        [float(n) for n in re.findall(rf"^\| {name} .*\| +(\S+) \|$", page, re.M)]
        for name in ("not explained", "SANA-FE")
    )
    assert len(left) == len(whole) == 2
    assert left[0] == 0 and abs(left[1]) < 0.001 * whole[1]


def test_a_spike_that_differs_is_an_error(adder, tmp_path, monkeypatch):
    one, placed = adder
    path = tmp_path / "never read.yaml"

    def other(path, placement, steps):
        spikes = ledger.Streamed.of(placement.as_placed(one), _operands()).spikes.copy()
        spikes[3, 20] ^= True
        return type("Run", (), {"spikes": spikes})

    monkeypatch.setattr(ledger, "run_sanafe", other)
    with pytest.raises(NexusError, match="differs from ours in 1 of"):
        ledger.compared(one, placed, _operands(), path)


def test_what_its_loihi_cannot_hold_is_one_sentence(adder, tmp_path, monkeypatch):
    one, placed = adder
    with pytest.raises(NexusError, match="synaptic delays up to .* place it with max_delay=0"):
        write_sanafe(nexus.place(one, max_delay=6), _operands(), tmp_path / "a")
    far = replace(placed, places=np.array([[1, 0, 0, 0]]))
    with pytest.raises(NexusError, match="on 1 cores of 2 chips, 1021 neurons on the fullest, does not fit"):
        write_sanafe(far, _operands(), tmp_path / "a")
    assert not list(tmp_path.iterdir())
    monkeypatch.setitem(sys.modules, "sanafe", None)
    with pytest.raises(NexusError, match=r"SANA-FE is not installed .*lava-nexus\[sanafe\]"):
        run_sanafe(tmp_path / "a", placed, 4)


def test_a_file_that_it_refuses_is_one_sentence(adder, tmp_path):
    pytest.importorskip("sanafe")
    (tmp_path / "bad.yaml").write_text("network: 3\n")
    with pytest.raises(NexusError, match="SANA-FE refuses"):
        run_sanafe(tmp_path / "bad.yaml", adder[1], 4)
