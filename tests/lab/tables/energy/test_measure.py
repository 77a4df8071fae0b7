"""Rows as they are measured: counts held against other executors and against sums by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.config import load_config
from lava_nexus.energy import load_energy_model
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.run import executor_named, run
from lava_nexus.formats import FLOAT8_E4M3FN, FLOAT32
from lava_nexus.lab.configs.tables import EnergyConfig, EnergyTable
from lava_nexus.lab.energy.report import run_energy_table
from lava_nexus.lab.energy.rows import Choices, measure
from lava_nexus.lab.energy.subjects import GATES, SMALL
from lava_nexus.lab.robustness.circuits import logic_circuit
from lava_nexus.models.placing import place
from tests.commands import exit_code

FOLDER = Path(__file__).parents[4] / "configs" / "energy"


@pytest.mark.parametrize("basis", ["threshold", "nexus"])
@pytest.mark.parametrize("name", GATES)
def test_gates_on_every_input(name: str, basis: str) -> None:
    gate = logic_circuit(name, basis)
    n = len(gate.inputs)
    bits = [(np.arange(2**n) >> i & 1).astype(np.uint8) for i in range(n)]
    found = run(gate, *bits, executor="membrane").value
    by_hand = {
        "and": lambda b: all(b),
        "not": lambda b: not b[0],
        "xor": lambda b: b[0] != b[1],
        "mux": lambda b: b[1] if b[0] else b[2],
        "full_adder": sum,
    }[name]
    assert [int(v) for v in found] == [int(by_hand(list(column))) for column in zip(*bits, strict=True)]


@pytest.mark.parametrize("name", ["add", "mul"])
def test_operations_count_alike_on_three_executors(name: str) -> None:
    choices = Choices(FLOAT32)
    sliced = measure(name, choices, BitslicedExecutor(count="activity"), 200, SMALL, 3)
    membrane = measure(name, choices, executor_named("membrane"), 200, SMALL, 3)
    lava = measure(name, choices, executor_named("lava"), 200, SMALL, 3)
    assert sliced.tallies.spikes == membrane.tallies.spikes == lava.tallies.spikes > 0
    assert sliced.tallies.synops == membrane.tallies.synops == lava.tallies.synops > 0
    assert sliced.tallies.updates == 200 * sliced.neurons
    assert sliced.tallies.active == membrane.tallies.active
    counts = sliced.tallies
    assert counts.active is not None and counts.spikes <= counts.active <= counts.updates


def test_a_small_block_counts_alike() -> None:
    choices = Choices(FLOAT8_E4M3FN)
    found = [
        measure("block", choices, engine, 2, SMALL, 0) for engine in (executor_named("membrane"), BitslicedExecutor())
    ]
    assert found[0].tallies.spikes == found[1].tallies.spikes > 0
    assert found[0].tallies.synops == found[1].tallies.synops > 0


def test_a_norm_counts_an_element() -> None:
    found = measure("rms_norm", Choices(FLOAT8_E4M3FN), executor_named("membrane"), 4, SMALL, 0)
    assert found.units == SMALL.width
    assert found.per_unit(found.tallies.spikes) == found.tallies.spikes / (4 * SMALL.width)


def _config(text: str, folder: Path) -> Path:
    path = folder / "energy.yaml"
    path.write_text(text)
    return path


def test_a_table_is_written_and_adds_up(tmp_path: Path) -> None:
    text = "measure: {kind: table, subjects: [and, add, embedding], operand_sets: 100}\nexecutor: membrane\n"
    config = load_config(EnergyConfig, _config(text, tmp_path))
    assert isinstance(config.measure, EnergyTable)
    run_energy_table(config, config.measure, tmp_path, quick=True)
    values = json.loads((tmp_path / "energy.json").read_text())
    add = values["rows"][1]
    by_hand = add["synops"] * 23.6e-3 + add["active"] * 81e-3  # work: no neuron was placed
    shares = add["shares"]
    assert sum(shares.values()) == pytest.approx(by_hand)
    assert add["active"] + add["idle"] == pytest.approx(add["neurons"])
    text = (tmp_path / "energy.md").read_text()
    assert "not of the published size" in text and "no neuron computes" in text and "too small" not in text
    share = 100 * shares["synops"] / sum(shares.values())
    assert f"all other rows, {share:.0f} % ({add['subject']}) is SynOps" in text
    assert not (tmp_path / "accounting.png").exists()


def test_a_placement_adds_routing_and_static_power(tmp_path: Path) -> None:
    adder = circuit("add", FLOAT8_E4M3FN)
    placement = place(adder, "loihi2", max_delay=6, sets=16)
    path = placement.save(tmp_path / "add.npz")
    found = measure("add", Choices(FLOAT8_E4M3FN), executor_named("membrane"), 50, SMALL, 0, path)
    assert found.neurons == placement.network.neurons >= adder.neurons
    model = load_energy_model("loihi1_pre_silicon")
    energy = found.energy(model)
    assert energy.static == pytest.approx(0.232 * placement.chips * 50 * placement.step_ns() * 1e-9)
    assert energy.joules == pytest.approx(sum(energy.shares.values()))
    with pytest.raises(NexusError, match="is of 'add float8_e4m3fn', not of 'mul float8_e4m3fn'"):
        measure("mul", Choices(FLOAT8_E4M3FN), executor_named("membrane"), 5, SMALL, 0, path)
    with pytest.raises(NexusError, match="row 'block' takes no placement"):
        measure("block", Choices(FLOAT8_E4M3FN), executor_named("membrane"), 5, SMALL, 0, path)


def test_routing_by_hand(tmp_path: Path) -> None:
    """Neurons dealt to two cores two tiles apart in a row: every spike that reaches the other core is one message."""
    placement = place(circuit("add", FLOAT8_E4M3FN), "loihi2", max_delay=6, sets=16)
    half = np.arange(placement.network.neurons) % 2
    spread = replace(placement, assignment=half, places=np.array([[0, 0, 0, 0], [0, 2, 0, 0]]))
    found = measure(
        "add", Choices(FLOAT8_E4M3FN), executor_named("membrane"), 50, SMALL, 0, spread.save(tmp_path / "a.npz")
    )
    (tally,) = found.tallies
    network, crossing = spread.network, 0
    for neuron in range(network.neurons):
        signal = network.n_inputs + neuron
        reached = {int(half[t]) for t in network.targets[network.sources == signal]}
        crossing += int(tally.signal_spikes[signal]) * (1 - int(half[neuron]) in reached)
    energy = found.energy(load_energy_model("loihi1_pre_silicon"))
    assert crossing > 0
    assert energy.routing == pytest.approx(crossing * (1.7 + 2 * 3.0) * 1e-12)


def test_the_same_seed_gives_the_same_counts() -> None:
    counts = [
        measure("scores", Choices(FLOAT8_E4M3FN), executor_named("membrane"), 3, SMALL, s).tallies.synops
        for s in (1, 1, 2)
    ]
    assert counts[0] == counts[1] != counts[2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("measure: {kind: table, subjects: [addd]}\n", "this row does not exist; did you mean 'add'?"),
        ("measure: {kind: table, operand_sets: 0}\n", "operand_sets"),
        ("measure: {kind: tabel}\n", "must be one of"),
        ("measure: {kind: table}\nenergy_model: loihi1\n", "energy model 'loihi1' does not exist"),
        ("measure: {kind: precision, formats: [float31]}\n", "this format does not exist; did you mean 'float32'?"),
    ],
)
def test_mistakes_are_one_sentence(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exit_code(EnergyConfig, lambda *_: None, text) == 2
    message = capsys.readouterr().err
    assert words in message and message.count("\n") == 1


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_configs_that_ship(path: Path) -> None:
    load_config(EnergyConfig, path)
