"""First light, the smallest first: what one LIF neuron does, against integers written down here.

A thermometer reads a sum: neurons that all receive the same and differ in their biases; those that fire tell it. One
run holds several, each with channels of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lava")


from lava_nexus.execute.loihi2.extension import extension
from lava_nexus.execute.loihi2.first_light import Bench

LARGEST = 254  # of an inhibitory synapse of 8 bits, even
MOST = 100


def _thermometers(weights: Sequence[Sequence[int]], **options: Any) -> Bench:
    """A block of neurons for each row of weights, with biases -MOST .. MOST: a neuron fires where sum + bias > 0."""
    biases, channels = np.arange(-MOST, MOST + 1), [len(row) for row in weights]
    matrix = np.zeros((len(weights) * len(biases), sum(channels)), int)
    for i, row in enumerate(weights):
        first = sum(channels[:i])
        matrix[i * len(biases) : (i + 1) * len(biases), first : first + len(row)] = row
    return Bench(matrix, np.tile(biases, len(weights)), threshold=0, **options)


def _read(fired: np.ndarray) -> list[int]:
    """The sums of a step's thermometers."""
    blocks = fired.reshape(-1, 2 * MOST + 1).astype(int)
    assert (np.diff(blocks) >= 0).all(), "of two neurons the one with the larger bias stayed silent"
    return (blocks.sum(axis=1) - MOST).tolist()


def test_residue_of_a_deep_potential_is_that_of_the_public_model(record_property) -> None:
    """v keeps trunc(v / 4096), and no more, of what inhibition left; u keeps nothing (du = dv = 4095)."""
    synapses = (1, 4, 16)
    bench = _thermometers([[-LARGEST] * count for count in synapses], bias_exponent=0)  # biases in 1/64 of a weight
    stimulus = np.zeros((4, sum(synapses)), int)
    stimulus[1] = 1
    quiet, deep, after, later = (_read(row) for row in bench.run(stimulus, extension()))
    exact = [64 * LARGEST * count / 4096 for count in synapses]
    record_property("residues / 64", after)
    assert quiet == later == [0, 0, 0] and deep == [-MOST] * 3
    for found, left in zip(after, exact, strict=True):
        assert abs(-found - left) < 2 + left, "more than any rounding of both decays explains"
    assert after == [-int(left) for left in exact]


def test_the_threshold_is_strict() -> None:
    spikes = Bench(np.array([[9], [10], [11]]), np.zeros(3, int), threshold=10).run(np.array([[1], [0]]), extension())
    assert spikes.tolist() == [[False, False, True], [False, False, False]]


def test_a_bias_is_its_mantissa_shifted_by_its_exponent() -> None:
    mantissas, exponents = np.array([1, 1, 2, 2, 3, -1]), np.array([6, 7, 5, 6, 5, 7])
    bench = Bench(np.zeros((6, 1), int), mantissas, threshold=1, bias_exponent=exponents)
    expected = (mantissas << exponents) > 1 << 6
    assert expected.tolist() == [False, True, False, True, True, False]
    assert (bench.run(np.zeros((3, 1), int), extension()) == expected).all()


def test_a_matrix_of_mixed_signs_keeps_even_weights() -> None:
    kept = {-127: -128, -3: -4, -2: -2, -1: -2, 1: 0, 2: 2, 3: 2, 99: 98}
    spikes = _thermometers([[weight] for weight in kept]).run(np.ones((1, len(kept)), int), extension())
    assert _read(spikes[0]) == [max(-MOST, weight) for weight in kept.values()]


def test_delays_of_0_to_62_steps() -> None:
    delays = np.arange(63)[:, None]
    bench = Bench(np.full((63, 1), 2), np.zeros(63, int), delays=delays)
    stimulus = np.zeros((64, 1), int)
    stimulus[0] = 1
    assert np.array_equal(bench.run(stimulus, extension())[:63], np.eye(63, dtype=bool))


def test_a_graded_spike_carries_its_payload() -> None:
    payloads, near = np.array([1, 2, 3, 100, 255, 2000]), np.arange(-2, 3)
    weights = np.repeat(np.eye(len(payloads), dtype=int), len(near), axis=0)
    biases = (near[None, :] - payloads[:, None]).ravel()
    spikes = Bench(weights, biases, threshold=0, message_bits=16).run(payloads[None, :], extension())
    assert (spikes.reshape(len(payloads), len(near)) == (near > 0)).all()


@pytest.mark.parametrize("exponent", [-1, -6])
def test_a_negative_exponent_shifts_the_sum_and_not_each_weight(exponent: int, record_property) -> None:
    """Lava's model adds first and shifts then, toward minus infinity."""
    weights = [[126, 62], [2, 2], [6, 0], [-126, -62], [-2, -2]]
    (spikes,) = _thermometers(weights, weight_exponent=exponent).run(np.ones((1, 10), int), extension())
    record_property(f"sums x 2^{exponent}", _read(spikes))
    assert _read(spikes) == [sum(row) >> -exponent for row in weights]
