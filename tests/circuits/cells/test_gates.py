"""Every cell on bits, alone on all inputs, and in random compositions of cells read by cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lava_nexus.circuits.cells import Basis, Bit, Word, basis_named
from lava_nexus.errors import NexusError
from tests.circuits.cells.bench import NAMES, answers, bases, every_vector, random_vectors

WIDTH = 5


@dataclass(frozen=True)
class Cell:
    """A cell of `operands` bits and what it must answer, on the basis and on 0/1 integers."""

    operands: int
    build: Callable[..., Bit]
    plain: Callable[..., Any]


def exclusive_parts(on: Basis, a: Bit, b: Bit, c: Bit, d: Bit) -> list[Bit]:
    """Bits of which never two are 1: the lines of two address bits, less one, each with a condition."""
    return [on.and_(a, b, c), on.and_not(a, b), on.and_(on.not_(a), b, d)]


CELLS = {
    "not": Cell(1, lambda on, a: on.not_(a), lambda a: 1 - a),
    "and": Cell(3, lambda on, *x: on.and_(*x), lambda *x: np.logical_and.reduce(x)),
    "or": Cell(3, lambda on, *x: on.or_(*x), lambda *x: np.logical_or.reduce(x)),
    "xor": Cell(2, lambda on, a, b: on.xor(a, b), lambda a, b: a != b),
    "and_not": Cell(3, lambda on, a, *x: on.and_not(a, *x), lambda a, *x: a & ~np.logical_or.reduce(x)),
    "and_any": Cell(4, lambda on, a, b, c, d: on.and_any([a, b], [c, d]), lambda a, b, c, d: a & b & (c | d)),
    "one_of": Cell(
        4,
        lambda on, *x: on.one_of(*exclusive_parts(on, *x)),
        lambda a, b, c, d: (a & b & c) | (a & (1 - b)) | ((1 - a) & b & d),
    ),
    "mux": Cell(3, lambda on, c, a, b: on.mux(c, a, b), lambda c, a, b: np.where(c, a, b)),
    "swap_first": Cell(3, lambda on, c, a, b: on.swap(c, a, b)[0], lambda c, a, b: np.where(c, a, b)),
    "swap_second": Cell(3, lambda on, c, a, b: on.swap(c, a, b)[1], lambda c, a, b: np.where(c, b, a)),
    "at_least": Cell(
        4,
        lambda on, a, b, c, d: on.at_least([(a, 3), (b, -2), (c, 5), (d, 1)], 2),
        lambda a, b, c, d: 3 * a - 2 * b + 5 * c + d >= 2,
    ),
    "real": Cell(1, lambda on, a: on.real(a), lambda a: a),
}


@pytest.mark.parametrize("basis", NAMES)
@pytest.mark.parametrize("name", CELLS)
def test_a_cell_answers_as_it_should_on_all_its_inputs(basis, name):
    cell = CELLS[name]
    vectors = every_vector(cell.operands)
    expected = [cell.plain(*(np.array(int(bit)) for bit in row)) for row in vectors]
    assert answers(basis, lambda on, x: [cell.build(on, *x)], vectors).tolist() == [int(e) & 1 for e in expected]


@pytest.mark.parametrize("basis", NAMES)
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("constant", [0, 1])
def test_a_constant_operand_folds_to_the_same_answers(basis, name, at, constant):
    cell = CELLS[name]
    if at >= cell.operands:
        at = cell.operands - 1
    vectors = every_vector(cell.operands)
    vectors = vectors[vectors[:, at] == bool(constant)]

    def build(on: Basis, x: Word) -> list[Bit]:
        operands = list(x)
        operands[at] = on.one if constant else on.zero
        return [cell.build(on, *operands)]

    expected = [int(cell.plain(*(np.array(int(bit)) for bit in row))) & 1 for row in vectors]
    assert answers(basis, build, vectors).tolist() == expected


@given(
    bases,
    st.lists(
        st.tuples(st.sampled_from(sorted(CELLS)), st.lists(st.integers(0, 99), min_size=4, max_size=4)), max_size=14
    ),
    st.integers(1, 8),
)
def test_cells_read_cells_to_any_depth(basis, steps, widest_form):
    """Virtual bits of virtual bits of virtual bits, constants and repeated operands among them."""
    vectors = every_vector(WIDTH)

    def chosen(pool: Sequence[Any], cell: Cell, picks: Sequence[int]) -> list[Any]:
        return [pool[-1 - (k % min(len(pool), 9))] for k in picks[: cell.operands]]

    def build(on: Basis, x: Word) -> list[Bit]:
        pool = [on.zero, on.one, *x]
        for name, picks in steps:
            pool.append(CELLS[name].build(on, *chosen(pool, CELLS[name], picks)))
        return pool[2:]

    pool = [np.zeros(len(vectors), int), np.ones(len(vectors), int), *vectors.T.astype(int)]
    for name, picks in steps:
        pool.append(np.asarray(CELLS[name].plain(*chosen(pool, CELLS[name], picks))).astype(int) & 1)
    expected = sum(bit.astype(object) << i for i, bit in enumerate(pool[2:]))
    options = {"widest_form": widest_form} if basis == "threshold" else {}
    assert np.array_equal(answers(basis, build, vectors, **options), expected)


@pytest.mark.parametrize("basis", NAMES)
@pytest.mark.parametrize("count", [0, 1, 2, 9, 130, 300])
def test_gates_of_any_fan_in_fit_the_hardware(basis, count):
    vectors = np.concatenate([random_vectors(count + 1, 60), ~np.eye(count + 1, dtype=bool)])
    first, rest = vectors[:, 0], vectors[:, 1:]
    cells = {
        "and": (lambda on, x: on.and_(*x[1:]), rest.all(1)),
        "or": (lambda on, x: on.or_(*x[1:]), rest.any(1)),
        "and_not": (lambda on, x: on.and_not(*x), first & ~rest.any(1)),
        "and_any": (lambda on, x: on.and_any(x[:1], x[1:]), first & rest.any(1)),
        "or of nots": (lambda on, x: on.or_(*map(on.not_, x[1:])), ~rest.all(1)),
    }
    for name, (build, expected) in cells.items():
        answer = answers(basis, lambda on, x, build=build: [build(on, x)], vectors)
        assert np.array_equal(answer, expected.astype(int)), name


@pytest.mark.parametrize("basis", NAMES)
@pytest.mark.parametrize(("address", "width"), [(1, 3), (3, 9), (6, 12)])
def test_a_table_holds_its_entries(basis, address, width):
    entries = np.random.default_rng(address).integers(0, 1 << width, 1 << address).tolist()
    answer = answers(basis, lambda on, x: on.table(x, entries, width), every_vector(address))
    assert answer.tolist() == entries
    negated = answers(basis, lambda on, x: on.table([on.not_(b) for b in x], entries, width), every_vector(address))
    assert negated.tolist() == entries[::-1]


def test_a_basis_that_does_not_exist_is_named():
    with pytest.raises(NexusError, match="basis 'nand' does not exist; choose one of threshold, nexus"):
        basis_named("nand")
    with pytest.raises(NexusError, match="basis 'nexus' has no style 'depth'; choose one of neurons"):
        basis_named("nexus", "depth")
