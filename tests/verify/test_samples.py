"""Records of what samples showed: today's programs, what is written, and the table of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from lava_nexus.lab.configs.verification import VerifyConfig
from lava_nexus.lab.verification.checks import plan
from lava_nexus.lab.verification.functions import SAMPLE_HEADER, sample_rows
from lava_nexus.verify.check import Check
from lava_nexus.verify.correct import Outcome, Rounding
from lava_nexus.verify.records import load_samples as load
from lava_nexus.verify.records import record


def _found(**changes: object) -> list[tuple[Check, Outcome]]:
    job = {"inputs": "sample", "operations": ("exp",), "formats": ("bfloat16",), "bases": ("threshold",), **changes}
    tasks = plan(VerifyConfig.model_validate({"jobs": (job,)}), False, lambda _: None)
    rounding = Rounding(wrong=3, max_ulp=1) if job.get("check") == "correct" else None
    mismatches = None if rounding else 0
    return [(one, Outcome(one.sets.sets, mismatches, rounding=rounding, seconds=1.5)) for one in tasks]


def test_recorded_programs_are_todays_and_as_promised() -> None:
    stale = [f"{one.operation} {one.format} {one.how}" for one in load() if not one.holds]
    assert not stale, f"changed since: run scripts/verify.py with --set certify=true: {', '.join(stale)}"
    for one in load():
        assert one.max_ulp is None or one.max_ulp <= 2, one
        assert one.mismatches in (None, 0), one
        assert one.format != "float64" or one.sets >= 10_000_000, one


def test_only_samples_of_programs_are_recorded(tmp_path: Path) -> None:
    assert record(_found(inputs="exhaustive"), tmp_path) == 0
    assert record(_found(operations=("add",)), tmp_path) == 0
    assert record(_found(operations=("exp",)), tmp_path) == 1


def test_table_tells_what_was_not_run(tmp_path: Path) -> None:
    record(_found(check="correct"), tmp_path)
    (golden,) = load(tmp_path)
    assert golden.holds
    assert not dataclasses.replace(golden, golden="0" * 64).holds
    (row,) = sample_rows([golden])
    assert dict(zip(SAMPLE_HEADER, row, strict=True))["gates against golden"] == "not run"
    record(_found(), tmp_path)
    (row,) = sample_rows(load(tmp_path))
    assert row == ("exp", "bfloat16", golden.sets, 3, 1, "0 mismatches")
    gates = next(one for one in load(tmp_path) if one.basis)
    (row,) = sample_rows([golden, dataclasses.replace(gates, network="0" * 64)])
    assert row[-1] == "not run"
