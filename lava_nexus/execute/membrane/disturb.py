"""What is random in the compiled loops: noise, threshold spread, faults of spikes, weights and neurons.

Random numbers are counter-based, each a function of (key, neuron, lane, step) alone. A key stands for seed, purpose and
invocation. Neuron and counter (set = step * streams + lane) go through the output function of SplitMix64 (Steele, Lea,
Flood, OOPSLA 2014): number i of neuron k is mix(mix(key + k G) + i G).
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from numba import njit

from lava_nexus.neurons.compiled import Indices, Integers, Reals, Spikes, Words, kept

_G = np.uint64(0x9E3779B97F4A7C15)
_A, _B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_1, _11, _27, _30, _31 = (np.uint64(n) for n in (1, 11, 27, 30, 31))


def key(*parts: object) -> np.uint64:
    """The key of a seed, a purpose and whatever else sets a stream of numbers apart."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


@njit(nogil=True, inline="always")
def mix(z):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """The output function of SplitMix64, uint64 to uint64."""
    z = (z ^ (z >> _30)) * _A
    z = (z ^ (z >> _27)) * _B
    return z ^ (z >> _31)


@kept
def draw(key: np.uint64, neuron: int, counters: Words, out: Words, columns: int) -> None:
    """64 random bits for one neuron at each counter."""
    own = mix(key + np.uint64(neuron + 1) * _G)
    for c in range(columns):
        out[c] = mix(own + (counters[c] + _1) * _G)


@kept
def normal(bits: np.uint64) -> float:
    """z with Q(z) = u, the upper tail of N(0, 1) at u = (bits + 1/2) 2^-64 or so: few bits mean a large z.

    Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988); relative error about 1e-16.
    """
    upper = (bits >> np.uint64(63)) == np.uint64(0)
    tail = (np.float64(bits if upper else ~bits) + 0.5) * 2.0**-64
    if tail > 0.075:
        q = 0.5 - tail
        r = 0.180625 - q * q
        z = q * _ratio(r, 0)
    else:
        r = np.sqrt(-np.log(tail))
        z = _ratio(r - 1.6, 1) if r <= 5.0 else _ratio(r - 5.0, 2)
    signed: float = z if upper else -z
    return signed


@njit(nogil=True, inline="always")
def _ratio(r, part):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    above, below = _ABOVE[part], _BELOW[part]
    top, bottom = above[7], below[7]
    for i in range(6, -1, -1):
        top = top * r + above[i]
        bottom = bottom * r + below[i]
    return top / bottom


_ABOVE = np.array(
    [
        [
            3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
            4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3,
        ],
        [
            1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
            1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4,
        ],
        [
            6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
            2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
        ],
    ]
)  # fmt: skip
_BELOW = np.array(
    [
        [
            1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
            2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3,
        ],
        [
            1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
            1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9,
        ],
        [
            1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
            7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15,
        ],
    ]
)  # fmt: skip


_WHOLE = 2.0**64

# Nothing here is kept compiled by itself: numba would not see that this module has changed. `kernel.advance` is.


class Noise(NamedTuple):
    """Random numbers: keys, scales by neuron, tail probabilities (see `tails`), probabilities in parts of 2^64.

    `spread` is 0 for none, 1 for normal, 2 for uniform; `fixed` says that it is drawn by copy instead of by set.
    """

    noise_key: np.uint64
    spread_key: np.uint64
    axon_key: np.uint64
    stuck_key: np.uint64
    weight_key: np.uint64
    sigma: Reals
    by_activity: bool
    spread: int
    fixed: bool
    width: Reals
    tails: Words
    rows: Indices
    lost: float
    spurious: float
    repeated: float
    flipped: float
    silent: float
    firing: float


