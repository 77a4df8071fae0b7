"""Sums in the order that a node states, for every executor: partial sums in registers, additions round by round.

Each kind of sum runs through the public methods of an executor: `formed` has a function for its class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from itertools import groupby, pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.native.layer import native_sums
from lava_nexus.execute.native.pairs import pair_sums
from lava_nexus.execute.shares import tiles
from lava_nexus.programs.nodes import Folded
from lava_nexus.programs.order import Order
from lava_nexus.programs.product import Constant, Exact, Fused, Native, Paired, Product, Rounded, Summation
from lava_nexus.programs.program import Reduce

Patterns = NDArray[Any]

# Operand sets in one invocation: enough to fill all lanes of all cores, little enough for the cache.
_BLOCK = 1 << 18
# Sums formed together, and numbers held for them: what bounds the memory of a layer of any size.
_MOST_SUMS = 1 << 20
_MOST_NUMBERS = 1 << 25
_EXACT = 100  # numbers that stand for a register of an exact sum, before and after a step, and its reference


@dataclass(frozen=True, eq=False)
class Tile:
    """Sums that are formed together.

    Attributes:
        factors: left [terms, *] and right [terms, *] of products, or values [terms, *] alone; their shapes broadcast.
        shape: of the sums.
        columns: of the right factor's matrix, that the last axis of the sums stands for.
        bias: one more term, numbered behind the products: no product, and never fused.
    """

    factors: tuple[Patterns, ...]
    shape: tuple[int, ...]
    columns: slice = field(default_factory=lambda: slice(0, 0))
    bias: Patterns | None = None


def reduce(node: Reduce, operand: Patterns, executor: Executor) -> Patterns:
    """The last axis of patterns [batch, ..., length] folded into one."""
    if isinstance(node.fold, Native):
        rows = native_sums(node.fold.layer, operand.reshape(-1, node.length), executor)
        return rows.reshape(operand.shape[:-1])
    result = np.empty_like(operand, node.result.format.pattern_dtype, shape=operand.shape[:-1])
    for part in tiles(result.shape, _room(node.fold)):
        tile = Tile((np.moveaxis(operand[part], -1, 0),), result[part].shape)
        result[part] = formed(node.fold, tile, executor)
    return result


def contract(how: Product, operands: Sequence[Patterns], executor: Executor) -> Patterns:
    """Sums of patterns of equal rank [batch, ..., rows, k] and [batch, ..., columns, k], and a bias [..., columns]."""
    left, right = operands[0][..., :, None, :], operands[1][..., None, :, :]
    shape = np.broadcast_shapes(left.shape[:-1], right.shape[:-1])
    if isinstance(how, Native):  # its weights are the synapses, so that no tile cuts them
        return native_sums(how.layer, operands[0].reshape(-1, left.shape[-1]), executor).reshape(shape)
    if isinstance(how, Paired):
        return pair_sums(how.layer, operands[0], operands[1], executor)
    result = np.empty_like(left, how.format.pattern_dtype, shape=shape)
    for part in tiles(shape, _room(how)):
        factors = tuple(_contiguous(np.moveaxis(_part(array, part), -1, 0)) for array in (left, right))
        bias = _part(operands[2][..., None, :], part) if len(operands) > 2 else None
        result[part] = formed(how, Tile(factors, result[part].shape, part[-1], bias), executor)
    return result


@singledispatch
def formed(how: Summation, tile: Tile, executor: Executor) -> Patterns:
    """The sums of a tile, in its shape.

    Raises:
        NexusError: no executor forms sums of that kind, or this one does not.
    """
    raise NexusError(f"executor '{executor.name}' does not form sums of kind '{how.name}'")


@formed.register
def _folded(how: Folded, tile: Tile, executor: Executor) -> Patterns:
    return _Summation(how.order, how.circuit, Terms(tile), executor).run()


@formed.register
def _rounded(how: Rounded, tile: Tile, executor: Executor) -> Patterns:
    def multiplied(terms: Sequence[int]) -> Patterns:
        return executor.invoke(how.multiply, [_rows(factor, terms) for factor in tile.factors])

    return _Summation(how.order, how.add, Products(tile, multiplied), executor).run()


@formed.register
def _constant(how: Constant, tile: Tile, executor: Executor) -> Patterns:
    def multiplied(terms: Sequence[int]) -> Patterns:
        """A run of neighbouring terms at a time."""
        parts = []
        for run in _runs(terms):
            left = tile.factors[0][run]
            found = executor.invoke_bank(how.multiply, left.reshape(len(left), -1), tile.columns, run)
            parts.append(found.reshape(*left.shape[:-1], -1))
        return np.concatenate(parts)

    return _Summation(how.order, how.add, Products(tile, multiplied), executor).run()


@formed.register
def _fused(how: Fused, tile: Tile, executor: Executor) -> Patterns:
    return _Summation(how.order, how.add, FusedProducts(how, tile, executor), executor).run()


@formed.register
def _exact(how: Exact, tile: Tile, executor: Executor) -> Patterns:
    """Terms into a register, several in a step, then one rounding."""
    accumulator, factors = how.accumulator, tile.factors
    length, pieces = len(factors[0]), accumulator.register.pieces
    state: tuple[Patterns, ...] = tuple(np.zeros_like(factors[0], np.uint64, shape=tile.shape) for _ in range(pieces))
    ports = accumulator.step.inputs[pieces:]
    # What fills up the last step is -0: of values -0, of products -0 * +0.
    fill = (accumulator.register.format.sign_mask, 0)[: len(factors)]
    none = [np.full_like(factors[0], pattern, ports[0].pattern_dtype, shape=(1,)) for pattern in fill]
    for start in range(0, length, accumulator.terms):
        terms = range(start, start + accumulator.terms)
        operands = [factor[k] if k < length else none[i] for k in terms for i, factor in enumerate(factors)]
        state = executor.invoke_all(accumulator.step, [*state, *operands])
    return executor.invoke(accumulator.finish, state)


def _room(how: Summation) -> int:
    """How many sums are formed together; their factors are as long as they are, whatever the number of sums."""
    held = (_EXACT if how.order is None else how.order.registers) + 2
    return max(1, min(_MOST_SUMS, _MOST_NUMBERS // held))


def _part(array: Patterns, part: tuple[slice, ...]) -> Patterns:
    """What a part of the broadcast result reads of an array."""
    own = tuple(slice(None) if size == 1 else span for size, span in zip(array.shape, part, strict=False))
    return array[own]


def _contiguous(array: Patterns) -> Patterns:
    return array if array.flags.c_contiguous else array.copy()


class Terms:
    """Terms that are there: the values of a tile."""

    def __init__(self, tile: Tile) -> None:
        self.tile = tile

    def rounded(self, terms: Sequence[int]) -> Patterns:
        """The terms as they are added: patterns [len(terms), *tile]."""
        return _rows(self.tile.factors[0], terms)


class Products(Terms):
    """Terms that are rounded products of a tile's factors, and its bias.

    Args:
        tile: the factors.
        multiplied: the products of the terms given: patterns [len(terms), *tile].
    """

    def __init__(self, tile: Tile, multiplied: Callable[[Sequence[int]], Patterns]) -> None:
        super().__init__(tile)
        self._multiplied = multiplied

    def rounded(self, terms: Sequence[int]) -> Patterns:
        """The products, each rounded, or the bias: patterns [len(terms), *tile]."""
        return self._each(terms, lambda part, _: self._multiplied(part))

    def _places_of_bias(self, terms: Sequence[int]) -> list[int]:
        length = len(self.tile.factors[0])
        return [] if self.tile.bias is None else [i for i, term in enumerate(terms) if term == length]

    def _each(self, terms: Sequence[int], make: Callable[[Sequence[int], Sequence[int]], Patterns]) -> Patterns:
        """What is made of the terms and their places, and the bias in its place."""
        bias = self._places_of_bias(terms)
        if not bias:
            return make(terms, range(len(terms)))
        assert self.tile.bias is not None
        out = np.empty_like(self.tile.bias, shape=(len(terms), *self.tile.shape))
        out[bias] = self.tile.bias
        rest = [i for i in range(len(terms)) if i not in bias]
        if rest:
            out[rest] = make([terms[i] for i in rest], rest)
        return out


class FusedProducts(Products):
    """Products that are added by fused multiply-adds; those that sums start from are rounded."""

    def __init__(self, how: Fused, tile: Tile, executor: Executor) -> None:
        super().__init__(tile, lambda terms: executor.invoke(how.multiply, self._factors(terms)))
        self._how, self._executor = how, executor

    def started(self, terms: Sequence[int]) -> Patterns:
        """What sums that start from these terms hold."""
        if not self._how.order.from_zero:
            return self.rounded(terms)
        zero = np.zeros_like(self.tile.factors[0], self._how.add.output.pattern_dtype, shape=(1,))
        return self._each(terms, lambda part, _: self._fma(part, zero))

    def fused(self, totals: Patterns, terms: Sequence[int]) -> Patterns:
        """totals[i] + term i, rounded once."""
        sums = self._each(terms, lambda part, chosen: self._fma(part, _rows(totals, chosen)))
        for i in self._places_of_bias(terms):
            sums[i] = self._executor.invoke(self._how.add, [totals[i], sums[i]])
        return sums

    def _fma(self, terms: Sequence[int], totals: Patterns) -> Patterns:
        return self._executor.invoke(self._how.fma, [*self._factors(terms), totals])

    def _factors(self, terms: Sequence[int]) -> list[Patterns]:
        return [_rows(factor, terms) for factor in self.tile.factors]


class _Summation:
    """One tile of sums on its way through the steps of an order."""

    def __init__(self, order: Order, add: Circuit, terms: Terms, executor: Executor) -> None:
        self._order, self._add, self._terms, self._executor = order, add, terms, executor
        self._due = [term for step in order.steps for _, term in (*step.starts, *step.terms)]
        self._ahead: Patterns | None = None
        self._zero = np.zeros_like(terms.tile.factors[0], add.output.pattern_dtype, shape=(1,))
        self._shape = terms.tile.shape

    def run(self) -> Patterns:
        """The sums, in the shape of the tile."""
        shape = (self._order.registers, *self._shape)
        totals = np.empty_like(self._terms.tile.factors[0], self._add.output.pattern_dtype, shape=shape)
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
        if isinstance(self._terms, FusedProducts):
            return self._terms.started(terms)
        first = self._next(len(terms))
        return self._executor.invoke(self._add, [self._zero, first]) if self._order.from_zero else first

    def _added(self, totals: Patterns, terms: Sequence[int]) -> Patterns:
        if isinstance(self._terms, FusedProducts):
            return self._terms.fused(totals, terms)
        return self._executor.invoke(self._add, [totals, self._next(len(terms))])

    def _next(self, count: int) -> Patterns:
        """The next `count` terms, rounded; more of them at a time than are asked for, where the sums are few."""
        if self._ahead is None or len(self._ahead) < count:
            left = 0 if self._ahead is None else len(self._ahead)
            more = max(count - left, _BLOCK // max(1, prod(self._shape)))
            made = np.broadcast_to(self._terms.rounded(self._due[:more]), (min(more, len(self._due)), *self._shape))
            self._due = self._due[more:]
            self._ahead = made if self._ahead is None or not left else np.concatenate([self._ahead, made])
        taken, self._ahead = self._ahead[:count], self._ahead[count:]
        return taken

    @staticmethod
    def _put(totals: Patterns, registers: Sequence[int], sums: Patterns) -> None:
        totals[list(registers)] = sums


def _runs(terms: Sequence[int]) -> list[slice]:
    """Neighbouring terms together."""
    groups = (list(group) for _, group in groupby(enumerate(terms), lambda pair: pair[1] - pair[0]))
    return [slice(group[0][1], group[-1][1] + 1) for group in groups]


def _rows(array: Patterns, rows: Sequence[int]) -> Patterns:
    """Some rows: a view where they are evenly spaced."""
    if len(rows) == 1:
        return array[rows[0] : rows[0] + 1]
    step = rows[1] - rows[0]
    if step > 0 and all(b - a == step for a, b in pairwise(rows)):
        return array[rows[0] : rows[-1] + 1 : step]
    return array[list(rows)]
