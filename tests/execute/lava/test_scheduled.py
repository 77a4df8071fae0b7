from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.chip.scheduler import schedule_program
from lava_nexus.chip.surroundings import handover
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.lava.program import run_scheduled
from lava_nexus.execute.reference import ReferenceExecutor
from tests.chip.programs import block_program, feeds, linear_program, shared


def folded(program, folding):
    return schedule_program(program, shared(program, folding), handover())


def same_bits_at_the_steps_predicted(program, folding, sets):
    schedule, x = folded(program, folding), feeds(program, sets)
    found = run_scheduled(schedule, x)
    assert np.array_equal(found.outputs["y"], run_program(program, x, ReferenceExecutor()).outputs["y"])
    assert found.taken == (schedule.steps,) * sets
    assert found.predicted == schedule.steps
    counts = {tally.circuit.digest: tally.invocations for tally in found.tallies}
    assert counts == {digest: n * sets for digest, n in shared(program, 1).items() if n}
    assert all(tally.spikes > 0 for tally in found.tallies)


def test_a_folded_linear_layer_of_8_by_8_in_fp32():
    same_bits_at_the_steps_predicted(linear_program(nexus.FLOAT32), 16, 2)


@pytest.mark.slow
def test_a_folded_block_of_8_in_fp8():
    same_bits_at_the_steps_predicted(block_program(nexus.FLOAT8_E4M3FN, tokens=1), 32, 1)


@pytest.mark.slow
def test_a_folded_block_of_8_in_fp32():
    same_bits_at_the_steps_predicted(block_program(nexus.FLOAT32), 64, 1)


def test_what_comes_late_ends_the_run():
    program = linear_program(nexus.FLOAT8_E4M3FN, 3, 3)
    schedule = folded(program, 2)
    multiply, add = schedule.rounds
    early = replace(schedule, rounds=(multiply, replace(add, start=add.start - 1)))
    with pytest.raises(NexusError, match="is not there yet"):
        run_scheduled(early, feeds(program))


def test_mistakes():
    program = linear_program(nexus.FLOAT8_E4M3FN, 3, 3)
    with pytest.raises(NexusError, match="misses its input 'x'"):
        run_scheduled(folded(program, 2), {})
    with pytest.raises(NexusError, match="schedules run on Lava's level 'vectorised', not 'lif'"):
        run_scheduled(folded(program, 2), feeds(program), level="lif")
