"""The digits run: one report, whatever the executor, with 0 ULP against the strict reference."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lava_nexus.config import build_config
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import FLOAT32
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.runs.digits import run_digits
from lava_nexus.models.checkpoint import load_checkpoint, save_checkpoint
from lava_nexus.models.digits import DIGITS, WEIGHTS, digits_program, load_split
from tests.lab.digits.forward import forward

KEYS = {
    "schema_version",
    "config",
    "executor",
    "accuracy",
    "ulp",
    "neurons",
    "synapses",
    "depth",
    "time_steps",
    "spikes",
    "synops",
    "energy",
    "wall_seconds",
}


def config(**changes: Any) -> RunConfig:
    values: dict[str, Any] = {"model": {"kind": "digits", "images": 2}, "executor": "bitsliced", **changes}
    return build_config(RunConfig, values, "test")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[dict[str, Any], Path]]:
    """The report of two images and its folder, by executor; each runs once."""

    @cache
    def run(executor: str) -> tuple[dict[str, Any], Path]:
        folder = tmp_path_factory.mktemp(executor)
        return run_digits(config(executor=executor), folder), folder

    return run


@pytest.mark.parametrize("executor", ["bitsliced", "membrane", "reference", "lava"])
def test_every_executor_gives_the_reference_bits(
    executor: str, ran: Callable[[str], tuple[dict[str, Any], Path]]
) -> None:
    report, folder = ran(executor)
    assert set(report) >= KEYS
    assert report["ulp"]["strict"]["max"] == 0
    assert report["ulp"]["strict"]["zero_rate"] == 1.0
    assert report["ulp"]["strict"]["unequal_bits"] == 0
    assert report["ulp"]["strict"]["count"] == 20
    assert report["ulp"]["pytorch"]["count"] == 20
    assert report["accuracy"]["network"] == report["accuracy"]["pytorch"]
    assert json.loads((folder / "report.json").read_text()) == report
    assert (folder / "report.md").read_text().startswith("# Digits transformer")
    assert (folder / "spikes.png").stat().st_size > 10_000
    if executor != "reference":
        assert report["spikes"] > 10**6 and report["synops"] > report["spikes"]
        assert report["energy"]["joules"] > 0
        assert (folder / "synops.png").exists()


def test_executors_count_the_same(ran: Callable[[str], tuple[dict[str, Any], Path]]) -> None:
    reports = [ran(executor)[0] for executor in ("bitsliced", "membrane")]
    assert reports[0]["spikes"] == reports[1]["spikes"] and reports[0]["synops"] == reports[1]["synops"]


@pytest.mark.parametrize(
    "fmt", ["float8_e4m3fn", *(pytest.param(f, marks=pytest.mark.wide) for f in ("float8_e5m2", "float16", "bfloat16"))]
)
def test_narrower_formats_run_by_the_same_config(fmt: str, tmp_path: Path) -> None:
    report = run_digits(config(format=fmt), tmp_path)
    assert report["ulp"]["strict"]["zero_rate"] == 1.0 and report["ulp"]["strict"]["unequal_bits"] == 0


def test_the_program_is_the_model() -> None:
    """The strict reference in FP32 is as near to a float64 forward, written by hand, as FP32 can be."""
    tensors, tokens = load_checkpoint(WEIGHTS, DIGITS.tensors), load_split().test_tokens[:20]
    program = digits_program(tensors, DIGITS, FLOAT32)
    outputs = run_program(program, {"tokens": FLOAT32.to_patterns(tokens)}, ReferenceExecutor()).outputs
    logits = FLOAT32.from_patterns(outputs["logits"])[:, 0]
    wide = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    exact = np.stack([forward(wide, s.astype(np.float64), DIGITS.heads, DIGITS.eps, DIGITS.scale) for s in tokens])
    np.testing.assert_allclose(logits, exact, atol=2e-5)


def test_a_checkpoint_of_another_shape_is_one_sentence(tmp_path: Path) -> None:
    tensors = load_checkpoint(WEIGHTS, DIGITS.tensors)
    tensors["classifier.bias"] = tensors["classifier.bias"][:9]
    save_checkpoint(tmp_path / "bad.safetensors", tensors)
    broken = config(model={"kind": "digits", "images": 1, "checkpoint": str(tmp_path / "bad.safetensors")})
    with pytest.raises(NexusError, match=r"classifier\.bias.*\(9,\).*\(10,\)"):
        run_digits(broken, tmp_path / "out")
    assert not (tmp_path / "out" / "report.json").exists()
