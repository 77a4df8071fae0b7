"""Certificates of correct rounding: today's programs are the certified ones; what is written, and the table of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from lava_nexus.circuits.functions import tabulated as patched
from lava_nexus.lab.configs.verification import VerifyConfig
from lava_nexus.lab.verification.checks import plan
from lava_nexus.lab.verification.functions import (
    HEADER,
    CorrectionsConfig,
    FunctionTableConfig,
    find_corrections,
    function_table,
    rows,
)
from lava_nexus.verify import records as rounding_certificates
from lava_nexus.verify.check import Check
from lava_nexus.verify.correct import Outcome, Rounding
from lava_nexus.verify.records import certify, load
from tests.commands import exit_code

ROUNDING = Rounding(wrong=3, counted=60_000, wrong_counted=2, max_ulp=1, neighbours=65_000)


def _found(quick: bool = False, **changes: object) -> list[tuple[Check, Outcome]]:
    job = {"inputs": "exhaustive", "check": "correct", "operations": ("exp",), "formats": ("bfloat16",), **changes}
    tasks = plan(VerifyConfig.model_validate({"jobs": (job,)}), quick, lambda _: None)
    return [(one, Outcome(sets=one.sets.sets, rounding=ROUNDING, seconds=1.5)) for one in tasks]


def test_the_programs_are_the_certified_ones() -> None:
    stale = [f"{one.operation} {one.format} {one.options}" for one in load() if not one.holds]
    assert not stale, f"changed since: run scripts/verify.py with --set certify=true: {', '.join(stale)}"


def test_what_the_certificates_say_is_what_is_promised() -> None:
    for one in load():
        assert one.max_ulp <= 1, one
        assert one.against_order == 0, one
        assert one.correct_counted >= 0.999, one
        assert one.options.get("rounding") != "correct" or one.wrong == 0, one
        assert one.format != "float32" or one.sets == 2**32, one


def test_certify(tmp_path: Path) -> None:
    assert certify(_found(), tmp_path) == 1
    (one,) = load(tmp_path)
    assert (one.operation, one.format, one.sets, one.wrong, one.max_ulp) == ("exp", "bfloat16", 65536, 3, 1)
    assert (one.correct, one.correct_counted) == (1 - 3 / 65536, 1 - 2 / 60_000)
    assert one.holds
    assert not dataclasses.replace(one, golden="0" * 64).holds
    certify(_found(options={"rounding": "correct"}), tmp_path)
    assert len(load(tmp_path)) == 2


@pytest.mark.parametrize(
    "found",
    [
        lambda: _found(quick=True),
        lambda: _found(inputs="sample"),
        lambda: _found(check="gates"),
        lambda: _found(operations=("reciprocal",)),  # its golden is the processor's division, no program
        lambda: [(task, dataclasses.replace(outcome, sets=7)) for task, outcome in _found()],
    ],
)
def test_what_was_not_tried_in_full_is_not_certified(found: Any, tmp_path: Path) -> None:
    assert certify(found(), tmp_path) == 0


def test_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certify(_found(), tmp_path / "certificates")
    monkeypatch.setattr(rounding_certificates.load, "__defaults__", (tmp_path / "certificates",))
    (row,) = rows(load(tmp_path / "certificates"))
    shown = dict(zip(HEADER, row, strict=True))
    assert shown["neurons"] == load(tmp_path / "certificates")[0].circuit().neurons
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- functions: begin -->\nold\n<!-- functions: end -->\nafter\n")
    function_table(FunctionTableConfig(pages=(page,)), tmp_path, quick=True)
    assert "old" in page.read_text()
    function_table(FunctionTableConfig(pages=(page,)), tmp_path)
    assert "| exp " in page.read_text()
    assert "99.9954" in page.read_text()
    assert page.read_text().startswith("before\n")
    assert json.loads((tmp_path / "functions.json").read_text())["functions"][0]["max ULP"] == 1


def test_find_corrections_quickly_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in patched.FOLDER.glob("*")}
    find_corrections(CorrectionsConfig(operations=("exp",), store=True), tmp_path, quick=True)
    assert "of 16,384 inputs" in capsys.readouterr().out
    assert json.loads((tmp_path / "exp_float32.json").read_text())["inputs"] == 16384
    assert {path: path.read_bytes() for path in patched.FOLDER.glob("*")} == before


def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text, kind, main, words in [
        ("operations: [erf]\n", CorrectionsConfig, find_corrections, "erf"),
        ("pages: [none.md]\n", FunctionTableConfig, function_table, "none.md"),
    ]:
        assert exit_code(kind, main, text + "out: out\n") == 2
        assert words in capsys.readouterr().err
