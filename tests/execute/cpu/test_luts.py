from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from lava_nexus.lowering.luts import AND, FALSE, MAJORITY, N_CONSTANTS, NOT, SELECT, TRUE, XOR3, LookGraph

A, B, C, D = range(N_CONSTANTS, N_CONSTANTS + 4)


def value(graph: LookGraph, node: int, leaves: tuple[int, ...]) -> int:
    """The node's value by recursion, from the definition of a truth table."""
    if node < graph.first:
        return (0, 1, *leaves)[node]
    table, inputs = graph.looks[node - graph.first]
    return table >> sum(value(graph, source, leaves) << i for i, source in enumerate(inputs)) & 1


@given(st.lists(st.tuples(st.integers(0, 255), *[st.integers(0, 20)] * 3), min_size=1, max_size=15))
def test_every_node_has_the_value_that_was_asked_for(asked: list[tuple[int, int, int, int]]) -> None:
    graph = LookGraph(4)
    nodes = [FALSE, TRUE, A, B, C, D]
    values = {leaves: [0, 1, *leaves] for leaves in product((0, 1), repeat=4)}
    for table, *chosen in asked:
        inputs = [i % len(nodes) for i in chosen]
        nodes.append(graph.look(table, *(nodes[i] for i in inputs)))
        for leaves, known in values.items():
            known.append(table >> sum(known[i] << at for at, i in enumerate(inputs)) & 1)
            assert value(graph, nodes[-1], leaves) == known[-1]
    for table, read in graph.looks:
        assert list(read) == sorted(set(read)) and min(read) > TRUE and 0 <= table < 256


def test_inputs_in_any_order_are_one_node() -> None:
    graph = LookGraph(4)
    assert graph.look(SELECT, A, B, C) == graph.look(0xCA, C, B, A) == graph.look(SELECT, A, B, C)
    assert len(graph.looks) == 1


def test_constants_repeats_and_negations_disappear() -> None:
    graph = LookGraph(4)
    not_a = graph.look(NOT, A)
    assert graph.look(NOT, not_a) == A
    assert graph.look(AND, A, not_a) == FALSE
    assert graph.look(MAJORITY, A, A, B) == A
    assert graph.look(XOR3, A, TRUE, TRUE) == A
    assert graph.look(SELECT, TRUE, B, C) == B


def test_a_sum_written_by_its_carry_becomes_one_exclusive_or() -> None:
    graph = LookGraph(4)
    carry = graph.look(MAJORITY, A, B, C)
    all_three = graph.look(0x80, A, B, C)
    any_one = graph.look(0xFE, A, B, C)
    bit = graph.look(SELECT, carry, all_three, any_one)
    assert graph.looks[bit - graph.first] == (XOR3, (A, B, C))


def test_complement_finds_and_never_makes() -> None:
    graph = LookGraph(4)
    xor = graph.look(XOR3, A, B)
    before = len(graph.looks)
    assert graph.complement(xor) is None and graph.complement(A) is None and len(graph.looks) == before
    xnor = graph.look(NOT, xor)
    assert graph.complement(xor) == xnor and graph.complement(xnor) == xor
