from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lava_nexus as nexus
from lava_nexus.chip.checker import check_schedule, evaluate, schedule_faults
from lava_nexus.chip.liveness import registers
from lava_nexus.chip.scheduler import schedule_program
from lava_nexus.chip.surroundings import handover
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.programs import Program, Writer, linear
from lava_nexus.programs.invocations import expand
from tests.chip.programs import block_program, feeds, linear_program, shared

FP8, FP32 = nexus.FLOAT8_E4M3FN, nexus.FLOAT32


@pytest.mark.parametrize("folding", [1, 3, 16, 10_000])
@pytest.mark.parametrize(
    "make", [lambda: linear_program(FP32), lambda: block_program(FP8), lambda: block_program(FP8, tokens=1)]
)
def test_a_folded_program_gives_the_same_bits(make, folding):
    program = make()
    schedule = schedule_program(program, shared(program, folding), handover())
    check_schedule(schedule)
    x = feeds(program)
    assert np.array_equal(evaluate(schedule, x)["y"], run_program(program, x, ReferenceExecutor()).outputs["y"])


@settings(max_examples=25, deadline=None, report_multiple_bugs=False)
@given(
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)),
    instances=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    steps=st.integers(0, 5),
)
def test_every_schedule_of_a_layer_passes_the_checker(sizes, instances, steps):
    program = linear_program(FP8, *sizes)
    digests = dict.fromkeys(circuit.digest for _, circuit, _ in program.invocations())
    schedule = schedule_program(program, dict(zip(digests, instances, strict=False)), steps)
    assert not schedule_faults(schedule)


def test_the_adders_are_kept_full():
    """64 sums of 100 terms on one multiplier and one adder: additions in all steps but those of filling."""
    program = linear_program(FP8, 100, 64)
    schedule = schedule_program(program, shared(program, 10_000), 2)
    additions = 64 * 99
    assert schedule.steps < 1.3 * additions


def test_unrolled_takes_the_depth_and_the_handovers():
    program = linear_program(FP8, 8, 8)
    schedule = schedule_program(program, shared(program, 1), 0)
    assert program.depth <= schedule.steps - 1 <= program.depth + 8 * schedule.pools[1].circuit.depth


def test_the_checker_finds_what_is_wrong():
    program = linear_program(FP8, 4, 4)
    schedule = schedule_program(program, shared(program, 2), 2)
    multiply, add = schedule.rounds
    assert not schedule_faults(schedule)

    def faults(*rounds):
        return " ".join(schedule_faults(replace(schedule, rounds=rounds)))

    assert "is not there yet" in faults(multiply, replace(add, start=add.start - 1))
    assert "invoked 16 times, not 12" in faults(multiply, replace(add, turns=3), replace(add, turns=1, start=999))
    assert "invoked 8 times, not 12" in faults(multiply, replace(add, turns=2))
    assert "two operand sets" in faults(replace(multiply, period=0), add)
    assert "does not exist" in faults(replace(multiply, start=-1), add)
    with pytest.raises(NexusError, match="schedule of program 'linear': an operand of"):
        check_schedule(replace(schedule, rounds=(multiply, replace(add, start=0))))
    with pytest.raises(NexusError, match=r"elements 0 \.\. 99 of node 0"):
        expand(replace(schedule, rounds=(replace(multiply, count=99),)))


def test_mistakes():
    program = linear_program(FP8, 4, 4)
    with pytest.raises(NexusError, match="'mul float8_e4m3fn' has 0 instances"):
        schedule_program(program, {}, 2)
    w = Writer(Program("pairs"), FP8, accumulate="pairwise")
    x = w.program.input("x", (1, 4), FP8)
    linear(w.inside("layer"), x, w.constant(np.ones((4, 4), np.float32)))
    with pytest.raises(NexusError, match="layer 'layer' sums in the order 'pairwise', schedules know 'sequential'"):
        schedule_program(w.program, shared(w.program, 1), 2)


@pytest.mark.parametrize("folding", [1, 20, 500])
def test_registers_hold_every_word_that_waits(folding):
    """Against the operations one by one; a bound from above that is not far off."""
    program = block_program(FP8)
    schedule = schedule_program(program, shared(program, folding), 4)
    operations = expand(schedule)
    kept = {v.number for v in program.inputs.values()}
    born = np.full(operations.addresses, -1)
    for number in kept:
        born[operations.values[number]] = 0
    depth = np.array([pool.circuit.depth for pool in schedule.pools])
    born[operations.result] = operations.step + depth[operations.pool] + schedule.handover
    last = born.copy()
    for column in operations.operands.T:
        used = column >= 0
        np.maximum.at(last, column[used], operations.step[used])
    alive = np.zeros(schedule.steps + 9, np.int64)
    waits = (born >= 0) & (last > born)
    np.add.at(alive, born[waits], 1)
    np.add.at(alive, last[waits], -1)
    exact = int(np.cumsum(alive).max())
    found = registers(schedule, frozenset(kept))
    assert exact <= found.words <= 1.6 * exact + 8
    assert found.ports >= found.words
