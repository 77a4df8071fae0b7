"""Cured circuits answer as before, obey the hardware rules, and stand what they should."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.formats import FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16
from lava_nexus.lab.configs.robustness import CureSweep
from lava_nexus.lab.robustness.circuits import checked, equal_thresholds, logic_circuit, scaled, voted
from lava_nexus.lab.robustness.cure_table import cures_of, tolerated, with_retries
from lava_nexus.neurons import NeuronModel, NonIdealities, check
from tests.evaluate import evaluate, input_spikes

MIDDLE = NeuronModel(placement="middle")


def operands(fmt, sets=4000, seed=0):
    return list(np.random.default_rng(seed).integers(0, 1 << fmt.bits, (2, sets)).astype(fmt.pattern_dtype))


def test_every_cure_answers_as_the_plain_circuit_and_fits_the_chip():
    sweep = CureSweep(kind="cures", sigmas=(0.1,), copies=(3, 5))
    for fmt in (FLOAT8_E4M3FN, FLOAT16):
        plain, given = circuit("add", fmt), operands(fmt)
        for cure in cures_of(plain, sweep):
            check(cure.circuit.network)
            answers, runs = with_retries(MembraneExecutor(cure.model).invoke, cure.circuit, given, cure.retries)
            assert np.array_equal(answers, plain.golden(*given)) and runs == 1.0, cure.label


def test_scaling_keeps_every_spike_and_widens_every_margin_that_has_room():
    plain = circuit("mul", FLOAT8_E5M2)
    given = operands(FLOAT8_E5M2, 600)
    spikes = evaluate(plain.network, input_spikes(plain.network, given))
    for factor in (2, 4, 0):
        grown = scaled(plain, factor)
        assert np.array_equal(evaluate(grown.network, input_spikes(grown.network, given)), spikes)
        scale = grown.network.weights / plain.network.weights
        assert (scale >= 1).all() and (factor == 0 or scale.max() == factor)
    half, wide = (MembraneExecutor(MIDDLE).membranes(c, given) for c in (plain, scaled(plain, 0)))
    margins = [np.abs(m.potentials - m.thetas).min(axis=0) for m in (half, wide)]
    assert (margins[1] >= margins[0]).all() and np.median(margins[1]) > 3
    odd = equal_thresholds(logic_circuit("xor", "nexus"))
    assert len(set(odd.network.thresholds.tolist())) == 1


def test_a_vote_outvotes_one_copy_and_not_two():
    plain = circuit("add", FLOAT8_E4M3FN)
    three = voted(plain, 3)
    check(three.network)
    assert three.neurons == 3 * plain.neurons + 8 and three.depth == plain.depth + 1
    given = operands(FLOAT8_E4M3FN, plain.neurons)
    each = np.arange(plain.neurons)
    for copy in range(3):
        flips = each + copy * plain.neurons
        assert np.array_equal(MembraneExecutor().invoke(three, given, flips=flips), plain.golden(*given))
    voters = three.neurons - 8 + np.arange(plain.neurons) % 8
    assert (MembraneExecutor().invoke(three, given, flips=voters) != plain.golden(*given)).all()


def test_the_parity_flag_rises_for_an_odd_number_of_unequal_bits():
    plain = circuit("add", FLOAT8_E4M3FN)
    twice = checked(plain)
    check(twice.network)
    given = operands(FLOAT8_E4M3FN, 2 * plain.neurons)
    flips = np.arange(2 * plain.neurons)
    raised = MembraneExecutor().invoke(twice, given, flips=flips)
    alone = MembraneExecutor().invoke(plain, given, flips=flips % plain.neurons)
    wrong = (alone ^ plain.golden(*given)).astype(np.uint8)
    odd = np.array([bin(x).count("1") % 2 for x in wrong.tolist()])
    assert np.array_equal(raised >> 8, odd)
    assert np.array_equal((raised & 255)[plain.neurons :], plain.golden(*given)[plain.neurons :])


def test_retries_mend_what_noise_broke():
    plain = circuit("add", FLOAT8_E4M3FN)
    given, noise = operands(FLOAT8_E4M3FN), NonIdealities(noise=0.15)
    truth = plain.golden(*given)
    before = (MembraneExecutor(nonidealities=noise).invoke(plain, given) == truth).mean()
    executor = MembraneExecutor(nonidealities=noise)
    answers, runs = with_retries(executor.invoke, checked(plain), given, 3)
    assert 1.05 < runs < 1.5 and (answers == truth).mean() > before + 0.02
    again, _ = with_retries(MembraneExecutor(nonidealities=noise).invoke, checked(plain), given, 3)
    assert np.array_equal(again, answers)


def test_tolerated_noise_is_read_between_neighbours():
    assert tolerated([(0.0, 1.0), (0.1, 1.0), (0.2, 0.9)], 0.99, 1e-4)[0] == pytest.approx(
        50**-0.5
    )  # 1 / sigma^2 falls from 100 to 25, two thirds of the way
    assert tolerated([(0.1, 0.5)], 0.99, 1e-4) == (0.1, True)
    assert tolerated([(0.0, 1.0), (0.1, 0.995)], 0.99, 1e-4) == (0.1, False)


def test_an_even_vote_is_refused():
    for copies in (1, 2, 4):
        with pytest.raises(NexusError, match=f"a vote of {copies} copies is not one of 3, 5, 7"):
            voted(logic_circuit("and", "nexus"), copies)
