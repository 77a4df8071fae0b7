"""The pages on energy are those of the report kept in docs/, and that report is of today's circuits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT32
from lava_nexus.lab.energy.report import energy_pages, update_energy_pages
from lava_nexus.lab.energy.text import EnergyTableReport, summary

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def report() -> EnergyTableReport:
    return EnergyTableReport.of(json.loads((ROOT / "docs" / "energy.json").read_text(encoding="utf-8")))


def test_pages_are_those_of_the_report(report: EnergyTableReport) -> None:
    for path, text in energy_pages(report, ROOT).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is not of docs/energy.json"


@pytest.mark.parametrize("name", ["add", "mul", "div", "exp"])
def test_the_report_is_of_todays_circuits(name: str, report: EnergyTableReport) -> None:
    kept = next(row for row in report.rows if row.subject == name)
    assert kept.neurons == circuit(name, FLOAT32).neurons, "run scripts/measure_energy.py and scripts/update_readme.py"


def test_the_summary_says_what_is_worse(report: EnergyTableReport) -> None:
    said = summary(report)
    assert "times less than that product" in said and "prints for a GPU" in said


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(NexusError, match=r"energy\.json does not exist"):
        update_energy_pages(tmp_path, ROOT)
    values = json.loads((ROOT / "docs" / "energy.json").read_text(encoding="utf-8"))
    values["config"]["quick"] = True
    (tmp_path / "energy.json").write_text(json.dumps(values))
    with pytest.raises(NexusError, match="is of a trial with --quick"):
        update_energy_pages(tmp_path, ROOT)
