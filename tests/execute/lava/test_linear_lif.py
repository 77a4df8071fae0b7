"""A linear layer as one network: against the layer's program, and on Lava's LIF spike by spike."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lava")

from lava_nexus.circuits import circuit
from lava_nexus.circuits.linear import linear_network
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.lava import LavaExecutor, Timing
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2
from lava_nexus.neurons import violations
from lava_nexus.programs import Program, Writer, linear
from tests.evaluate import evaluate, input_spikes, output_patterns

LENGTH = 3


def layer(fmt, rows, outputs, seed=0):
    """Operands of the network, row by row, and the results of the layer's program; one row is of any patterns."""
    rng = np.random.default_rng(seed)
    x = fmt.to_patterns(rng.normal(0, 1, (rows, LENGTH)).astype(fmt.dtype))
    x[-1] = rng.integers(0, 1 << fmt.bits, LENGTH)
    weight, bias = rng.normal(0, 1, (outputs, LENGTH)).astype(fmt.dtype), rng.normal(0, 1, outputs).astype(fmt.dtype)
    w = Writer(Program("layer"), fmt)
    rows_in = w.program.input("x", (rows, LENGTH), fmt)
    w.program.outputs["y"] = linear(w.inside("layer"), rows_in, w.constant(weight), w.constant(bias))
    want = run_program(w.program, {"x": x[None]}, ReferenceExecutor()).outputs["y"][0]
    operands = [np.repeat(column, outputs) for column in x.T]
    operands += [np.tile(fmt.to_patterns(column), rows) for column in [*weight.T, bias]]
    return operands, want.ravel()


@pytest.mark.parametrize("fmt", [FLOAT8_E4M3FN, FLOAT8_E5M2], ids=str)
@pytest.mark.parametrize("max_delay", [0, 62])
def test_the_network_is_the_layer(fmt, max_delay):
    multiply, add = circuit("mul", fmt), circuit("add", fmt)
    network = linear_network(multiply, add, LENGTH, bias=True, max_delay=max_delay)
    operands, want = layer(fmt, 20, 6)
    assert np.array_equal(network.golden(*operands), want)
    got = evaluate(network.network, input_spikes(network.network, operands))
    assert np.array_equal(output_patterns(network.network, got), want)
    assert violations(network.network) == []
    assert add.depth < network.depth <= multiply.depth + LENGTH * add.depth


def test_lif_neurons_of_a_layer():
    """Every result, every neuron's spikes, and one operand set a step after a latency known beforehand."""
    fmt = FLOAT8_E4M3FN
    network = linear_network(circuit("mul", fmt), circuit("add", fmt), LENGTH, bias=True, max_delay=7)
    operands, want = layer(fmt, 6, 5)
    with LavaExecutor("lif", timeout=120) as lava:
        assert np.array_equal(lava.invoke(network, operands), want)
        (tally,) = lava.tallies
        steps = 30 + network.depth + 1
        assert lava.timing == Timing(predicted=steps, taken=steps)
    spikes = evaluate(network.network, input_spikes(network.network, operands))
    assert np.array_equal(tally.signal_spikes, spikes.sum(axis=0))
    assert tally.spikes > 1000


def test_user_mistakes():
    multiply, add = circuit("mul", FLOAT8_E4M3FN), circuit("add", FLOAT8_E4M3FN)
    with pytest.raises(NexusError, match="linear network of 0 products is below 1"):
        linear_network(multiply, add, 0)
    with pytest.raises(NexusError, match="'mul float8_e4m3fn' and 'add bfloat16' has operands of several formats"):
        linear_network(multiply, circuit("add", BFLOAT16), 2)
