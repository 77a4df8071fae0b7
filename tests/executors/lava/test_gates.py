"""The named gates and IF populations, wired by hand, at both levels."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lava")

from lava.proc.dense.process import Dense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source

from lava_nexus.errors import NexusError
from lava_nexus.executors.lava import And, FullAdder, IFPopulation, Majority, Mux, Not, Or, Session, Xor, run
from lava_nexus.neurons import NeuronModel

STEPS = 60
WANT = {
    And: {"out": lambda a, b, c: a & b},
    Or: {"out": lambda a, b, c: a | b},
    Not: {"out": lambda a, b, c: 1 - a},
    Xor: {"out": lambda a, b, c: a ^ b},
    Mux: {"out": lambda a, b, c: np.where(c, a, b)},
    Majority: {"out": lambda a, b, c: (a + b + c) // 2},
    FullAdder: {"sum": lambda a, b, c: (a + b + c) % 2, "carry": lambda a, b, c: (a + b + c) // 2},
}


@pytest.mark.parametrize("level", ["vectorised", "lif"])
def test_gates_on_all_operands_back_to_back(level):
    """Two lanes of random operands, a new set every step; every pair of successive sets occurs or nearly so."""
    data = dict(zip("abc", np.random.default_rng(0).integers(0, 2, (3, 2, STEPS)), strict=True))
    data["strobe"] = np.ones((2, STEPS), np.int64)
    assert len({tuple(column) for column in np.concatenate([data[k] for k in "abc"]).T.tolist()}) > 30
    sources = {name: Source(data=values) for name, values in data.items()}
    sinks = {}
    for gate_class in WANT:
        gate = gate_class(lanes=2)
        for name in gate.in_names():
            sources[name].s_out.connect(getattr(gate, name))
        for result in gate.results:
            sinks[gate, result] = Sink(shape=(2,), buffer=STEPS)
            getattr(gate, result).connect(sinks[gate, result].a_in)
    with Session(sources["a"], level) as session:
        session.run(STEPS)
        for (gate, result), sink in sinks.items():
            late = gate.latency(level)
            want = WANT[type(gate)][result](data["a"], data["b"], data["c"])
            got = sink.data.get()
            assert np.array_equal(got[:, late:], want[:, :-late]), (type(gate).__name__, result)
            assert not got[:, :late].any()


@pytest.mark.parametrize(("gate", "neurons", "depth"), [(And, 1, 1), (Not, 1, 1), (Xor, 2, 2), (Mux, 2, 2)])
def test_sizes(gate, neurons, depth):
    assert (gate().network.neurons, gate().network.depth) == (neurons, depth)


def population_run(level, data, steps, weights, thresholds, **options):
    source, sink = Source(data=data), Sink(shape=(len(thresholds),), buffer=steps)
    dense = Dense(weights=np.array(weights))
    population = IFPopulation((len(thresholds),), thresholds, **options)
    source.s_out.connect(dense.s_in)
    dense.a_out.connect(population.a_in)
    population.s_out.connect(sink.a_in)
    with Session(population, level) as session:
        session.run(steps)
        return sink.data.get()


@pytest.mark.parametrize("level", ["vectorised", "lif"])
def test_a_memoryless_population(level):
    """[a + b >= 2], [a - b >= 1], [2a + 2b - c >= 1] with doubled weights; Dense takes one step."""
    data = np.random.default_rng(0).integers(0, 2, (3, 40))
    weights, thresholds = np.array([[1, 1, 0], [1, -1, 0], [2, 2, -1]]), np.array([2, 1, 1])
    got = population_run(level, data, 40, 2 * weights, thresholds, unit=2)
    want = weights @ data >= thresholds[:, None]
    assert np.array_equal(got[:, 1:], want[:, :-1])


@pytest.mark.parametrize(
    ("model", "want"),
    [
        (NeuronModel(beta=1.0, reset="soft"), [0, 1, 0, 1, 1, 0, 1, 1, 0, 1]),
        (NeuronModel(beta=1.0, reset="hard"), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]),
        (NeuronModel(beta=0.25, reset="soft"), [0] * 10),
        (NeuronModel(beta=0.5, reset="soft"), [0, 1, 0, 0, 1, 0, 0, 1, 0, 0]),
        (NeuronModel(beta=0.5, reset="soft", strict=True), [0, 0, 1, 0, 0, 1, 0, 0, 1, 0]),
        (NeuronModel(beta=1.0, reset="full"), [0] * 10),
    ],
    ids=lambda value: str(value) if isinstance(value, NeuronModel) else "",
)
def test_leak_and_reset(model, want):
    """T = 2 fires from 3/2 on; one unit arrives every step. By hand: v = 1, 1.5 fires at beta = 1/2, 0, 1, 1.5 ..."""
    got = population_run("vectorised", np.ones((1, 11), np.int64), 11, [[1]], [2], model=model)
    assert got[0, 1:].tolist() == want


def test_what_has_no_lif_form():
    with pytest.raises(NexusError, match="keeps 0.5 of its membrane"):
        run(IFPopulation((1,), 2, NeuronModel(beta=0.5, reset="soft")), 1, "lif")
    with pytest.raises(NexusError, match="LIF bias of .-4998, above 4095"):
        run(IFPopulation((2,), [1, 2500], unit=2), 1, "lif")
    with pytest.raises(NexusError, match="unit weight of 3"):
        IFPopulation((2,), 1, unit=3)
    with pytest.raises(NexusError, match="gate of 0 lanes"):
        And(lanes=0)
