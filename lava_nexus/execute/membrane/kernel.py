"""The compiled loops: integrate the synapses of a neuron, then let its membrane fire, over a block of operand sets.

A block is `steps` time steps of `lanes` independent streams; column t * lanes + l is step t of lane l. Levels are
balanced by delays, so neuron k meets operand set t at time step t + level_k and meets the sets in order: each neuron
scans its whole block before the next neuron starts, and no ring buffer is needed. Serial on purpose: callers thread
over blocks, because numba's own threading layers do not survive the fork that Lava makes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lava_nexus.disk_cache import source_digest
from lava_nexus.execute.membrane import disturb
from lava_nexus.execute.membrane.disturb import (
    Noise,
    add_faults,
    add_noise,
    draw,
    fire_by_tail,
    flip_weights,
    spread_thresholds,
)
from lava_nexus.neurons.compiled import Indices, Integers, Reals, Spikes, Words, kept

# Rows shorter than this are walked lane by lane; longer ones step by step, in vector instructions.
_SHORT_ROW = 8

# numba keeps compiled functions by what they close over: this ties `advance` to the sources of all that it draws in.
_VERSION = source_digest(__file__, disturb.__file__)

CLEAN, TAIL, POTENTIAL = 0, 1, 2
"""Ways to fire: no memory and no noise; no memory, noise by its tail probability; explicit potentials."""


class Wiring(NamedTuple):
    """The network and its physical thresholds: offsets, sources, weights of synapses by neuron.

    `levels` holds the smallest integer drive that reaches each threshold.
    """

    offsets: Indices
    sources: Integers
    weights: Integers
    thetas: Reals
    levels: Integers


class Dynamics(NamedTuple):
    """What a membrane does: way to fire, leak, reset, comparison, 2^fraction_bits or 0, fresh start."""

    way: int
    beta: float
    hard: bool
    strict: bool
    grid: float
    memoryless: bool


@kept
def unpack(words: Words, first: int, width: int, spikes: Spikes) -> None:
    """Patterns [columns] to rows first .. first + width of the spikes, MSB first."""
    for i in range(width):
        row = spikes[first + i]
        shift = np.uint64(width - 1 - i)
        for c in range(len(words)):
            row[c] = (words[c] >> shift) & np.uint64(1)


@kept
def pack(spikes: Spikes, signals: Indices, words: Words) -> None:
    """Rows of the spikes, MSB first, to patterns [columns]."""
    words[:] = 0
    for signal in signals:
        row = spikes[signal]
        for c in range(len(words)):
            words[c] = (words[c] << np.uint64(1)) | np.uint64(row[c] != 0)


@kept
def _integrate(
    spikes: Spikes, sources: Integers, weights: Integers, drive: Integers, heard: Spikes, columns: int
) -> None:
    """drive = sum w * s, and heard = whether any source fired, for one neuron in every column."""
    for c in range(columns):
        drive[c] = 0
        heard[c] = 0
    for j in range(len(sources)):
        row = spikes[sources[j]]
        weight = weights[j]
        for c in range(columns):
            drive[c] += weight * np.int32(row[c])
        for c in range(columns):
            heard[c] |= row[c]


@kept
def _arrived(spikes: Spikes, sources: Integers, count: Integers, columns: int) -> None:
    """count = sources that fired."""
    for c in range(columns):
        count[c] = 0
    for j in range(len(sources)):
        row = spikes[sources[j]]
        for c in range(columns):
            count[c] += np.int32(row[c])


@kept
def _fire_clean(drive: Integers, level: int, fired: Spikes, columns: int) -> None:
    """fired = [drive >= level], for a membrane that starts each step at 0."""
    for c in range(columns):
        fired[c] = drive[c] >= level


@kept
def _fire(
    drive: Integers, noise: Reals, theta: Reals, how: Dynamics, v: Reals, fired: Spikes, potential: Reals, steps: int
) -> None:
    """v = beta * v + drive + noise; fire at theta; then 0 (hard) or v - theta (soft). v [lanes] is carried in place."""
    lanes = len(v)
    beta, hard, strict, grid = how.beta, how.hard, how.strict, how.grid
    outer, inner = (lanes, steps) if lanes < _SHORT_ROW else (steps, lanes)
    for a in range(outer):
        for b in range(inner):
            lane, t = (a, b) if lanes < _SHORT_ROW else (b, a)
            c = t * lanes + lane
            kept = beta * v[lane]
            if grid > 0:
                kept = np.trunc(kept * grid) / grid
            before = kept + (drive[c] + noise[c])
            spike = before > theta[c] or (before == theta[c] and not strict)
            loss = before if hard else theta[c]
            potential[c] = before
            v[lane] = before - loss if spike else before
            fired[c] = spike


@kept
def _fire_at_rest(
    drive: Integers, noise: Reals, theta: Reals, strict: bool, fired: Spikes, potential: Reals, columns: int
) -> None:
    """The same for a membrane that starts each step at 0."""
    for c in range(columns):
        before = drive[c] + noise[c]
        potential[c] = before
        fired[c] = before > theta[c] or (before == theta[c] and not strict)


@njit(nogil=True)
def _tallied(fired: Spikes, heard: Spikes, columns: int) -> tuple[int, int]:
    """Spikes, and columns in which the neuron fired or received one."""
    spiked, active = 0, 0
    for c in range(columns):
        spiked += fired[c] != 0
        active += (fired[c] | heard[c]) != 0
    return spiked, active


def _advance(version: str) -> Any:
    def advance(
        spikes: Spikes, wiring: Wiring, how: Dynamics, rand: Noise, sets: Words, copies: Words, flips: Indices,
        v: Reals, steps: int, counts: Indices, potentials: Reals,
    ) -> int:  # fmt: skip
        """Runs every neuron over a block whose input rows are filled; returns the active neuron updates.

        Args:
            spikes: [signals, at least columns], the neurons' rows are written.
            wiring: the network.
            how: the dynamics.
            rand: what is random.
            sets: [columns], number of the operand set in the run; `copies`: of the copy of the network that meets it.
            flips: [columns], the neuron whose spike is inverted there, or -1; or of length 0.
            v: [neurons, lanes], potentials after reset, carried from block to block.
            steps: time steps of the block.
            counts: [signals], to which the spikes are added.
            potentials: [neurons, columns] for the potentials before reset, or [0, 0] where they are not kept.
        """
        assert version
        columns, n_inputs, active = len(sets), len(spikes) - len(wiring.thetas), 0
        drive, arrived = np.empty(columns, np.int32), np.zeros(columns, np.int32)
        heard = np.empty(columns, np.uint8)
        bits, place = np.empty(columns, np.uint64), np.empty(columns, np.int32)
        noise, theta, potential = np.empty(columns), np.empty(columns), np.empty(columns)
        for signal in range(n_inputs):
            counts[signal] += spikes[signal, :columns].sum()
        for k in range(len(wiring.thetas)):
            fired = spikes[n_inputs + k]
            begin, end = wiring.offsets[k], wiring.offsets[k + 1]
            sources, weights = wiring.sources[begin:end], wiring.weights[begin:end]
            _integrate(spikes, sources, weights, drive, heard, columns)
            if rand.flipped > 0:
                flip_weights(rand, begin, spikes, sources, weights, copies, bits, drive, columns)
            if rand.by_activity:
                _arrived(spikes, sources, arrived, columns)
            if how.way == CLEAN:
                _fire_clean(drive, wiring.levels[k], fired, columns)
            elif how.way == TAIL:
                draw(rand.noise_key, k, sets, bits, columns)
                fire_by_tail(drive, wiring.levels[k], bits, rand.tails, rand.rows[k], arrived, fired, place, columns)
            else:
                add_noise(rand, k, sets, arrived, bits, noise, columns)
                spread_thresholds(rand, k, wiring.thetas[k], copies if rand.fixed else sets, bits, theta, columns)
                if how.memoryless:
                    _fire_at_rest(drive, noise, theta, how.strict, fired, potential, columns)
                else:
                    _fire(drive, noise, theta, how, v[k], fired, potential, steps)
            add_faults(rand, k, sets, copies, bits, fired, columns)
            for c in range(len(flips)):
                fired[c] = fired[c] == 0 if flips[c] == k else fired[c]
            if len(potentials):
                for c in range(columns):
                    potentials[k, c] = potential[c] if how.way == POTENTIAL else drive[c]
            spiked, awake = _tallied(fired, heard, columns)
            counts[n_inputs + k] += spiked
            active += awake
        return active

    return advance


advance = kept(_advance(_VERSION))


def typed(array: Any, dtype: Any) -> NDArray[Any]:
    """The array as the kernels take it: contiguous, of that dtype."""
    return np.ascontiguousarray(array, dtype=dtype)
