"""Verification on a GPU, and its kernels' text run by the host: what the CPU finds, resumption, a broken network."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.run import executor
from lava_nexus.formats import BFLOAT16, FLOAT8_E5M2, FLOAT32
from lava_nexus.lab.configs.verification import DEFAULT_CHUNK, GPU_CHUNK, VerifyConfig
from lava_nexus.lab.verification import checks
from lava_nexus.lab.verification.checks import verify
from lava_nexus.verify import on_gpu
from lava_nexus.verify.check import Check
from lava_nexus.verify.sets import Exhaustive
from tests.commands import exit_code
from tests.execute.cuda.emulated import COMPILER, emulated

JOBS = """\
jobs:
  - {inputs: exhaustive, operations: [add, compare_lt, exp], formats: [float8_e5m2], bases: [threshold]}
  - {inputs: exhaustive, operations: [tanh], formats: [float8_e5m2], bases: [threshold], check: both}
  - {inputs: sample, operations: [neg], formats: [float32], bases: [threshold], size: 1000, corners: 500}
threads: 2
out: out
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    on_gpu.executors.cache_clear()
    yield
    on_gpu.executors.cache_clear()


def _end(*options: str, text: str = JOBS) -> int:
    return exit_code(VerifyConfig, verify, text, *options)


def _found(folder: str) -> list[dict[str, Any]]:
    results = json.loads(Path(folder, "verification.json").read_text())["results"]
    for row in results:
        row["how checked"] = row["how checked"].removesuffix(", on a GPU")
        del row["seconds"], row["found"]["seconds"]
    return list(results)


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
def test_neurons_and_golden_functions_on_the_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _end("--out", "cpu") == 0
    with emulated(monkeypatch, tmp_path):
        assert _end("--set", "executor=cuda", "--set", "chunk=20000") == 0
        printed = capsys.readouterr().out
        assert "every pair: gates against golden, on a GPU" in printed and "(drawn), 1,000 random" in printed
        assert _found("out") == _found("cpu")
        monkeypatch.setattr(Check, "chunk", lambda *_: pytest.fail("done already"))
        assert _end("--set", "executor=cuda", "--set", "chunk=20000") == 0


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
def test_a_broken_network_is_found_with_the_same_operands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = circuit("add", FLOAT8_E5M2)
    thresholds = whole.network.thresholds.copy()
    thresholds[20] += 1
    broken = dataclasses.replace(whole, network=dataclasses.replace(whole.network, thresholds=thresholds))
    one = Check(broken, "add", "float8_e5m2", None, {}, Exhaustive(whole.inputs, 1 << 16), gates=True, correct=False)
    with emulated(monkeypatch, tmp_path):
        found = dataclasses.replace(one, executor="cuda").chunk(0)
    assert found == one.chunk(0) and found.mismatches and len(found.examples) == 5


def test_without_a_gpu_one_sentence_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        executor("cuda")
    except NexusError as error:
        assert _end("--set", "executor=cuda") == 2
        assert capsys.readouterr().err.strip().endswith(str(error))


def test_large_chunks_are_of_what_is_made_on_a_gpu() -> None:
    jobs = [
        {"inputs": i, "formats": ["bfloat16"], "check": c} for i, c in (("exhaustive", "gates"), ("sample", "both"))
    ]
    config = VerifyConfig.model_validate({"jobs": jobs, "executor": "cuda"})
    assert [config.sets_at_a_time(job) for job in config.jobs] == [GPU_CHUNK, DEFAULT_CHUNK]
    assert VerifyConfig.model_validate({"jobs": jobs}).sets_at_a_time(config.jobs[0]) == DEFAULT_CHUNK


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["add", "mul", "div"])
def test_all_pairs_of_bfloat16(name: str) -> None:
    made = circuit(name, BFLOAT16)
    one = Check(made, name, "bfloat16", None, {}, Exhaustive(made.inputs, GPU_CHUNK), gates=True, correct=False)
    one = dataclasses.replace(one, executor="cuda")
    found = [one.chunk(number) for number in range(one.sets.chunks)]
    assert sum(part.sets for part in found) == 1 << 32 and not any(part.mismatches for part in found)


@pytest.mark.cuda
def test_a_gpu_finds_what_the_cpu_finds() -> None:
    assert _end("--out", "cpu") == 0
    assert _end("--set", "executor=cuda") == 0
    assert _found("out") == _found("cpu")
    made = circuit("add", FLOAT32)
    wrong = np.flatnonzero(made.network.thresholds > 1)[-40]
    thresholds = made.network.thresholds.copy()
    thresholds[wrong] += 1
    broken = dataclasses.replace(made, network=dataclasses.replace(made.network, thresholds=thresholds))
    one = checks.Check(broken, "add", "float32", None, {}, Exhaustive(made.inputs, 1 << 20, 1 << 20), True, False)
    found = dataclasses.replace(one, executor="cuda").chunk(0)
    assert found == one.chunk(0) and found.mismatches
