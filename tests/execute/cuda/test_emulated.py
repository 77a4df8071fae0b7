"""Plans, tables and the text of kernels, run on the host: bits and counts are those of the bit-sliced executor."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.cuda import CudaExecutor, kernels
from lava_nexus.execute.cuda import executor as cuda_executor
from lava_nexus.execute.cuda.golden import Held, against_golden
from lava_nexus.execute.cuda.native import layers, units
from lava_nexus.execute.cuda.source import head, whole
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.tallies import Tallies, Tally
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT32, FloatFormat
from lava_nexus.models.model import random_model
from lava_nexus.populations.native.limbs import Limbs
from tests.execute.cuda.cases import cases, linear_layer, native_cases, patterns, record
from tests.execute.cuda.emulated import COMPILER, Emulator, emulated
from tests.execute.cuda.test_vectors import TINY, passed

CASES = dict(cases())

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")


@pytest.mark.parametrize("count", ["activity", pytest.param(False, marks=pytest.mark.wide)])
@pytest.mark.parametrize(
    "name",
    [
        "sequential (3, 5, 7) bfloat16",
        "fma (2, 20, 64) bfloat16",
        "rows folded by add and max",
        "scores of heads",
        "elements of several sizes",
        pytest.param("exact (5, 9, 33) float8_e4m3fn", marks=pytest.mark.wide),
    ],
)
def test_kernels_on_the_host_give_what_the_cpu_gives(
    name: str, count: bool | str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with emulated(monkeypatch, tmp_path):
        found = record(CASES[name], CudaExecutor(count=count))
    assert found == record(CASES[name], BitslicedExecutor(count))


@pytest.mark.parametrize("how", ["one", pytest.param("sequential", marks=pytest.mark.wide), "fma"])
def test_kernels_count_a_sample_within_its_stated_error(
    how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    case = partial(operation, name="mul", sets=40_000) if how == "one" else partial(layer, accumulate=how)
    with emulated(monkeypatch, tmp_path):
        bits, exact = case(CudaExecutor())
        for seed in range(3):
            found, sampled = case(CudaExecutor("sample", seed=seed))
            assert [one.tobytes() for one in found] == [one.tobytes() for one in bits]
            for one, known in zip(sampled, exact, strict=True):
                assert one.counted < one.invocations == known.invocations
                for estimate, count in ((one.spikes, known.spikes), (one.synops, known.synops)):
                    assert abs(estimate.value - count) < 5 * estimate.error < 0.05 * count


@pytest.mark.parametrize("count", ["activity", pytest.param(False, marks=pytest.mark.wide)])
def test_pieces_of_a_circuit_pass_their_values_on(
    count: bool | str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kernels, "MOST_A_KERNEL", 60)
    monkeypatch.setattr(kernels, "MOST_COUNTED", 60)
    monkeypatch.setattr(cuda_executor, "_PASSED_SETS", 4096)
    with emulated(monkeypatch, tmp_path):
        executor = CudaExecutor(count=count)
        assert len(kernels.elementwise_kernels(circuit("mul", FLOAT8_E5M2), executor.variant).pieces) > 1
        found = operation(executor, "mul", 10_000)
    bits, tallies = operation(BitslicedExecutor(count), "mul", 10_000)
    assert [one.tobytes() for one in found[0]] == [one.tobytes() for one in bits]
    assert [(one.spikes, one.synops, one.active) for one in found[1]] == [
        (one.spikes, one.synops, one.active) for one in tallies
    ]


@pytest.mark.parametrize("c_type", ["unsigned char", "unsigned short", "u32", "u64"])
def test_patterns_become_planes_wherever_they_begin(c_type: str, tmp_path: Path) -> None:
    bits = {"unsigned char": 8, "unsigned short": 16, "u32": 32, "u64": 64}[c_type]
    lines = [
        head("run", [f"const {c_type} *p", f"{c_type} *q", "u32 *planes", "long long n"]),
        "  const int warp = (blockIdx.x * blockDim.x + threadIdx.x) >> 5;",
        "  if (warp * 1024 >= n) return;",
        f"  u32 *plane = planes + (blockIdx.x * blockDim.x + threadIdx.x) * {bits};",
        "  pack_sets(p, warp * 1024, n, plane);",
        "  unpack_sets(q, warp * 1024, n, plane);",
    ]
    emulator = Emulator(tmp_path)
    rng = np.random.default_rng(0)
    for n, begin in ((2048, 0), (2048, 1), (1500, 0), (5, 3)):
        patterns = rng.integers(0, (1 << bits) - 1, begin + n, dtype=np.uint64).astype(f"u{bits // 8}")[begin:]
        found, planes = np.zeros(n + 1, patterns.dtype), np.zeros((128, bits), np.uint32)
        emulator.launch(lambda: whole([], lines), c_type, 64, [patterns, found, planes, n])
        assert (found[:n] == patterns).all() and found[n] == 0
        for bit in range(bits):
            assert bin(int.from_bytes(planes[:, bit].tobytes(), "little")).count("1") == (patterns >> bit & 1).sum()


def operation(executor: Executor, name: str, sets: int) -> tuple[list[Any], Tallies]:
    """An operation of an 8-bit format on arrays."""
    target = circuit(name, FLOAT8_E5M2)
    operands = [patterns(FLOAT8_E5M2, (sets,), seed) for seed in range(2)]
    with executor.apart() as tallies:
        return [executor.invoke(target, operands)], tallies


def layer(executor: CudaExecutor, accumulate: str) -> tuple[list[Any], Tallies]:
    """A linear layer of more words than a sample of them has."""
    return linear_layer(executor, accumulate, (120, 3, 300), FLOAT8_E5M2)


class _OtherGates(CudaExecutor):
    """Gates are the CPU's, whose kernels compile faster; what lies between them is not."""

    def __init__(self, count: Any) -> None:
        super().__init__(count)
        self._gates = BitslicedExecutor(count)

    def invoke_all(self, circuit: Circuit, operands: Any) -> tuple[Any, ...]:
        with self._gates.apart(add=False) as tallies:
            found = self._gates.invoke_all(circuit, operands)
        self.tallies.merge(tallies)
        return found

    def applied(self, circuit: Circuit, operands: Any, results: Any) -> Tally:
        with self._gates.apart(add=False) as tallies:
            for result, found in zip(results, self._gates.invoke_all(circuit, operands), strict=True):
                result[:] = found
        (tally,) = tallies
        assert isinstance(tally, Tally)
        return tally


