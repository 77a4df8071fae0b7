import numpy as np
import pytest

from lava_nexus import NexusError
from lava_nexus.execute.populations import run_populations
from lava_nexus.populations.builder import PopulationBuilder
from lava_nexus.populations.division import Ladders, divide, quotient, quotient_terms


def network_of(how, n=1):
    b = PopulationBuilder()
    x, d = b.input("x", n), b.input("d", 1)
    q = b.graded("quotient", n, *quotient_terms(divide(b, x, d, how), n))
    return b.finish([("q", q, None)])


def by_neurons(how, x, d):
    return run_populations(network_of(how), {"x": x[:, None], "d": d[:, None]}).outputs["q"][:, 0]


def exact(x, d, bits):
    return np.where(d > 0, np.minimum((x << bits) // np.maximum(d, 1), 1 << bits), 0)


PAIRS = np.array([a.ravel() for a in np.meshgrid(np.arange(256), np.arange(256))])


@pytest.mark.parametrize("digits", [(8,), (4, 4)])
def test_every_pair_of_eight_bits_with_the_common_shift(digits):
    x, d = PAIRS
    found = by_neurons(Ladders(8, digits), x, d)
    error = found - exact(x, d, 8)
    assert np.abs(error).max() <= 1
    assert (found[d == 0] == 0).all()
    assert (found[(x >= d) & (d > 0)] == 256).all()
    assert (found == quotient(x[:, None], d, Ladders(8, digits))[:, 0]).all()


def test_every_pair_of_eight_bits_on_the_published_ladder():
    """Its divisors hold 2^8 steps or more: pairs (256 a + r, d) whose step is any of 0 .. 255."""
    x, d = PAIRS * 256 + 255
    found = by_neurons(Ladders(8, (8,), shift=False), x, d)
    step = d >> 8
    assert (found == np.where(step > 0, np.minimum(x // np.maximum(step, 1), 256), 0)).all()


@pytest.mark.parametrize("stride", [37, pytest.param(1, marks=pytest.mark.slow)])
def test_all_quotients_of_divisors_of_sixteen_bits_by_their_steps(stride):
    """A quotient rises with the dividend: between the exact steps it can be checked at both ends alone."""
    how = Ladders(8)
    d = np.arange(1, 1 << 16, stride)[:, None]
    i = np.arange(1, 257)
    at = -(-i * d // 256)  # least dividend with exact quotient i
    for x in (at, at - 1):
        found = quotient(x, d[:, 0], how)
        assert np.abs(found - np.minimum((x << 8) // d, 256)).max() <= 1


def test_without_the_shift_divisors_below_a_power_of_two_lose_half_of_the_range():
    d = np.array([511, 512])
    x = np.array([256, 256])
    assert by_neurons(Ladders(8, (8,), shift=False), x, d).tolist() == [256, 128]
    assert by_neurons(Ladders(8), x, d).tolist() == [128, 128]


@pytest.mark.parametrize("how", [Ladders(8), Ladders.of(8), Ladders.of(11), Ladders.of(14), Ladders(6, (6,), False)])
def test_neurons_equal_the_integer_program(how):
    rng = np.random.default_rng(0)
    top = (1 << how.width) - 1
    d = np.minimum(2 ** rng.uniform(0, how.width, 600), top).astype(np.int64)
    d[:4] = (0, 1, top, top)
    x = np.minimum((rng.uniform(0, 1.2, 600) * d).astype(np.int64), top)
    x[:4] = (top, top, top, 0)
    found = by_neurons(how, x, d)
    assert (found == quotient(x[:, None], d, how)[:, 0]).all()
    if how.shift:
        assert np.abs(found - exact(x, d, how.bits)).max() <= 1


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ((0, (8,)), "quotient of 0 bits is outside 1..16"),
        ((8, (4,)), r"digits \(4,\) of a quotient do not add up to 8"),
        ((8, (4, 4), False), "a ladder without shift has one digit, not 2"),
    ],
)
def test_a_wrong_ladder_is_one_sentence(how, sentence):
    with pytest.raises(NexusError, match=sentence):
        Ladders(*how)