@njit(nogil=True)
def fire_by_tail(
    drive: Integers,
    level: int,
    bits: Words,
    table: Words,
    row: int,
    arrived: Integers,
    fired: Spikes,
    place: Integers,
    columns: int,
) -> None:
    """fired = [drive >= level], flipped where the draw is below the tail probability in row + arrived of the table.

    Few bits mean much noise: they flip a silent neuron, and their complement a firing one. Three loops, because each
    becomes vector instructions of its own; `place` is what the first leaves to the others.
    """
    width = np.int32(table.shape[1])
    flat = table.ravel()
    least, last, reach = np.int32(level), np.int32(width - 1), np.int32(width >> 1)
    first = np.int32(row) * width
    for c in range(columns):
        above = np.int32(drive[c] - least)
        place[c] = first + arrived[c] * width + min(max(np.int32(above + reach), np.int32(0)), last)
        fired[c] = above >= 0
    for c in range(columns):
        clean = np.uint64(fired[c])
        far = bits[c] ^ (np.uint64(0) - clean)
        bits[c] = np.uint64(far < flat[place[c]])
    for c in range(columns):
        fired[c] ^= np.uint8(bits[c])


@njit(nogil=True)
def flip_weights(
    rand: Noise, first: int, spikes: Spikes, sources: Integers, weights: Integers, copies: Words, bits: Words,
    drive: Integers, columns: int,
) -> None:  # fmt: skip
    """Adds to the drive what a flipped bit of some weights changes; synapse `first` + j of each copy has a draw."""
    for j in range(len(sources)):
        row = spikes[sources[j]]
        draw(rand.weight_key, first + j, copies, bits, columns)
        for c in range(columns):
            if np.float64(bits[c]) < rand.flipped * _WHOLE:
                stored = (weights[j] & 255) ^ (1 << np.int32(bits[c] & np.uint64(7)))
                drive[c] += ((stored - 256 if stored > 127 else stored) - weights[j]) * np.int32(row[c])


@njit(nogil=True)
def add_noise(rand: Noise, k: int, sets: Words, arrived: Integers, bits: Words, noise: Reals, columns: int) -> None:
    """sigma * N(0, 1) for one neuron in every column."""
    sigma = rand.sigma[k]
    if sigma == 0:
        noise[:columns] = 0.0
        return
    draw(rand.noise_key, k, sets, bits, columns)
    for c in range(columns):
        noise[c] = sigma * normal(bits[c])
    if rand.by_activity:
        for c in range(columns):
            noise[c] *= np.sqrt(arrived[c])


@njit(nogil=True)
def spread_thresholds(
    rand: Noise, k: int, theta: float, counters: Words, bits: Words, thetas: Reals, columns: int
) -> None:
    """The threshold of one neuron in every column."""
    thetas[:columns] = theta
    if rand.spread:
        draw(rand.spread_key, k, counters, bits, columns)
        width = rand.width[k]
        for c in range(columns):
            away = normal(bits[c]) if rand.spread == 1 else np.float64(bits[c]) * (2.0 / _WHOLE) - 1.0
            thetas[c] += width * away


@njit(nogil=True)
def add_faults(rand: Noise, k: int, sets: Words, copies: Words, bits: Words, fired: Spikes, columns: int) -> None:
    """Spikes lost, made up and doubled on the axon, where 2 stands for one that arrives twice; then stuck neurons."""
    if rand.lost > 0 or rand.spurious > 0 or rand.repeated > 0:
        draw(rand.axon_key, k, sets, bits, columns)
        for c in range(columns):
            chance = rand.lost if fired[c] else rand.spurious
            fired[c] ^= np.float64(bits[c]) < chance * _WHOLE
        if rand.repeated > 0:
            for c in range(columns):
                fired[c] <<= np.float64(bits[c]) >= (1.0 - rand.repeated) * _WHOLE
    if rand.silent > 0 or rand.firing > 0:
        draw(rand.stuck_key, k, copies, bits, columns)
        for c in range(columns):
            at = np.float64(bits[c]) / _WHOLE
            if at < rand.silent:
                fired[c] = 0
            elif at < rand.silent + rand.firing:
                fired[c] = 1
