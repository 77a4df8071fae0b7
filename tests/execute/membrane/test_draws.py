"""The compiled normal quantile against SciPy's, and the draws against the published SplitMix64."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from lava_nexus.execute.membrane.disturb import draw, key, normal


def test_the_normal_quantile_is_that_of_scipy():
    rng = np.random.default_rng(0)
    bits = [*rng.integers(0, 2**64, 3000, dtype=np.uint64), *(np.uint64(2**i) for i in range(64))]
    bits += [np.uint64(n) for n in (0, 1, 2**63 - 1, 2**63, 2**64 - 1)]
    for b in bits:
        upper = int(b) < 2**63
        tail = ((int(b) if upper else 2**64 - 1 - int(b)) + 0.5) * 2.0**-64
        expected = -ndtri(tail) if upper else ndtri(tail)
        assert abs(normal(b) - expected) <= 4e-15 * max(1.0, abs(expected))


def test_draws_are_the_published_generator():
    def splitmix(state):  # Steele, Lea, Flood 2014, in Python's integers
        mask = 2**64 - 1
        z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        return z ^ (z >> 31)

    gamma, own = 0x9E3779B97F4A7C15, key(3, "noise")
    counters = np.array([0, 1, 2, 77, 2**40], np.uint64)
    out = np.empty(5, np.uint64)
    draw(own, 6, counters, out, 5)
    base = splitmix((int(own) + 7 * gamma) % 2**64)
    assert out.tolist() == [splitmix((base + (int(c) + 1) * gamma) % 2**64) for c in counters]
    assert splitmix(gamma) == 0xE220A8397B1DCDAF  # the first number of a generator seeded with 0


def test_keys_tell_seed_purpose_and_invocation_apart():
    keys = {int(key(seed, call, what)) for seed in range(20) for call in range(20) for what in ("noise", "axon")}
    assert len(keys) == 800
