"""Energies derived again from what is printed: the text of networks and numbers of steps, by code of this file alone.

A neuron that stands at level t fires at step t where its weighted sum reaches the threshold. A synaptic operation is a
spike that reaches a synapse, an active update a neuron that was reached or fired. Joules are integers: tenths of a pJ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from lava_nexus.chip.description import load_chip
from lava_nexus.chip.mapper import Mapper
from lava_nexus.circuits import Circuit, circuit
from lava_nexus.energy import energy_of
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.execute.membrane.executor import measured_spikes
from lava_nexus.execute.run import run
from lava_nexus.formats import FLOAT8_E4M3FN, FLOAT32, FloatFormat
from lava_nexus.lab.energy.token import with_activity
from lava_nexus.neurons.serialisation import to_text
from tests.chip.programs import block_program, linear_program

SYNOP, ACTIVE, IDLE, MESSAGE, ALONG, ACROSS = 236, 810, 520, 17, 30, 40
TENTH_PICOJOULE = 1e-13
_NEURON = re.compile(r"n(\d+) @(\d+) = \[ (.*) >= (-?\d+) \](?: relay)?")


@dataclass
class Printed:
    """A network read from its text; counts add up over `evaluate`."""

    text: str
    neurons: list[tuple[str, int, list[tuple[int, str]], int]] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    synops: int = 0
    active: int = 0

    def __post_init__(self) -> None:
        for line in self.text.splitlines():
            if line.startswith("input"):
                self.inputs.append(line.split()[1])
            elif line.startswith("output"):
                self.output = line.split(" = ")[1].split()
            elif found := _NEURON.fullmatch(line):
                synapses = [(int(w), s) for w, s in (one.split("*") for one in found[3].split() if one != "0")]
                self.neurons.append((f"n{found[1]}", int(found[2]), synapses, int(found[4])))

    @property
    def depth(self) -> int:
        return max(level for _, level, _, _ in self.neurons)

    @property
    def relays(self) -> int:
        return self.text.count("] relay")

    def evaluate(self, *operands: int) -> int:
        """The result's bits for bits of operands; counts a spike at each synapse, and neurons that were awake."""
        fired = {"strobe"}
        for name, bits in zip(self.inputs, operands, strict=True):
            fired |= {f"{name}.{i}" for i in range(64) if bits >> i & 1}
        for name, _, synapses, threshold in sorted(self.neurons, key=lambda one: one[1]):
            reached = [weight for weight, source in synapses if source in fired]
            self.synops += len(reached)
            if sum(reached) >= threshold:
                fired.add(name)
            self.active += bool(reached) or name in fired
        return int("".join("01"[signal in fired] for signal in self.output), 2)


def _printed(made: Circuit) -> Printed:
    return Printed(to_text(made.network))


def test_one_multiply_accumulate() -> None:
    mul, add = (_printed(circuit(name, FLOAT32)) for name in ("mul", "add"))
    a, b, c = np.float32(1.7), np.float32(-0.3), np.float32(2.25)
    product = mul.evaluate(*(int(x.view(np.uint32)) for x in (a, b)))
    total = add.evaluate(int(c.view(np.uint32)), product)
    assert product == int((a * b).view(np.uint32)) and total == int((c + a * b).view(np.uint32))
    assert len(mul.neurons) + len(add.neurons) == 1749 and mul.relays == add.relays == 0
    ran = [run(circuit("mul", FLOAT32), a, b, executor="membrane")]
    ran.append(run(circuit("add", FLOAT32), c, a * b, executor="membrane"))
    by_hand = SYNOP * (mul.synops + add.synops) + ACTIVE * (mul.active + add.active)
    assert sum(energy_of(one).work.value for one in ran) == pytest.approx(by_hand * TENTH_PICOJOULE, rel=1e-12)
    assert all(energy_of(one).machine is None for one in ran)


def test_a_multiply_accumulate_on_cores_pays_every_neuron_in_every_step() -> None:
    placed = Mapper(linear_program(FLOAT8_E4M3FN, 2, 1), load_chip(), measured_spikes, sets=1)
    for digest, (made, _) in placed.circuits.items():
        template = placed.template(digest)
        printed = _printed(template.as_placed(made))
        assert len(printed.neurons) == template.network.neurons and printed.relays == template.network.relays
        x, y = (np.array([bits], np.uint8) for bits in (0x35, 0x41))
        engine = MembraneExecutor()
        engine.invoke(template.as_placed(made), [x, y])
        printed.evaluate(0x35, 0x41)
        for pace, steps in (("streamed", 1), ("single", printed.depth)):
            report = energy_of(engine, placement=template, pace=pace)
            work = SYNOP * printed.synops + ACTIVE * printed.active
            idle = IDLE * (len(printed.neurons) * steps - printed.active)
            static = 0.232 * template.chips * steps * template.step.value * 1e-9
            assert report.machine is not None and report.work.value == pytest.approx(work * TENTH_PICOJOULE, rel=1e-12)
            routed = report.routing if len(template.places) > 1 else 0.0
            assert report.machine.value == pytest.approx((work + idle) * TENTH_PICOJOULE + static + routed, rel=1e-12)


