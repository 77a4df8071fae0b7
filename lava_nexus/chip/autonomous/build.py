"""A token's program and its tables as one network: a prompt's tokens in, tokens out until it stops itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lava_nexus.chip.autonomous.choice import Choice, advance, chosen, watch
from lava_nexus.chip.autonomous.datapath import Bank, Datapath, Word
from lava_nexus.chip.autonomous.front import OPENED, Positions, Queue, Tables, decoded, positions_of, queue_of
from lava_nexus.chip.autonomous.network import AutonomousNetwork, Phase
from lava_nexus.chip.autonomous.neurons import Gates, Segment, Sequencer
from lava_nexus.chip.autonomous.plan import Section, allocated, lifetimes, sections
from lava_nexus.chip.autonomous.subject import Plan, Table
from lava_nexus.chip.machine_neurons import arrays
from lava_nexus.chip.placement import Placement
from lava_nexus.neurons import Port
from lava_nexus.populations.programmed import GATE
from lava_nexus.programs.flow import NOWHERE

BANK_BITS, CACHE_BITS = 256, 768
"""Bits of a bank of registers, and of a cache."""


class Build:
    """The network in the making."""

    def __init__(self, plan: Plan, placed: Sequence[Placement], compare: Placement) -> None:
        """`placed` are the circuits of the flow in their order, `compare` is a < b of the logits' format."""
        self.plan = plan
        self.gates = Gates()
        self.sequencer = Sequencer(self.gates)
        self.data = Datapath(self.gates, self.sequencer)
        self.phases: list[Phase] = []
        self.words: dict[int, Word] = {}
        circuits = plan.flow.circuits
        self.units = [
            [
                self.data.unit(f"{circuit.label} {i}", one, [port.width for port in circuit.inputs])
                for i in range(plan.units.get(number, 1))
            ]
            for number, (circuit, one) in enumerate(zip(circuits, placed, strict=True))
        ]
        self.compare = self.data.unit("comparator of logits", compare, [plan.fmt.bits] * 2)
        self.copy = self.data.copier(plan.fmt.bits)
        self.sections = sections(plan.flow, [c.depth for c in circuits], self.units, plan.block)

    def network(self) -> AutonomousNetwork:
        """All of it."""
        gates, plan = self.gates, self.plan
        go = gates.line()[0]
        queue = queue_of(gates, plan.prompt, plan.id_bits)
        positions = positions_of(gates, plan.length)
        self._caches(positions)
        piece = gates.new_piece("token", "control")
        clear_id = gates.add("control", piece, [])
        token = [gates.cell(piece, [clear_id], part="control") for _ in range(2 * plan.id_bits)]
        tables = self._tables(token, positions)
        self.data.fault += [*queue.fault, *self._spelled(piece, token, tables.strobes[0])]
        self._registers()
        begin = Segment(self.sequencer, [go])
        begin.at(3)
        gates.to(clear_id, begin.at(0))
        gates.to(positions.sets[0], begin.at(0))
        for bit, slot in zip(token, queue.slots[0], strict=True):
            gates.to(bit, gates.add("control", piece, [(slot, 1), (begin.at(0), 1)], 2), 2)
        opening = tables.opened(self.sequencer, [begin.at(3)])
        ends = self._phase("tables", opening, OPENED)
        for section in self.sections:
            ends = self._section(section, positions, ends)
        made, segment = chosen(self.data, [self.words[a] for a in plan.logits], (self.compare, self.copy), plan, ends)
        ends = self._phase("choice", segment, len(segment.steps))
        choice = advance(self.data, made, (queue, positions), (piece, token, clear_id), plan, ends)
        gates.to(opening.steps[0], choice.again)
        self.phases.append(Phase("next token", NOWHERE, choice.first, None, choice.steps))
        fault = watch(self.data, positions, begin.at(0), choice.stop)
        return self._finished(go, queue, choice, fault)

    def _spelled(self, piece: int, token: list[int], strobe: int) -> list[int]:
        """Neurons that fire where a token is decoded of which not just one rail of each bit is there."""
        rails, bits = [(rail, 1) for rail in token], self.plan.id_bits
        few = self.gates.add("control", piece, [(strobe, bits), *((rail, -1) for rail, _ in rails)])
        return [few, self.gates.add("control", piece, [(strobe, 1), *rails], bits + 2)]

    def _phase(self, name: str, segment: Segment, length: int, position: int = NOWHERE) -> list[int]:
        self.phases.append(Phase(name, position, segment.steps[0], segment.skipped, length))
        return segment.end(length)

    def _caches(self, positions: Positions) -> None:
        for name, addresses in self.plan.caches.items():
            length = addresses.shape[-2]
            flat = np.moveaxis(addresses, -2, 0).reshape(length, -1)
            words = max(1, CACHE_BITS // self.plan.flow.bits[int(flat.flat[0])])
            each = max(1, words // flat.shape[1])
            for position in range(length):
                for channel, address in enumerate(flat[position].tolist()):
                    if channel % words == 0 and (position % each == 0 or channel):
                        last = min(length, position + each) - 1
                        bank = self.data.bank(f"{name}, positions {position} .. {last}, channels from {channel}")
                    cached = (name, channel, positions.at[position])
                    self.words[address] = self.data.word(bank, self.plan.flow.bits[address], cached)

    def _tables(self, token: list[int], positions: Positions) -> Tables:
        tables, plan = Tables(self.data), self.plan
        piece, strobe, rows = tables.decoder("decoder of tokens")
        ones = token[: plan.id_bits]
        rows += [decoded(self.gates, piece, ones, number, strobe) for number in range(plan.vocabulary)]
        self._table(tables, "embedding", rows, plan.tokens)
        if plan.positions:
            piece, strobe, rows = tables.decoder("decoder of positions")
            rows += [self.gates.add("selection", piece, [(at, 1), (strobe, 1)], 2) for at in positions.at]
        for number, table in enumerate(plan.positions):
            self._table(tables, f"table {number} by position", rows, table)
        return tables

    def _table(self, tables: Tables, name: str, rows: list[int], table: Table) -> None:
        bits = self.plan.flow.bits
        most = max(1, BANK_BITS // bits[table.addresses[0]])
        for start in range(0, len(table.addresses), most):
            part = slice(start, start + most)
            addresses = table.addresses[part]
            words = tables.table(f"{name}, words from {start}", rows, table.patterns[:, part], bits[addresses[0]])
            self.words.update(zip(addresses, words, strict=True))

    def _registers(self) -> None:
        """Words for what is computed, shared one after the other."""
        alive = lifetimes(self.sections, dict.fromkeys(self.plan.logits, 0))
        self.readers = {address: one.reader for address, one in alive.items()}
        banks: dict[tuple[object, int], Bank] = {}
        words: dict[tuple[object, int], Word] = {}
        for address, (file, number) in allocated(alive, self.plan.flow.bits).items():
            key, home = (file, number), (file, number // max(1, BANK_BITS // file[1]))
            if home not in banks:
                names = ", ".join(self.data.units[unit].name for unit in sorted(file[0]))
                banks[home] = self.data.bank(f"registers of {file[1]} bits of {names}, {len(banks)}")
            if key not in words:
                words[key] = self.data.word(banks[home], file[1])
            self.words[address] = words[key]

    def _section(self, section: Section, positions: Positions, ends: list[int]) -> list[int]:
        level = positions.active[section.position] if section.conditional else None
        segment = Segment(self.sequencer, ends, level)
        number = self.sections.index(section)
        constants = self.plan.flow.constants
        for one in sorted(section.timed, key=lambda timed: timed.step):
            what = one.what
            operands = [constants[a] if a in constants else self.words[a] for a in what.operands]
            self.data.issue(one.unit, operands, segment, one.step)
            for address in dict.fromkeys(what.operands):
                if self.readers.get(address) == (number, one.step):
                    self.data.release(self.words[address], segment, one.step)
            stored = self.plan.flow.stored.get(what.result)
            if stored is not None:
                self.data.store([self.words[a] for a in stored], one.unit, segment, one.done)
            guard = None
            if what.guarded:
                guard = self.sequencer.guard(segment.at(one.done - 1), positions.active[what.position], one.unit)
            for address in (what.result, *what.starts):
                if address in self.readers:
                    self.data.load(self.words[address], one.unit, segment, one.done, guard)
        segment.at(section.length - 1)
        name = "arithmetic" if section.position == NOWHERE else "attention"
        return self._phase(f"{name} {section.level}", segment, section.length, section.position)

    def _finished(self, go: int, queue: Queue, choice: Choice, fault: int) -> AutonomousNetwork:
        made, lines = self.gates, self.gates.lines
        parts = np.array(made.parts(), np.int8)
        offsets, sources, weights, delays = arrays(made)

        def port(name: str, signals: Sequence[int]) -> Port:
            return Port(name, tuple(-1 - s if s < 0 else lines + s for s in signals))

        bits = self.plan.id_bits
        hosts = {"go": [go], "put": [queue.put], "bits": queue.lines[:bits], "zeros": queue.lines[bits:]}
        ports = {
            "token": choice.token[:bits],
            "token_zeros": choice.token[bits:],
            "valid": [choice.valid],
            "done": [choice.done],
        }
        ports |= {"nan": [choice.nan], "fault": [fault]}
        nothing = np.zeros(lines + len(made.terms))
        return AutonomousNetwork(
            name=self.plan.name,
            n_lines=lines,
            hosts=tuple(port(name, signals) for name, signals in hosts.items()),
            outputs=tuple(port(name, signals) for name, signals in ports.items()),
            offsets=offsets,
            sources=sources,
            weights=weights,
            delays=delays,
            thresholds=np.array(made.thresholds, np.int32),
            program=np.full(len(made.terms), GATE),
            programs=(),
            part=parts,
            piece=np.array(made.piece, np.int64),
            pieces=tuple(made.pieces),
            rates=nothing,
            expected=nothing,
            phases=tuple(one.shifted(lines) for one in self.phases),
            chain=np.array(self.sequencer.chain, np.int64) + lines,
            units=tuple((one.name, one.strobe + lines, one.depth) for one in self.data.units),
            cached={
                name: np.array(
                    [[lines + c for c in self.words[a].cells] for a in addresses.ravel().tolist()], np.int64
                ).reshape(*addresses.shape, -1)
                for name, addresses in self.plan.caches.items()
            },
            length=self.plan.length,
            prompt=self.plan.prompt,
            vocabulary=self.plan.vocabulary,
            ends=self.plan.ends,
            pages=self.sequencer.pages,
            copies=tuple((first + lines, placed) for first, placed, _ in made.copies),
        )
