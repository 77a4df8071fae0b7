import numpy as np
import pytest

from lava_nexus import BFLOAT16, FLOAT8_E4M3FN, FLOAT16, FLOAT32, FLOAT64, NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.neurons import NeuronModel
from lava_nexus.populations import Options, operator
from lava_nexus.populations.catalogue import Nonlinear, SpikingLinear
from lava_nexus.programs import Program, Writer, linear, rms_norm, silu, softmax
from lava_nexus.programs.layers import layer_norm

ALL = Nonlinear({name: Options() for name in ("softmax", "silu", "gelu", "rms_norm", "layer_norm")})


def program_of(write, shape, fmt=FLOAT32, **how):
    w = Writer(Program("test"), fmt, **how).inside("layer")
    w.program.outputs["y"] = write(w, w.program.input("x", shape, fmt))
    return w.program


def values(program, x, fmt=FLOAT32, executor=None):
    feed = fmt.to_patterns(np.asarray(x, fmt.dtype))
    result = run_program(program, {"x": feed}, executor or ReferenceExecutor())
    return fmt.from_patterns(result.outputs["y"]).astype(np.float64), result


def norm(w, x):
    return rms_norm(w, x, w.constant(np.full(x.shape[-1], 2.0, np.float32)), 1e-5)


@pytest.mark.parametrize("fmt", [FLOAT32, FLOAT64, BFLOAT16, FLOAT16, FLOAT8_E4M3FN], ids=str)
def test_softmax_in_every_format_is_the_operator_between_conversions(fmt):
    program = program_of(softmax, (3,), fmt, nonlinear=ALL)
    x = np.array([[0.5, 1.0, -2.0], [-np.inf, 0.0, 0.0], [-np.inf] * 3, [np.nan, 4.0, 4.0]])
    x = x if fmt.inf else np.nan_to_num(x, neginf=-448)
    y, _ = values(program, x, fmt)
    e = np.exp(x[0] - x[0].max())
    assert np.abs(y[0] - e / e.sum()).max() <= 2 / 256 + 2.0**-fmt.fraction_bits
    if fmt.inf:
        assert y[1].tolist() == [0, 0.5, 0.5]
        assert y[2].tolist() == [0, 0, 0]
        assert y[3, 1] == y[3, 2]  # NaN counts as 0, as conversion to integers has it


@pytest.mark.parametrize("write", [softmax, silu, norm], ids=["softmax", "silu", "rms_norm"])
def test_every_executor_gives_the_bits_of_the_reference_and_counts_alike(write):
    program = program_of(write, (2, 3), nonlinear=ALL)
    x = np.random.default_rng(0).normal(size=(4, 2, 3)) * 2
    strict, _ = values(program, x)
    tallies = []
    for executor in (BitslicedExecutor(threads=1), MembraneExecutor(threads=1)):
        y, result = values(program, x, executor=executor)
        assert (y == strict).all()
        (tally,) = [t for t in result.tallies if t.circuit.basis == "populations"]
        assert tally.spikes > 0 and tally.synops > tally.spikes and 0 < tally.active <= tally.updates
        tallies.append((tally.invocations, tally.spikes, tally.synops, tally.active))
    assert tallies[0] == tallies[1]
    assert tallies[0][0] == sum(count for _, _, count in program.operators()) * 4


def test_only_what_is_named_is_replaced_and_only_in_the_layers_named():
    assert not list(program_of(softmax, (3,), nonlinear=Nonlinear({"silu": Options()})).operators())
    elsewhere = Nonlinear({"softmax": Options()}, frozenset({"other"}))
    assert not list(program_of(softmax, (3,), nonlinear=elsewhere).operators())
    ((layer, op, rows),) = program_of(softmax, (2, 3), nonlinear=ALL).operators()
    assert (layer, op, rows) == ("layer", operator("softmax", 3), 2)

    def normed(w, x):
        ones = w.constant(np.ones(3, np.float32))
        return layer_norm(w, x, ones, ones, 1e-5)

    assert not list(program_of(normed, (3,), nonlinear=Nonlinear({"rms_norm": Options()})).operators())
    assert [op.name for _, op, _ in program_of(normed, (3,), nonlinear=ALL).operators()] == ["layer_norm"]


def test_neurons_synapses_and_depth_include_the_operators():
    program = program_of(silu, (5,), nonlinear=ALL)
    circuits = sum(c.neurons * n for _, c, n in program.invocations())
    op = operator("silu")
    assert program.neurons == circuits + 5 * op.neurons
    assert program.depth == sum(node.depth for node in program.nodes)
    assert "5 nls silu" in str(program)


def test_a_linear_layer_by_spike_counts():
    rng = np.random.default_rng(1)
    weight, bias = rng.normal(size=(4, 6)).astype(np.float32), rng.normal(size=4).astype(np.float32)
    x = rng.uniform(-2, 2, (10, 3, 6))

    def write(w, v):
        return linear(w, v, w.constant(weight), w.constant(bias))

    exact = x @ weight.T + bias
    errors = []
    for steps, bits in ((1, 3), (2, 5), (4, 7)):
        program = program_of(write, (3, 6), spikes=SpikingLinear(steps, bits, {"layer": 2.0}))
        y, _ = values(program, x)
        z, result = values(program, x, executor=MembraneExecutor(threads=1))
        assert (y == z).all()
        assert result.tallies
        errors.append(np.abs(y - exact).max())
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.1
    with pytest.raises(NexusError, match="layer 'layer' has no calibrated range for its spike counts"):
        program_of(write, (3, 6), spikes=SpikingLinear(1, 3, {}))


def test_what_does_not_take_populations_ends_in_one_sentence():
    program = program_of(silu, (2,), nonlinear=ALL)
    with pytest.raises(NexusError, match="placement takes memoryless binary networks alone; layer 'layer' is a"):
        program.refuse_operators("placement")
    leaky = MembraneExecutor(model=NeuronModel(beta=0.5, reset="soft"))
    with pytest.raises(NexusError, match="nls silu declares its neurons itself; the membrane executor runs it ideal"):
        leaky.operate(operator("silu"), np.zeros((1, 1), np.uint32))
    with pytest.raises(NexusError, match="operator 'softmaxx' has no replacement by LIF populations; did you mean"):
        Nonlinear({"softmaxx": Options()})
    with pytest.raises(NexusError, match="operator 'tanh' has no replacement by LIF populations; there are softmax"):
        operator("tanh")
    with pytest.raises(NexusError, match="layer 'layer': nls softmax of 3 takes rows of 3 int22, not float32 of shape"):
        Program("p").populate(operator("softmax", 3), program.inputs["x"], "layer")
