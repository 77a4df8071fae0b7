"""Word programs over whole arrays: operands cut into blocks, blocks shared out among threads, counts added up.

Sets in order of their patterns run by programs restricted to what neighbours have in common.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.execute.cpu.kernel import FEW_LANES, FEW_VECTORS, LANES, VECTOR_LANES, VECTORS, WORDS_A_SLOT, kernel
from lava_nexus.execute.cpu.program import ONE_COUNT, ONE_SLOT, SPARE_SLOT, ZERO_SLOT, WordProgram, word_program
from lava_nexus.execute.cpu.restriction import UNKNOWN, restricted
from lava_nexus.execute.cpu.straight import straight_code, stride
from lava_nexus.execute.cpu.vector_ir import VECTOR_BYTES, WORDS
from lava_nexus.neurons import Port

_FEWEST_BLOCKS = 4
"""Blocks below which another thread costs more than it saves."""

_SETS_WORTH = 1 << 25
"""Operand sets in which the loop over operations has taken about as long as compiling straight-line code takes."""


@dataclass
class Workers:
    """At most `threads` threads, made when first needed and made anew in a forked child."""

    threads: int
    _pool: ThreadPoolExecutor | None = None
    _process: int = 0

    def pool(self) -> ThreadPoolExecutor:
        """The threads of this process."""
        if self._pool is None or self._process != os.getpid():
            self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="bitsliced")
            self._process = os.getpid()
        return self._pool


class BlockRunner:
    """A word program tied to the ports of its network.

    Attributes:
        program: what runs.
        dtypes: dtype of the patterns of each port, input ports first.
        n_inputs: input ports.
        widths: bits of each port.
    """

    def __init__(
        self, program: WordProgram, inputs: Sequence[Port], outputs: Sequence[Port], straight: bool | None = False
    ) -> None:
        """`straight`: by straight-line code, or None for where it is on disk or enough is run to be worth compiling."""
        self.program = program
        self.dtypes = [port.pattern_dtype for port in (*inputs, *outputs)]
        self.n_inputs = len(inputs)
        self._kernel = kernel()
        self._straight = straight
        self._code, self._sets = 0, 0
        self.widths = [port.width for port in (*inputs, *outputs)]
        self._slots = np.concatenate(
            [
                _bit_slots(program.input_slots, inputs, SPARE_SLOT),
                _bit_slots(program.output_slots, outputs, ZERO_SLOT),
            ]
        )

    def run(
        self, operands: Sequence[NDArray[Any]], n: int, workers: Workers
    ) -> tuple[list[NDArray[Any]], NDArray[np.int64]]:
        """Runs n operand sets.

        Args:
            operands: for each input port its patterns [n], contiguous, or [1] where all sets have the same.
            n: operand sets, at least 1.
            workers: threads to use.

        Returns:
            Patterns [n] of each output port, and int64 [n_counts], of length 0 if the program counts nothing.
        """
        results = [np.empty(n, dtype) for dtype in self.dtypes[self.n_inputs :]]
        counts = np.zeros(self.program.n_counts if self.program.counting else 0, dtype=np.int64)
        whole, rest = divmod(n, LANES)
        self._compile(whole * LANES)
        if whole:
            counts += self._whole_blocks(operands, results, whole, workers)
        if rest:
            counts += self._last_block(operands, results, whole * LANES, rest)
        if self.program.counting:
            counts[ONE_COUNT] = n
        return results, counts

    def _compile(self, sets: int) -> None:
        """Straight-line code, where it is wanted: looked for on disk once, compiled once many sets have run."""
        first, worth = not self._sets, self._sets < _SETS_WORTH <= self._sets + sets
        self._sets += sets
        if self._code or self._straight is False or not sets:
            return
        if self._straight or first or worth:
            self._code = straight_code(self.program, build=bool(self._straight) or worth)

    def compiled(self, build: bool) -> int:
        """Straight-line code if it is wanted and there, or may be built; else 0."""
        if not self._code and self._straight is not False:
            self._code = straight_code(self.program, build=build or bool(self._straight))
        return self._code

    def slots(self, vectors: int, code: int) -> tuple[NDArray[np.int64], int, NDArray[np.int64]]:
        """Slots for code or the loop, the constant ones set; bytes from vector to vector; those to each port's bits.

        The last are int64 [ports, 64], input ports first, LSB first.
        """
        program = self.program
        each, apart = (VECTOR_BYTES, stride(program)) if code else (8 * WORDS_A_SLOT, VECTOR_BYTES)
        slots = aligned(vectors * apart // 8 if code else program.n_slots * WORDS_A_SLOT)
        by_slot = slots.reshape(vectors if code else 1, -1, each // 8)
        by_slot[:, ZERO_SLOT], by_slot[:, ONE_SLOT] = 0, -1
        return slots, apart, self._slots * each

    def counters(self) -> NDArray[np.int64]:
        """Zeros to count in, int64 [n_counts, WORDS]; of length 0 if nothing is counted."""
        counts = aligned(self.program.n_counts * WORDS if self.program.counting else 0).reshape(-1, WORDS)
        counts[:] = 0
        return counts

    def _whole_blocks(
        self, operands: Sequence[NDArray[Any]], results: Sequence[NDArray[Any]], blocks: int, workers: Workers
    ) -> NDArray[np.int64]:
        sources = [np.full(LANES, array[0]) if len(array) == 1 else array for array in operands]
        ports = self._ports([*sources, *results], [len(array) > 1 for array in operands] + [True] * len(results))
        shares = min(workers.threads, max(blocks // _FEWEST_BLOCKS, 1))
        bounds = [blocks * i // shares for i in range(shares + 1)]
        if shares == 1:
            return self._blocks(ports, 0, blocks)
        parts = workers.pool().map(self._blocks, [ports] * shares, bounds[:-1], bounds[1:])
        return np.asarray(sum(parts))

    def _last_block(
        self, operands: Sequence[NDArray[Any]], results: Sequence[NDArray[Any]], start: int, rest: int
    ) -> NDArray[np.int64]:
        """The sets from `start` on, filled up with all-zero sets whose spikes are taken off again."""
        vectors = -(-rest // VECTOR_LANES) if self._code else FEW_VECTORS if rest <= FEW_LANES else VECTORS
        arrays = [np.zeros(vectors * VECTOR_LANES, dtype) for dtype in self.dtypes]
        for lanes, operand in zip(arrays, operands, strict=False):
            lanes[:rest] = operand[start:] if len(operand) > 1 else operand
        counts = self._blocks(self._ports(arrays, [False] * len(arrays)), 0, 1, vectors)
        for result, lanes in zip(results, arrays[self.n_inputs :], strict=True):
            result[start:] = lanes[:rest]
        return counts - (lanes.size - rest) * self.program.idle[: len(counts)].astype(np.int64)

    def _ports(self, arrays: Sequence[NDArray[Any]], moving: Sequence[bool]) -> NDArray[np.int64]:
        """One row a port: address, bytes from block to block, bits an element, bits with a slot."""
        rows = [
            (array.ctypes.data, LANES * array.itemsize if moves else 0, 8 * array.itemsize, width)
            for array, moves, width in zip(arrays, moving, self.widths, strict=True)
        ]
        return np.array(rows, dtype=np.int64).reshape(-1, 4)

    def _blocks(self, ports: NDArray[np.int64], first: int, last: int, vectors: int = VECTORS) -> NDArray[np.int64]:
        """Runs some blocks in this thread, of each slot so many vectors."""
        slots, apart, offsets = self.slots(vectors, self._code)
        counts = self.counters()
        self._kernel(
            self.program.operations, slots.view(np.uint64), ports, offsets, self.n_inputs, first, last, vectors, counts,
            apart, self._code,
        )  # fmt: skip
        return np.asarray(counts.sum(axis=1))


def _bit_slots(slots: NDArray[np.int32], ports: Sequence[Port], unused: int) -> NDArray[np.int64]:
    """int64 [ports, 64]: slot of each bit of a pattern, LSB first."""
    found = np.full((len(ports), 64), unused, dtype=np.int64)
    start = 0
    for row, port in zip(found, ports, strict=True):
        row[: port.width] = slots[start : start + port.width]
        start += port.width
    return found


def aligned(words: int) -> NDArray[np.int64]:
    """Words that start on a vector's boundary, not initialised."""
    raw = np.empty(words + VECTOR_BYTES // 8, dtype=np.int64)
    skipped = -raw.ctypes.data % VECTOR_BYTES // 8
    return raw[skipped : skipped + words]


_STRETCH = 1 << 23
"""Sets of a stretch, whose restricted program is kept: of FP32, the numbers of one exponent."""

_RUN = 1 << 17
"""Sets of a run, whose program is restricted further: fewer, and that takes longer than it saves."""

_FEWEST_OPERATIONS = 10_000
"""A program of fewer runs faster as it is."""


class OrderedRuns:
    """Evaluates consecutive operand sets, numbered by their patterns with the last port fastest; counts nothing."""

    def __init__(self, circuit: Circuit) -> None:
        self._inputs, self._outputs = circuit.inputs, circuit.network.outputs
        self._program = word_program(circuit.network, "outputs")
        self._worker = Workers(threads=1)
        self._kept = -1, self._program  # the last stretch and its program
        self._places = _places([port.width for port in self._inputs])

    def results(self, first: int, operands: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Patterns of the first output port.

        Args:
            first: number of the first set.
            operands: for each port the patterns [n] of the sets first .. first + n - 1.
        """
        n = len(operands[0])
        if len(self._program.operations) < _FEWEST_OPERATIONS:
            return self._run(self._program, operands, n)
        found = np.empty(n, self._outputs[0].pattern_dtype)
        start = 0
        while start < n:
            stop = min(n, start + _RUN - (first + start) % _RUN)
            program = restricted(self._of_stretch(first + start), self._known(first + start, stop - start))
            found[start:stop] = self._run(program, [one[start:stop] for one in operands], stop - start)
            start = stop
        return found

    def _of_stretch(self, number: int) -> WordProgram:
        """The program restricted to what all sets of a stretch share; several threads may make it twice."""
        begin = number - number % _STRETCH
        kept_begin, program = self._kept
        if kept_begin != begin:
            program = restricted(self._program, self._known(begin, _STRETCH))
            self._kept = begin, program
        return program

    def _run(self, program: WordProgram, operands: Sequence[NDArray[Any]], n: int) -> NDArray[Any]:
        return BlockRunner(program, self._inputs, self._outputs).run(operands, n, self._worker)[0][0]

    def _known(self, first: int, n: int) -> NDArray[np.int8]:
        """The input bits that all sets first .. first + n - 1 share."""
        free = (first ^ (first + n - 1)).bit_length()
        known = np.full(len(self._places), UNKNOWN, np.int8)
        for bit in range(free, len(known)):
            known[self._places[bit]] = first >> bit & 1
        return known


def _places(widths: Sequence[int]) -> list[int]:
    """For each bit of a set's number, LSB first, its place among the input bits: ports in order, each LSB first."""
    starts = np.cumsum([0, *widths[:-1]])
    return [
        start + bit
        for start, width in reversed(list(zip(starts.tolist(), widths, strict=True)))
        for bit in range(width)
    ]
