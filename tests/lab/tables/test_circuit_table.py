"""`scripts/circuit_table.py` in-process: the counts are those of the networks and of a run, the figure is a picture."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT8_E5M2, FORMATS
from lava_nexus.lab.configs.tables import CircuitTableConfig
from lava_nexus.lab.figures.circuits import neuron_figure
from lava_nexus.lab.published import published
from lava_nexus.lab.runs.circuits import run_circuit_table
from tests.commands import exit_code
from tests.evaluate import evaluate, input_spikes

SHIPPED = Path(__file__).parents[3] / "configs" / "circuit_table.yaml"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _end(text: str, *options: str) -> int:
    return exit_code(CircuitTableConfig, run_circuit_table, text, *options)


def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(Path("out/circuits.json").read_text())["circuits"]
    return rows


def test_rows_are_those_of_the_networks(here: Path) -> None:
    text = "operations: [neg, compare_lt]\nformats: [float8_e5m2]\nmax_delay: 3\ninputs: 50\nout: out\n"
    assert _end(text) == 0
    rows = _rows()
    assert [(r["operation"], r["basis"]) for r in rows] == [
        (name, basis) for name in ("neg", "compare_lt") for basis in ("threshold", "nexus")
    ]
    for row in rows:
        network = circuit(row["operation"], FLOAT8_E5M2, basis=row["basis"], max_delay=3).network
        parts = [network.synapses_of(neuron) for neuron in range(network.neurons)]
        assert row["neurons"] == len(parts)
        assert row["synapses"] == sum(len(sources) for sources, _ in parts)
        assert row["fan_in"] == max(len(sources) for sources, _ in parts)
        assert row["weight"] == max(abs(int(w)) for _, weights in parts for w in weights)
        assert row["strobed"] == sum(0 in sources for sources, _ in parts)
        assert row["relays"] == network.relays
        assert row["depth"] == network.depth
        assert 0 < row["spikes"] < row["neurons"]
        assert row["spikes"] < row["synops"] < row["synapses"]
    with Path("out/circuits.csv").open() as file:
        assert [r["synops"] for r in csv.DictReader(file)] == [str(r["synops"]) for r in rows]
    assert Path("out/neurons.png").read_bytes()[:4] == b"\x89PNG"


def test_spikes_are_those_of_normal_operands(here: Path) -> None:
    assert _end("operations: [neg]\nformats: [float8_e5m2]\nbases: [threshold]\ninputs: 3000\nout: out\n") == 0
    network = circuit("neg", FLOAT8_E5M2).network
    values = np.random.default_rng(99).standard_normal(3000).astype(FLOAT8_E5M2.dtype).view(np.uint8)
    spikes = evaluate(network, input_spikes(network, [values]))
    assert _rows()[0]["spikes"] == pytest.approx(spikes[:, network.n_inputs :].sum() / 3000, rel=0.03)
    assert _rows()[0]["synops"] == pytest.approx((spikes.sum(axis=0) @ network.fan_out) / 3000, rel=0.03)


def test_both_executors_count_alike_and_the_seed_matters(here: Path) -> None:
    text = "operations: [mul]\nformats: [float8_e5m2]\nbases: [threshold]\ninputs: 64\nout: out\n"
    found = []
    for options in (["executor=membrane"], ["executor=bitsliced"], ["seed=1"]):
        assert _end(text, "--set", *options) == 0
        found.append((_rows()[0]["spikes"], _rows()[0]["synops"]))
    assert found[0] == found[1] != found[2]


def test_published_counts_stand_beside(here: Path) -> None:
    assert _end("operations: [add]\nformats: [float32]\nbases: [threshold]\ninputs: 0\nout: out\n") == 0
    row = _rows()[0]
    assert (row["nexus"], row["mofneurosim"], row["spikes"]) == (3348, 2500, None)
    assert row["neurons"] < row["nexus"]
    sources = json.loads(Path("out/circuits.json").read_text())["published"]
    assert sources["add float32 (nexus)"] == "arXiv 2601.21279, tab:neuron_summary"


def test_styles_that_differ_have_rows_of_their_own(here: Path) -> None:
    text = "operations: [add, neg]\nformats: [float8_e5m2]\nstyles: [neurons, depth]\ninputs: 0\nout: out\n"
    assert _end(text) == 0
    rows = {(r["operation"], r["basis"], r["style"]): r for r in _rows()}
    assert rows["add", "threshold", "depth"]["depth"] < rows["add", "threshold", "neurons"]["depth"]
    assert ("neg", "nexus", "depth") not in rows
    assert Path("out/styles.png").stat().st_size > 10_000
    assert Path("out/circuits.md").read_text().count("(styles.png)") == 1


def test_quick_is_a_part(here: Path) -> None:
    assert _end(f"formats: [{', '.join(FORMATS)}]\nout: out\n", "--quick") == 0
    assert {r["format"] for r in _rows()} == {"float8_e4m3fn", "float16"}


def test_mistakes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _end("operations: [ad]\nout: out\n") == 2
    assert "'operations' holds 'ad', which does not exist; did you mean 'add'?" in capsys.readouterr().err
    with pytest.raises(NexusError, match="no circuit"):
        neuron_figure([], {}, here / "neurons.png")


def test_published_operations_exist_in_the_formats_named() -> None:
    for entries in published("neurons").values():
        assert {fmt for _, fmt in entries} <= set(FORMATS)
        assert all(entry.neurons > 0 and "arXiv" in entry.source for entry in entries.values())


def test_the_config_that_ships() -> None:
    assert load_config(CircuitTableConfig, SHIPPED) == CircuitTableConfig()
