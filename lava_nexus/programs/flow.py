"""A program as invocations one by one, sums formed in place, and what depends on a position of the cache marked.

A word has an address. Words of the cache have the position that they belong to, and so has what is computed from one of
them alone. A sum or a maximum over positions is formed in their order, so that whoever knows how many there are can
leave the rest out: its invocations bear their positions, and its result none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.programs.nodes import Apply, Contract, Folded, Node, Rearrange, Reduce, Value
from lava_nexus.programs.product import Rounded
from lava_nexus.programs.program import Program

NOWHERE = -1
"""The position of what belongs to no position, and the address of nothing."""


@dataclass
class Invocation:
    """One operand set of a circuit.

    Attributes:
        circuit: number in `Flow.circuits`.
        operands: addresses.
        result: address; that of a sum's total is among the operands too.
        level: how many sums over positions have to be complete before.
        position: that it belongs to.
        guarded: whether it changes a total, and must not where its position is not taken.
        lane: number of the result within its node, for dealing to instances.
        total: address of the total that the result is added to next.
        starts: totals over positions that the result is the first term of.
    """

    circuit: int
    operands: tuple[int, ...]
    result: int
    level: int
    position: int = NOWHERE
    guarded: bool = False
    lane: int = 0
    total: int = NOWHERE
    starts: list[int] = field(default_factory=list)


@dataclass
class Flow:
    """Invocations in an order in which they can run.

    Attributes:
        circuits: by number.
        invocations: of a token.
        constants: patterns by address.
        bits: of a word, by address.
        values: addresses of each value of the program, in its shape, by its number.
        position: of an address, where it belongs to one.
        stored: for each result that goes into a cache, the cache's words for it, by position.
    """

    circuits: list[Circuit] = field(default_factory=list)
    invocations: list[Invocation] = field(default_factory=list)
    constants: dict[int, int] = field(default_factory=dict)
    bits: list[int] = field(default_factory=list)
    values: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    position: dict[int, int] = field(default_factory=dict)
    stored: dict[int, list[int]] = field(default_factory=dict)


def flow_of(program: Program, cached: Mapping[int, int]) -> Flow:
    """The invocations of one token's program.

    Args:
        program: with constant weights; keys and values of earlier tokens are inputs, behind which it puts the token's.
        cached: for each input that is keys or values [..., positions - 1, channels], by its number, the number of the
            value [..., 1, channels] that holds the token's own, which the program reads as the last position's.

    Raises:
        NexusError: sums that are not rounded one after the other, or what is no circuit.
    """
    return _Writing(program, cached).written()


class _Writing:
    """A flow in the making."""

    def __init__(self, program: Program, cached: Mapping[int, int]) -> None:
        self.program, self.flow = program, Flow()
        self.numbers: dict[str, int] = {}
        self.level: dict[int, int] = {}
        self.maker: dict[int, Invocation] = {}
        self.instead: dict[int, int] = {}
        self.beside: dict[int, int] = {}
        held = {value.number: value for node in program.nodes for value in node.operands}
        for value in program.inputs.values():
            self.flow.values[value.number] = self._new(value.shape, value.format.bits)
        for number, patterns in program.constants.items():
            if number in held:
                found = self._constant(held[number], patterns)
                self.flow.values[number] = found
        for node in program.nodes:
            self.flow.values[node.result.number] = self._results(node)
        for source, own in cached.items():
            self._cache(source, own)

    def _new(self, shape: Sequence[int], bits: int) -> NDArray[np.int64]:
        count, used = int(np.prod(shape, dtype=np.int64)), len(self.flow.bits)
        self.flow.bits += [bits] * count
        return np.arange(used, used + count).reshape(tuple(shape))

    def _constant(self, value: Value, patterns: NDArray[np.generic]) -> NDArray[np.int64]:
        found = self._new(value.shape, value.format.bits)
        self.flow.constants.update(zip(found.ravel().tolist(), patterns.ravel().tolist(), strict=True))
        return found

    def _results(self, node: Node) -> NDArray[np.int64]:
        known = [self.flow.values[v.number] for v in node.operands]
        if isinstance(node, Rearrange):
            return node.arranged(known)
        if isinstance(node, Reduce) and node.length == 1:
            return known[0].reshape(node.result.shape)
        if isinstance(node, Apply) and all(a in self.flow.constants for k in known for a in k.ravel().tolist()):
            constants = self.flow.constants
            patterns = [
                np.array(
                    [constants[a] for a in np.broadcast_to(k, node.result.shape).ravel().tolist()], port.pattern_dtype
                )
                for k, port in zip(known, node.circuit.inputs, strict=True)
            ]
            return self._constant(node.result, np.asarray(node.circuit.golden(*patterns)))
        return self._new(node.result.shape, node.result.format.bits)

    def _cache(self, source: int, own: int) -> None:
        """Words of one more position stand for the token's own where the program reads them."""
        held, new = self.flow.values[source], self.flow.values[own]
        last = self._new(new.shape, self.flow.bits[int(new.flat[0])])
        whole = np.concatenate([held, last], axis=-2)
        self.flow.values[source] = whole
        self.instead.update(zip(new.ravel().tolist(), last.ravel().tolist(), strict=True))
        for position in range(whole.shape[-2]):
            of = whole[..., position, :].ravel().tolist()
            self.flow.position.update(dict.fromkeys(of, position))
        for one, words in zip(new.ravel().tolist(), np.moveaxis(whole, -2, -1).reshape(new.size, -1), strict=True):
            self.flow.stored[one] = words.tolist()

    def written(self) -> Flow:
        """All nodes, in order."""
        for node in self.program.nodes:
            if isinstance(node, Apply):
                self._apply(node)
            elif isinstance(node, Reduce):
                self._reduce(node)
            elif isinstance(node, Contract):
                self._contract(node)
            elif not isinstance(node, Rearrange):
                raise NexusError(f"layer '{node.layer}' is made of LIF populations, a flow knows circuits only")
        return self.flow

    def _number(self, circuit: Circuit) -> int:
        if circuit.digest not in self.numbers:
            self.numbers[circuit.digest] = len(self.flow.circuits)
            self.flow.circuits.append(circuit)
        return self.numbers[circuit.digest]

    def _invoke(self, circuit: int, operands: Sequence[int], result: int, lane: int) -> Invocation:
        """One more invocation; its level and its position are those of its operands."""
        read = tuple(self.instead.get(a, a) for a in operands)
        positions = {self.flow.position[a] for a in read if a in self.flow.position}
        if len(positions) > 1:
            raise NexusError(f"program '{self.program.name}' mixes positions of the cache otherwise than in sums")
        one = Invocation(circuit, read, result, max(self.level.get(a, 0) for a in read), lane=lane)
        if positions:
            one.position = self.flow.position[result] = positions.pop()
        self._made(one)
        return one

    def _made(self, one: Invocation) -> None:
        self.flow.invocations.append(one)
        self.level[one.result] = one.level
        self.maker.setdefault(one.result, one)
        for word in self.flow.stored.get(one.result, ()):
            self.level[word] = one.level

    def _apply(self, node: Apply) -> None:
        results = self.flow.values[node.result.number]
        if results.size and int(results.flat[0]) in self.flow.constants:
            return
        operands = [np.broadcast_to(self.flow.values[v.number], results.shape).ravel() for v in node.operands]
        number = self._number(node.circuit)
        for lane, (result, *of) in enumerate(
            zip(results.ravel().tolist(), *(o.tolist() for o in operands), strict=True)
        ):
            self._invoke(number, of, result, lane)

    def _reduce(self, node: Reduce) -> None:
        if node.length == 1:
            return
        fold = node.fold
        if not isinstance(fold, Folded) or fold.order.from_zero or fold.order.name != "sequential":
            raise NexusError(f"layer '{node.layer}' forms its sums otherwise than one rounded addition after the other")
        terms = self.flow.values[node.operands[0].number].reshape(-1, node.length)
        totals = self.flow.values[node.result.number].ravel()
        number = self._number(fold.circuit)
        levels = self._totals(terms, totals)
        for turn in range(1, node.length):
            for lane in range(len(totals)):
                self._add(number, terms[lane], int(totals[lane]), turn, lane, levels)
        self._complete(totals, levels)

    def _contract(self, node: Contract) -> None:
        product = node.product
        if not isinstance(product, Rounded) or product.order.from_zero or product.order.name != "sequential":
            raise NexusError(f"layer '{node.layer}' forms its sums otherwise than by rounded products and additions")
        results = self.flow.values[node.result.number]
        left, right = (self.flow.values[v.number] for v in node.operands[:2])
        shape = (*results.shape, node.length)
        left = np.broadcast_to(left[..., :, None, :], shape).reshape(-1, node.length)
        right = np.broadcast_to(right[..., None, :, :], shape).reshape(-1, node.length)
        totals = results.ravel()
        terms = self._new(left.shape, self.flow.bits[int(totals[0])]) if node.length > 1 else totals.reshape(-1, 1)
        multiply, add = self._number(product.multiply), self._number(product.add)
        levels: dict[int, int] | None = None
        for turn in range(node.length):
            for lane in range(len(totals)):
                one = self._invoke(
                    multiply, (int(left[lane, turn]), int(right[lane, turn])), int(terms[lane, turn]), lane
                )
                one.total = self._so_far(int(totals[lane])) if turn else NOWHERE
            if turn == 1:
                levels = self._totals(terms[:, :2], totals)
            for lane in range(len(totals) if turn else 0):
                assert levels is not None
                self._add(add, terms[lane], int(totals[lane]), turn, lane, levels)
        if levels is not None:
            self._complete(totals, levels)

    def _totals(self, terms: NDArray[np.int64], totals: NDArray[np.int64]) -> dict[int, int]:
        """The level at which each total over positions is formed; those of other totals are left out.

        Raises:
            NexusError: a total over positions whose first term no circuit makes.
        """
        found: dict[int, int] = {}
        for of, total in zip(terms.tolist(), totals.tolist(), strict=True):
            positions = [self.flow.position.get(a) for a in of]
            if len(set(positions)) > 1:
                if of[0] not in self.maker or positions != list(range(len(of))):
                    raise NexusError(f"program '{self.program.name}' sums over positions otherwise than in their order")
                self.maker[of[0]].starts.append(total)
                found[total] = max(self.level[a] for a in of)
        return found

    def _add(
        self, circuit: int, terms: NDArray[np.int64], total: int, turn: int, lane: int, levels: Mapping[int, int]
    ) -> None:
        term = int(terms[turn])
        if total not in levels:
            so_far = self._so_far(total)
            before = so_far if turn > 1 else int(terms[0])
            self._invoke(circuit, (before, term), total if turn == len(terms) - 1 else so_far, lane)
            return
        position = self.flow.position[term]
        if position != turn:
            raise NexusError(f"program '{self.program.name}' sums over positions otherwise than in their order")
        self.level[total] = levels[total]
        self._made(Invocation(circuit, (total, term), total, levels[total], position, True, lane))

    def _so_far(self, total: int) -> int:
        """Where a sum is formed: in place, but beside the cache where its total goes into that."""
        if total not in self.instead:
            return total
        if total not in self.beside:
            self.beside[total] = int(self._new((1,), self.flow.bits[total])[0])
        return self.beside[total]

    def _complete(self, totals: NDArray[np.int64], levels: Mapping[int, int]) -> None:
        """Who reads a total over positions waits for all of it."""
        for total in totals.tolist():
            if total in levels:
                self.level[total] = levels[total] + 1
