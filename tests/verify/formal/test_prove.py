"""The command: progress kept, certificates written, mistakes told; and the certificates that the package holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("bitwuzla")

from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.verification import ProofConfig, ProofJob
from lava_nexus.lab.verification.prove import prove
from lava_nexus.verify.certificates import load_proofs as load
from lava_nexus.verify.formal.proof import Obligation
from lava_nexus.verify.formal.solve import Answer

JOB = ProofJob(operations=("neg", "abs"), formats=("float8_e5m2",))


def test_every_certificate_is_of_todays_network() -> None:
    stale = [one.name for one in load() if not one.holds]
    assert not stale, f"proven networks have changed, run scripts/prove.py with --set certify=true: {stale}"


def test_the_package_holds_certificates() -> None:
    assert {("add", "float8_e5m2"), ("compare_lt", "float32")} <= {(one.operation, one.format) for one in load()}


def test_a_run_writes_table_and_certificates(tmp_path: Path) -> None:
    config = ProofConfig(proofs=(JOB,), certify=True)
    outcomes = prove(config, tmp_path / "out", certificates=tmp_path / "kept")
    assert [outcome.verdict for outcome in outcomes] == ["proven on all operands"] * 2
    certificates = load(tmp_path / "kept")
    assert [one.operation for one in certificates] == ["abs", "neg"]
    assert all(one.holds and one.tool.startswith("Bitwuzla") for one in certificates)
    rows = json.loads((tmp_path / "out" / "proofs.json").read_text())["proofs"]
    assert [row["proven"] for row in rows] == [1, 1]
    assert "proven on all operands" in (tmp_path / "out" / "proofs.md").read_text()


def test_proven_cases_are_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(ProofConfig(proofs=(JOB,)), tmp_path)
    monkeypatch.setattr("lava_nexus.verify.formal.proof.satisfiable", None)
    assert all(outcome.complete for outcome in prove(ProofConfig(proofs=(JOB,)), tmp_path))


def test_what_a_certificate_holds_for_is_left_out_on_request(tmp_path: Path) -> None:
    config = ProofConfig(proofs=(JOB,), certify=True, only_stale=True)
    assert len(prove(config, tmp_path, certificates=tmp_path / "kept")) == 2
    assert prove(config, tmp_path, certificates=tmp_path / "kept") == []


def test_undecided_is_not_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lava_nexus.verify.formal.proof.satisfiable", lambda *_, **__: Answer("unknown", 1.0))
    outcomes = prove(ProofConfig(proofs=(JOB,), certify=True), tmp_path, certificates=tmp_path / "kept")
    assert not any(outcome.complete for outcome in outcomes)
    assert not load(tmp_path / "kept")


def test_a_refuted_circuit_ends_the_run_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Obligation, "prove", lambda *_: Answer("sat", 1.0, (0x3C,)))
    with pytest.raises(NexusError, match=r"neg float8_e5m2 .* refuted: \(0x3c\) gives 0xbc, expected 0xbc \(not seen"):
        prove(ProofConfig(proofs=(JOB,)), tmp_path)
