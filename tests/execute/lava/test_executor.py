"""The Lava executor against an independent evaluation of every neuron."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("lava")

from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.lava import LavaExecutor, Timing, spike_trains, time_steps
from lava_nexus.formats import FLOAT32
from tests.evaluate import evaluate, input_spikes, output_patterns
from tests.execute.lava.leftovers import children
from tests.execute.lava.operands import float32_pairs, random_operands
from tests.networks import as_circuit, random_network


@pytest.mark.parametrize(("level", "lanes"), [("vectorised", 1), ("vectorised", 7), ("lif", None), ("lif", 5)])
def test_results_counts_and_steps(level, lanes):
    network = random_network(11, width=4)
    operands = random_operands(network, 24)
    want = evaluate(network, input_spikes(network, operands))
    with LavaExecutor(level, lanes) as executor:
        for repeats in (1, 2):
            got = executor.invoke(as_circuit(network), [o.reshape(4, 6) for o in operands])
            assert np.array_equal(got, output_patterns(network, want).reshape(4, 6))
            (tally,) = executor.tallies
            assert tally.invocations == 24 * repeats
            assert np.array_equal(tally.signal_spikes, repeats * want.sum(axis=0))
            steps = repeats * (-(-24 // (lanes or 1)) + network.depth + (level == "lif"))
            assert executor.timing == Timing(predicted=steps, taken=steps)
            assert repeats * time_steps(network, 24, lanes or 1, level) == steps


def test_more_sets_than_the_encoder_holds():
    network = random_network(3)
    operands = random_operands(network, 70_000)
    with LavaExecutor() as executor:
        got = executor.invoke(as_circuit(network), operands)
        (tally,) = executor.tallies
    want = evaluate(network, input_spikes(network, operands))
    assert np.array_equal(got, output_patterns(network, want))
    assert np.array_equal(tally.signal_spikes, want.sum(axis=0))


def test_broadcast_empty_and_many_circuits():
    before = children()
    with LavaExecutor() as executor:
        for seed in range(6):
            network = random_network(seed)
            one, two = np.arange(8, dtype=np.uint8), np.uint8(5)
            got = executor.invoke(as_circuit(network), [one[:, None], two])
            want = evaluate(network, input_spikes(network, [one, np.full(8, 5)]))
            assert np.array_equal(got[:, 0], output_patterns(network, want))
        assert executor.invoke(as_circuit(network), [one[:0], two]).shape == (0,)
        assert len(children() - before) == 4 * 5  # four circuits stay ready
    assert children() <= before


def test_a_dropped_executor_leaves_no_process():
    before = children()
    executor = LavaExecutor()
    executor.invoke(as_circuit(random_network(1)), [np.arange(8, dtype=np.uint8)] * 2)
    assert len(children() - before) == 5
    del executor
    assert children() <= before


@pytest.mark.parametrize("operation", ["add", "mul"])
def test_float32_agrees_with_the_bit_sliced_executor(operation):
    chosen = circuit(operation, FLOAT32)
    operands = float32_pairs(5000, seed=1)
    words = BitslicedExecutor()
    with LavaExecutor() as lava:
        assert np.array_equal(lava.invoke(chosen, operands), words.invoke(chosen, operands))
        (mine,), (theirs,) = lava.tallies, words.tallies
    assert np.array_equal(mine.signal_spikes, theirs.signal_spikes)
    assert (mine.spikes, mine.synops) == (theirs.spikes, theirs.synops)


def test_operands_that_do_not_fit():
    chosen = as_circuit(random_network(1))
    ones = np.ones(3, np.uint8)
    with LavaExecutor() as executor:
        with pytest.raises(NexusError, match="takes 2 operands, not 1"):
            executor.invoke(chosen, [ones])
        with pytest.raises(NexusError, match=r"shapes \(3,\) and \(2,\), which do not broadcast"):
            executor.invoke(chosen, [ones, ones[:2]])


def test_a_level_that_does_not_exist():
    with pytest.raises(NexusError, match="level 'spiky' is not one of vectorised, lif"):
        LavaExecutor("spiky")  # type: ignore[arg-type]


def test_lava_is_imported_late_and_an_executor_left_open_ends_with_the_program():
    script = """
import sys
import numpy as np
import lava_nexus, lava_nexus.execute.run
from tests.networks import as_circuit, random_network
print("lava" in sys.modules)
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.lava import LavaExecutor
executor = LavaExecutor()
executor.invoke(as_circuit(random_network(1)), [np.arange(8, dtype=np.uint8)] * 2)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")


@pytest.mark.parametrize(
    ("operation", "level", "lanes", "sets"),
    [
        ("add", "vectorised", 16, 2000),
        ("mul", "vectorised", 16, 2000),
        ("add", "lif", 4, 200),
        pytest.param("mul", "lif", 1, 100, marks=pytest.mark.wide),
    ],
)
def test_float32_agrees_on_every_spike(operation, level, lanes, sets):
    """Every neuron of the IEEE adder and multiplier, waves back to back; values against numpy's own arithmetic."""
    chosen = circuit(operation, FLOAT32)
    x, y = float32_pairs(sets)
    got = spike_trains(chosen, [x, y], level, lanes)
    assert np.array_equal(got, evaluate(chosen.network, input_spikes(chosen.network, [x, y])))

    with np.errstate(all="ignore"):
        a, b = FLOAT32.from_patterns(x), FLOAT32.from_patterns(y)
        value = FLOAT32.to_patterns(a + b if operation == "add" else a * b)
    assert np.array_equal(output_patterns(chosen.network, got), FLOAT32.canonical(value))
