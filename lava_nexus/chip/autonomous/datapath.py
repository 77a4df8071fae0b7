"""Units, words and the wires between them: one operand set a step for each unit, words read and written by lines.

With a circuit of depth d, operands at step s and hence the result at step r = s + d:

    select   line at s - 3                       write    line of the bank at r
    port     [q + select >= 2]       at s - 2    bus      [result + line >= 2]     at r + 1
    bus      [any port >= 1]         at s - 1    load     line of the word         at r + 1
    operand  [any bus, constant >= 1]   at s     set      [bus + load >= 2]        at r + 2
    strobe   line at s - 1                       cell     [q - clear + 2 set >= 1] at r + 3

so that a line at t is pulled by the chain's neuron of step t - 1. A word of a cache is loaded by [line + position >= 2]
in place of a line of its own. What is computed can be an operand from step r + 6 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lava_nexus.chip.autonomous.neurons import Gates, Segment, Sequencer
from lava_nexus.chip.placement import Placement

HANDOVER = 6
"""Steps from a result to its use as an operand."""

FIRST = 4
"""The first step of a segment at which a unit can take operands."""

DRAIN = 2
"""Steps from the last result of a segment to the first step of the next one."""


@dataclass
class Unit:
    """One instance of a circuit, or, with no depth, wires that copy a word.

    Attributes:
        name: for reports.
        strobe: neuron of the start spike.
        operands: neurons of each operand's bits, MSB first.
        result: signals of the result's bits.
        depth: steps from operands to result.
        expected: neuron that fires when a result is due.
    """

    name: str
    strobe: int
    operands: list[list[int]]
    result: list[int]
    depth: int
    expected: int


@dataclass
class Bank:
    """Words that lie together.

    Attributes:
        piece: where.
        buses: from a unit, by its number.
        reads: to an operand, by (unit, operand).
    """

    piece: int
    buses: dict[int, list[int]] = field(default_factory=dict)
    reads: dict[tuple[int, int], list[int]] = field(default_factory=dict)


@dataclass
class Word:
    """A register.

    Attributes:
        number: of the word.
        bank: that it lies in.
        cells: MSB first.
        clear: neuron that clears them.
        sets: gates by the unit that writes.
        ports: gates by (unit, operand) that reads.
        cached: (name of its cache, channel, neuron that fires at the word's position), of a word of a cache.
    """

    number: int
    bank: Bank
    cells: list[int]
    clear: int
    sets: dict[int, list[int]] = field(default_factory=dict)
    ports: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    cached: tuple[str, int, int] | None = None


class Datapath:
    """Units and words, wired as they are used."""

    def __init__(self, gates: Gates, sequencer: Sequencer) -> None:
        self.gates, self.sequencer = gates, sequencer
        self.units: list[Unit] = []
        self.words: list[Word] = []
        self.fault: list[int] = []
        self.checks = gates.new_piece("checks of results", "checks")

    def unit(self, name: str, placed: Placement, widths: Sequence[int]) -> int:
        """One more instance of a placed circuit; what it answers is held against what is due."""
        gates, depth = self.gates, placed.network.depth
        strobe, operands, expected = self._operands(name, widths)
        parts = len(placed.places)
        pieces = [gates.new_piece(f"{name}, part {part + 1} of {parts}", "circuit") for part in range(parts)]
        inputs = [strobe, *(bit for operand in operands for bit in operand)]
        signals = gates.network(placed, inputs, np.array(pieces, np.int64))
        result = [int(signals[s]) for s in placed.network.outputs[0].signals]
        valid = strobe
        for _ in range(depth):
            valid = gates.add("control", self.checks, [(valid, 1)])
        self.fault += [
            gates.add("control", self.checks, [(expected, 1), (valid, -1)]),
            gates.add("control", self.checks, [(valid, 1), (expected, -1)]),
        ]
        self.units.append(Unit(name, strobe, operands, result, depth, expected))
        return len(self.units) - 1

    def copier(self, width: int) -> int:
        """A unit that hands its operand on in the same step."""
        strobe, operands, expected = self._operands("copy", [width])
        self.units.append(Unit("copy", strobe, operands, operands[0], 0, expected))
        return len(self.units) - 1

    def _operands(self, name: str, widths: Sequence[int]) -> tuple[int, list[list[int]], int]:
        gates, piece = self.gates, self.gates.new_piece(f"operands of {name}", "operands")
        strobe = gates.add("arithmetic", piece, [])
        operands = [[gates.add("arithmetic", piece, []) for _ in range(width)] for width in widths]
        return strobe, operands, gates.add("control", self.checks, [])

    def bank(self, name: str) -> Bank:
        """A bank without words."""
        return Bank(self.gates.new_piece(name, "memory"))

    def word(self, bank: Bank, bits: int, cached: tuple[str, int, int] | None = None) -> Word:
        """One more word of a bank."""
        clear = self.gates.add("memory", bank.piece, [])
        cells = [self.gates.cell(bank.piece, [clear]) for _ in range(bits)]
        made = Word(len(self.words), bank, cells, clear, cached=cached)
        self.words.append(made)
        if cached is not None:
            self._addressed(made, cached[2])
        return made

    def _addressed(self, word: Word, position: int) -> None:
        """The gate that loads a word of a cache; it is number 0 of its sets' sources."""
        gate = self.gates.add("selection", word.bank.piece, [(position, 1)], 2)
        self.gates.to(word.clear, gate)
        word.sets[-1] = [gate]

    def issue(self, unit: int, operands: Sequence[Word | int | None], segment: Segment, step: int) -> None:
        """A unit takes operands, words or constant patterns, at a step of a segment."""
        one = self.units[unit]
        for column, operand in enumerate(operands):
            if isinstance(operand, Word):
                self._read(unit, column, operand, segment.at(step - 4))
            elif operand is not None:
                self._constant(unit, column, operand, segment.at(step - 2))
        before = segment.at(step - 2)
        self.sequencer.pull(before, ("strobe", unit), lambda line: self.gates.to(one.strobe, line))
        if one.depth:
            due = segment.at(step + one.depth - 2)
            self.sequencer.pull(due, ("due", unit), lambda line: self.gates.to(one.expected, line))

    def _read(self, unit: int, column: int, word: Word, before: int) -> None:
        ports = word.ports.get((unit, column))
        if ports is None:
            operand = self.units[unit].operands[column]
            bus = self._read_bus(unit, column, word.bank)
            low = len(word.cells) - len(operand)
            ports = [self.gates.add("selection", word.bank.piece, [(q, 1)], 2) for q in word.cells[low:]]
            word.ports[unit, column] = ports
            for port, bit in zip(ports, bus, strict=True):
                self.gates.to(bit, port)
        found = ports

        def attach(line: int) -> None:
            for port in found:
                self.gates.to(port, line)

        self.sequencer.pull(before, ("select", word.number, unit, column), attach)

    def _read_bus(self, unit: int, column: int, bank: Bank) -> list[int]:
        if (unit, column) not in bank.reads:
            operand = self.units[unit].operands[column]
            bus = [self.gates.add("selection", bank.piece, []) for _ in operand]
            for bit, line in zip(operand, bus, strict=True):
                self.gates.to(bit, line)
            bank.reads[unit, column] = bus
        return bank.reads[unit, column]

    def _constant(self, unit: int, column: int, pattern: int, before: int) -> None:
        """A word of the weight table: the synapses of the chain's neuron to lines of the bits that are set."""
        operand = self.units[unit].operands[column]
        for number, bit in enumerate(operand):
            if pattern >> (len(operand) - 1 - number) & 1:
                key = ("constant", unit, column, number)
                self.sequencer.pull(before, key, lambda line, bit=bit: self.gates.to(bit, line), "memory")  # type: ignore[misc]

    def load(self, word: Word, unit: int, segment: Segment, step: int, guard: int | None = None) -> None:
        """A word takes the result that a unit has at a step; with a guard only where that fires then."""
        bus = self._write_bus(unit, word.bank)
        key = ("write", word.bank.piece, unit)

        def open_bus(line: int) -> None:
            for bit in bus:
                self.gates.to(bit, line)

        self.sequencer.pull(segment.at(step - 1), key, open_bus)
        gates = self._sets(word, unit, bus)

        def attach(line: int) -> None:
            self.gates.to(word.clear, line)
            for gate in gates:
                self.gates.to(gate, line)

        self.sequencer.pull(segment.at(step) if guard is None else guard, ("load", word.number, unit), attach)

    def store(self, words: Sequence[Word], unit: int, segment: Segment, step: int) -> None:
        """The word of a cache at whose position the token is takes a unit's result; `words` are those of a channel."""
        buses: dict[int, list[int]] = {}
        for word in words:
            bus = self._write_bus(unit, word.bank)
            buses[word.bank.piece] = bus
            gate = word.sets[-1][0]
            for bit in self._sets(word, unit, bus):
                if (gate, 1) not in self.gates.terms[bit]:
                    self.gates.to(bit, gate)

        def attach(line: int) -> None:
            for word in words:
                self.gates.to(word.sets[-1][0], line)
            for bus in buses.values():
                for bit in bus:
                    self.gates.to(bit, line)
            due = self.gates.add("control", self.checks, [(self.gates.add("control", self.checks, [(line, 1)]), 1)])
            self.fault += self.gates.one_of(self.checks, [word.sets[-1][0] for word in words], due)

        assert words[0].cached is not None
        self.sequencer.pull(segment.at(step - 1), ("store", *words[0].cached[:2]), attach)

    def _write_bus(self, unit: int, bank: Bank) -> list[int]:
        if unit not in bank.buses:
            result = self.units[unit].result
            bank.buses[unit] = [self.gates.add("selection", bank.piece, [(bit, 1)], 2) for bit in result]
        return bank.buses[unit]

    def _sets(self, word: Word, unit: int, bus: list[int]) -> list[int]:
        if unit not in word.sets:
            word.sets[unit] = [self.gates.add("selection", word.bank.piece, [(bit, 1)], 2) for bit in bus]
            for cell, gate in zip(word.cells[len(word.cells) - len(bus) :], word.sets[unit], strict=True):
                self.gates.to(cell, gate, 2)
        return word.sets[unit]

    def release(self, word: Word, segment: Segment, step: int) -> None:
        """Clears a word whose last reader takes it at a step."""
        self.sequencer.pull(segment.at(step - 4), ("clear", word.number), lambda line: self.gates.to(word.clear, line))
