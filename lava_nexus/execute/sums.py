"""Sums in the order that a node states, for every executor: partial sums in registers, additions round by round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from itertools import product as every
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.accumulator import Accumulator
from lava_nexus.circuits.bank import Bank
from lava_nexus.execute.executor import Executor
from lava_nexus.programs.order import Order
from lava_nexus.programs.program import Contract, Reduce

Patterns = NDArray[Any]
Tile = tuple[slice, ...]

# Operand sets in one invocation: enough to fill all lanes of all cores, little enough for the cache.
_BLOCK = 1 << 18
# Sums formed together, and numbers held for them: what bounds the memory of a layer of any size.
_MOST_SUMS = 1 << 20
_MOST_NUMBERS = 1 << 25
_EXACT = 100  # numbers that stand for a register of an exact sum, before and after a step, and its reference


def reduce(node: Reduce, operand: Patterns, executor: Executor) -> Patterns:
    """The circuit folded over the last axis of patterns [batch, ..., length]."""
    result = np.empty(operand.shape[:-1], node.result.format.pattern_dtype)
    for tile in tiles(result.shape, _room(node.order)):
        values = np.moveaxis(operand[tile], -1, 0)
        if node.accumulator is not None:
            result[tile] = _exactly(node.accumulator, [values], result[tile].shape, executor)
            continue
        terms = Terms(values, result[tile].shape)
        result[tile] = _Summation(node.order, node.circuit, terms, executor).run()
    return result


def contract(node: Contract, operands: Sequence[Patterns], executor: Executor) -> Patterns:
    """The contraction of patterns of equal rank [batch, ..., rows, k] and [batch, ..., columns, k], and a bias."""
    left, right = operands[0][..., :, None, :], operands[1][..., None, :, :]
    shape = np.broadcast_shapes(left.shape[:-1], right.shape[:-1])
    result = np.empty(shape, node.result.format.pattern_dtype)
    for tile in tiles(shape, _room(node.order)):
        left_part, right_part = (
            np.ascontiguousarray(np.moveaxis(_part(array, tile), -1, 0)) for array in (left, right)
        )
        if node.accumulator is not None:
            result[tile] = _exactly(node.accumulator, [left_part, right_part], result[tile].shape, executor)
            continue
        bias = _part(operands[2][..., None, :], tile) if len(operands) > 2 else None
        terms = Products(node, (left_part, right_part), bias, executor, result[tile].shape, tile)
        result[tile] = _Summation(node.order, node.add, terms, executor).run()
    return result


def _exactly(
    accumulator: Accumulator, factors: Sequence[Patterns], shape: tuple[int, ...], executor: Executor
) -> Patterns:
    """The exact sums of products of factors [terms, *], or of values, rounded once."""
    length, pieces = len(factors[0]), accumulator.register.pieces
    state: tuple[Patterns, ...] = tuple(np.zeros(shape, np.uint64) for _ in range(pieces))
    ports = accumulator.step.inputs[pieces:]
    # What fills up the last step is -0: of values -0, of products -0 * +0.
    fill = (accumulator.register.format.sign_mask, 0)[: len(factors)]
    none = [np.array([pattern], ports[0].pattern_dtype) for pattern in fill]
    for start in range(0, length, accumulator.terms):
        terms = range(start, start + accumulator.terms)
        operands = [factor[k] if k < length else none[i] for k in terms for i, factor in enumerate(factors)]
        state = executor.invoke_all(accumulator.step, [*state, *operands])
    return executor.invoke(accumulator.finish, state)


def tiles(shape: tuple[int, ...], most: int) -> Iterator[Tile]:
    """Parts of an array of at most `most` elements each, whole rows as far as they fit."""
    sizes = []
    for size in reversed(shape):
        sizes.append(max(1, min(size, most)))
        most //= sizes[-1]
    starts = [range(0, size, step) for size, step in zip(shape, reversed(sizes), strict=True)]
    for corner in every(*starts):
        yield tuple(slice(start, start + span.step) for start, span in zip(corner, starts, strict=True))


def _room(order: Order) -> int:
    """How many sums are formed together; their factors are as long as they are, whatever the number of sums."""
    held = (_EXACT if order.tree is None else order.registers) + 2
    return max(1, min(_MOST_SUMS, _MOST_NUMBERS // held))


def _part(array: Patterns, tile: Tile) -> Patterns:
    """What a tile of the broadcast result reads of an array."""
    own = tuple(slice(None) if size == 1 else span for size, span in zip(array.shape, tile, strict=False))
    return array[own]


class Terms:
    """Terms that are there: values [terms, *tile]."""

    def __init__(self, values: Patterns, shape: tuple[int, ...]) -> None:
        self._values, self.shape = values, shape

    def rounded(self, terms: Sequence[int]) -> Patterns:
        """The terms as they are added: patterns [len(terms), *tile]."""
        return _rows(self._values, terms)


class Products(Terms):
    """Terms that are products of left [terms, *] and right [terms, *], of shapes that broadcast to the tile.

    One more term may be a bias; it is no product and is never fused.
    """

    def __init__(
        self,
        node: Contract,
        factors: tuple[Patterns, Patterns],
        bias: Patterns | None,
        executor: Executor,
        shape: tuple[int, ...],
        tile: Tile,
    ) -> None:
        self._tile = tile
        self._node, self._factors, self._bias, self._executor, self.shape = node, factors, bias, executor, shape

    def rounded(self, terms: Sequence[int]) -> Patterns:
        """The products, each rounded, or the bias: patterns [len(terms), *tile]."""
        bank = self._node.bank
        if bank is not None:
            return self._each(terms, lambda part, _: self._banked(bank, part))
        return self._each(terms, lambda part, _: self._executor.invoke(self._node.multiply, self._rows(part)))

    def _banked(self, bank: Bank, terms: Sequence[int]) -> Patterns:
        """Products with constant weights, a run of neighbouring terms at a time."""
        runs: list[range] = []
        for term in terms:
            if runs and runs[-1].stop == term:
                runs[-1] = range(runs[-1].start, term + 1)
            else:
                runs.append(range(term, term + 1))
        parts = []
        for run in runs:
            left = self._factors[0][run.start : run.stop]
            where = self._tile[-1], slice(run.start, run.stop)
            found = self._executor.invoke_bank(bank, left.reshape(len(run), -1), *where)
            parts.append(found.reshape(*left.shape[:-1], -1))
        return np.concatenate(parts)

    def started(self, terms: Sequence[int]) -> Patterns:
        """What fused sums that start from these terms hold."""
        if not self._node.order.from_zero:
            return self.rounded(terms)
        zero = np.zeros(1, self._node.result.format.pattern_dtype)
        return self._each(terms, lambda part, _: self._fma(part, zero))

    def fused(self, totals: Patterns, terms: Sequence[int]) -> Patterns:
        """totals[i] + term i, rounded once."""
        sums = self._each(terms, lambda part, chosen: self._fma(part, _rows(totals, chosen)))
        for i in self._places_of_bias(terms):
            sums[i] = self._executor.invoke(self._node.add, [totals[i], sums[i]])
        return sums

    def _fma(self, terms: Sequence[int], totals: Patterns) -> Patterns:
        assert self._node.fma is not None
        return self._executor.invoke(self._node.fma, [*self._rows(terms), totals])

    def _rows(self, terms: Sequence[int]) -> list[Patterns]:
        return [_rows(factor, terms) for factor in self._factors]

    def _places_of_bias(self, terms: Sequence[int]) -> list[int]:
        return [] if self._bias is None else [i for i, term in enumerate(terms) if term == self._node.length]

    def _each(self, terms: Sequence[int], make: Callable[[Sequence[int], Sequence[int]], Patterns]) -> Patterns:
        """What is made of the terms and their places, and the bias in its place."""
        bias = self._places_of_bias(terms)
        if not bias:
            return make(terms, range(len(terms)))
        out = np.empty((len(terms), *self.shape), self._node.result.format.pattern_dtype)
        out[bias] = self._bias
        rest = [i for i in range(len(terms)) if i not in bias]
        if rest:
            out[rest] = make([terms[i] for i in rest], rest)
        return out


class _Summation:
    """One tile of sums on its way through the steps of an order."""

    def __init__(self, order: Order, add: Circuit, terms: Terms, executor: Executor) -> None:
        self._order, self._add, self._terms, self._executor = order, add, terms, executor
        self._due = [term for step in order.steps for _, term in (*step.starts, *step.terms)]
        self._ahead: Patterns | None = None
        self._zero = np.zeros(1, add.output.pattern_dtype)
        self._products = terms if order.fused and isinstance(terms, Products) else None

    def run(self) -> Patterns:
        """The sums, in the shape of the tile."""
        totals = np.empty((self._order.registers, *self._terms.shape), self._add.output.pattern_dtype)
        for step in self._order.steps:
            if step.starts:
                registers, terms = zip(*step.starts, strict=True)
                self._put(totals, registers, self._started(terms))
            if step.terms:
                registers, terms = zip(*step.terms, strict=True)
                self._put(totals, registers, self._added(_rows(totals, registers), terms))
            if step.joins:
                registers, others = zip(*step.joins, strict=True)
                both = [_rows(totals, registers), _rows(totals, others)]
                self._put(totals, registers, self._executor.invoke(self._add, both))
        result: Patterns = totals[0]
        return result

    def _started(self, terms: Sequence[int]) -> Patterns:
        if self._products:
            return self._products.started(terms)
        first = self._next(len(terms))
        return self._executor.invoke(self._add, [self._zero, first]) if self._order.from_zero else first

    def _added(self, totals: Patterns, terms: Sequence[int]) -> Patterns:
        if self._products:
            return self._products.fused(totals, terms)
        return self._executor.invoke(self._add, [totals, self._next(len(terms))])

    def _next(self, count: int) -> Patterns:
        """The next `count` terms, rounded; more of them at a time than are asked for, where the sums are few."""
        if self._ahead is None or len(self._ahead) < count:
            left = 0 if self._ahead is None else len(self._ahead)
            more = max(count - left, _BLOCK // max(1, prod(self._terms.shape)))
            made = np.broadcast_to(
                self._terms.rounded(self._due[:more]), (min(more, len(self._due)), *self._terms.shape)
            )
            self._due = self._due[more:]
            self._ahead = made if self._ahead is None or not left else np.concatenate([self._ahead, made])
        taken, self._ahead = self._ahead[:count], self._ahead[count:]
        return taken

    @staticmethod
    def _put(totals: Patterns, registers: Sequence[int], sums: Patterns) -> None:
        if len(registers) == 1:
            totals[registers[0]] = sums[0]
        else:
            totals[list(registers)] = sums


def _rows(array: Patterns, rows: Sequence[int]) -> Patterns:
    """Some rows: a view where they are evenly spaced."""
    if len(rows) == 1:
        return array[rows[0] : rows[0] + 1]
    step = rows[1] - rows[0]
    if step > 0 and all(b - a == step for a, b in pairwise(rows)):
        return array[rows[0] : rows[-1] + 1 : step]
    return array[list(rows)]
