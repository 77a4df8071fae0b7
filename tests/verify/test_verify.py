"""`scripts/verify.py` in-process: table and files, interruption and resumption, what it says of a broken network."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.config import load_config
from lava_nexus.formats import FLOAT8_E4M3FN
from lava_nexus.lab.configs.verification import VerifyConfig
from lava_nexus.lab.verification import checks as plan
from lava_nexus.lab.verification.checks import verify
from lava_nexus.neurons.built import Computed
from lava_nexus.verify import certificates
from lava_nexus.verify.check import Check
from tests.commands import exit_code
from tests.evaluate import evaluate, input_spikes, output_patterns

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "verify").glob("*.yaml"))
JOB = "{inputs: exhaustive, operations: [%s], formats: [float8_e4m3fn], bases: [threshold], check: %s}"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(certificates, "FOLDER", tmp_path / "certificates")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _end(text: str, *options: str) -> int:
    return exit_code(VerifyConfig, verify, text, *options)


def _config(operations: str, check: str = "gates", chunk: int = 4096) -> str:
    return f"jobs: [{JOB % (operations, check)}]\nchunk: {chunk}\nthreads: 2\nout: out\n"


def _report(folder: str = "out") -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = json.loads(Path(folder, "verification.json").read_text())["results"]
    return results


def _without_times(folder: str) -> Any:
    return re.sub(r'"seconds": [0-9.e-]+', "", json.dumps(_report(folder)))


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert _end(_config("add, compare_lt, neg")) == 0
    printed = capsys.readouterr().out
    with Path("out/verification.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["operation"], r["inputs tried"], r["mismatches"]) for r in rows] == [
        ("add", "65536", "0"),
        ("compare_lt", "65536", "0"),
        ("neg", "256", "0"),
    ]
    assert rows[0]["how checked"] == "every pair: gates against golden"
    assert rows[0]["digest"] == circuit("add", FLOAT8_E4M3FN).digest[:12]
    assert "| compare_lt" in printed
    assert printed.split("\n\nreport")[0] in Path("out/verification.md").read_text()


@pytest.mark.parametrize("after", [0, 1, 7])
def test_an_interrupted_run_continues(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _end(_config("add, mul"), "--out", "whole") == 0
    chunk, seen = Check.chunk, list[tuple[str, int]]()

    def counted(self: Check, number: int) -> Any:
        seen.append((self.operation, number))
        return chunk(self, number)

    def interrupted(self: Check, number: int) -> Any:
        if self.operation == "mul" and number == after:
            raise KeyboardInterrupt
        return counted(self, number)

    monkeypatch.setattr(Check, "chunk", interrupted)
    assert _end(_config("add, mul")) == 130
    assert not Path("out/verification.md").exists()
    monkeypatch.setattr(Check, "chunk", counted)
    seen.clear()
    assert _end(_config("add, mul")) == 0
    assert sorted(seen) == [("mul", number) for number in range(after, 16)]
    assert _without_times("out") == _without_times("whole")
    seen.clear()
    assert _end(_config("add, mul")) == 0
    assert not seen


def _golden(function: Any) -> Computed:
    return Computed(function, "integers")


def _broken(neuron: int) -> Circuit:
    whole = circuit("add", FLOAT8_E4M3FN)
    thresholds = whole.network.thresholds.copy()
    thresholds[neuron] += 1
    return dataclasses.replace(whole, network=dataclasses.replace(whole.network, thresholds=thresholds))


def test_a_broken_network_is_named_with_its_operands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _end(_config("add")) == 0
    broken = _broken(neuron=20)
    monkeypatch.setattr(plan, "circuit", lambda *_, **__: broken)
    assert _end(_config("add"), "--set", "certify=true") == 2
    told = re.search(
        r"1 of 1 circuits differ from their reference; add float8_e4m3fn, threshold basis: ([0-9,]+) of 65,536 "
        r"operand sets, first (0x..), (0x..) gives (0x..), not (0x..)\n",
        capsys.readouterr().err,
    )
    assert told
    a, b, answered, expected = (int(word, 16) for word in told.groups()[1:])
    operands = [np.array([a], np.uint8), np.array([b], np.uint8)]
    spikes = evaluate(broken.network, input_spikes(broken.network, operands))
    assert output_patterns(broken.network, spikes)[0] == answered != expected
    assert broken.golden(*operands)[0] == expected
    result = _report()[0]
    assert result["mismatches"] == int(told[1].replace(",", "")) > 0
    assert result["found"]["examples"][0] == {"operands": [a, b], "answered": answered, "expected": expected}
    assert not certificates.load(Path("certificates"))


def test_correct_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = circuit("exp", FLOAT8_E4M3FN)

    @_golden
    def low(patterns: Any) -> Any:  # one unit too low for 0.5 and 1
        return whole.golden(patterns) - np.isin(patterns, [0x30, 0x38]).astype(np.uint8)

    assert _end(_config("exp", "both"), "--out", "right") == 0
    assert _report("right")[0]["found"]["rounding"]["wrong"] == 0
    monkeypatch.setattr(plan, "circuit", lambda *_, **__: dataclasses.replace(whole, golden=low))
    assert _end(_config("exp", "correct", chunk=100)) == 0
    found = _report()[0]["found"]
    assert found["mismatches"] is None
    assert (found["rounding"]["wrong"], found["rounding"]["max_ulp"], found["rounding"]["worst"]) == (2, 1, 0x30)
    assert "99.218750" in Path("out/verification.md").read_text()


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["exp", "tanh", "cos", "silu"])
def test_flat_runs_are_what_single_operands_give(name: str, every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    job = JOB.replace("float8_e4m3fn", "bfloat16") % (name, "correct")
    config = VerifyConfig.model_validate(yaml.safe_load(f"jobs: [{job}]\nchunk: 64"))
    (one,) = plan.plan(config, False, lambda _: None)
    flat = [number for number in range(0, one.sets.chunks, every) if one._flat(number) is not None]
    assert len(flat) > {"exp": 180, "tanh": 40, "silu": 40, "cos": -1}[name]
    quick = [one.chunk(number).rounding for number in flat]
    monkeypatch.setattr(Check, "_flat", lambda *_: None)
    for number, found in zip(flat, quick, strict=True):
        slow = one.chunk(number).rounding
        assert found is not None
        assert slow is not None
        assert dataclasses.replace(found, by_precision=0) == dataclasses.replace(slow, by_precision=0)


def test_gates_against_correct_rounding_need_no_golden_function(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = circuit("exp2", FLOAT8_E4M3FN)

    @_golden
    def silent(patterns: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(plan, "circuit", lambda *_, **__: dataclasses.replace(whole, golden=silent))
    assert _end(_config("exp2", "direct", chunk=100)) == 0
    found = _report()[0]["found"]
    assert (found["sets"], found["rounding"]["wrong"], found["rounding"]["against_order"]) == (256, 0, 0)
    thresholds = whole.network.thresholds.copy()
    thresholds[5] += 1
    broken = dataclasses.replace(whole.network, thresholds=thresholds)
    monkeypatch.setattr(
        plan,
        "circuit",
        lambda *_, **__: dataclasses.replace(whole, network=broken, golden=silent),
    )
    assert _end(_config("exp2", "direct")) == 0
    assert _report()[0]["found"]["rounding"]["wrong"] > 0


def test_results_against_the_order_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = circuit("exp", FLOAT8_E4M3FN)
    swap = {0x38: 0x40, 0x40: 0x38}

    @_golden
    def swapped(patterns: Any) -> Any:
        return whole.golden(np.array([swap.get(p, p) for p in patterns.tolist()], np.uint8))

    for chunk in (256, 3):
        monkeypatch.setattr(plan, "circuit", lambda *_, **__: dataclasses.replace(whole, golden=swapped))
        assert _end(_config("exp", "correct", chunk), "--out", f"out{chunk}") == 0
        assert _report(f"out{chunk}")[0]["found"]["rounding"]["against_order"] == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_config("ad"), "operation 'ad' does not exist"),
        (_config("add", "correct"), "correct rounding of 'add' is not known"),
        (_config("add").replace("float8_e4m3fn", "float32"), "64 bits, above the 32 of an exhaustive check"),
        (_config("add").replace("float8_e4m3fn", "float23"), "did you mean 'float32'"),
    ],
)
def test_mistakes(text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _end(text) == 2
    assert words in capsys.readouterr().err


def test_what_all_cannot_do_is_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    job = "{inputs: exhaustive, operations: all, operands: 2, formats: [float32], bases: [threshold]}"
    assert _end(f"jobs: [{job}]\nout: out\n") == 0
    assert "left out: add float32: operands of 'add' have 64 bits" in capsys.readouterr().out
    assert _report() == []


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs_that_ship(path: Path) -> None:
    assert load_config(VerifyConfig, path).out == Path("results/verify") / path.stem
