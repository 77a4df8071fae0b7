"""Words of a schedule: which operands pass at once, which wait in a register, and what each register is wired to."""

from __future__ import annotations

import heapq
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.programs.invocations import Operations

Wire: TypeAlias = tuple[int, int, tuple[int, ...]]
"""Pool, operand or -1 for a result, and instances: gates of a register for one writer or one group of readers."""


class Words:
    """Where each operand of a schedule comes from.

    Args:
        ops: the schedule written out.
        issue, done: int64 [operations]; machine steps of operands and of the result.
        handover: steps from a result to its use.
        kept: addresses of inputs that registers hold from the beginning.

    Attributes:
        maker: int64 [addresses]; the operation that makes it, or -1.
        once: bool [operations, 3]; operands that are needed just when they are there, and pass without a register.
        readers: instances that read a word in one step by one operand: (address, step, pool, operand).
        word: int64 [addresses]; the register of each address that is read later; -1 for what is not kept.
        count: registers.
        born, last: int64 [addresses]; machine steps from and up to which a register holds it; -1 for never.
    """

    def __init__(
        self,
        ops: Operations,
        issue: NDArray[np.int64],
        done: NDArray[np.int64],
        handover: int,
        kept: NDArray[np.int64],
    ) -> None:
        self.ops, self.issue, self.done, self.handover, self.kept = ops, issue, done, handover, kept
        made = np.flatnonzero(ops.result >= 0)
        self.maker = np.full(ops.addresses, -1)
        self.maker[ops.result[made]] = made
        self.once = self._at_once()
        self.readers = self._readers()
        self.born, self.last = np.full(ops.addresses, -1), np.full(ops.addresses, -1)
        self.word, self.count = self._allocate()

    def _at_once(self) -> NDArray[np.bool_]:
        made = np.where(self.ops.operands >= 0, self.maker[self.ops.operands], -1)
        there = self.done[made] + self.handover == self.issue[:, None]
        return np.asarray((made >= 0) & there)

    def _readers(self) -> dict[tuple[int, int, int, int], tuple[int, ...]]:
        found: dict[tuple[int, int, int, int], list[int]] = {}
        rows, columns = np.nonzero((self.ops.operands >= 0) & ~self.once)
        steps, pools = self.issue[rows].tolist(), self.ops.pool[rows].tolist()
        addresses, instances = self.ops.operands[rows, columns].tolist(), self.ops.instance[rows].tolist()
        for address, step, pool, column, one in zip(addresses, steps, pools, columns.tolist(), instances, strict=True):
            found.setdefault((address, step, pool, column), []).append(one)
        return {key: tuple(sorted(ones)) for key, ones in found.items()}

    def _allocate(self) -> tuple[NDArray[np.int64], int]:
        """As few registers as there are words at once; of the free ones that which needs fewest gates more."""
        ops, born, last, never = self.ops, self.born, self.last, -1
        made = ops.result >= 0
        born[ops.result[made]] = self.done[made] + 2
        born[self.kept] = 2
        for column in range(3):
            read = (ops.operands[:, column] >= 0) & ~self.once[:, column]
            np.maximum.at(last, ops.operands[read, column], self.issue[read] - 2)
        word: NDArray[np.int64] = np.full(ops.addresses, never)
        wires = self._wires()
        busy: list[tuple[int, int]] = []  # (last read, word)
        free: list[int] = []
        wired: list[set[Wire]] = []
        for address in np.lexsort((np.arange(len(born)), born)).tolist():
            if born[address] == never or last[address] == never:
                continue
            if last[address] < born[address]:
                raise NexusError(f"operand of the schedule is read {born[address] - last[address]} steps too early")
            while busy and busy[0][0] < born[address]:
                free.append(heapq.heappop(busy)[1])
            mine = wires.get(address, set())
            if not free:
                free.append(len(wired))
                wired.append(set())
            word[address] = min(free, key=lambda one: (len(mine - wired[one]), one))
            free.remove(int(word[address]))
            wired[word[address]] |= mine
            heapq.heappush(busy, (int(last[address]), int(word[address])))
        return word, len(wired)

    def _wires(self) -> dict[int, set[Wire]]:
        """By address the gates that a register needs for it: one that sets it, one for each group of readers."""
        found: dict[int, set[Wire]] = {}
        for (address, _, pool, column), readers in self.readers.items():
            found.setdefault(address, set()).add((pool, column, readers))
        for address, wires in found.items():
            if self.maker[address] >= 0:
                made = self.maker[address]
                wires.add((int(self.ops.pool[made]), -1, (int(self.ops.instance[made]),)))
        return found
