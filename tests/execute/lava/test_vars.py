"""Membranes and spikes as Vars: Lava's Monitor and ours see what the membrane executor computes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lava")

from lava.proc.dense.process import Dense
from lava.proc.io.source import RingBuffer as Source
from lava.proc.monitor.process import Monitor as LavaMonitor

import lava_nexus as nexus
from lava_nexus.circuits.circuit import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.lava import (
    Decoder,
    Encoder,
    IFPopulation,
    Monitor,
    NativeLinear,
    Network,
    Session,
    SpikeEncoder,
    StatefulNeurons,
    Xor,
    run_on_lava,
    spike_trains,
)
from lava_nexus.execute.lava.lif import leaky_model
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.neurons import Builder, NeuronModel

ADDER = nexus.circuit("add", nexus.FLOAT8_E4M3FN)
SETS = 24


def operands():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, SETS).astype(np.uint8) for _ in range(2)]


@pytest.mark.parametrize("level", ["vectorised", "lif"])
def test_chosen_neurons_of_a_network_step_by_step(level):
    """Neuron k of level l shows at step t the set put in at step t - l, by Lava's Monitor and by ours."""
    network, x = ADDER.network, operands()
    seen = MembraneExecutor().membranes(ADDER, x)
    chosen = [0, network.neurons // 2, network.neurons - 1]
    steps = SETS + network.depth
    encoder, process = Encoder(network.inputs, SETS), Network(ADDER, probed=chosen)
    encoder.s_out.connect(process.a_in)
    both = Monitor({"v": process.v, "s": process.s, "out": process.s_out}, steps)
    lavas = LavaMonitor()
    lavas.probe(process.v, steps)
    encoder.load(*x)
    with Session(process, level) as session:
        session.run(steps)
        found = lavas.get_data()[process.name]["v"]
        last = process.v.get(), process.s.get()
    assert np.array_equal(found, both["v"])
    assert np.array_equal(last, (both["v"][-1], both["s"][-1]))
    for column, neuron in enumerate(chosen):
        at = np.arange(SETS) + network.levels[neuron]
        assert np.array_equal(both["v"][at, 0, column], seen.potentials[:, neuron])
        assert np.array_equal(both["s"][at, 0, column], seen.spikes[:, network.n_inputs + neuron])
    assert both["out"].any() and len(np.unique(both["v"])) > 3


@pytest.mark.parametrize("level", ["vectorised", "lif"])
def test_a_gate_and_a_population(level):
    data = np.array([[0, 0, 1, 1, 0, 0], [0, 1, 0, 1, 0, 0]])
    a, b = (Source(data=row[None]) for row in data)
    gate, dense = Xor(), Dense(weights=np.array([[2, 4]]))
    population = IFPopulation((1,), 2, unit=2)
    a.s_out.connect(gate.a)
    b.s_out.connect(gate.b)
    both = Source(data=data)
    both.s_out.connect(dense.s_in)
    dense.a_out.connect(population.a_in)
    gates, cells = Monitor({"v": gate.v, "s": gate.s}, 6), Monitor({"v": population.v, "s": population.s}, 6)
    gate_too = Xor()  # joins the two graphs
    population.s_out.connect(gate_too.a)
    a.s_out.connect(gate_too.b)
    with Session(gate, level) as session:
        session.run(6)
    assert gates["v"][:, 0].tolist() == [[0, 0], [0, 0], [1, 0], [1, 1], [2, 1], [0, 0]]  # m, out a step later
    assert gates["s"][:, 0].tolist() == [[0, 0], [0, 0], [0, 0], [0, 1], [1, 1], [0, 0]]
    assert cells["v"][:, 0].tolist() == [0, 0, 2, 1, 3, 0]
    assert cells["s"][:, 0].tolist() == [0, 0, 1, 0, 1, 0]


def test_fractions_and_leaks():
    """Ours reads fractions, as Lava's Monitor does not: beta = 1/2, soft, T = 2: 1, 3/2 fires, 1/2 less, ..."""
    source, dense = Source(data=np.ones((1, 6), np.int64)), Dense(weights=np.ones((1, 1)))
    population = IFPopulation((1,), 2, NeuronModel(beta=0.5, reset="hard"))
    source.s_out.connect(dense.s_in)
    dense.a_out.connect(population.a_in)
    monitor = Monitor({"v": population.v, "s": population.s}, 6)
    with Session(source) as session:
        session.run(6)
    assert monitor["v"][:, 0].tolist() == [0, 1, 1.5, 1, 1.5, 1]
    assert monitor["s"][:, 0].tolist() == [0, 0, 1, 0, 1, 0]


def test_leaky_lif_neurons_against_the_membrane_executor():
    """One threshold for all, beta = 3/4: what a set leaves behind meets the next, in 2^-7 unit weights."""
    builder = Builder()
    a = builder.input("a", width=3)
    out = [builder.gate([(a[i], 2), (a[j], 1), (a[k], -1)], 2) for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1))]
    network = builder.finish([("out", out, None)])
    model, x = leaky_model(0.75), np.random.default_rng(1).integers(0, 8, SETS).astype(np.uint8)
    seen = MembraneExecutor(model, "streaming").membranes(Circuit("three", "threshold", network, lambda a: a), [x])
    encoder, process = Encoder(network.inputs, SETS), Network(network, model=model)
    encoder.s_out.connect(process.a_in)
    monitor = Monitor({"v": process.v, "s": process.s}, SETS + 1)
    encoder.load(x)
    with Session(process, "lif") as session:
        session.run(SETS + 1)
    assert np.array_equal(monitor["v"][1:, 0], seen.potentials)
    assert np.array_equal(monitor["s"][1:, 0], seen.spikes[:, network.n_inputs :])
    assert (monitor["v"] % 1 != 0).any()


