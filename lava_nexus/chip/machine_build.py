"""A machine in the making: what each operation is wired to, and words given to values in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.machine_neurons import Instance, Neurons
from lava_nexus.chip.machine_words import Words
from lava_nexus.chip.native import Activity
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.workload import kept_inputs
from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.neurons import Port
from lava_nexus.populations.programmed import GATE
from lava_nexus.programs.invocations import expand
from lava_nexus.programs.schedule import Schedule

_SLICE = 128  # neurons of the sequencer that lie together

Used: TypeAlias = tuple[Circuit | NativePart, int, tuple[NDArray[np.int64], ...]]
"""A circuit, its operand sets, and of each instance the neuron that is each of its signals."""


class Build:
    """One machine in the making."""

    def __init__(self, schedule: Schedule, placed: Sequence[Placement | Activity]) -> None:
        self.schedule, self.placed = schedule, placed
        self.ops = ops = expand(schedule)
        self.depth = np.array([pool.circuit.depth for pool in schedule.pools], np.int64)
        self.issue = ops.step + schedule.handover
        self.done = self.issue + self.depth[ops.pool]
        self.neurons = Neurons()
        self.fed: list[tuple[int, int, int, int]] = []
        self.kept = self._kept()
        self.held = Words(ops, self.issue, self.done, schedule.handover, self.kept)
        self.word = self.held.word
        self.chain = self._chain()
        self.q, self.clear = self._registers()
        self.native: dict[int, list[NDArray[np.int64]]] = {}
        self.instances: dict[tuple[int, int], Instance] = {}
        wired = {row.back for row in ops.rows}
        for pool, instance in np.unique(np.stack([ops.pool, ops.instance], axis=1), axis=0).tolist():
            if pool not in wired:
                self._instance(pool, instance)
        self.released = [set[int]() for _ in range(self.held.count)]
        self.ports: dict[tuple[int, int, int, tuple[int, ...]], list[int]] = {}
        self.passes: dict[tuple[int, int, int, int, int], list[int]] = {}
        self.selected: set[tuple[int, int]] = set()
        self.sets: dict[tuple[int, int, int], list[int]] = {}
        self.hosts: dict[tuple[int, int, int], list[int]] = {}

    def _kept(self) -> NDArray[np.int64]:
        """Addresses of the inputs that registers hold from the beginning."""
        found = [self.ops.values[n].ravel() for n in sorted(kept_inputs(self.schedule.program))]
        return np.asarray(np.unique(np.concatenate([np.zeros(0, np.int64), *found])))

    def _chain(self) -> list[int]:
        """C(m) by m; C(0) is the host's line."""
        (start,) = self.neurons.line()
        chain, piece, last = [start], 0, int(self.done.max(initial=0))
        for step in range(1, last + 1):
            if step % _SLICE == 1:
                piece = self.neurons.new_piece(f"sequencer, steps {step} .. {step + _SLICE - 1}", "sequencer")
            chain.append(self.neurons.gate([(chain[-1], 1)], 1, piece, 1 / last))
        return chain

    def _registers(self) -> tuple[list[list[int]], list[int]]:
        """For each word its cells, MSB first, and what clears them; the inputs' words are set by the host."""
        program = self.schedule.program
        bits = max(v.format.bits for v in (*program.inputs.values(), *(node.result for node in program.nodes)))
        cells, clears = [], []
        for number in range(self.held.count):
            piece = self.neurons.new_piece(f"register {number}", "register")
            clears.append(self.neurons.gate([], 1, piece))
            cells.append([self.neurons.gate([], 1, piece, 0.5) for _ in range(bits)])
            for cell in cells[-1]:
                self.neurons.terms[cell] += [(cell, 1), (clears[-1], -1)]
        for address in self.kept[self.word[self.kept] >= 0].tolist():
            lines = self.neurons.line(bits)
            self.fed.append((1, address, -1 - lines[0], bits))
            for cell, line in zip(cells[self.word[address]], lines, strict=True):
                self.neurons.terms[cell] += [(line, 2), (self.chain[1], -1)]
        return cells, clears

    def _instance(self, pool: int, instance: int) -> None:
        """The placed circuit with neurons for its operands and its strobe."""
        circuit = self.schedule.pools[pool].gates
        piece = self.neurons.new_piece(f"operands of {circuit.label} {instance}", "operands")
        strobe = self.neurons.gate([], 1, piece, 1.0)
        operands = [[self.neurons.gate([], 1, piece, 0.5) for _ in range(port.width)] for port in circuit.inputs]
        self.add_instance(pool, instance, strobe, operands)

    def add_instance(self, pool: int, instance: int, strobe: int, operands: list[list[int]]) -> None:
        """The placed circuit, fed by neurons that are there."""
        circuit, placed = self.schedule.pools[pool].gates, self.placed[pool]
        assert isinstance(placed, Placement)
        label = f"{circuit.label} {instance}"
        parts = len(placed.places)
        names = [f"{label}, part {part + 1} of {parts}" for part in range(parts)]
        pieces = [self.neurons.new_piece(name, circuit.label) for name in names]
        inputs = [strobe, *(signal for operand in operands for signal in operand)]
        signals = self.neurons.network(placed, inputs, np.array(pieces))
        outputs = [[int(signals[s]) for s in port.signals] for port in placed.network.outputs]
        self.instances[pool, instance] = Instance(strobe, operands, outputs)

    def operation(self, k: int) -> None:
        """Wires what operation k reads and writes to the sequencer."""
        ops, pool, instance = self.ops, int(self.ops.pool[k]), int(self.ops.instance[k])
        one, start, done = self.instances[pool, instance], int(self.issue[k]), int(self.done[k])
        self.neurons.terms[one.strobe].append((self.chain[start - 1], 1))
        for column, address in enumerate(ops.operands[k].tolist()[: len(one.operands)]):
            if address < 0:
                continue  # of a sum of a native layer, whose bits are wired to it
            if self.held.once[k, column]:
                self._pass(int(self.held.maker[address]), pool, instance, column, start)
            elif self.word[address] < 0:
                self._from_host(pool, instance, column, address, start)
            else:
                self._read(address, pool, column, start)
        address = int(ops.result[k])
        if address >= 0 and self.word[address] >= 0:
            self._to_register(int(self.word[address]), pool, instance, one.result, done)

    def _pass(self, made: int, pool: int, instance: int, column: int, start: int) -> None:
        """From the instance that made it: its bits wait on their synapses until the sequencer lets them through."""
        origin = int(self.ops.pool[made]), int(self.ops.instance[made])
        key = (*origin, pool, instance, column)
        if key not in self.passes:
            one, bits = self.instances[pool, instance], self.instances[origin].result
            piece = self.neurons.piece[one.strobe]
            self.passes[key] = gates = [self.neurons.gate([], 2, piece) for _ in bits]
            wait = self.schedule.handover - 2
            self.neurons.join(np.array(gates), np.array(bits), np.ones(len(bits), np.int64), wait)
            for gate, bit in zip(gates, one.operands[column], strict=True):
                self.neurons.terms[bit].append((gate, 1))
        self._select(self.passes[key], start)

    def _read(self, address: int, pool: int, column: int, start: int) -> None:
        """From a register, by the port of all instances that read it in this step."""
        word, readers = int(self.word[address]), self.held.readers[address, start, pool, column]
        key = (word, pool, column, readers)
        if key not in self.ports:
            cells, piece = self.q[word], self.neurons.piece[self.clear[word]]
            operands = [self.instances[pool, one].operands[column] for one in readers]
            low = len(cells) - len(operands[0])
            self.ports[key] = [self.neurons.gate([(q, 1)], 2, piece) for q in cells[low:]]
            for operand in operands:
                for port, bit in zip(self.ports[key], operand, strict=True):
                    self.neurons.terms[bit].append((port, 1))
        self._select(self.ports[key], start)

    def _select(self, gates: list[int], start: int) -> None:
        """Lets bits through to the operands of step `start`, once for all who take them."""
        if (gates[0], start) not in self.selected:
            self.selected.add((gates[0], start))
            for gate in gates:
                self.neurons.terms[gate].append((self.chain[start - 2], 1))

    def _from_host(self, pool: int, instance: int, column: int, address: int, start: int) -> None:
        operand = self.instances[pool, instance].operands[column]
        key = (pool, instance, column)
        if key not in self.hosts:
            self.hosts[key] = self.neurons.line(len(operand))
            for line, bit in zip(self.hosts[key], operand, strict=True):
                self.neurons.terms[bit].append((line, 1))
        self.fed.append((start - 1, address, -1 - self.hosts[key][0], len(operand)))

    def _to_register(self, word: int, pool: int, instance: int, result: list[int], done: int) -> None:
        load, key = self.chain[done], (word, pool, instance)
        if key not in self.sets:
            piece, cells = self.neurons.piece[self.clear[word]], self.q[word]
            self.sets[key] = [self.neurons.gate([(bit, 1)], 2, piece) for bit in result]
            for cell, gate in zip(cells[len(cells) - len(result) :], self.sets[key], strict=True):
                self.neurons.terms[cell].append((gate, 2))
        for gate in self.sets[key]:
            self.neurons.terms[gate].append((load, 1))
        self._release(word, done)

    def _release(self, word: int, step: int) -> None:
        """Clears the word two steps later: before it is loaded, and when its last reader has read it."""
        if step not in self.released[word]:
            self.released[word].add(step)
            self.neurons.terms[self.clear[word]].append((self.chain[step], 1))

    def finish(self) -> NDArray[np.float64]:
        """Clears what nobody reads any more; float64 [neurons], the spikes of a token to expect."""
        made, held = self.neurons, self.word >= 0
        for word, last in zip(self.word[held].tolist(), self.held.last[held].tolist(), strict=True):
            self._release(word, last - 1)
        expected = np.array([len(terms) for terms in made.terms], float)
        for gates in (*self.ports.values(), *self.sets.values()):
            expected[gates] = (expected[gates] - 1) / 2  # one synapse from the bit, the others from the sequencer
        for gates in self.passes.values():
            expected[gates] /= 2
        steps = np.bincount(self.word[held], (self.held.last - self.held.born + 1)[held], self.held.count) / 2
        for cells, spikes in zip(self.q, steps, strict=True):
            expected[cells] = spikes
        programmed = np.array(made.program) != GATE
        expected[programmed] = np.array(made.rates)[programmed]
        busy = {key: len(made.terms[one.strobe]) for key, one in self.instances.items()}
        for key, one in self.instances.items():
            expected[[bit for operand in one.operands for bit in operand]] = busy[key] / 2
        for count, (first, placed, _) in zip(busy.values(), made.copies, strict=True):
            rates = placed.spikes[placed.network.n_inputs :] / max(1, placed.sets)
            expected[first : first + placed.network.neurons] = rates * count
        return expected

    def circuits(self) -> tuple[Used, ...]:
        """Of each pool the circuit as it is placed, operand sets, and of each instance the neuron of each signal."""
        copies: dict[int, list[NDArray[np.int64]]] = {number: [] for number in range(len(self.placed))} | self.native
        for (number, _), (_, _, signals) in zip(self.instances, self.neurons.copies, strict=True):
            copies[number].append(signals)
        found: list[Used] = []
        for number, (pool, placed) in enumerate(zip(self.schedule.pools, self.placed, strict=True)):
            if isinstance(placed, Placement):
                found.append(
                    (placed.as_placed(pool.gates), int((self.ops.pool == number).sum()), tuple(copies[number]))
                )
            else:
                found.append((pool.circuit, len(copies[number]), tuple(copies[number])))
        return tuple(found)

    def results(self) -> tuple[tuple[Port, ...], NDArray[np.int64]]:
        """Ports of the instances that give results of the program, and which result comes when from which of them."""
        ops, program = self.ops, self.schedule.program
        wanted = np.unique(np.concatenate([ops.values[v.number].ravel() for v in program.outputs.values()]))
        made = np.isin(ops.result, wanted)
        if made.sum() != len(wanted):
            raise NexusError(f"program '{program.name}' gives back what no circuit of it computes")
        homes: dict[tuple[int, int], int] = {}
        rows = []
        for k in np.flatnonzero(made).tolist():
            key = int(ops.pool[k]), int(ops.instance[k])
            rows.append((int(ops.result[k]), int(self.done[k]), homes.setdefault(key, len(homes))))
        names = [(f"pool{p}_{i}", self.instances[p, i].result, self.schedule.pools[p].gates) for p, i in homes]
        ports = tuple(Port(name, tuple(signals), circuit.output.format) for name, signals, circuit in names)
        return ports, np.array(rows, np.int64)
