"""docs/claims.md holds what its records say, and records are made of whole runs on a GPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lava_nexus.errors import NexusError
from lava_nexus.lab.claims_page import MARKS, kept, page
from lava_nexus.lab.configs.ulp_tables import ModelTables, UlpTablesConfig
from lava_nexus.lab.pages import read_report
from lava_nexus.lab.ulp.sections import run_ulp_tables
from tests.lab.tables.test_models import TINY

ROOT = Path(__file__).parents[3]
RECORDS = ROOT / "lava_nexus" / "energy" / "records"
PAGE = "\n".join(f"<!-- {name}: begin -->\n<!-- {name}: end -->" for name in MARKS)


def _read(name: str) -> Any:
    return json.loads((RECORDS / name).read_text())


def test_the_page_is_made_from_its_records() -> None:
    text = (ROOT / "docs" / "claims.md").read_text()
    assert page(text, _read("cuda_claims.json"), _read("cuda_models.json")) == text
    with pytest.raises(NexusError, match="no '<!-- training: begin -->'"):
        page(text.replace("training: begin", "x"), _read("cuda_claims.json"), _read("cuda_models.json"))


def test_a_run_becomes_a_row(tmp_path: Path) -> None:
    options = ModelTables(architecture=TINY, tokens=3, modules=0, name="Tiny")
    run_ulp_tables(UlpTablesConfig(executor="reference", components=(), operations=(), model=options), tmp_path)
    report = read_report(tmp_path)
    with pytest.raises(NexusError, match="whole runs on a GPU"):
        kept(report)
    report["ran"]["machine"] = _read("cuda_models.json")["machine"]
    record = kept(report)
    made = page(PAGE, {"models": [record], "training": None}, _read("cuda_models.json"))
    line = next(line for line in made.splitlines() if line.startswith("| Tiny |"))
    cells = [cell.strip() for cell in line.split("|")]
    assert cells[2:7] == ["float32", "4", "3", f"{4 * 3 * 8 + 3 * 16}", "0"]
    assert "512 / 6.19 / 27.7 % / 2.24e-08" in line  # of the paper, in its column
    assert "| Tiny, after 4 layers |" in made and "histogram" not in json.dumps(record)
    record["rows"][-1]["measured"]["strict"]["unequal_bits"] = 7
    again = page(PAGE, {"models": [record], "training": None}, _read("cuda_models.json"))
    assert again.replace("| 7 ", "| 0 ") == made


def test_a_training_becomes_a_table() -> None:
    values = {"activations": [40, 0], "parameters": [30, 2]}
    step = {"step": 1, "loss": [2.5, 2.5], "norm": [1.0, 1.0], "values": values, "seconds": [1.234, 0.5]}
    report = {
        "machine": _read("cuda_models.json")["machine"],
        "config": {"decoder": {"num_hidden_layers": 2, "tokens": 5}, "gates": {"batch": 1}},
        **{"versions": {}, "parameters": 1234, "steps": [step], "compared": 70, "unequal": 2},
    }
    made = page(PAGE, {"models": [], **kept(report)}, _read("cuda_models.json"))
    assert "1,234 parameters, 2 layers, 1 steps of 1 x 5 tokens. 2 of 70 values are unequal." in made
    assert "2 / 30" in made and "1.23" in made
    with pytest.raises(NexusError, match="whole runs on a GPU"):
        kept({**report, "quick": True})
