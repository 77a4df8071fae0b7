"""A quick run is marked in title, first line, every figure and the JSON, and nothing published stands beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lava_nexus.config import load_config
from lava_nexus.lab.experiments import EXPERIMENTS, Experiment, _named, find
from lava_nexus.lab.published import published
from lava_nexus.lab.report import Report, Table, write_report
from lava_nexus.lab.trial import MARK, marked, shrunk, trial, unless_quick

ROOT = Path(__file__).parents[3]
DISPATCHED = {
    "experiments:run_model": ("runs.digits:run_digits", "runs.transformer:run_transformer"),
    "experiments:train_model": ("training.report:train_by_gates", "training.train_digits:train_digits"),
    "experiments:measure_energy": ("energy.report:run_energy_table", "energy.precision:run_precision_map"),
}


@marked
def _experiment(out: Path, quick: bool = False) -> dict[str, Any]:
    if quick:
        shrunk("2 of 64 tokens")
    table = Table("", ("measured", "published"), [(1.0, unless_quick(2.0))], None)
    return write_report(Report(title="Qwen3-0.6B on Intel Loihi 2", config={}, tables=[table]), out)


def test_title_first_line_and_json_say_it(tmp_path: Path) -> None:
    values = _experiment(tmp_path, quick=True)
    lines = (tmp_path / "report.md").read_text().splitlines()
    assert lines[0] == f"# {MARK}: Qwen3-0.6B on Intel Loihi 2"
    assert lines[2].startswith("**A quick run") and "2 of 64 tokens" in lines[2]
    assert "| " in lines[4] and all("2" not in line.split("|")[2] for line in lines[4:7])
    assert (values["quick"], values["shrunk"]) == (True, ["2 of 64 tokens"])


def test_a_whole_run_bears_no_mark(tmp_path: Path) -> None:
    values = _experiment(tmp_path)
    page = (tmp_path / "report.md").read_text()
    assert MARK not in page and "2" in page.splitlines()[4] and values["quick"] is False
    assert trial() is None


@pytest.mark.parametrize("one", EXPERIMENTS, ids=lambda one: one.command)
def test_every_experiment_is_marked(one: Experiment) -> None:
    for name in DISPATCHED.get(one.run_name, (one.run_name,)):
        assert hasattr(_named(f"lava_nexus.lab.{name}"), "__wrapped__"), f"{name} is not @marked"


def test_a_quick_mapping_names_what_is_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = find("map")
    config = load_config(one.config, ROOT / one.example)
    values = one.conduct(config, tmp_path, True)
    said = capsys.readouterr().out
    assert values["title"].startswith(MARK) and values["published_neurons"] is None
    assert any(text.startswith("format float8_e4m3fn instead of") for text in values["shrunk"])
    assert any(text.startswith("shape.") for text in values["shrunk"])
    assert said.startswith("**A quick run") and (tmp_path / "chips.svg").read_text().count(MARK) == 1
    assert json.loads((tmp_path / "report.json").read_text())["quick"] is True
    assert published("sizes")
