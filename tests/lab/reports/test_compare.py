"""Two reports: what differs, what is missing, what is ignored, and mistakes at the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lava_nexus.errors import NexusError
from lava_nexus.lab.pages import MISSING, Difference, differences, differences_table, read_report
from tests.commands import ended

SCRIPT = Path(__file__).parents[3] / "scripts" / "compare_reports.py"
A: dict[str, Any] = {
    "title": "run",
    "spikes": 100,
    "energy": {"joules": 2.0, "notes": []},
    "wall_seconds": 1.5,
    "circuits": [{"circuit": "add", "n": 1}, {"circuit": "mul", "n": 2}, {"circuit": "mul", "n": 7}],
    "levels": [1, 2],
    "only_a": None,
}


def test_equal_reports() -> None:
    assert differences(A, json.loads(json.dumps(A))) == []


def test_what_differs() -> None:
    b = json.loads(json.dumps(A))
    b["spikes"], b["energy"]["joules"], b["wall_seconds"] = 150, 1.0, 9.0
    b["circuits"] = [b["circuits"][2], b["circuits"][0], {"circuit": "div", "n": 5}]
    b["levels"] = [2, 1]
    del b["only_a"]
    found = differences(A, b, ["wall_*"])
    assert found == [
        Difference("spikes", 100, 150),
        Difference("energy.joules", 2.0, 1.0),
        Difference("circuits[mul].n", 2, 7),
        Difference("circuits[mul #2].circuit", "mul", MISSING),
        Difference("circuits[mul #2].n", 7, MISSING),
        Difference("levels", [1, 2], [2, 1]),
        Difference("only_a", None, MISSING),
        Difference("circuits[div].circuit", MISSING, "div"),
        Difference("circuits[div].n", MISSING, 5),
    ]
    assert (found[0].change, found[0].ratio, found[3].change) == (50, 1.5, None)
    table = differences_table(found, "a", "b")
    assert "| spikes " in table and "(none)" in table and "0.5" in table


def test_numbers_beside_zero_and_truth_values() -> None:
    assert Difference("x", 0, 3).ratio is None
    assert Difference("x", True, 3).change is None
    assert differences({"x": True}, {"x": False})[0].change is None


def test_the_script(tmp_path: Path) -> None:
    for name, report in (("a", A), ("b", {**A, "spikes": 1})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(json.dumps(report))
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    script = [sys.executable, str(SCRIPT), folders[0], folders[0] + "/report.json"]
    assert subprocess.run(script, capture_output=True, text=True, check=False).stdout == "no differences\n"
    found = ended("compare", *folders)
    assert (found.returncode, found.stderr) == (1, "")
    assert "spikes" in found.stdout
    assert ended("compare", *folders, "--ignore", "spi*").returncode == 0
    found = ended("compare", folders[0], str(tmp_path / "c.json"))
    assert found.returncode == 2
    assert found.stderr == f"error: report '{tmp_path}/c.json' does not exist\n"


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(NexusError, match="holds 0 JSON reports"):
        read_report(tmp_path)
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(NexusError, match="holds a list, must hold an object"):
        read_report(tmp_path)
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(NexusError, match="is no JSON"):
        read_report(tmp_path / "a.json")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")
    with pytest.raises(NexusError, match="2 JSON reports"):
        read_report(tmp_path)
    with pytest.raises(NexusError, match="is no JSON"):
        read_report(tmp_path / "b.json")
