"""The generated CUDA text, evaluated statement by statement on words of 32 operand sets: no GPU is needed."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.cuda import source, sum_source
from lava_nexus.formats import BFLOAT16, FLOAT32
from lava_nexus.lowering import render
from lava_nexus.lowering.chains import chained
from lava_nexus.lowering.counting import TOTALS, fewer, weights
from lava_nexus.lowering.ordered import OrderedGraph, Variant, lower, ordered_graph
from lava_nexus.lowering.render import cuda_function
from lava_nexus.neurons import ThresholdNetwork
from tests.execute.cpu.networks import as_circuit, random_networks, random_operands

_STATEMENT = re.compile(
    r"u32 (\w+); (?:LOOK|KEEP)\(\w+, ([^,]+), ([^,]+), ([^,]+), (0x[0-9a-f]+)\);"
    r"|u32 (\w+); POPC\(\w+, (\w+|~0u)\);|MORE\(total\[(\d)\], (\w+), (-?\d+)\);"
    r"|const u32 (\w+) = (in|slot)\[(\d+)\];|(out|slot)\[(\d+)\] = (~?\w+);"
)
_ALL = (1 << 32) - 1


def evaluated(text: str, inputs: list[int]) -> tuple[dict[int, int], list[int]]:
    """Outputs and totals of a device function on words."""
    known = {"0u": 0, "~0u": _ALL}
    outputs: dict[int, int] = {}
    slots: dict[int, int] = {}
    totals = [0] * TOTALS
    for found in _STATEMENT.finditer(text):
        into, a, b, c, table, counted, of, total, bits, weight, given, array, place, target, out, value = found.groups()
        if into:
            known[into] = looked(int(table, 16), known[a], known[b], known[c])
        elif counted:
            known[counted] = known[of].bit_count()
        elif total:
            totals[int(total)] += known[bits] * int(weight)
        elif given:
            known[given] = inputs[int(place)] if array == "in" else slots[int(place)]
        else:
            (outputs if target == "out" else slots)[int(out)] = known[value]
    return outputs, totals


def looked(table: int, a: int, b: int, c: int) -> int:
    result = 0
    for minterm in range(8):
        if table >> minterm & 1:
            result |= (a if minterm & 1 else ~a) & (b if minterm & 2 else ~b) & (c if minterm & 4 else ~c)
    return result & _ALL


def planes(arrays: list[NDArray[Any]], widths: list[int]) -> list[int]:
    """Words of the bits of all ports, ports in order, each LSB first."""
    return [
        sum((int(pattern) >> bit & 1) << lane for lane, pattern in enumerate(array))
        for array, width in zip(arrays, widths, strict=True)
        for bit in range(width)
    ]


def check(target: Circuit, operands: list[NDArray[Any]], variant: Variant, count: Any) -> None:
    network, what = target.network, source.look_ups(target, variant)
    graph, added = what.graph, what.weights
    text = cuda_function(graph, "gates", added)
    outputs, totals = evaluated(text, planes(operands, [port.width for port in network.inputs]))
    executor = BitslicedExecutor(count, threads=1)
    expected = executor.invoke_all(target, operands)
    there = (1 << len(operands[0])) - 1
    assert [outputs[i] & there for i in range(len(outputs))] == planes(
        [np.asarray(one) for one in expected], [port.width for port in network.outputs]
    )
    if added is not None:
        (tally,) = executor.tallies
        sets = len(operands[0])
        fired = [
            total + sets * always - (32 - sets) * off
            for total, always, off in zip(totals, added.always, what.idle, strict=True)
        ]
        assert fired == [tally.spikes, tally.synops, tally.active or 0]


@given(random_networks())
@settings(max_examples=15, deadline=None)
def test_the_text_of_random_networks_gives_their_bits_and_counts(network: ThresholdNetwork) -> None:
    operands = random_operands(network, 20)
    check(as_circuit(network), operands, "activity", "activity")
    check(as_circuit(network), operands, "outputs", False)


@pytest.mark.parametrize("name", ["add", "mul"])
def test_the_text_of_operations_gives_their_bits_and_counts(name: str) -> None:
    target = circuit(name, BFLOAT16)
    rng = np.random.default_rng(0)
    operands = [rng.integers(0, 1 << 16, 32, dtype=np.uint16) for _ in range(2)]
    check(target, operands, "spikes", True)
    check(target, operands, "activity", "activity")
    check(target, operands, "outputs", False)


@pytest.mark.parametrize("name", ["gelu", "tanh"])
def test_unions_as_chains_are_the_same_with_fewer_values_alive(name: str) -> None:
    target = circuit(name, BFLOAT16)
    operands = [np.random.default_rng(0).integers(0x3C00, 0x4200, 32, dtype=np.uint16)]
    check(target, operands, "activity", "activity")
    check(target, operands, "outputs", False)
    graph = lower(target.network, "outputs")
    chains = chained(graph)
    assert len(chains.tables) <= len(graph.tables) and most_alive(chains) < most_alive(graph)


def most_alive(graph: OrderedGraph) -> int:
    """Values that its order keeps at once."""
    last = {source: time for time, read in enumerate(graph.reads.tolist()) for source in read}
    last |= dict.fromkeys(graph.outputs.tolist(), len(graph.tables))
    begin = {value: max(value - graph.first, 0) for value in last}
    return max(sum(begin[v] <= time < last[v] for v in last) for time in range(0, len(graph.tables), 7))


def test_pieces_of_a_large_graph_pass_their_values_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "MOST_INLINE", 100)
    target = circuit("mul", BFLOAT16)
    rng = np.random.default_rng(0)
    operands = [rng.integers(0, 1 << 16, 32, dtype=np.uint16) for _ in range(2)]
    check(target, operands, "activity", "activity")
    check(target, operands, "outputs", False)
    graph = ordered_graph(target.network, "outputs")
    text = cuda_function(graph, "gates")
    assert text.count("__noinline__") >= len(graph.tables) // 100 and "slot[0]" in text


def test_counting_saves_population_counts_by_adders_of_words() -> None:
    network = circuit("add", FLOAT32).network
    graph = ordered_graph(network, "spikes")
    text = cuda_function(graph, "gates", fewer(graph, weights(network, graph)))
    assert text.count("POPC(") < 0.6 * len(graph.counted)
    assert text.count("LOOK(") == len(graph.tables) and text.count("KEEP(") > 200


def test_kernels_have_one_entry_and_balanced_braces() -> None:
    add, multiply = circuit("add", BFLOAT16), circuit("mul", BFLOAT16)
    of = source.lowered
    first, then = of(multiply, "spikes", "first"), of(add, "spikes", "then")
    for text in (
        source.elementwise(of(add, "outputs", "gates")),
        sum_source.contraction(first, then, fused=False),
        sum_source.products(first),
        sum_source.additions(then),
        sum_source.rows(add.inputs[0]),
        sum_source.planes(add.inputs[0]),
    ):
        assert text.count('extern "C" __global__') == 1
        assert text.count("{") == text.count("}")
