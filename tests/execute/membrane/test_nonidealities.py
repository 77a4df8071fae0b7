"""Noise, spread and faults against what statistics says of them, within its own error."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.formats import FLOAT8_E4M3FN, FLOAT16
from lava_nexus.neurons import MEMORYLESS, Builder, NeuronModel, NonIdealities
from tests.networks import as_circuit

SETS = 200_000
LEAKY = NeuronModel(0.7, "soft")


def gate(threshold=2, weights=(1, 1)):
    builder = Builder()
    terms = [(builder.input(f"x{i}", width=1)[0], w) for i, w in enumerate(weights)]
    return as_circuit(builder.finish([("out", [builder.gate(terms, threshold)], None)]), "gate")


def bits(sets=SETS, operands=2, seed=0):
    return list(np.random.default_rng(seed).integers(0, 2, (operands, sets), dtype=np.uint8))


def within(errors, trials, probability, deviations=4.5):
    return abs(errors - trials * probability) <= deviations * math.sqrt(trials * probability * (1 - probability)) + 1


def answer(non, model=MEMORYLESS, regime="reset", made=None, operands=None, **options):
    return MembraneExecutor(model, regime, nonidealities=non, **options).invoke(made or gate(), operands or bits())


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("sigma", [0.15, 0.3, 0.5, 1.5])
@pytest.mark.parametrize("noise_on", ["membrane", "inputs", "active"])
def test_a_gate_errs_as_often_as_the_normal_tail_says(noise_on, sigma, explicit):
    a, b = bits()
    wrong = answer(NonIdealities(noise=sigma, noise_on=noise_on), explicit=explicit) != (a & b)
    for ones in (0, 1, 2):  # AND of two: v is the number of ones, theta 3/2
        here = (a + b) == ones
        n = {"membrane": 1, "inputs": 2, "active": ones}[noise_on]
        expected = stats.norm.sf(abs(ones - 1.5) / (sigma * math.sqrt(n))) if n else 0.0
        assert within(int(wrong[here].sum()), int(here.sum()), expected)


@pytest.mark.parametrize("noise_on", ["membrane", "inputs", "active"])
def test_tail_and_potential_take_the_same_draw(noise_on):
    adder = circuit("add", FLOAT8_E4M3FN)
    operands = list(np.random.default_rng(1).integers(0, 256, (2, 5000), dtype=np.uint8))
    non = NonIdealities(noise=0.2, noise_on=noise_on)
    tail, potential = (answer(non, made=adder, operands=operands, explicit=e) for e in (False, True))
    assert np.array_equal(tail, potential)
    assert 0.01 < (tail != adder.golden(*operands)).mean() < 1.0


@pytest.mark.parametrize("basis", ["threshold", "nexus"])
@pytest.mark.parametrize("explicit", [False, True])
def test_without_noise_every_spike_is_that_of_the_bit_sliced_executor(basis, explicit):
    multiplier = circuit("mul", FLOAT16, basis=basis)
    operands = list(np.random.default_rng(2).integers(0, 1 << 16, (2, 3000), dtype=np.uint16))
    sliced, membrane = BitslicedExecutor(threads=1), MembraneExecutor(explicit=explicit, nonidealities=NonIdealities())
    assert np.array_equal(membrane.invoke(multiplier, operands), sliced.invoke(multiplier, operands))
    assert np.array_equal(next(iter(membrane.tallies)).signal_spikes, next(iter(sliced.tallies)).signal_spikes)


def test_noise_that_drowns_everything_answers_by_chance():
    for noise_on in ("membrane", "inputs"):
        share = answer(NonIdealities(noise=1e9, noise_on=noise_on)).mean()
        assert within(int(share * SETS), SETS, 0.5)
    a, b = bits()
    chance = answer(NonIdealities(noise=1e9, noise_on="active"))[(a + b) > 0]
    assert within(int(chance.sum()), len(chance), 0.5)


ALL = [
    (MEMORYLESS, "reset", NonIdealities(noise=0.3, lost=0.01, spurious=0.002)),
    (MEMORYLESS, "reset", NonIdealities(noise=0.2, noise_on="active", spread=0.1, spread_fresh=True)),
    (LEAKY, "streaming", NonIdealities(noise=0.2, spread=0.1, stuck_silent=0.02, stuck_firing=0.01)),
    (LEAKY, "streaming", NonIdealities(noise=0.1, noise_on="inputs", spread=0.1, spread_shape="uniform")),
]


@pytest.mark.parametrize(("model", "regime", "non"), ALL)
def test_threads_change_nothing(model, regime, non):
    adder = circuit("add", FLOAT8_E4M3FN)
    operands = list(np.random.default_rng(3).integers(0, 256, (2, 9000), dtype=np.uint8))

    def run(threads, seed=5):
        executor = MembraneExecutor(model, regime, 300, threads, non, seed)
        answers = [executor.invoke(adder, operands) for _ in range(2)]
        return answers, next(iter(executor.tallies))

    (first, second), tally = run(1)
    for threads in (2, 3):
        again, counted = run(threads)
        assert np.array_equal(again, [first, second])
        assert np.array_equal(counted.signal_spikes, tally.signal_spikes) and counted.active == tally.active
    assert not np.array_equal(first, second), "every invocation draws anew"
    assert not np.array_equal(first, run(1, seed=6)[0][0]), "another seed, other numbers"


def test_fresh_normal_spread_is_noise_of_that_share_of_theta():
    a, b = bits()
    wrong = int((answer(NonIdealities(spread=0.2, spread_fresh=True)) != (a & b)).sum())
    both = int((answer(NonIdealities(spread=0.2, spread_fresh=True, noise=0.4)) != (a & b)).sum())

    def expected(sigma):  # one or two ones of the AND's inputs are half a unit from theta
        return 0.75 * stats.norm.sf(0.5 / sigma) + 0.25 * stats.norm.sf(1.5 / sigma)

    assert within(wrong, SETS, expected(0.3))
    assert within(both, SETS, expected(0.5))
    explicit = int((answer(NonIdealities(spread=0.2, spread_fresh=True, noise=0.4), explicit=True) != (a & b)).sum())
    assert within(explicit, SETS, expected(0.5))


def test_uniform_spread_leaves_and_whole_up_to_a_third_of_theta():
    a, b = bits()
    for fresh in (False, True):
        for size, errors in ((0.333, False), (0.4, True)):
            non = NonIdealities(spread=size, spread_shape="uniform", spread_fresh=fresh)
            assert (answer(non, streams=1000) != (a & b)).any() == errors
    non = NonIdealities(spread=0.75, spread_shape="uniform", spread_unit="weight", spread_fresh=True)
    assert within(int((answer(non) != (a & b)).sum()), SETS, 0.75 / 6)  # a sixth of -3/4..3/4 lies beyond a half


def test_a_fixed_threshold_belongs_to_its_copy():
    a, b = bits()
    executor = MembraneExecutor(streams=100, nonidealities=NonIdealities(spread=0.3))
    first, second = (executor.invoke(gate(), [a, b]) for _ in range(2))
    assert np.array_equal(first, second)
    wrong = (first != (a & b)).reshape(-1, 100)
    inputs = (a + b).reshape(-1, 100)
    for copy in range(100):  # a copy answers the same inputs alike
        for ones in range(3):
            assert len(set(wrong[inputs[:, copy] == ones, copy].tolist())) == 1
    share = float(wrong[inputs == 1].mean())
    assert abs(share - stats.norm.sf(0.5 / 0.45)) < 4.5 * math.sqrt(0.12 / 100)
    own = MembraneExecutor(streams=None, nonidealities=NonIdealities(spread=0.3))
    assert not np.array_equal(own.invoke(gate(), [a, b]), own.invoke(gate(), [a, b]))
    assert within(int((own.invoke(gate(), [a, b]) != (a & b))[(a + b) == 1].sum()), SETS // 2, stats.norm.sf(1 / 0.9))


def test_spikes_are_lost_and_made_up_at_their_rates():
    a, b = bits()
    found = answer(NonIdealities(lost=0.03, spurious=0.01))
    fires = (a & b) == 1
    assert within(int((found[fires] == 0).sum()), int(fires.sum()), 0.03)
    assert within(int((found[~fires] == 1).sum()), int((~fires).sum()), 0.01)
    assert not answer(NonIdealities(lost=1.0)).any() and answer(NonIdealities(lost=0.0, spurious=1.0)).all()


def chain():
    """x or y, then its spike + y >= 2."""
    builder = Builder()
    x, y = builder.input("x", width=1)[0], builder.input("y", width=1)[0]
    first = builder.gate([(x, 1), (y, 1)], 1)
    return as_circuit(builder.finish([("out", [builder.gate([(first, 1), (y, 1)], 2)], None)]), "chain")


def stored_gate(threshold, weights):
    """With just these weights, which the builder would write smaller."""
    network = gate().network
    arrays = {"weights": np.array(weights), "thresholds": np.array([threshold])}
    return as_circuit(replace(network, **{k: v.astype(getattr(network, k).dtype) for k, v in arrays.items()}), "gate")


@pytest.mark.parametrize("non", [{}, {"noise": 1e-9}, {"noise": 1e-9, "noise_on": "active"}])
def test_a_repeated_spike_weighs_twice_and_is_one(non):
    """Each at its own rate, and a result, a count and an active update once; lost ones are never doubled."""
    ones = [np.ones(SETS, np.uint8), np.zeros(SETS, np.uint8)]
    executor = MembraneExecutor(streams=None, nonidealities=NonIdealities(repeated=0.2, lost=0.3, **non))
    found = executor.invoke(chain(), ones)
    assert set(np.unique(found)) == {0, 1}
    assert within(int(found.sum()), SETS, 0.2 * 0.7)  # the second neuron's own spike is lost as often
    (tally,) = executor.tallies
    assert within(int(tally.signal_spikes[3]), SETS, 0.7) and tally.active <= 2 * SETS
    always = answer(NonIdealities(repeated=1.0), made=chain(), operands=ones, streams=None)
    assert always.all() and not answer(NonIdealities(), made=chain(), operands=ones).any()


@pytest.mark.parametrize("weight", [1, -3, 64])
def test_a_flipped_bit_is_one_of_eight(weight):
    """Each of the weight's bits, in two's complement, as often; of a copy always the same."""
    stored = weight & 255
    changed = [(stored ^ 1 << bit) - 256 * ((stored ^ 1 << bit) > 127) for bit in range(8)]
    for threshold in (1, 2, 65, 80):
        made = stored_gate(threshold, (weight, 1))
        operands = [np.ones(80_000, np.uint8), np.zeros(80_000, np.uint8)]
        share = 0.5 * (weight >= threshold) + 0.5 * np.mean(np.array(changed) >= threshold)
        found = answer(NonIdealities(flipped=0.5), made=made, operands=operands, streams=None)
        assert within(int(found.sum()), len(found), share)
    few = answer(NonIdealities(flipped=0.5), made=stored_gate(2, (weight, 1)), operands=operands, streams=100)
    assert all(len(set(few[copy::100].tolist())) == 1 for copy in range(100))
    with pytest.raises(NexusError, match="weight 200 is beyond the 8 bits of which flipped 0.1 has one flipped"):
        answer(NonIdealities(flipped=0.1), made=stored_gate(2, (200, 1)))


def test_stuck_neurons_stay_stuck():
    executor = MembraneExecutor(streams=2000, nonidealities=NonIdealities(stuck_silent=0.1, stuck_firing=0.2))
    outputs = executor.invoke(gate(), bits()).reshape(-1, 2000)
    silent, firing = (outputs == 0).all(axis=0), (outputs == 1).all(axis=0)
    assert within(int(silent.sum()), 2000, 0.1) and within(int(firing.sum()), 2000, 0.2)
    good = ~(silent | firing)
    a, b = (x.reshape(-1, 2000) for x in bits())
    assert np.array_equal(outputs[:, good], (a & b)[:, good])
    assert not answer(NonIdealities(stuck_silent=1.0)).any() and answer(NonIdealities(stuck_firing=1.0)).all()


def test_noise_of_neighbours_in_neuron_and_step_is_independent():
    builder = Builder()
    words = [builder.input(f"x{i}", width=1)[0] for i in range(8)]
    chain = [builder.gate([(words[i], 1), (words[(i + 1) % 8], 1)], 2) for i in range(8)]
    network = as_circuit(builder.finish([("out", chain, None)]))
    zeros = [np.zeros(50_000, np.uint8)] * 8
    executor = MembraneExecutor(nonidealities=NonIdealities(noise=1.0), seed=9)
    potentials = executor.membranes(network, zeros).potentials
    assert stats.kstest(potentials.ravel(), "norm").pvalue > 1e-4
    together = np.concatenate([potentials[:-1], potentials[1:]], axis=1)
    correlation = np.corrcoef(together.T) - np.eye(together.shape[1])
    assert np.abs(correlation).max() < 5.5 / math.sqrt(50_000)


def test_an_inverted_spike_is_that_of_the_named_neuron():
    adder = circuit("add", FLOAT8_E4M3FN)
    operands = list(np.random.default_rng(4).integers(0, 256, (2, adder.neurons), dtype=np.uint8))
    executor = MembraneExecutor()
    clean = executor.invoke(adder, operands)
    assert np.array_equal(executor.invoke(adder, operands, flips=np.full(adder.neurons, -1)), clean)
    flipped = executor.invoke(adder, operands, flips=np.arange(adder.neurons))
    first = adder.network.n_inputs
    for place, signal in enumerate(adder.output.signals):  # MSB first: an output neuron is one bit of the pattern
        k = signal - first
        assert flipped[k] == clean[k] ^ (1 << (7 - place))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"noise": -0.1}, "noise -0.1 is not a finite number of at least 0"),
        ({"noise": float("nan")}, "noise nan"),
        ({"spread": float("inf")}, "spread inf"),
        ({"noise_on": "axon"}, "noise_on 'axon' is not one of membrane, inputs, active"),
        ({"spread_shape": "cauchy"}, "spread_shape 'cauchy'"),
        ({"lost": 1.1}, "lost 1.1 is outside 0..1"),
        ({"stuck_silent": 0.6, "stuck_firing": 0.6}, "exceed 1 together"),
        ({"lost": 0.6, "repeated": 0.6}, "lost 0.6 and repeated 0.6 exceed 1 together"),
    ],
)
def test_mistakes_are_named(values, sentence):
    with pytest.raises(NexusError, match=sentence):
        NonIdealities(**values)
