"""A circuit on operand sets in order of their patterns, each run of them by a program restricted to what is common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.execute.cpu.allocation import word_program
from lava_nexus.execute.cpu.blocks import BlockRunner, Workers
from lava_nexus.execute.cpu.program import WordProgram
from lava_nexus.execute.cpu.restriction import UNKNOWN, restricted

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
