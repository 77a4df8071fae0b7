"""Costs of native layers: the table, its quick form, and what README takes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.tables import NativeCostsConfig, TokenConfig
from lava_nexus.lab.pages import read_report, update_native
from lava_nexus.lab.runs.native import PARTS, run_native_costs


def test_native_sums_cost_a_hundredth_of_gates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = NativeCostsConfig(formats=("float8_e4m3fn", "bfloat16"), size=32, rows=4)
    rows = run_native_costs(config, tmp_path)
    assert [row.format for row in rows] == ["float8_e4m3fn", "bfloat16"]
    for row in rows:
        assert set(row.parts) == set(PARTS) and all(joules >= 0 for joules in row.parts.values())
        assert row.gates > 30 * row.native and row.gate_steps > 10 * row.steps
    assert "gates / native" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} >= {"native.md", "native.json", "native.csv", "native.png"}
    (tmp_path / "docs" / "images").mkdir(parents=True)
    (tmp_path / "README.md").write_text("a\n<!-- native: begin -->\nold\n<!-- native: end -->\nb\n", encoding="utf-8")
    (tmp_path / "docs" / "native.md").write_text("<!-- layers: begin -->\nold\n<!-- layers: end -->", encoding="utf-8")
    update_native(tmp_path, tmp_path)
    assert "| front end |" in (tmp_path / "docs" / "native.md").read_text(encoding="utf-8")
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "old" not in page and "| bfloat16 " in page and page.endswith("b\n")
    assert (tmp_path / "docs" / "images" / "native.png").is_file()


def test_a_quick_run_is_marked_and_is_no_result(tmp_path: Path) -> None:
    config = NativeCostsConfig(formats=("float8_e4m3fn", "float32"), token=TokenConfig())
    run_native_costs(config, tmp_path, quick=True)
    tables = read_report(tmp_path / "native.json")["tables"]
    assert [len(table["rows"]) for table in tables[2:]] == [4, len(tables[3]["rows"]), 3]
    assert tables[2]["rows"][1][2] != "0" and len(tables[3]["rows"]) > 10
    assert "quick run" in (tmp_path / "native.md").read_text(encoding="utf-8").splitlines()[0]
    with pytest.raises(NexusError, match="holds a quick run"):
        update_native(tmp_path, tmp_path)
