"""What is random in the compiled loops: noise, threshold spread, lost and spurious spikes, stuck neurons."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from lava_nexus.executors.arrays import Indices, Integers, Reals, Spikes, Words
from lava_nexus.executors.membrane.draws import draw, normal

_WHOLE = 2.0**64

# Nothing here is kept compiled by itself: numba would not see that `draws` has changed. `kernel.advance` is.


class Noise(NamedTuple):
    """Random numbers: keys, scales by neuron, tail probabilities (see `tails`), probabilities in parts of 2^64.

    `spread` is 0 for none, 1 for normal, 2 for uniform; `fixed` says that it is drawn by copy instead of by set.
    """

    noise_key: np.uint64
    spread_key: np.uint64
    axon_key: np.uint64
    stuck_key: np.uint64
    sigma: Reals
    by_activity: bool
    spread: int
    fixed: bool
    width: Reals
    tails: Words
    rows: Indices
    lost: float
    spurious: float
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
    """Spikes lost and made up on the axon, then neurons that are stuck."""
    if rand.lost > 0 or rand.spurious > 0:
        draw(rand.axon_key, k, sets, bits, columns)
        for c in range(columns):
            chance = rand.lost if fired[c] else rand.spurious
            fired[c] ^= np.float64(bits[c]) < chance * _WHOLE
    if rand.silent > 0 or rand.firing > 0:
        draw(rand.stuck_key, k, copies, bits, columns)
        for c in range(columns):
            at = np.float64(bits[c]) / _WHOLE
            if at < rand.silent:
                fired[c] = 0
            elif at < rand.silent + rand.firing:
                fired[c] = 1
