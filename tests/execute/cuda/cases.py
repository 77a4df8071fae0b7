"""What a GPU is asked and the CPU asked again: each case by name, a digest of its bits and its totals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import circuit
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.tallies import Tallies
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT16, FLOAT32, FLOAT64, FloatFormat
from lava_nexus.programs import Program, Writer, linear
from tests.execute.cpu.networks import as_circuit, ripple_adder

Record = dict[str, Any]
Case = Callable[[Executor], tuple[Sequence[NDArray[Any]], Tallies]]

SIZES = (1, 31, 1000, 5000)


def cases() -> Iterator[tuple[str, Case]]:
    """Operations, widths, sizes, orders and shapes of sums."""
    for fmt, names in (
        (FLOAT32, ("add", "mul", "fma", "max")),
        (BFLOAT16, ("add", "mul", "div", "sqrt", "exp")),
        (FLOAT16, ("add", "mul")),
    ):
        for name in names:
            yield f"{name} {fmt}", lambda executor, name=name, fmt=fmt: _operation(executor, name, fmt)
    for width in (1, 7, 8, 13, 16, 24, 57, 64):
        yield f"ripple adder of {width} bits", lambda executor, width=width: _adder(executor, width)
    yield "elements of several sizes", _sizes
    yield "exact (5, 9, 33) float8_e4m3fn", lambda executor: linear_layer(executor, "exact", (5, 9, 33), FLOAT8_E4M3FN)
    for accumulate in ("sequential", "fma", "pairwise"):
        for shape in ((3, 5, 7), (2, 20, 64), (40, 9, 33)):
            yield (
                f"{accumulate} {shape} bfloat16",
                lambda executor, how=accumulate, shape=shape: linear_layer(executor, how, shape, BFLOAT16, bias=True),
            )
    yield "sequential (4, 16, 70) float32", lambda executor: linear_layer(executor, "sequential", (4, 16, 70), FLOAT32)
    yield "sequential (1200, 3, 700) bfloat16", lambda e: linear_layer(e, "sequential", (1200, 3, 700), BFLOAT16)
    yield "scores of heads", _scores
    yield "rows folded by add and max", _folds
    yield from native_cases()


def native_cases() -> Iterator[tuple[str, Case]]:
    """Native products: with weights, of two activations of which all, a row or a column is new, and sums of values."""
    for fmt in (FLOAT8_E4M3FN, BFLOAT16, FLOAT32):
        yield f"native layer {fmt}", lambda executor, fmt=fmt: _native(executor, fmt, (9, 40, 21))
        yield f"native layer of numbers around 1 {fmt}", lambda e, fmt=fmt: _native(e, fmt, (1, 70, 33), wild=False)
    for fmt, fresh in ((FLOAT8_E4M3FN, "row"), (BFLOAT16, "term"), (FLOAT32, "all")):
        yield f"native scores of heads {fmt}", lambda e, fmt=fmt, fresh=fresh: _native_scores(e, fmt, fresh)
    yield "native layer float64", lambda executor: _native(executor, FLOAT64, (3, 6, 5), wild=False)
    yield "native layer of many groups float32", lambda executor: _native(executor, FLOAT32, (20, 600, 50), wild=False)


def record(case: Case, executor: Executor) -> Record:
    """Digest of the bits, and spikes, SynOps and active updates of all circuits."""
    results, tallies = case(executor)
    state = hashlib.sha256()
    for result in results:
        state.update(f"{result.dtype}{result.shape}".encode() + np.ascontiguousarray(result).tobytes())
    rows = sorted(
        (tally.circuit.label, tally.invocations, tally.spikes, tally.synops, tally.active) for tally in tallies
    )
    return {"bits": state.hexdigest(), "tallies": [list(row) for row in rows]}


def patterns(fmt: FloatFormat, shape: Sequence[int], seed: int) -> NDArray[Any]:
    """Numbers around 1, and every eighth any pattern: infinities, NaN, subnormals, zeros."""
    rng = np.random.default_rng(seed)
    found = fmt.to_patterns(rng.standard_normal(tuple(shape)).astype(fmt.dtype))
    wild = rng.integers(0, 1 << fmt.bits, tuple(shape), dtype=np.uint64).astype(found.dtype)
    return np.where(rng.integers(0, 8, tuple(shape)) == 0, wild, found)


def _operation(executor: Executor, name: str, fmt: FloatFormat) -> tuple[list[NDArray[Any]], Tallies]:
    target = circuit(name, fmt)
    results = []
    with executor.apart() as tallies:
        for sets in SIZES:
            operands = [patterns(fmt, (sets,), seed) for seed, _ in enumerate(target.inputs)]
            results.append(executor.invoke(target, operands))
        results.append(executor.invoke(target, [operands[0], *(one[:1] for one in operands[1:])]))
    return results, tallies


def _sizes(executor: Executor) -> tuple[list[NDArray[Any]], Tallies]:
    """Operands and results of one, two, four and eight bytes in one circuit."""
    results = []
    with executor.apart() as tallies:
        for target, fmt in (
            (circuit("convert", FLOAT32, to=BFLOAT16), FLOAT32),
            (circuit("convert", FLOAT8_E4M3FN, to=FLOAT64), FLOAT8_E4M3FN),
            (circuit("mul", BFLOAT16, to=FLOAT32), BFLOAT16),
            (circuit("compare_lt", FLOAT32), FLOAT32),
        ):
            operands = [patterns(fmt, (1500,), seed) for seed, _ in enumerate(target.inputs)]
            results.append(executor.invoke(target, operands))
    return results, tallies


def _adder(executor: Executor, width: int) -> tuple[list[NDArray[Any]], Tallies]:
    network = ripple_adder(width)
    rng = np.random.default_rng(width)
    dtype = network.inputs[0].pattern_dtype
    x, y = (rng.integers(0, 1 << width, 1030, dtype=np.uint64, endpoint=False).astype(dtype) for _ in range(2))
    with executor.apart() as tallies:
        return [executor.invoke(as_circuit(network), [x, y])], tallies


def linear_layer(
    executor: Executor, accumulate: Any, shape: tuple[int, int, int], fmt: FloatFormat, bias: bool = False
) -> tuple[list[NDArray[Any]], Tallies]:
    """A linear layer of tokens, inputs and outputs."""
    tokens, inputs, outputs = shape
    w = Writer(Program("layer"), fmt, accumulate=accumulate).inside("layer")
    x = w.program.input("x", (tokens, inputs), fmt)
    rng = np.random.default_rng(1)
    weight = w.constant(rng.standard_normal((outputs, inputs)).astype(np.float32))
    offset = w.constant(rng.standard_normal(outputs).astype(np.float32)) if bias else None
    w.program.outputs["y"] = linear(w, x, weight, offset)
    found = run_program(w.program, {"x": patterns(fmt, (1, tokens, inputs), 2)}, executor)
    return [found.outputs["y"]], found.tallies


def _native(
    executor: Executor, fmt: FloatFormat, shape: tuple[int, int, int], wild: bool = True
) -> tuple[list[NDArray[Any]], Tallies]:
    """A layer with a bias and the sum of what it gives; wild: with zeros as weights, and any patterns."""
    tokens, inputs, outputs = shape
    w = Writer(Program("layer"), fmt, accumulate="exact", product="native").inside("layer")
    x = w.program.input("x", (tokens, inputs), fmt)
    rng = np.random.default_rng(1)
    weights = rng.standard_normal((outputs, inputs)).astype(np.float32) / 8
    if wild:
        weights[1], weights[2, 3], weights[4] = 0, -0.0, -abs(weights[4])
    given = patterns(fmt, (1, tokens, inputs), 2)
    if wild:
        given[0, 0], given[0, 1], given[0, 2] = 0, fmt.sign_mask, 1
    else:
        given = fmt.to_patterns(rng.standard_normal((1, tokens, inputs)).astype(fmt.dtype))
    sums = w.contract(x, w.constant(weights), w.constant(weights[:, 0]))
    w.program.outputs["y"], w.program.outputs["sum"] = sums, w.reduce("add", sums)
    found = run_program(w.program, {"x": given}, executor)
    return [found.outputs[name] for name in ("y", "sum")], found.tallies


def _native_scores(executor: Executor, fmt: FloatFormat, fresh: Any) -> tuple[list[NDArray[Any]], Tallies]:
    w = Writer(Program("scores"), fmt, accumulate="exact", product="native", fresh=fresh).inside("scores")
    x, y = w.program.input("x", (3, 2, 5), fmt), w.program.input("y", (3, 6, 5), fmt)
    w.program.outputs["z"] = w.contract(x, y)
    feeds = {"x": patterns(fmt, (2, 3, 2, 5), 3), "y": patterns(fmt, (2, 3, 6, 5), 4)}
    found = run_program(w.program, feeds, executor)
    return [found.outputs["z"]], found.tallies


def _scores(executor: Executor) -> tuple[list[NDArray[Any]], Tallies]:
    """Products of activations, a matrix a head."""
    w = Writer(Program("scores"), BFLOAT16, accumulate="sequential").inside("scores")
    x = w.program.input("x", (3, 5, 8), BFLOAT16)
    y = w.program.input("y", (3, 6, 8), BFLOAT16)
    w.program.outputs["z"] = w.contract(x, y)
    feeds = {"x": patterns(BFLOAT16, (2, 3, 5, 8), 3), "y": patterns(BFLOAT16, (2, 3, 6, 8), 4)}
    found = run_program(w.program, feeds, executor)
    return [found.outputs["z"]], found.tallies


def _folds(executor: Executor) -> tuple[list[NDArray[Any]], Tallies]:
    """Sums and largest of rows, not a whole word of them."""
    w = Writer(Program("folds"), BFLOAT16, accumulate="sequential").inside("folds")
    x = w.program.input("x", (5, 9, 11), BFLOAT16)
    w.program.outputs["sum"], w.program.outputs["max"] = w.reduce("add", x), w.reduce("max", x)
    found = run_program(w.program, {"x": patterns(BFLOAT16, (1, 5, 9, 11), 5)}, executor)
    return [found.outputs["sum"], found.outputs["max"]], found.tallies
