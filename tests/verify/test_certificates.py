"""Certificates: today's networks are the proven ones, and only what was tried in full is certified."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from lava_nexus.lab.configs.verification import VerifyConfig
from lava_nexus.lab.verification.checks import plan
from lava_nexus.verify.certificates import FOLDER, certify, load
from lava_nexus.verify.check import Check
from lava_nexus.verify.correct import Outcome

JOB = {"inputs": "exhaustive", "operations": ("neg", "add"), "formats": ("float8_e5m2",), "bases": ("threshold",)}


def _found(mismatches: int = 0, quick: bool = False, **changes: object) -> list[tuple[Check, Outcome]]:
    config = VerifyConfig.model_validate({"jobs": ({**JOB, **changes},)})
    tasks = plan(config, quick, lambda _: None)
    return [(one, Outcome(sets=one.sets.sets, mismatches=mismatches, seconds=1.5)) for one in tasks]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_the_networks_are_the_proven_ones(path: Path) -> None:
    all_of_them = [one for one in load() if one.format == path.stem]
    stale = [f"{one.operation} {one.to or one.format} {one.basis}" for one in all_of_them if not one.holds]
    assert all_of_them
    assert not stale, (
        f"changed since they were proven; run scripts/verify.py with --set certify=true: {', '.join(stale)}"
    )


def test_certificates_say_how_many_sets_there_are() -> None:
    for one in load():
        widths = sum(port.width for port in one.circuit().inputs)
        assert one.sets == 2**widths, one


def test_certify(tmp_path: Path) -> None:
    assert certify(_found(), tmp_path) == 2
    add, neg = load(tmp_path)
    assert (add.operation, add.basis, add.inputs, add.sets, add.seconds) == (
        "add",
        "threshold",
        "every pair",
        65536,
        1.5,
    )
    assert (neg.inputs, neg.sets, neg.to) == ("every input", 256, None)
    assert add.holds
    assert neg.holds
    assert {"python", "numpy", "numba"} <= set(add.tools)


def test_a_newer_certificate_replaces_its_own_only(tmp_path: Path) -> None:
    certify(_found(), tmp_path)
    file = tmp_path / "float8_e5m2.json"
    values = [{**one, "network": "0" * 64} for one in json.loads(file.read_text())]
    file.write_text(json.dumps(values))
    assert [one.holds for one in load(tmp_path)] == [False, False]
    assert certify(_found(operations=("neg",)), tmp_path) == 1
    assert [(one.operation, one.holds) for one in load(tmp_path)] == [("add", False), ("neg", True)]
    certify(_found(operations=("neg",), bases=("nexus",)), tmp_path)
    assert len(load(tmp_path)) == 3


@pytest.mark.parametrize(
    "found",
    [
        lambda: _found(mismatches=1),
        lambda: _found(inputs="sample"),
        lambda: _found(check="correct", operations=("exp",)),
        lambda: [(dataclasses.replace(t, sets=dataclasses.replace(t.sets, most=99)), o) for t, o in _found()],
    ],
)
def test_what_is_not_proven_gets_no_certificate(tmp_path: Path, found: object) -> None:
    assert certify(found(), tmp_path) == 0  # type: ignore[operator]
    assert not list(tmp_path.iterdir())
