"""Codes over time against their definitions: counts, times and bits, not membranes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lava_nexus.errors import NexusError
from lava_nexus.populations.codes import CODES, SignedCode, code_named

EDGES = [0.0, 1.0, 0.5, 1e-300, 1 - 2.0**-53, 0.25, 1 / 3, 0.999, -0.0]
unit = st.floats(0, 1)


@given(unit, st.integers(2, 300))
def test_rate_counts_the_nearest(x: float, steps: int) -> None:
    spikes = code_named("rate", steps).encode(x)
    assert abs(int(spikes.sum()) - x * steps) <= 0.5 + 1e-9


@given(unit, st.integers(2, 300))
def test_first_spike_is_one_spike_at_the_nearest_step_and_none_is_the_last(x: float, steps: int) -> None:
    at = np.flatnonzero(code_named("first_spike", steps).encode(x)).tolist() or [steps - 1]
    assert len(at) == 1
    assert abs(at[0] - (1 - x) * (steps - 1)) <= 0.5 + 1e-9


@given(unit, st.integers(2, 40))
def test_temporal_bits_spell_the_nearest_level(x: float, steps: int) -> None:
    bits = code_named("temporal_bit", steps).encode(x)
    level = int("".join(map(str, bits.tolist())), 2)
    assert abs(level - x * (2**steps - 1)) <= 0.5 + 1e-6


@pytest.mark.parametrize("name", [n for n in CODES if n != "stochastic_rate"])
@pytest.mark.parametrize("steps", [2, 4, 32])
def test_decoding_gives_the_nearest_level(name: str, steps: int) -> None:
    code = code_named(name, steps)
    levels = {"rate": steps, "first_spike": steps - 1, "temporal_bit": 2**steps - 1}[name]
    x = np.array(EDGES)
    assert (np.abs(code.decode(code.encode(x)) - x) <= 0.5 / levels + 1e-12).all()
    grid = np.arange(min(levels, 500) + 1) / levels
    assert np.allclose(code.decode(code.encode(grid)), grid, rtol=0, atol=1e-12)


def test_random_rate_has_the_spread_of_a_binomial() -> None:
    code, x = code_named("stochastic_rate", 16), np.full(40_000, 0.3)
    found = code.decode(code.encode(x, seed=3))
    assert found.mean() == pytest.approx(0.3, abs=0.003)
    assert found.var() == pytest.approx(0.3 * 0.7 / 16, rel=0.05)
    assert np.array_equal(code.encode(x, seed=3), code.encode(x, seed=3))
    assert not np.array_equal(code.encode(x, seed=3), code.encode(x, seed=4))


@pytest.mark.parametrize("name", CODES)
def test_what_is_outside_saturates(name: str) -> None:
    code = code_named(name, 8)
    assert code.decode(code.encode([-3.0, 7.0, np.inf, -np.inf])) == pytest.approx([0, 1, 1, 0])
    with pytest.raises(NexusError, match="NaN"):
        code.encode([0.1, np.nan])


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8))
def test_signed_codes(values: list[float]) -> None:
    code = SignedCode(code_named("temporal_bit", 24), 4.0)
    expected = np.clip(values, -4, 4)
    assert np.allclose(code.decode(code.encode(values)), expected, rtol=0, atol=4 * 2.0**-24)


@pytest.mark.parametrize("name", CODES)
def test_synapses_sum_what_the_spikes_mean(name: str) -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((3, 5)), rng.standard_normal((4, 5))
    code = SignedCode(code_named(name, 12), 2.5, seed=1)
    spikes = code.encode(x)
    assert spikes.shape == (12, 2, 3, 5)
    assert np.allclose(code.synaptic_sums(spikes, weight), code.decode(spikes) @ weight.T)


def test_mistakes() -> None:
    with pytest.raises(NexusError, match="code 'ratio' does not exist"):
        code_named("ratio", 4)
    with pytest.raises(NexusError, match="1 steps is below"):
        code_named("rate", 1)
    with pytest.raises(NexusError, match="49 steps is over its limit of 48"):
        code_named("temporal_bit", 49)
    with pytest.raises(NexusError, match="do not begin with the 4 steps"):
        code_named("rate", 4).decode(np.zeros((3, 2), np.uint8))
    with pytest.raises(NexusError, match="largest magnitude 0 of code 'rate'"):
        SignedCode(code_named("rate", 4), 0)
