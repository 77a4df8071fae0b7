"""Plans tell of the first infinity or NaN what a walk node by node tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.execute.cuda.gpus import GpuExecutor
from lava_nexus.execute.cuda.reference import CudaReference
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.run import executor
from lava_nexus.execute.watch import Watch
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT16, FloatFormat
from lava_nexus.programs import Program, Writer, linear
from tests.execute.cuda.emulated import COMPILER, emulated
from tests.models.test_folders import TOKENS
from tests.models.test_narrow import large

on_the_host = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")


def _program(fmt: FloatFormat) -> Program:
    """Sums that may leave the range, their largest, and products of both; nodes that do not wait come in between."""
    w = Writer(Program("p"), fmt, accumulate="sequential").inside("first")
    x = w.program.input("x", (6, 5), fmt)
    rng = np.random.default_rng(3)
    weight, bias = (w.constant(rng.standard_normal(shape).astype(np.float32)) for shape in ((7, 5), (7,)))
    y = linear(w, x, weight, bias)
    w = w.inside("second")
    both = w.apply("mul", x, x)
    squares = w.apply("mul", y, y)
    w = w.inside("third")
    rows = w.concatenate([both, squares], -1)
    w.program.outputs |= {"most": w.reduce("max", rows), "sum": w.reduce("add", squares)}
    return w.program


def _met(program: Program, runs: Executor, fmt: FloatFormat, scale: float) -> tuple[str | None, bool, Any]:
    watch = Watch()
    x = (np.random.default_rng(4).standard_normal((2, 6, 5)) * scale).astype(np.float32)
    found = run_program(program, {"x": fmt.to_patterns(x.astype(fmt.dtype))}, runs, watch=watch)
    return watch.met, watch.told, {name: patterns.tolist() for name, patterns in found.outputs.items()}


SCALES = {BFLOAT16: (1.0, 1e17, 3e19, 1e38), FLOAT16: (1.0, 30.0, 200.0, 2e4), FLOAT8_E4M3FN: (0.5, 8.0, 60.0, 300.0)}


@on_the_host
@pytest.mark.parametrize(
    "fmt", [FLOAT16, *(pytest.param(fmt, marks=pytest.mark.wide) for fmt in (BFLOAT16, FLOAT8_E4M3FN))], ids=str
)
def test_a_plan_tells_what_a_walk_tells(fmt: FloatFormat, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = _program(fmt)
    expected = [_met(program, ReferenceExecutor(), fmt, scale) for scale in SCALES[fmt]]
    assert expected[0][0] is None and len({met for met, _, _ in expected}) > 2
    with emulated(monkeypatch, tmp_path):
        runs = CudaReference()
        assert runs.run_whole(program, {"x": np.zeros((2, 6, 5), fmt.pattern_dtype)}) is not None
        assert [_met(program, runs, fmt, scale) for scale in SCALES[fmt]] == expected


def _alarms(folder: Path, runs: Executor) -> tuple[list[str], Any]:
    model = nexus.load(large(folder), format="float16", norm_format="float16")
    with pytest.warns(RuntimeWarning, match="infinite or NaN in float16"):
        found = model(TOKENS, runs, layers=(0, 1))
    return found.counts.alarms, [states.tobytes() for states in found.hidden_states]


@on_the_host
@pytest.mark.wide
def test_a_model_tells_where_it_left_the_range(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    expected = _alarms(tmp_path / "a", ReferenceExecutor())
    with emulated(monkeypatch, tmp_path):
        assert _alarms(tmp_path / "b", CudaReference()) == expected


@pytest.mark.cuda
def test_a_gpu_tells_what_a_walk_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for count in (False, True):
        for fmt, scales in SCALES.items():
            program = _program(fmt)
            for scale in scales:
                expected = _met(program, ReferenceExecutor(), fmt, scale)
                assert _met(program, executor("cuda", count=count), fmt, scale) == expected
    planned, ran = GpuExecutor.run_watched, list[bool]()

    def told(self: GpuExecutor, *given: Any) -> Any:
        found = planned(self, *given)
        ran.append(found is not None)
        return found

    monkeypatch.setattr(GpuExecutor, "run_watched", told)
    assert _alarms(tmp_path / "a", executor("cuda", count=False)) == _alarms(tmp_path / "b", ReferenceExecutor())
    assert ran and all(ran)
