"""Programs with some input bits held constant put out what the whole program does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_nexus.circuits import circuit
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.cpu import blocks as ordered
from lava_nexus.execute.cpu.blocks import BlockRunner, Workers
from lava_nexus.execute.cpu.program import word_program
from lava_nexus.execute.cpu.restriction import UNKNOWN, restricted
from lava_nexus.formats import FLOAT8_E5M2, FLOAT16
from lava_nexus.neurons import ThresholdNetwork
from tests.evaluate import evaluate, input_spikes, output_patterns
from tests.execute.cpu.networks import random_networks, random_operands


@given(random_networks(), st.data())
@settings(max_examples=60, deadline=None)
def test_random_networks_restricted_answer_as_defined(network: ThresholdNetwork, data: st.DataObject) -> None:
    operands = random_operands(network, 100)
    known = []
    for port, operand in zip(network.inputs, operands, strict=True):
        for bit in range(port.width):
            value = data.draw(st.sampled_from((UNKNOWN, 0, 1)))
            known.append(value)
            if value != UNKNOWN:
                one = operand.dtype.type(1 << bit)
                operand[:] = operand | one if value else operand & ~one
    program = restricted(word_program(network, "outputs"), np.array(known, np.int8))
    results, _ = BlockRunner(program, network.inputs, network.outputs).run(operands, 100, Workers(1))
    expected = output_patterns(network, evaluate(network, input_spikes(network, operands)))
    np.testing.assert_array_equal(results[0], expected)


def test_all_bits_known_leave_nothing_to_do() -> None:
    made = circuit("mul", FLOAT8_E5M2)
    program = restricted(word_program(made.network, "outputs"), np.zeros(16, np.int8))
    assert len(program.operations) == 0


def test_a_program_that_counts_or_other_bits_are_refused() -> None:
    network = circuit("neg", FLOAT8_E5M2).network
    with pytest.raises(ValueError, match="counts nothing and 8 input bits"):
        restricted(word_program(network, "spikes"), np.zeros(8, np.int8))
    with pytest.raises(ValueError, match="counts nothing and 8 input bits"):
        restricted(word_program(network, "outputs"), np.zeros(7, np.int8))


@pytest.mark.parametrize(("name", "first", "n"), [("exp", 0x3C00, 1 << 14), ("add", 0x3C003B00, 3000)])
def test_runs_in_order(name: str, first: int, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = circuit(name, FLOAT16)
    index = np.arange(first, first + n)
    shifts = (0,) if name == "exp" else (16, 0)
    operands = [(index >> shift & 0xFFFF).astype(np.uint16) for shift in shifts]
    expected = BitslicedExecutor(count=False).invoke(made, operands)
    for run, fewest in ((1 << 10, 0), (1 << 10, 1 << 20)):
        monkeypatch.setattr(ordered, "_RUN", run)
        monkeypatch.setattr(ordered, "_STRETCH", 1 << 13)
        monkeypatch.setattr(ordered, "_FEWEST_OPERATIONS", fewest)
        np.testing.assert_array_equal(ordered.OrderedRuns(made).results(first, operands), expected)