def test_one_layer_of_fp8() -> None:
    program = linear_program(FLOAT8_E4M3FN, 5, 3)
    rng = np.random.default_rng(2)
    drawn = rng.standard_normal((1, 1, 5)).astype(np.float32).astype(FLOAT8_E4M3FN.dtype)
    x = FLOAT8_E4M3FN.to_patterns(drawn)
    (weight,) = (patterns for patterns in program.constants.values() if patterns.size == 15)
    rows = weight if weight.shape == (3, 5) else weight.T
    mul, add = (_printed(circuit(name, FLOAT8_E4M3FN)) for name in ("mul", "add"))
    results = []
    for row in rows:
        total = mul.evaluate(int(x[0, 0, 0]), int(row[0]))
        for k in range(1, 5):
            total = add.evaluate(total, mul.evaluate(int(x[0, 0, k]), int(row[k])))
        results.append(total)
    ran = run_program(program, {"x": x}, MembraneExecutor())
    assert ran.outputs["y"].ravel().tolist() == results
    report = energy_of(ran)
    by_hand = SYNOP * (mul.synops + add.synops) + ACTIVE * (mul.active + add.active)
    assert report.work.value == pytest.approx(by_hand * TENTH_PICOJOULE, rel=1e-12)


def test_a_placed_block() -> None:
    sets = 2
    mapper = Mapper(block_program(FLOAT8_E4M3FN, 4, 2, 4, 1), load_chip(), measured_spikes, sets=sets)
    (placed,) = with_activity([mapper.folded(4)], mapper, sets, 0)
    work, active, neurons, depths = 0, 0.0, 0, {}
    for digest, (made, count) in mapper.circuits.items():
        printed = _printed(mapper.template(digest).as_placed(made))
        for operands in zip(*_operands(made, sets), strict=True):
            printed.evaluate(*operands)
        work += count * (SYNOP * printed.synops + ACTIVE * printed.active)
        active += count * printed.active / sets
        neurons += -(-count // 4) * len(printed.neurons)
        depths[digest] = printed.depth
    around = [one for one in placed.circuits if not one.arithmetic]
    neurons += sum(one.neurons * one.instances for one in around)
    steps = sum(times * _last_step(schedule, depths) for schedule, times in placed.schedules)
    messages = placed.traffic.messages + placed.traffic.operands + placed.traffic.results
    standing = sum((one.synops or 0.0) * one.instances for one in around)
    machine = work / sets + IDLE * (neurons * steps - active) + MESSAGE * messages + SYNOP * standing * steps
    woken = min(standing, sum(one.neurons * one.instances for one in around))
    machine += (ACTIVE - IDLE) * woken * steps
    machine += ALONG * placed.traffic.hops_east_west + ACROSS * placed.traffic.hops_north_south
    assert placed.traffic.hops_east_west + placed.traffic.hops_north_south == 0  # every circuit on one core
    # Operands and results: the mean way between two tiles of the columns and rows of 8 x 4 that the cores fill.
    tiles = -(-placed.core_count // 4)
    columns, rows = -(-tiles // 4), min(4, tiles)
    far = placed.traffic.operands + placed.traffic.results
    ways = (sum(abs(i - j) for i in range(n) for j in range(n)) / n**2 for n in (columns, rows))
    machine += far * sum(unit * way for unit, way in zip((ALONG, ACROSS), ways, strict=True))
    static = 0.232 * placed.chips * steps * placed.step.value * 1e-9
    report = energy_of(placed)
    assert report.machine is not None and report.seconds is not None
    assert report.uncounted_updates == 0 and placed.steps == steps and placed.neurons == neurons
    assert report.work.value == pytest.approx(work / sets * TENTH_PICOJOULE, rel=1e-12)
    assert report.machine.value == pytest.approx(machine * TENTH_PICOJOULE + static, rel=1e-12)
    assert report.seconds.value == pytest.approx(steps * placed.step.value * 1e-9, rel=1e-12)


def _operands(made: Circuit, sets: int) -> list[list[int]]:
    """What the placement's spikes are counted on: N(0, 1), and random bits where a port is no number."""
    rng, found = np.random.default_rng(0), []
    for port in made.inputs:
        if isinstance(port.format, FloatFormat):
            values: Any = rng.standard_normal(sets).astype(np.float32).astype(port.format.dtype)
            found.append([int(bits) for bits in port.format.to_patterns(values)])
        else:
            found.append([int(b) & (2**port.width - 1) for b in rng.integers(0, 2**63, sets, dtype=np.uint64)])
    return found


def _last_step(schedule: Any, depths: dict[str, int]) -> int:
    """Steps of a schedule: of each round the last turn of its last element, and the depth of its circuit."""
    ends: Sequence[int] = [
        one.start
        + (one.turns - 1) * one.period
        + -(-one.count // schedule.pools[one.pool].instances)
        + _depth(schedule.pools[one.pool].circuit, depths)
        for one in schedule.rounds
    ]
    return max(ends)


def _depth(made: Circuit, depths: dict[str, int]) -> int:
    return depths[made.digest]
