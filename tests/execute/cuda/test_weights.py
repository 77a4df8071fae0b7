"""Weights on GPUs, run on the host: kept or passing through, on one GPU or shared out, the sums are the reference's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.cuda import CudaExecutor
from lava_nexus.execute.cuda.gpus import GpuExecutor
from lava_nexus.execute.cuda.reference import CudaReference
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.weights import Remote, Rows
from lava_nexus.formats import BFLOAT16, FLOAT32, FloatFormat
from lava_nexus.models.hashed import HashedTensors
from lava_nexus.programs import Program, Writer
from tests.execute.cuda.cases import patterns
from tests.execute.cuda.emulated import COMPILER, emulated

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")


class _Source:
    """Tensors in memory; tells what was read."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    def rows(self, name: str, shape: tuple[int, ...], rows: slice) -> NDArray[np.float32]:
        """Some rows of it."""
        self.reads.append(name)
        tensor = np.random.default_rng(ord(name)).standard_normal(shape).astype(np.float32)
        return tensor[rows]


class _Partly(_Source):
    """Tensor a is stored in BF16."""

    def rows(self, name: str, shape: tuple[int, ...], rows: slice) -> NDArray[np.float32]:
        """Some rows of it."""
        found = super().rows(name, shape, rows).astype(BFLOAT16.dtype if name == "a" else np.float32)
        return found.astype(np.float32)

    def halved(self, name: str) -> bool:
        """Of one."""
        return name == "a"

    def upper_halves(self, name: str, shape: tuple[int, ...], rows: slice, out: NDArray[np.uint16]) -> None:
        """As BF16."""
        out[...] = self.rows(name, shape, rows).view(np.uint32) >> 16


def program(fmt: FloatFormat) -> Program:
    """Two products with weights that do not wait for each other, which are one step, and one that does."""
    w = Writer(Program("layer"), fmt).inside("layer")
    x, a, b, c = (
        w.program.input(n, s, fmt) for n, s in (("x", (5, 17)), ("a", (137, 17)), ("b", (40, 17)), ("c", (33, 40)))
    )
    w.program.outputs["first"] = w.contract(x, a)
    w.program.outputs["last"] = w.contract(w.contract(x, b), c)
    return w.program


def weights(fmt: FloatFormat, rounded: FloatFormat | None) -> dict[str, Rows]:
    shapes = {"a": (150, 17), "b": (53, 17), "c": (46, 40)}
    return {n: Rows(n, shape, slice(13, shape[0]), fmt, rounded) for n, shape in shapes.items()}


Counts = list[tuple[str, int, int | None, int | None]]


def held(runs: GpuExecutor, fmt: FloatFormat, rounded: FloatFormat | None, source: Any) -> Counts:
    """Holds sums to the reference's; what they cost."""
    layer, rows = program(fmt), weights(fmt, rounded)
    given = {"x": patterns(fmt, (2, 5, 17), 1)}
    whole = {name: one.read(source)[None] for name, one in rows.items()}
    expected = run_program(layer, given | whole, ReferenceExecutor())
    for kept in (True, True, False):
        runs.ahead(rows.values() if kept else (), source)
        feeds = {**given, **(runs.feeds(layer, rows, source) if kept else whole)}
        assert all(isinstance(feeds[name], Remote) == kept for name in rows)
        found = run_program(layer, feeds, runs)
        for name, one in expected.outputs.items():
            np.testing.assert_array_equal(found.outputs[name], one)
        assert sorted((t.circuit.label, t.invocations) for t in found.tallies) == sorted(
            (t.circuit.label, t.invocations) for t in expected.tallies
        )
    return sorted((t.circuit.label, t.invocations, t.spikes, t.synops) for t in found.tallies)


@pytest.mark.parametrize("devices", [[0], [0, 1]])
@pytest.mark.parametrize("memory", [None, 0.0])
@pytest.mark.parametrize("rounded", [None, BFLOAT16], ids=str)
def test_plain_sums(
    rounded: FloatFormat | None,
    memory: float | None,
    devices: list[int],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with emulated(monkeypatch, tmp_path):
        held(CudaReference(devices, memory), FLOAT32, rounded, _Source())
        held(CudaReference(devices, memory), FLOAT32, rounded, _Partly())
        held(CudaReference(devices, memory), FLOAT32, rounded, HashedTensors(0))


@pytest.mark.parametrize("memory", [None, 0.0])
@pytest.mark.parametrize("fmt", [BFLOAT16, pytest.param(FLOAT32, marks=pytest.mark.wide)], ids=str)
def test_gates(fmt: FloatFormat, memory: float | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with emulated(monkeypatch, tmp_path):
        counts = held(CudaExecutor(True, [0, 1], weight_memory=memory), fmt, BFLOAT16, _Source())
    layer, rows = program(fmt), weights(fmt, BFLOAT16)
    feeds = {"x": patterns(fmt, (2, 5, 17), 1)} | {n: one.read(_Source())[None] for n, one in rows.items()}
    tallies = run_program(layer, feeds, BitslicedExecutor(threads=1)).tallies
    assert counts == sorted((t.circuit.label, t.invocations, t.spikes, t.synops) for t in tallies)


@pytest.mark.wide
def test_gates_of_weights_that_are_partly_bf16(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with emulated(monkeypatch, tmp_path):
        held(CudaExecutor(True), FLOAT32, None, _Partly())


def test_weights_are_read_once_where_they_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those that came first stay; the others are read for each pass."""
    two = (137 + 40) * 17 * 4
    with emulated(monkeypatch, tmp_path):
        for memory, reads in ((1e-3, "abc"), (two / 1e9, "abc" + "c"), (0, "abc" * 2)):
            source, runs = _Source(), CudaReference(weight_memory=memory)
            layer, rows = program(FLOAT32), weights(FLOAT32, None)
            for _ in range(2):
                runs.ahead(rows.values(), source)
                feeds = {"x": patterns(FLOAT32, (2, 5, 17), 1), **runs.feeds(layer, rows, source)}
                run_program(layer, feeds, runs)
            assert "".join(source.reads) == reads


def test_weights_of_another_model_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with emulated(monkeypatch, tmp_path):
        runs = CudaReference(weight_memory=2.5e-5)
        for source in (_Source(), _Source()):
            held(runs, FLOAT32, None, source)
            kept = [entry for entry in runs.weights._kept.values()]
            assert kept and all(of is source for _, _, of in kept)


def test_the_memory_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with emulated(monkeypatch, tmp_path):
        with pytest.raises(NexusError, match="weight_memory -1 is below 0"):
            CudaExecutor(weight_memory=-1)
        with pytest.raises(NexusError, match="weight_memory 'all' is not a number"):
            CudaReference(weight_memory="all")  # type: ignore[arg-type]


def test_a_mistake_in_weights_is_told_where_they_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Wrong(_Source):
        def rows(self, name: str, shape: tuple[int, ...], rows: slice) -> NDArray[np.float32]:
            """Beyond BF16."""
            return np.full(shape, 3.4e38, np.float32)[rows]

    with emulated(monkeypatch, tmp_path), pytest.raises(NexusError, match="tensor 'a' holds 3.4e"):
        held(CudaReference(), FLOAT32, BFLOAT16, Wrong())