def test_mistakes():
    with pytest.raises(NexusError, match="probed neuron 9999 is not in 0 .. "):
        Network(ADDER, probed=[9999])
    with pytest.raises(NexusError, match="takes a circuit or its network, not 'add'"):
        Network("add")
    with pytest.raises(NexusError, match="monitor's target 'x' is a int, not a Var"):
        Monitor({"x": 3}, 4)
    with pytest.raises(NexusError, match="number of steps 0 is below 1"):
        Monitor({}, 0)


PORTS = ADDER.network.inputs


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: Encoder(ADDER, 3), "encoder takes ports, such as `network.inputs` or `network.outputs`, not <Circuit"),
        (lambda: Decoder("out", 3), "decoder takes ports, .* not 'out'"),
        (lambda: SpikeEncoder(3), "encoder of spikes takes ports, .* not 3"),
        (lambda: SpikeEncoder(PORTS, unit=np.nan), "unit of an encoder of spikes nan is not finite"),
        (lambda: Encoder(PORTS, "x"), "capacity in sets 'x' is not a whole number"),
        (lambda: Network(ADDER, record_steps=-1), "record_steps of Lava Process Network -1 is below 0"),
        (lambda: Network(ADDER, model=3), "Lava Process Network takes an object of NeuronModel, not 3"),
        (lambda: NativeLinear(ADDER), "Lava Process NativeLinear takes an object of NativeLayer, not <Circuit"),
        (
            lambda: StatefulNeurons("x", (2,), 1),
            "Lava Process StatefulNeurons takes an object of StatefulNeuron, not",
        ),
        (lambda: Monitor(3, 4), "monitor takes an object of dict, not 3: Vars and OutPorts by a name"),
        (lambda: IFPopulation((2,), 1.5), "thresholds 1.5, which are no whole numbers, one for all or one each"),
        (lambda: IFPopulation((2,), [1, 2, 3]), r"of shape \(2,\) has thresholds \[1, 2, 3\], which are no whole"),
        (lambda: IFPopulation((2,), np.nan), "has thresholds nan, which are no whole numbers"),
        (lambda: IFPopulation((2,), "x"), "has thresholds x, which are no whole numbers"),
        (lambda: IFPopulation((2,), 1, model="x"), "population takes an object of NeuronModel, not 'x'"),
        (lambda: spike_trains("add", []), "spike_trains takes an object of Circuit, not 'add'"),
        (lambda: run_on_lava(3, {}), "run_on_lava takes an object of Program, not 3"),
        (lambda: Session(3), "a Lava session takes an object of AbstractProcess, not 3"),
        (lambda: Session(Network(ADDER, model=NeuronModel(beta=0.5, reset="hard"))), "vectorised neurons of a network"),
    ],
)
def test_what_a_process_does_not_take_is_one_sentence(made, says):
    """When it is given: a threshold of 1.5 was 1, a leak was none among vectorised neurons."""
    with pytest.raises(NexusError, match=says):
        made()
