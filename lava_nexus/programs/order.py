"""The order in which a sum is formed, as data that executors follow and counts are read off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat

Accumulate = Literal["sequential", "fma", "pairwise", "exact", "torch"]
Operators = Literal["steps", "shared", "deferred"]
"""How norms, softmax and RoPE are formed; see `Writer`."""
Reduction = Literal["linear", "attention", "sum"]
"""What a sum belongs to: a product with weights, a product of activations, a sum of values."""

Part: TypeAlias = "range | Sum"

START, TERM, JOIN = 0, 1, 2
"""A register takes a term, a term is added to it, or another register is."""


@dataclass(frozen=True)
class Sum:
    """Terms added from the left: a range gives its terms one after the other, a sum within is formed apart, then added.

    Attributes:
        parts: at least one; a range holds term numbers.
    """

    parts: tuple[Part, ...]

    def terms(self) -> Iterator[int]:
        """Term numbers in the order in which they are met."""
        for part in self.parts:
            yield from part if isinstance(part, range) else part.terms()

    def __str__(self) -> str:
        return "(" + " + ".join(_text(part) for part in self.parts) + ")"


@dataclass(frozen=True)
class Step:
    """Additions that do not wait for each other.

    Attributes:
        starts: (register, term): the register takes the term.
        terms: (register, term): the term is added to the register.
        joins: (register, other register): the other register is added to the register.
    """

    starts: tuple[tuple[int, int], ...]
    terms: tuple[tuple[int, int], ...]
    joins: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Order:
    """How the terms 0 .. length - 1 of a sum become one number.

    Attributes:
        name: as configs call it.
        tree: what is added to what; None where the exact sum is rounded once and no order matters.
        fused: a product is added to what there is by one fused multiply-add; no product is rounded by itself but those
            that a sum starts from.
        from_zero: sums start from +0 instead of their first term, which differs for terms of -0.
        bias_inside: the bias of a linear layer is one more term, numbered `length`; else it is added last.
    """

    name: Accumulate
    tree: Sum | None
    fused: bool = False
    from_zero: bool = False
    bias_inside: bool = False

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The tree as rounds of additions on registers, of which number 0 ends with the result."""
        if self.tree is None:
            raise NexusError(f"accumulate '{self.name}' has no order of additions")
        return _schedule(self.tree)

    @cached_property
    def instructions(self) -> NDArray[np.int64]:
        """The steps one after the other, int64 [additions and starts, 3]: (`START`, `TERM` or `JOIN`, register, of).

        `of` is the term that the register takes or is added to it, or the register that is added.
        """
        kinds = ((START, "starts"), (TERM, "terms"), (JOIN, "joins"))
        found = [(kind, *pair) for step in self.steps for kind, name in kinds for pair in getattr(step, name)]
        return np.array(found, np.int64)

    @cached_property
    def registers(self) -> int:
        """Registers that `steps` use."""
        return 1 + max(register for step in self.steps for register, _ in step.starts)

    @cached_property
    def started(self) -> int:
        """Sums in the tree that start from a term."""
        return sum(len(step.starts) for step in self.steps)

    @property
    def zeros(self) -> int:
        """Additions of +0 to the terms that sums start from."""
        return self.started if self.from_zero else 0

    @cached_property
    def joined(self) -> int:
        """Additions of one partial sum to another."""
        return sum(len(step.joins) for step in self.steps)

    def starts_from(self, term: int) -> bool:
        """Whether a sum in the tree starts from that term."""
        return any(started == term for step in self.steps for _, started in step.starts)

    def depth(self, start: int, term: Callable[[int], int], join: int) -> int:
        """Time steps to the result, where a start is there after `start` steps and a term joins at `term(then)`."""
        assert self.tree is not None
        return _depth(self.tree, start, term, join)

    def __str__(self) -> str:
        how = " by fma" if self.fused else ""
        return f"{self.name}{how}" if self.tree is None else f"{self.name}{how} {self.tree}"


@dataclass(frozen=True)
class Placed:
    """An order and the part of a result that is formed in it.

    Attributes:
        rows, columns: start .. stop (exclusive).
        matrices: of a product of several matrices, numbered in the order of its first axes; none for all of them.
    """

    order: Order
    rows: tuple[int, int]
    columns: tuple[int, int]
    matrices: tuple[int, ...] = ()


