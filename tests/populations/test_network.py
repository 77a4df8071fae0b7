import dataclasses

import numpy as np
import pytest

from lava_nexus import FLOAT8_E4M3FN, NexusError, circuit
from lava_nexus.execute.populations import PopulationStepper, run_populations
from lava_nexus.neurons import Builder, NeuronModel
from lava_nexus.populations.builder import PopulationBuilder, each, from_threshold_network, matrix, spread, total
from lava_nexus.populations.network import Population, Projection, check_populations, weight_digits


@pytest.mark.parametrize(
    "weight",
    [1, 2, 3, 127, 128, 255, 256, 257, 511, 1023, 2047, 255 << 9, 257 << 9, 2**22 + 1, 2**23 - 1, 10_240],
)
def test_a_weight_is_the_sum_of_its_digits_of_eight_bits(weight):
    digits = weight_digits(weight)
    assert sum(d << e for e, d in digits) == weight
    assert all(1 <= d <= 255 for _, d in digits)
    odd = weight // (weight & -weight)
    assert len(digits) == 1 if odd < 256 else len(digits) <= 3


def relu_network(threshold_shift=0):
    b = PopulationBuilder()
    x = b.input("x", 3)
    y = b.graded("y", 3, each(x, 5, threshold_shift), spread(b.strobe, [-7] * 3))
    return b.finish([("y", y, None)])


def test_graded_neurons_rectify_and_shifts_round_down():
    network = relu_network(2)
    x = np.array([[-9, 0, 9], [100, 5, 6]])
    assert (run_populations(network, {"x": x}).outputs["y"] == np.maximum((5 * x >> 2) - 7, 0)).all()


def test_a_threshold_network_is_a_population_network():
    adder = circuit("add", FLOAT8_E4M3FN)
    network = from_threshold_network(adder.network)
    a, b = (np.random.default_rng(0).integers(0, 256, 300).astype(np.uint8) for _ in "ab")

    def bits(values):
        return np.unpackbits(values[:, None], axis=1).astype(np.int64)

    names = [port.name for port in network.inputs[1:]]
    result = run_populations(network, dict(zip(names, (bits(a), bits(b)), strict=True)))
    out = np.packbits(result.outputs[adder.output.name].astype(np.uint8), axis=1)[:, 0]
    assert (out == adder.golden(a, b)).all()
    assert network.wave


def test_stepping_a_stream_gives_what_side_by_side_gives():
    b = PopulationBuilder()
    x = b.input("x", 4)
    first = b.bits("first", 4, each(x), spread(b.strobe, [0, -1, -2, -3]))
    second = b.graded("second", 1, total(x, 3), total(first, -2))
    network = b.finish([("count", b.graded("count", 1, total(first)), None), ("rest", second, None)])
    sets = np.random.default_rng(1).integers(-8, 9, (20, 4))
    whole = run_populations(network, {"x": sets}, keep=True)
    stepper = PopulationStepper(network)
    silence = np.zeros((1, network.n_inputs), np.int64)
    steps = []
    for t in range(len(sets) + network.depth):
        feed = np.concatenate([[1], sets[t]])[None] if t < len(sets) else silence
        steps.append(stepper.step(feed)[0])
    levels = np.concatenate([np.full(p.size, p.level) for p in network.populations])
    seen = np.array(steps)[np.arange(len(sets))[:, None] + levels, np.arange(network.n_signals)]
    assert (seen == whole.trains).all()
    assert (stepper.counts == whole.signal_spikes).all()


def test_memory_decay_and_recurrence_step_by_step():
    """One neuron that integrates, keeps half, resets softly, and excites itself one step later: against scalar code."""
    b = PopulationBuilder()
    x = b.input("x", 1)
    model = NeuronModel(beta=0.5, reset="soft")
    cells = b.bits("n", 1, each(x), model=model)
    network = b.finish([("n", cells, None)])
    loop = Projection(cells.number, cells.number, *(np.zeros(1, np.int64),) * 2, np.ones(1, np.int64) * 2)
    network = dataclasses.replace(
        network,
        projections=(*network.projections, loop),
        populations=tuple(dataclasses.replace(p, threshold=4) if p.level else p for p in network.populations),
    )
    assert not network.wave
    with pytest.raises(NexusError, match="step it instead"):
        run_populations(network, {"x": np.zeros((1, 1), np.int64)})
    stepper, v, last, arriving = PopulationStepper(network), 0, 0, 0
    for feed in np.random.default_rng(2).integers(-3, 7, 200):
        sent = int(stepper.step(np.array([[1, feed]]))[0, 2])
        v = int(v / 2) + arriving + 2 * last
        last = int(v >= 4)
        v -= 4 * last
        arriving = int(feed)
        assert sent == last
    stepper.clear()


def test_what_breaks_a_rule_is_named():
    network = relu_network(2)
    for change, sentence in (
        ({"window": 0}, "window of 0 steps is below 1"),
        ({"populations": (*network.inputs, Population("p", 3, "bit", 1, 0))}, "population 'p': threshold 0 is below 1"),
    ):
        with pytest.raises(NexusError, match=sentence):
            check_populations(dataclasses.replace(network, **change))
    b = PopulationBuilder()
    x = b.input("x", 1)
    b.graded("y", 1, matrix(x, 0, 0, 300, 1))
    with pytest.raises(
        NexusError, match="projection 'x' to 'y.2': weights of a shifted sum must have one sign and 8 b"
    ):
        b.finish([])
    with pytest.raises(NexusError, match="input 'late' comes after the first neuron"):
        b.input("late")
    with pytest.raises(NexusError, match=r"population 'y.2': potential 10485753 is beyond 8388608 in size"):
        run_populations(relu_network(), {"x": np.array([[2**21, 0, 0]])})
    with pytest.raises(NexusError, match="misses its input 'x'"):
        run_populations(network, {"z": np.zeros((1, 3), np.int64)})


def test_a_delay_beyond_the_hardware_goes_through_relays():
    b = PopulationBuilder()
    x = b.input("x", 2)
    late = x
    for _ in range(100):
        late = b.graded("late", 2, each(late))
    y = b.graded("y", 2, each(late), each(x, -1), spread(b.strobe, [1, 2]))
    network = b.finish([("y", y, None)])
    assert max(p.delay for p in network.projections) == 62
    result = run_populations(network, {"x": np.array([[5, 6], [0, 9]])})
    assert result.outputs["y"].tolist() == [[1, 2], [1, 2]]


def test_builder_of_gates_and_of_populations_count_synapses_alike():
    b = Builder()
    signals = b.input("a", width=3)
    gate = b.gate([(s, 1) for s in signals], 2)
    network = b.finish([("out", [gate], None)])
    assert from_threshold_network(network).synapses == network.synapses + 2  # the threshold, and the port
