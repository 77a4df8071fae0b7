"""What stands between the host's lines and the first layer: prompt, token, position, and the tables that they open.

queue     slot i takes the bits of the i-th token that the host puts; `filled i` says that it has
token     bits of the token whose turn it is
rails     a bit of a token is two lines or cells, one of which fires: that of its 1s first, then that of its 0s
position  one cell of the row fires; `active j` fires where the token stands at position j or behind it
table     a word whose set gates have a synapse from every row's decoder where the row's bit is set
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.autonomous.datapath import Datapath, Word
from lava_nexus.chip.autonomous.neurons import Gates, Segment, Sequencer

OPENED = 4
"""Steps of the segment that opens the tables."""


@dataclass(frozen=True)
class Queue:
    """The prompt: host's lines, per slot the cells of its rails and whether it is filled, what fires at a loss."""

    put: int
    lines: list[int]
    slots: list[list[int]]
    filled: list[int]
    clear: int
    fault: list[int]


def queue_of(gates: Gates, slots: int, bits: int) -> Queue:
    """A row of slots; the host puts a token every third step, or more slowly."""
    piece = gates.new_piece("prompt", "control")
    put, lines = gates.line()[0], gates.line(2 * bits)
    clear = gates.add("control", piece, [])
    late = [gates.add("control", piece, [(line, 1)]) for line in lines]
    filled: list[int] = []
    takes: list[int] = []
    cells: list[list[int]] = []
    for slot in range(slots):
        before = [(filled[-1], 1)] if slot else []
        take = gates.add("control", piece, [(put, 1), *before], 1 + len(before))
        takes.append(take)
        filled.append(gates.cell(piece, [clear], [take], "control"))
        gates.to(take, filled[-1], -1)
        sets = [gates.add("control", piece, [(take, 1), (bit, 1)], 2) for bit in late]
        cells.append([gates.cell(piece, [clear], [one], "control") for one in sets])
    given = gates.add("control", piece, [(put, 1)])
    fault = gates.unequal(piece, [(bit, 1) for bit in late], [(given, bits)])
    fault += gates.unequal(piece, [(take, 1) for take in takes], [(given, 1)])
    return Queue(put, lines, cells, filled, clear, fault)


@dataclass(frozen=True)
class Positions:
    """One cell a position, `active` ones behind each other, what sets them, and what clears them."""

    at: list[int]
    active: list[int]
    sets: list[int]
    step: int
    clear: int

    def checks(self, gates: Gates, piece: int, late: int) -> list[int]:
        """Neurons that fire unless one cell fires where `late` does, and what stands behind it agrees.

        active j = at j + active j + 1, and active 0, which is then the sum of all, = late
        """
        found = gates.unequal(piece, [(self.active[0], 1)], [(late, 1)])
        for position, (at, active) in enumerate(zip(self.at, self.active, strict=True), 1):
            behind = [(one, 1) for one in (at, *self.active[position : position + 1])]
            found += gates.unequal(piece, [(active, 1)], behind)
        return found


def positions_of(gates: Gates, length: int) -> Positions:
    """A row of cells; `step` clears the one that fires, and whoever advances sets the next one."""
    piece = gates.new_piece("positions", "positions")
    step, clear = gates.add("control", piece, []), gates.add("control", piece, [])
    sets = [gates.add("control", piece, [], 1 if position == 0 else 2) for position in range(length)]
    at = [gates.cell(piece, [step, clear], [one], "control") for one in sets]
    active = [gates.cell(piece, [clear], [one], "control") for one in sets]
    for position in range(1, length):
        gates.to(sets[position], at[position - 1])
    return Positions(at, active, sets, step, clear)


def decoded(gates: Gates, piece: int, bits: Sequence[int], number: int, strobe: int, part: str = "selection") -> int:
    """Fires one step after `strobe` where the bits, MSB first, spell the number."""
    ones = [number >> (len(bits) - 1 - i) & 1 for i in range(len(bits))]
    terms = [(bit, 1 if one else -1) for bit, one in zip(bits, ones, strict=True)]
    return gates.add(part, piece, [*terms, (strobe, 1)], sum(ones) + 1)


def rails(number: int, bits: int) -> list[int]:
    """Which rails of a token fire: those of its 1s, MSB first, then those of its 0s."""
    ones = [number >> (bits - 1 - i) & 1 for i in range(bits)]
    return [*ones, *(1 - one for one in ones)]


class Tables:
    """Words that a segment of `OPENED` steps fills from tables."""

    def __init__(self, data: Datapath) -> None:
        self.data = data
        self.clears: list[int] = []
        self.strobes: list[int] = []
        self._rows: list[tuple[int, list[int]]] = []

    def table(self, name: str, rows: Sequence[int], patterns: NDArray[np.uint64], bits: int) -> list[Word]:
        """Words of a table [rows, words] of patterns; a row's decoder fires when the segment says so."""
        gates, bank = self.data.gates, self.data.bank(name)
        found = []
        for column in range(patterns.shape[1]):
            word = self.data.word(bank, bits)
            for number, cell in enumerate(word.cells):
                chosen = patterns[:, column] >> np.uint64(bits - 1 - number) & np.uint64(1)
                terms = [(rows[row], 1) for row in np.flatnonzero(chosen).tolist()]
                if terms:
                    gates.to(cell, gates.add("memory", bank.piece, terms), 2)
            self.clears.append(word.clear)
            found.append(word)
        return found

    def decoder(self, name: str) -> tuple[int, int, list[int]]:
        """(piece, strobe neuron, rows to be filled in) for the decoders of a table."""
        piece = self.data.gates.new_piece(name, "decoder")
        strobe = self.data.gates.add("selection", piece, [])
        self.strobes.append(strobe)
        self._rows.append((piece, []))
        return piece, strobe, self._rows[-1][1]

    def opened(self, sequencer: Sequencer, ends: Sequence[int]) -> Segment:
        """The segment: rows are chosen, words take them."""
        segment, gates = Segment(sequencer, ends), self.data.gates
        for strobe in self.strobes:
            gates.to(strobe, segment.at(0))

        def attach(line: int) -> None:
            for clear in self.clears:
                gates.to(clear, line)

        sequencer.pull(segment.at(1), ("tables",), attach)
        for piece, rows in self._rows:
            self.data.fault += gates.one_of(piece, rows, segment.at(OPENED - 1))
        return segment
