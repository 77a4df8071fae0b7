"""Every order of accumulation gives the bits of a plain loop in that order, on every executor, and counts itself."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT16, FLOAT32
from lava_nexus.programs import Accumulate, Order, Program, Sum, Writer, linear, named_order
from tests.programs import oracle

ORDERS: list[Accumulate] = ["sequential", "fma", "pairwise"]
Values = oracle.Values


def fused(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    """a * b + c in exact fractions, rounded once; operands finite, result neither zero nor tiny."""
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    wide = np.float64(float(exact))  # correctly rounded to FP64, then made odd where it is not exact
    if Fraction(float(wide)) != exact and wide.view(np.int64) % 2 == 0:
        toward = np.inf if exact > Fraction(float(wide)) else -np.inf
        wide = np.nextafter(wide, toward)
    return np.float32(wide)


def halved(terms: list[Values]) -> Values:
    """The pairwise sum."""
    if len(terms) == 1:
        return terms[0]
    half = 1 << (len(terms) - 1).bit_length() - 1
    return halved(terms[:half]) + halved(terms[half:])


def dot(x: Values, y: Values, accumulate: str) -> np.float32:
    """The dot product of two float32 rows in plain Python."""
    if accumulate == "fma":
        total = x[0] * y[0]
        for a, b in zip(x[1:], y[1:], strict=True):
            total = fused(a, b, total)
        return np.float32(total)
    products = [np.float32(a * b) for a, b in zip(x, y, strict=True)]
    return np.float32(halved(products) if accumulate == "pairwise" else reduce(np.add, products))


def matmul(x: Values, weight: Values, accumulate: str) -> Values:
    return np.array([[dot(row, other, accumulate) for other in weight] for row in x], np.float32)


def program_of(
    accumulate: Accumulate, k: int, rows: int = 2, columns: int = 3, seed: int = 0
) -> tuple[Program, Values]:
    rng = np.random.default_rng(seed)
    weight, bias = rng.standard_normal((columns, k)).astype(np.float32), rng.standard_normal(columns).astype(np.float32)
    w = Writer(Program("test"), FLOAT32, accumulate=accumulate).inside("layer")
    x = w.program.input("x", (rows, k), FLOAT32)
    w.program.outputs["y"] = linear(w, x, w.constant(weight), w.constant(bias))
    w.program.outputs["sum"] = w.inside("sum").reduce("add", x)
    values = rng.standard_normal((3, rows, k)).astype(np.float32)
    expected = np.stack([matmul(sample, weight, accumulate) + bias for sample in values])
    return w.program, np.concatenate([values.ravel(), expected.ravel()])


@pytest.mark.parametrize("executor", ["reference", "bitsliced", "membrane"])
@pytest.mark.parametrize("k", [1, 2, 7, 16, 21])
@pytest.mark.parametrize("accumulate", ORDERS)
def test_linear_and_sum_equal_a_loop(accumulate: Accumulate, k: int, executor: str) -> None:
    program, numbers = program_of(accumulate, k)
    x, expected = numbers[: 3 * 2 * k].reshape(3, 2, k), numbers[3 * 2 * k :].reshape(3, 2, 3)
    result = run_program(program, {"x": x.view(np.uint32)}, executor_named(executor))
    np.testing.assert_array_equal(result.outputs["y"], expected.view(np.uint32))
    columns = [x[..., i] for i in range(k)]
    total = halved(columns) if accumulate == "pairwise" else reduce(np.add, columns)
    np.testing.assert_array_equal(result.outputs["sum"], total.view(np.uint32))


@pytest.mark.parametrize("accumulate", ORDERS)
def test_invocations_are_those_of_the_run(accumulate: Accumulate) -> None:
    program, numbers = program_of(accumulate, 13)
    result = run_program(program, {"x": numbers[:78].reshape(3, 2, 13).view(np.uint32)}, executor_named("reference"))
    stated: dict[tuple[str, str], int] = {}
    for layer, used, count in program.invocations():
        stated[layer, used.name] = stated.get((layer, used.name), 0) + 3 * count
    ran = {(layer, t.circuit.name): t.invocations for layer, tallies in result.layers.items() for t in tallies}
    assert ran == stated


def test_depth_follows_the_order() -> None:
    mul, add, fma = (circuit(name, FLOAT32).depth for name in ("mul", "add", "fma"))
    depths = {name: program_of(name, 13)[0].nodes[0].depth for name in ORDERS}
    assert depths == {"sequential": mul + 12 * add, "fma": mul + 12 * fma, "pairwise": mul + 4 * add}


def test_orders_give_different_bits() -> None:
    answers = {}
    for name in ORDERS:
        program, numbers = program_of(name, 21)
        feeds = {"x": numbers[:126].reshape(3, 2, 21).view(np.uint32)}
        answers[name] = run_program(program, feeds, executor_named("reference")).outputs["y"].tobytes()
    assert len(set(answers.values())) == len(ORDERS)


def tree(length: int, pairs: list[tuple[int, int]]) -> Sum:
    """Addition i adds nodes pairs[i]; nodes below `length` are terms, node length + i is addition i."""
    made, sizes = [Sum((range(k, k + 1),)) for k in range(length)], [1] * length
    for left, right in pairs:
        more, fewer = sorted((left, right), key=lambda node: (-sizes[node], node))
        other = made[fewer] if sizes[fewer] > 1 else range(fewer, fewer + 1)
        made.append(Sum((*made[more].parts, other)))
        sizes.append(sizes[left] + sizes[right])
    return made[-1]


@given(st.integers(1, 40), st.randoms(use_true_random=False))
def test_any_tree_is_scheduled_as_it_is(length: int, random: object) -> None:
    """Steps on registers give the same float as the recursion over a tree drawn at random."""
    nodes, pairs = list(range(length)), []
    while len(nodes) > 1:
        left = nodes.pop(random.randrange(len(nodes)))  # type: ignore[attr-defined]
        right = nodes.pop(random.randrange(len(nodes)))  # type: ignore[attr-defined]
        pairs.append((left, right))
        nodes.append(length + len(pairs) - 1)
    terms = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    values = list(terms)
    for left, right in pairs:
        values.append(values[left] + values[right])
    order = Order("torch", tree(length, pairs))
    assert sorted(order.tree.terms() if order.tree else []) == list(range(length))
    registers: dict[int, np.float32] = {}
    for step in order.steps:
        before = dict(registers)
        for register, term in step.starts:
            registers[register] = terms[term]
        for register, term in step.terms:
            registers[register] = before[register] + terms[term]
        for register, other in step.joins:
            registers[register] = before[register] + before[other]
    assert registers[0] == values[-1]
    assert order.started + order.joined <= length + 1 and order.registers == order.started


def test_a_chain_of_blocks_is_printed_as_such() -> None:
    blocks = Order("torch", Sum((Sum((range(4),)), Sum((range(4, 8),)))), fused=True)
    assert str(blocks) == "torch by fma ((0..3) + (4..7))"


@pytest.mark.parametrize("accumulate", ORDERS)
def test_negative_zeros_stay(accumulate: Accumulate) -> None:
    w = Writer(Program("test"), FLOAT16, accumulate=accumulate)
    x = w.program.input("x", (1, 5), FLOAT16)
    w.program.outputs["y"] = linear(w, x, w.constant(np.ones((1, 5), np.float16)))
    zeros = np.full((1, 1, 5), -0.0, np.float16).view(np.uint16)
    for executor in ("reference", "bitsliced"):
        assert run_program(w.program, {"x": zeros}, executor_named(executor)).outputs["y"].ravel() == [0x8000]


def test_a_large_layer_is_cut_into_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    from lava_nexus.execute import sums

    whole, numbers = program_of("pairwise", 9)
    feeds = {"x": numbers[:54].reshape(3, 2, 9).view(np.uint32)}
    expected = run_program(whole, feeds, executor_named("reference")).outputs
    monkeypatch.setattr(sums, "_MOST_SUMS", 4)
    got = run_program(whole, feeds, executor_named("reference")).outputs
    assert all((got[name] == expected[name]).all() for name in expected)
    covered = np.zeros((3, 5, 7), int)
    for tile in sums.tiles(covered.shape, 11):
        assert covered[tile].size <= 11
        covered[tile] += 1
    assert (covered == 1).all()


def test_mistakes_are_one_sentence() -> None:
    with pytest.raises(NexusError, match="accumulate 'kahan' does not exist"):
        named_order("kahan", 4)  # type: ignore[arg-type]
    with pytest.raises(NexusError, match="sum of 0 terms"):
        named_order("fma", 0)


@pytest.mark.parametrize("executor", ["reference", "bitsliced"])
def test_narrow_weights_and_operands_are_summed_in_a_wider_format(executor: str) -> None:
    """FP8 weights times BF16 activations, FP32 products and sums, BF16 results: as narrow models run."""
    rng = np.random.default_rng(2)
    x, weight = (rng.standard_normal(shape).astype(BFLOAT16.dtype) for shape in ((2, 3, 9), (4, 9)))
    bias = rng.standard_normal(4).astype(BFLOAT16.dtype)
    w = Writer(Program("test"), BFLOAT16, weight_format=FLOAT8_E4M3FN, accumulate_format=FLOAT32).inside("layer")
    given = w.program.input("x", (3, 9), BFLOAT16)
    w.program.outputs["y"] = linear(w, given, w.constant(weight), w.constant(bias))
    w.program.outputs["sum"] = w.inside("sum").reduce("add", given)
    got = run_program(w.program, {"x": BFLOAT16.to_patterns(x)}, executor_named(executor)).outputs
    narrow = weight.astype(FLOAT8_E4M3FN.dtype).astype(np.float32)
    wide = np.stack([oracle.matmul(sample, narrow) + bias.astype(np.float32) for sample in x.astype(np.float32)])
    np.testing.assert_array_equal(got["y"], BFLOAT16.to_patterns(wide.astype(BFLOAT16.dtype)))
    total = oracle.fold(x.astype(np.float32)).astype(BFLOAT16.dtype)
    np.testing.assert_array_equal(got["sum"], BFLOAT16.to_patterns(total))
    assert {c.label for _, c, _ in w.program.invocations()} >= {"mul bfloat16 to float32", "add float32"}


def test_weights_that_the_format_does_not_hold_are_one_sentence() -> None:
    w = Writer(Program("test"), FLOAT16, weight_format=BFLOAT16).inside("layer")
    x = w.program.input("x", (1, 2), FLOAT16)
    with pytest.raises(NexusError, match="layer 'layer': weights in bfloat16 are no numbers of float16"):
        linear(w, x, w.constant(np.array([[1.0, 65504.0]], np.float16)))