class Orders(Protocol):
    """Where a program's orders come from, if not from one of the names that need no look outside."""

    def orders(
        self, reduction: Reduction, length: int, shape: tuple[int, ...], bias: bool, plain: bool, fmt: FloatFormat
    ) -> list[Placed]:
        """The orders of sums of `length` terms, for all parts of a result.

        Args:
            reduction: what the sums belong to; a sum of values has one order for all of its results.
            length: terms of one sum.
            shape: of the result for one element of the batch; of products the last two axes are rows and columns.
            bias: whether a bias is added.
            plain: whether the right operand of a product lies in memory as [length, columns].
            fmt: of the terms and the sum.
        """

    def of_batch(self, batch: int) -> Orders:
        """The orders where so many elements are computed together."""


@lru_cache(maxsize=256)
def named_order(name: Accumulate, length: int) -> Order:
    """The order of that name for sums of `length` terms.

    `sequential`: ((t0 + t1) + t2) + ..., products rounded; `fma`: the same by fused multiply-adds, from the rounded
    first product; `pairwise`: split at the largest power of two below the length; `exact`: the exact sum rounded once.

    Raises:
        NexusError: a name that is none of these, or a length below 1.
    """
    if length < 1:
        raise NexusError(f"sum of {length} terms has no value; at least 1 is needed")
    if name == "sequential":
        return Order(name, Sum((range(length),)))
    if name == "fma":
        return Order(name, Sum((range(length),)), fused=True)
    if name == "pairwise":
        return Order(name, _halved(0, length))
    if name == "exact":
        return Order(name, None)
    if name == "torch":
        raise NexusError("accumulate 'torch' takes its orders from lava_nexus.torch.accumulation('torch')")
    raise NexusError(f"accumulate '{name}' does not exist; choose one of sequential, fma, pairwise, exact, torch")


def _halved(start: int, length: int) -> Sum:
    if length <= 2:
        return Sum((range(start, start + length),))
    half = 1 << (length - 1).bit_length() - 1
    left, right = _halved(start, half), _halved(start + half, length - half)
    return Sum((left, right if length - half > 1 else range(start + half, start + length)))


def ranges(parts: list[Part]) -> list[Part]:
    """Single terms at even distances as one range."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, range) and len(part) == 1 and isinstance(last, range):
            step = part[0] - last[-1]
            if len(last) == 1 or step == last.step:
                joined[-1] = range(last[0], part[0] + (1 if step > 0 else -1), step)
                continue
        joined.append(part)
    return joined


def _schedule(tree: Sum) -> tuple[Step, ...]:
    rounds: dict[int, tuple[list[tuple[int, int]], ...]] = {}
    used = 0

    def at(when: int) -> tuple[list[tuple[int, int]], ...]:
        return rounds.setdefault(when, ([], [], []))

    def form(part: Sum) -> tuple[int, int]:
        """(register, round after which it holds the sum)."""
        nonlocal used
        register, when = -1, 0
        for piece in part.parts:
            if isinstance(piece, Sum):
                other, ready = form(piece)
                if register < 0:
                    register, when = other, ready
                    continue
                when = max(when, ready) + 1
                at(when)[2].append((register, other))
                continue
            for term in piece:
                if register < 0:
                    register, used = used, used + 1
                    at(0)[0].append((register, term))
                else:
                    when += 1
                    at(when)[1].append((register, term))
        return register, when

    form(tree)
    return tuple(Step(*(tuple(kind) for kind in rounds[when])) for when in sorted(rounds))


def _depth(part: Sum, start: int, term: Callable[[int], int], join: int) -> int:
    then = -1
    for piece in part.parts:
        if isinstance(piece, Sum):
            inner = _depth(piece, start, term, join)
            then = inner if then < 0 else max(then, inner) + join
            continue
        for _ in piece:
            then = start if then < 0 else term(then)
    return then


def _text(part: Part) -> str:
    if isinstance(part, Sum):
        return str(part)
    if len(part) == 1:
        return str(part[0])
    shown = f"{part[0]}..{part[-1]}"
    return shown if part.step == 1 else f"{shown} step {part.step}"
