"""Every circuit of every format: reference against exact rationals, neurons against the reference, in both bases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.formats import FLOAT8_E4M3FN, FLOAT16, FLOAT32, FLOAT64, FORMATS
from lava_nexus.verify.operands import Patterns, corners, every, operands, specials
from tests import exact
from tests.circuits.cases import BASIC, CASES, LIGHT_FIRST, WIDE_LAST, Case, further, large, marked, operand_sets
from tests.circuits.definition import outputs

QUICK, THOROUGH = 200_000, 10_000_000
COMPILED = [case for case in BASIC if max(case.fmt.bits, case.to.bits) <= 32]


def sample(arrays: list[Patterns], size: int, seed: int = 0) -> list[Patterns]:
    """`size` of the operand sets, drawn without replacement."""
    chosen = np.random.default_rng(seed).permutation(len(arrays[0]))[:size]
    return [array[chosen] for array in arrays]


def hard_sets(case: Case, size: int, seed: int) -> list[Patterns]:
    """A sample of operand sets of a case, a quarter of them special numbers among themselves."""
    mixed = sample(operand_sets(case, 4 * size, seed), size - size // 4, seed)
    rng = np.random.default_rng(seed)
    special = [rng.choice(specials(port.format), size // 4) for port in case.build().inputs]
    return [np.concatenate(pair) for pair in zip(mixed, special, strict=True)]


def assert_same(circuit: Circuit, sets: list[Patterns], answer: NDArray[Any], expected: NDArray[Any]) -> None:
    """Equal bit for bit; else the first operand sets that are not."""
    wrong = np.flatnonzero(answer != expected)
    shown = [
        f"{circuit.name}({', '.join(f'{int(x[i]):#x}' for x in sets)}) = {int(answer[i]):#x}, not {int(expected[i]):#x}"
        for i in wrong[:5]
    ]
    assert not len(wrong), f"{len(wrong)} of {len(answer)} wrong: " + "; ".join(shown)


def check_reference(case: Case, size: int, seed: int) -> None:
    built, sets = case.build(), hard_sets(case, size, seed)
    truth = [
        exact.expected(case.operation, one, case.fmt, case.to) for one in zip(*(x.tolist() for x in sets), strict=True)
    ]
    assert len(truth) >= min(size, 256)
    assert_same(built, sets, built.golden(*sets), np.array(truth, dtype=built.output.pattern_dtype))


def check_compiled(built: Circuit, sets: list[Patterns]) -> None:
    answer = BitslicedExecutor(count=False, threads=1).invoke(built, sets)
    assert answer.dtype == built.output.pattern_dtype
    assert_same(built, sets, answer, built.golden(*sets))


def check_defined(built: Circuit, sets: list[Patterns]) -> None:
    assert_same(built, sets, outputs(built.network, sets), built.golden(*sets))


@pytest.mark.parametrize("case", BASIC, ids=str)
def test_the_reference_is_exact(case):
    check_reference(case, size=400, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("case", BASIC, ids=str)
def test_the_reference_is_exact_on_many_sets(case):
    check_reference(case, size=50_000, seed=2)


@pytest.mark.parametrize("case", COMPILED, ids=str)
def test_compiled_neurons_equal_the_reference(case):
    """All pairs of 8 bits, all inputs of 16 bits, corners in pairs and hard operands of the others."""
    built = case.build()
    check_compiled(built, operand_sets(case, QUICK))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_compiled_neurons_equal_the_reference_on_ten_million_sets(case):
    built = case.build()
    for seed in range(10):
        check_compiled(built, operand_sets(case, THOROUGH // 10, seed + 100))


@pytest.mark.parametrize("case", marked([case for case in CASES if case not in COMPILED], large))
def test_neurons_equal_the_reference(case):
    """What takes long to compile: all inputs of exp in 16 bits, a sample of hard operands of the others."""
    built = case.build()
    size = 1 << 16 if case.operation == "exp" and case.fmt.bits <= 16 else 4096
    check_defined(built, sample(operand_sets(case, 100_000, seed=4), size))


@pytest.mark.parametrize("case", WIDE_LAST)
def test_neurons_built_for_least_depth_equal_the_reference(case):
    built = case.build(style="depth")
    size = 4096 if case.basic else 1024
    check_defined(built, sample(operand_sets(case, 50_000, seed=5), size))


@pytest.mark.parametrize("case", LIGHT_FIRST)
def test_neurons_of_the_published_gates_equal_the_reference(case):
    built = case.build(basis="nexus")
    size = 1024 if case.basic and case.fmt.bits <= 32 else 256
    check_defined(built, sample(operand_sets(case, 20_000, seed=6), size))


@pytest.mark.parametrize("max_delay", [0, 6])
@pytest.mark.parametrize("case", marked([case for case in BASIC if case.fmt.bits <= 16], further))
def test_relays_change_no_answer(case, max_delay):
    built, delayed = case.build(), case.build(max_delay=max_delay)
    assert delayed.depth == built.depth
    assert delayed.network.relays >= built.network.relays
    check_defined(delayed, sample(operand_sets(case, 10_000, seed=7), 500))


def test_a_product_can_be_wider_than_its_factors():
    product = circuit("mul", FLOAT8_E4M3FN, to=FLOAT32)
    a, b = (x.ravel() for x in np.meshgrid(every(FLOAT8_E4M3FN), every(FLOAT8_E4M3FN)))
    answer = BitslicedExecutor(count=False, threads=1).invoke(product, [a, b])
    x, y = (FLOAT8_E4M3FN.from_patterns(p).astype(np.float32) for p in (a, b))
    assert_same(product, [a, b], answer, FLOAT32.canonical((x * y).view(np.uint32)))


@pytest.mark.parametrize("fmt", FORMATS.values(), ids=str)
def test_the_operands_hold_what_circuits_find_hard(fmt):
    """A set of operands that misses a class of numbers would let its faults through."""
    if fmt.bits <= 16:
        assert set(every(fmt).tolist()) == set(range(1 << fmt.bits))
    values = {exact.real(p, fmt) for p in corners(fmt).tolist()}
    smallest = exact.real(1, fmt)
    assert {x.sign for x in values} == {0, 1} and smallest in values and exact.real(fmt.max_finite, fmt) in values
    a, b = operands(fmt, 2, 50_000)
    sums, products = (
        [
            f(exact.real(p, fmt), exact.real(q, fmt))
            for p, q in zip(*(x.tolist() for x in sample([a, b], 4000)), strict=True)
        ]
        for f in (exact.add, exact.multiply)
    )
    largest, normal = exact.real(fmt.max_finite, fmt).size, exact.real(1 << fmt.fraction_bits, fmt).size
    for results in (sums, products):
        finite = [x.size for x in results if not x.nan and x.size is not None]
        assert sum(x.nan for x in results) > 2
        assert sum(x > largest for x in finite) > 2
        assert sum(0 < x < normal for x in finite) > 2
        assert sum(exact.is_tie(x, fmt) for x in finite) > 2
    finite_sums = [x.size for x in sums if not x.nan and x.size is not None]
    assert sum(x == 0 for x in finite_sums) > 2


def test_rounding_of_the_oracle_itself():
    """Cases that can be checked by hand."""
    one = 0x3C00
    assert exact.expected("add", (one, one), FLOAT16) == 0x4000
    assert exact.expected("add", (one, 0x1000), FLOAT16) == one  # 1 + 2^-11: a tie, to even
    assert exact.expected("add", (one + 1, 0x1000), FLOAT16) == one + 2
    assert exact.expected("mul", (0x7BFF, 0x4000), FLOAT16) == 0x7C00
    assert exact.expected("mul", (0x7E, 0x7E), FLOAT8_E4M3FN) == 0x7F
    assert exact.expected("sqrt", (0x4400,), FLOAT16) == 0x4000
    assert exact.expected("sqrt", (0x8000,), FLOAT16) == 0x8000
    assert exact.expected("div", (one, 0x8000), FLOAT16) == 0xFC00
    assert exact.expected("sub", (one, one), FLOAT16) == 0
    assert exact.expected("max", (0x8000, 0), FLOAT16) == 0
    assert exact.expected("min", (0, 0x8000), FLOAT16) == 0x8000
    assert exact.expected("compare_le", (0, 0x8000), FLOAT16) == 1
    assert exact.expected("compare_eq", (0x7E00, 0x7E00), FLOAT16) == 0
    assert exact.expected("add", (1, 1), FLOAT64) == 2
