"""The strict reference on a GPU, and its kernels' text on the host, against the golden functions of the CPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.execute.cuda import plain
from lava_nexus.execute.cuda.reference import CudaReference
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.run import executor
from lava_nexus.formats import BFLOAT16, FLOAT32, FLOAT64, FORMATS
from lava_nexus.models.model import Model, random_model
from tests.circuits.cases import BASIC, CASES, Case, marked
from tests.circuits.test_arithmetic import assert_same, hard_sets
from tests.execute.cuda.cases import cases, record
from tests.execute.cuda.emulated import COMPILER, emulated
from tests.execute.cuda.test_vectors import TINY, passed

GATES = [(name, case) for name, case in cases() if not name.startswith("native")]
SUMS = [(name, case) for name, case in GATES if "(" in name or "heads" in name or "rows" in name]
on_the_host = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")


def wide(case: Case) -> bool:
    """Whether another case says nearly the same."""
    if {case.fmt, case.to} == {FLOAT32}:
        return not case.basic and case.operation not in ("exp", "sigmoid")
    return (case.operation, case.fmt, case.to) not in {
        *(("fma", fmt, to) for fmt in (BFLOAT16, FLOAT64) for to in (fmt, FLOAT32)),
        ("mul", BFLOAT16, FLOAT32), ("add", BFLOAT16, BFLOAT16), ("div", FLOAT64, FLOAT64), ("exp", BFLOAT16, BFLOAT16),
    }  # fmt: skip


def held(case: Case, runs: Executor, size: int) -> None:
    built, sets = case.build(), hard_sets(case, size, seed=3)
    assert_same(built, sets, runs.invoke(built, sets), built.golden(*sets))


@on_the_host
@pytest.mark.parametrize("case", marked(CASES, wide))
def test_plain_arithmetic_on_the_host_is_golden(case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with emulated(monkeypatch, tmp_path):
        held(case, CudaReference(), 2000)


@pytest.mark.cuda
@pytest.mark.parametrize("case", CASES, ids=str)
def test_plain_arithmetic_of_a_gpu_is_golden(case: Case) -> None:
    held(case, executor("reference_cuda"), 40_000)


def test_basic_operations_need_no_host() -> None:
    for case in BASIC:
        built = case.build()
        small = len(built.inputs) == 1 and case.fmt.bits <= 16
        assert small or plain.plain(built) is not None or "rounding" in dict(built.options), case


@on_the_host
@pytest.mark.parametrize("plans", [True, pytest.param(False, marks=pytest.mark.wide)])
def test_sums_on_the_host_are_those_of_the_reference(
    plans: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with emulated(monkeypatch, tmp_path):
        found = {name: record(case, CudaReference(plans=plans)) for name, case in SUMS[::2]}
    assert found == {name: record(case, ReferenceExecutor()) for name, case in SUMS[::2]}


@on_the_host
@pytest.mark.wide
@pytest.mark.parametrize("weights", ["float32", "bfloat16"])
def test_a_model_on_the_host_is_that_of_the_reference(
    weights: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = rounded_model(weights)
    with emulated(monkeypatch, tmp_path):
        found = passed(model, CudaReference())
    assert_equal(found, passed(model, ReferenceExecutor()))


@pytest.mark.cuda
@pytest.mark.parametrize("plans", [True, False])
@pytest.mark.parametrize("weights", ["float32", "bfloat16"])
def test_a_model_on_a_gpu_is_that_of_the_reference(weights: str, plans: bool) -> None:
    model = rounded_model(weights)
    assert_equal(passed(model, executor("reference_cuda", plans=plans)), passed(model, ReferenceExecutor()))


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["cuda", "reference_cuda"])
def test_weights_that_do_not_fit_pass_through(name: str) -> None:
    """Sent for a layer ahead, none kept, or the first ones."""
    for weights in ("float32", "bfloat16"):
        model = rounded_model(weights)
        expected = passed(model, ReferenceExecutor())[0]
        for memory in (0, 5e-6):
            runs = executor(name, count=False, weight_memory=memory)
            for _ in range(2):
                for a, b in zip(passed(model, runs)[0], expected, strict=True):
                    np.testing.assert_array_equal(a, b)


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["cuda", "reference_cuda"])
def test_a_model_on_two_gpus_is_that_on_one(name: str) -> None:
    import cupy

    if cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("one GPU")
    for weights in ("float32", "bfloat16"):
        model = rounded_model(weights)
        for memory in (None, 0):
            two, one = (executor(name, count=False, devices=d, weight_memory=memory) for d in ([0, 1], [1]))
            found, expected = passed(model, two), passed(model, one)
            assert_equal(found, expected)


@pytest.mark.cuda
def test_sums_on_a_gpu_are_those_of_the_reference() -> None:
    for plans in (True, False):
        for name, case in SUMS:
            assert record(case, executor("reference_cuda", plans=plans)) == record(case, ReferenceExecutor()), name


def test_subnormals_can_be_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    built, case = circuit("fma", BFLOAT16, subnormals=False), Case("fma", BFLOAT16, BFLOAT16)
    sets = hard_sets(case, 2000, seed=4)
    with emulated(monkeypatch, tmp_path):
        assert_same(built, sets, CudaReference().invoke(built, sets), built.golden(*sets))


def rounded_model(weights: str) -> Model:
    made = random_model(TINY)
    return Model(made.spec, made.source, replace(made.arithmetic, weight_format=FORMATS[weights]))


def assert_equal(found: Any, expected: Any) -> None:
    assert found[1] == expected[1]
    for a, b in zip(found[0], expected[0], strict=True):
        np.testing.assert_array_equal(a, b)