_OF = (("activity", units.INTEGERS), (True, units.DOUBLES), (False, units.INTEGERS))
_QUICK = ("native layer float8_e4m3fn", "native scores of heads float8_e4m3fn")


@pytest.mark.parametrize(
    ("name", "count", "of"),
    [
        pytest.param(name, count, of, marks=() if name in _QUICK and count == "activity" else pytest.mark.wide)
        for name, _ in native_cases()
        for count, of in _OF
    ],
)
def test_native_sums_by_matrices_have_the_bits_and_counts_of_digits(
    name: str, count: bool | str, of: units.Units, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with emulated(monkeypatch, tmp_path):
        monkeypatch.setattr(layers, "units_for", lambda _: of)
        assert record(CASES[name], _OtherGates(count)) == record(CASES[name], BitslicedExecutor(count))


@pytest.mark.wide
@pytest.mark.parametrize(("fmt", "count"), [("float32", "activity"), ("float32", False), ("bfloat16", True)])
def test_a_model_with_native_products_runs_by_plans(
    fmt: str, count: bool | str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = random_model(TINY, format=fmt, norm_format=fmt, product="native")
    expected = passed(model, BitslicedExecutor(count))
    with emulated(monkeypatch, tmp_path):
        found = passed(model, _OtherGates(count))
    assert found[1] == expected[1]
    for one, other in zip(found[0], expected[0], strict=True):
        np.testing.assert_array_equal(one, other)


def test_units_hold_the_sums_of_their_parts() -> None:
    def limbs(fmt: FloatFormat, inputs: int) -> Limbs:
        weights = np.zeros((1, inputs), fmt.dtype)
        weights[0, ::9] = 2**-3
        return Limbs(fmt, fmt, fmt, fmt.to_patterns(weights), "up")

    assert units.units_for(limbs(BFLOAT16, 1000)) is units.INTEGERS
    assert units.units_for(limbs(FLOAT8_E4M3FN, 70_000)) is units.DOUBLES
    few = replace(units.DOUBLES, exact=1 << 40)
    with (
        pytest.MonkeyPatch.context() as patched,
        pytest.raises(NexusError, match="layer 'up': 70000 products of parts"),
    ):
        patched.setattr(units, "DOUBLES", few)
        units.units_for(limbs(FLOAT8_E4M3FN, 70_000))


class _Wrong(BitslicedExecutor):
    def invoke(self, circuit: Circuit, operands: Any) -> Any:
        """One result of them all has a wrong bit."""
        found = super().invoke(circuit, operands)
        found[77] ^= 1
        return found


@pytest.mark.wide
def test_golden_functions_are_the_same_on_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target, first = circuit("sigmoid", FLOAT32), 0x3F7FFF00
    with emulated(monkeypatch, tmp_path):
        assert against_golden(BitslicedExecutor(), target, first, 512) == Held(512, 0, None)
        assert against_golden(_Wrong(), target, first, 512) == Held(512, 1, first + 77)
        with pytest.raises(NexusError, match="'add float32' has no golden function of one operand"):
            against_golden(BitslicedExecutor(), circuit("add", FLOAT32))
