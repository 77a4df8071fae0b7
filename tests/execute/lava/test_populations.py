import numpy as np
import pytest

from lava_nexus import NexusError
from lava_nexus.execute.lava import LavaExecutor
from lava_nexus.execute.lava.executor import run_process, trains_of
from lava_nexus.execute.lava.processes.populations import Division, Exponentiation, L2Norm, Populations
from lava_nexus.execute.populations import run_populations
from lava_nexus.neurons import NeuronModel
from lava_nexus.populations.builder import PopulationBuilder, each
from lava_nexus.populations.catalogue import division, exponentiation, l2_norm, silu, spiking_linear
from lava_nexus.populations.division import Ladders
from lava_nexus.populations.normalisation import rms_norm, softmax
from lava_nexus.populations.operator import Options
from lava_nexus.populations.vectoring import Tree

RNG = np.random.default_rng(0)
DIVISION_FEEDS = {
    "dividend": np.concatenate([[[0], [5], [2**17 - 1], [300]], RNG.integers(0, 2**17, (20, 1))]),
    "divisor": np.concatenate([[[0], [0], [2**17 - 1], [256]], RNG.integers(0, 2**17, (20, 1))]),
}
CASES = {
    "division, published": (
        lambda n: Division(Ladders(8, (8,), shift=False), shape=(2,), record_steps=n),
        division(Ladders(8, (8,), shift=False)),
        DIVISION_FEEDS,
    ),
    "division, common shift": (
        lambda n: Division(shape=(2,), record_steps=n),
        division(Ladders()),
        DIVISION_FEEDS,
    ),
    "division, two digits": (
        lambda n: Division(Ladders(8, (4, 4)), record_steps=n),
        division(Ladders(8, (4, 4))),
        DIVISION_FEEDS,
    ),
    "exponentiation": (
        lambda n: Exponentiation(shape=(3,), record_steps=n),
        exponentiation(),
        {"x": np.concatenate([[[-5121], [-5120], [0], [5120], [9000]], RNG.integers(-6000, 6000, (20, 1))])},
    ),
    "l2 norm": (
        lambda n: L2Norm(Tree(5), shape=(2,), record_steps=n),
        l2_norm(Tree(5)),
        {"x": np.concatenate([np.zeros((1, 5), np.int64), RNG.integers(-(2**18), 2**18, (12, 5))])},
    ),
}


@pytest.mark.parametrize("level", ["vectorised", pytest.param("lif", marks=pytest.mark.wide)])
@pytest.mark.parametrize("name", CASES)
def test_lava_gives_every_spike_of_the_vectorised_neurons(name, level):
    make, primitive, feeds = CASES[name]
    if level == "lif":  # slow; the first sets are the corners
        feeds = {port: values[:12] for port, values in feeds.items()}
    process = make(200)
    sets = len(next(iter(feeds.values())))
    outputs = run_process(process, feeds, level)
    expected = run_populations(primitive.network, feeds, keep=True)
    for port, values in primitive.golden(feeds).items():
        assert (outputs[port] == values).all()
        assert (expected.outputs[port] == values).all()
    assert (trains_of(process, sets, level) == expected.trains).all()
    assert (process.spike_counts == expected.signal_spikes).all()  # and not one spike at another time


@pytest.mark.slow
@pytest.mark.parametrize("op", [softmax(3, Options(single_ladder=False)), silu(1, Options()), rms_norm(4, Options())])
def test_operators_as_lava_neurons(op):
    x = np.random.default_rng(1).integers(-5000, 5000, (6, op.size))
    process = Populations(op.network, record_steps=200)
    y = run_process(process, {"x": x}, "lif")["y"]
    assert (y == op.golden(x)).all()
    expected = run_populations(op.network, {"x": x}, keep=True)
    assert (trains_of(process, 6, "lif") == expected.trains).all()
    assert (process.spike_counts == expected.signal_spikes).all()


@pytest.mark.parametrize("level", ["vectorised", pytest.param("lif", marks=pytest.mark.slow)])
def test_the_lava_executor_runs_operators_as_processes(level):
    op = rms_norm(2, Options(steps=3))
    x = np.random.default_rng(2).integers(-9000, 9000, (3, 2, 2))
    with LavaExecutor(level=level) as executor:
        y = executor.operate(op, op.in_format.to_patterns(x))
    assert (op.out_format.from_patterns(y) == op.golden(x.reshape(-1, 2)).reshape(x.shape)).all()
    expected = run_populations(op.network, {"x": x.reshape(-1, 2)})
    (tally,) = executor.tallies
    assert tally.invocations == 6 and (tally.signal_spikes == expected.signal_spikes).all()


def test_windows_of_a_network_with_memory_follow_one_another():
    op = spiking_linear(np.array([[3, -2], [0, 7], [-1, 1]]), 4, 4)
    c = np.array([[15, -16], [0, 0], [-7, 3], [1, 1], [-16, -16]])
    process = Populations(op.network, shape=(2,))
    assert (run_process(process, {"x": c})["y"] == op.golden(c)).all()
    assert (process.spike_counts == run_populations(op.network, {"x": c}).signal_spikes).all()


def test_what_lava_has_no_neurons_for_is_refused():
    b = PopulationBuilder()
    kept = b.bits("kept", 1, each(b.input("x", 1)), model=NeuronModel(beta=1.0, reset="soft"))
    process = Populations(b.finish([("kept", kept, None)]))
    with pytest.raises(NexusError, match="memory or recurrent edges has no form in Lava's memoryless neurons"):
        run_process(process, {"x": np.ones((1, 1), np.int64)}, "lif")


def test_a_value_beyond_the_range_is_named():
    with pytest.raises(NexusError, match="input 'x' of a population network has"):
        run_process(L2Norm(Tree(2)), {"x": np.ones((1, 3), np.int64)})
    with pytest.raises(NexusError, match=r"population 'x': value 16777216 is beyond 8388608 in size"):
        run_process(L2Norm(Tree(2)), {"x": np.full((1, 2), 2**24)})
