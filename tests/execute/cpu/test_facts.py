from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_nexus.circuits import circuit
from lava_nexus.formats import FLOAT32
from lava_nexus.lowering.gates import GateLowering
from lava_nexus.lowering.luts import AND, MAJORITY, N_CONSTANTS, NOT, OR, SELECT, XOR3, LookGraph
from lava_nexus.lowering.ordered import ordered_graph
from lava_nexus.lowering.sums import Facts, Sum, folded, merged
from tests.execute.cpu.test_luts import value

LEAVES = tuple(range(N_CONSTANTS, N_CONSTANTS + 5))
A, B, C, D, E = LEAVES
ALL_INPUTS = list(product((0, 1), repeat=len(LEAVES)))
weights = st.integers(-5, 5)


def total_of(graph: LookGraph, total: Sum, leaves: tuple[int, ...]) -> int:
    return sum(weight * value(graph, node, leaves) for node, weight in total.items())


@st.composite
def gates_on_similar_sums(draw: st.DrawFn) -> tuple[LookGraph, Facts, list[int]]:
    """A few gates whose sums differ little, small gates over them, and what became known."""
    graph = LookGraph(len(LEAVES))
    lowering = GateLowering(graph)
    shared = draw(st.lists(weights, min_size=5, max_size=5))
    nodes = list(LEAVES)
    for _ in range(draw(st.integers(2, 5))):
        change = draw(st.lists(st.integers(-1, 1), min_size=5, max_size=5))
        sums = [weight + by for weight, by in zip(shared, change, strict=True)]
        nodes.append(lowering.gate(zip(LEAVES, sums, strict=True), draw(st.integers(-6, 8))))
    for _ in range(draw(st.integers(2, 6))):
        chosen = draw(st.lists(st.sampled_from(nodes), min_size=2, max_size=4))
        signs = draw(st.lists(st.sampled_from((1, 1, -1)), min_size=len(chosen), max_size=len(chosen)))
        nodes.append(lowering.gate(zip(chosen, signs, strict=True), draw(st.integers(1, 2))))
    return graph, lowering.facts, nodes


@settings(max_examples=30, deadline=None)
@given(gates_on_similar_sums())
def test_exclusive_nodes_are_never_both_one(drawn: tuple[LookGraph, Facts, list[int]]) -> None:
    graph, facts, nodes = drawn
    claimed = [(x, y) for x in nodes for y in nodes if x < y and facts.exclusive(x, y)]
    for x, y in claimed:
        assert not any(value(graph, x, leaves) and value(graph, y, leaves) for leaves in ALL_INPUTS)


@settings(max_examples=20, deadline=None)
@given(gates_on_similar_sums(), st.data())
def test_rewritten_sums_have_the_same_value(drawn: tuple[LookGraph, Facts, list[int]], data: st.DataObject) -> None:
    graph, facts, nodes = drawn
    total: Sum = {node: data.draw(weights.filter(bool)) for node in nodes if node > 1}
    rewritten = [merged(facts, total), folded(graph, total)]
    rewritten.append(folded(graph, rewritten[0]))
    for leaves in ALL_INPUTS:
        expected = total_of(graph, total, leaves)
        assert [total_of(graph, other, leaves) for other in rewritten] == [expected] * 3


def test_stages_of_a_shifter_exclude_each_other() -> None:
    graph = LookGraph(len(LEAVES))
    lowering = GateLowering(graph)
    amount = [(A, 1), (B, 2), (C, 4), (D, -1)]
    one, two = (lowering.gate(amount, steps) for steps in (2, 4))
    none = lowering.gate([(E, 1), (one, -1)], 1)
    some = lowering.gate([(E, 1), (one, 1), (two, -1)], 2)
    most = lowering.gate([(E, 1), (two, 1)], 2)
    for x, y in ((none, some), (some, most), (none, most)):
        assert lowering.facts.exclusive(x, y) and lowering.facts.exclusive(y, x)
    assert not lowering.facts.exclusive(none, E) and not lowering.facts.exclusive(one, two)
    assert list(merged(lowering.facts, {none: 3, some: 3, most: 3}).values()) == [3]


def test_a_sum_less_twice_its_carry_is_one_bit() -> None:
    graph = LookGraph(len(LEAVES))
    carry, both, either = graph.look(MAJORITY, A, B, C), graph.look(AND, A, B), graph.look(OR, A, B)
    assert folded(graph, {A: 3, B: 3, C: 3, carry: -6}) == {graph.look(XOR3, A, B, C): 3}
    assert folded(graph, {A: 1, B: 7, both: -2}) == {B: 6, graph.look(XOR3, A, B): 1}
    assert folded(graph, {A: 1, B: 1, both: -1}) == {either: 1}
    large = graph.look(OR, graph.look(AND, C, B), graph.look(AND, graph.look(NOT, C), A))
    assert folded(graph, {A: 2, B: 2, large: -2}) == {graph.look(SELECT, C, A, B): 2}
    assert folded(graph, {A: 1, B: 1, both: 2}) == {A: 1, B: 1, both: 2}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(weights.filter(bool), min_size=5, max_size=5),
    st.integers(-6, 10),
    st.lists(st.tuples(st.integers(-3, 3).filter(bool), st.integers(0, 4), weights, st.integers(-9, 9)), max_size=4),
)
def test_digits_stand_for_the_sum_of_their_row(
    shared: list[int], threshold: int, later: list[tuple[int, int, int, int]]
) -> None:
    """Later gates over q times the row's terms, with the top digit taken off by a power of two, right or not."""
    graph = LookGraph(len(LEAVES))
    lowering = GateLowering(graph)
    total = dict(zip(LEAVES, shared, strict=True))
    top = lowering.gate(total.items(), threshold, top=True)
    made = [(total, threshold, top)]
    for share, place, other, bound in later:
        terms = {node: share * weight for node, weight in total.items()}
        terms[top] = terms.get(top, 0) - (share << place)
        terms[C] = terms.get(C, 0) + other
        made.append((terms, bound, lowering.gate(terms.items(), bound, top=place == 1)))
    for leaves in ALL_INPUTS:
        for terms, bound, node in made:
            assert value(graph, node, leaves) == (total_of(graph, terms, leaves) >= bound)


@pytest.mark.parametrize(("operation", "most"), [("add", 1420), ("mul", 2650)])
def test_full_adders_are_shared_by_the_neurons_of_a_row(operation: str, most: int) -> None:
    assert len(ordered_graph(circuit(operation, FLOAT32).network, "outputs").tables) < most
