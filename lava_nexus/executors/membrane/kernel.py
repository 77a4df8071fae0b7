"""The compiled loops: integrate the synapses of a neuron, then let its membrane fire, over a block of operand sets.

A block is `steps` time steps of `lanes` independent streams; column t * lanes + l is step t of lane l. Levels are
balanced by delays, so neuron k meets operand set t at time step t + level_k and meets the sets in order: each neuron
scans its whole block before the next neuron starts, and no ring buffer is needed. Serial on purpose: callers thread
over blocks, because numba's own threading layers do not survive the fork that Lava makes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Rows shorter than this are walked lane by lane; longer ones step by step, in vector instructions.
_SHORT_ROW = 8


@njit(nogil=True, cache=True)
def unpack(words: NDArray[np.uint64], first: int, width: int, spikes: NDArray[np.uint8]) -> None:
    """Patterns [columns] to rows first .. first + width of the spikes, MSB first."""
    for i in range(width):
        row = spikes[first + i]
        shift = np.uint64(width - 1 - i)
        for c in range(len(words)):
            row[c] = (words[c] >> shift) & np.uint64(1)


@njit(nogil=True, cache=True)
def pack(spikes: NDArray[np.uint8], signals: NDArray[np.int64], words: NDArray[np.uint64]) -> None:
    """Rows of the spikes, MSB first, to patterns [columns]."""
    words[:] = 0
    for signal in signals:
        row = spikes[signal]
        for c in range(len(words)):
            words[c] = (words[c] << np.uint64(1)) | np.uint64(row[c])


@njit(nogil=True, cache=True)
def _integrate(
    spikes: NDArray[np.uint8],
    sources: NDArray[np.int32],
    weights: NDArray[np.int32],
    drive: NDArray[np.int32],
    heard: NDArray[np.uint8],
    columns: int,
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


@njit(nogil=True, cache=True)
def _fire_memoryless(drive: NDArray[np.int32], level: int, fired: NDArray[np.uint8], columns: int) -> None:
    """fired = [drive >= level], for a membrane that starts each step at 0."""
    for c in range(columns):
        fired[c] = drive[c] >= level


@njit(nogil=True, cache=True)
def _fire(
    drive: NDArray[np.int32],
    theta: float,
    beta: float,
    hard: bool,
    strict: bool,
    v: NDArray[np.float64],
    fired: NDArray[np.uint8],
    potential: NDArray[np.float64],
    steps: int,
) -> None:
    """v = beta * v + drive; fire at theta; then 0 (hard) or v - theta (soft). v [lanes] is carried in place."""
    lanes = len(v)
    outer, inner = (lanes, steps) if lanes < _SHORT_ROW else (steps, lanes)
    for a in range(outer):
        for b in range(inner):
            lane, t = (a, b) if lanes < _SHORT_ROW else (b, a)
            c = t * lanes + lane
            before = beta * v[lane] + drive[c]
            spike = before > theta or (before == theta and not strict)
            loss = before if hard else theta
            potential[c] = before
            v[lane] = before - loss if spike else before
            fired[c] = spike


@njit(nogil=True, cache=True)
def advance(
    spikes: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    sources: NDArray[np.int32],
    weights: NDArray[np.int32],
    thetas: NDArray[np.float64],
    levels: NDArray[np.int32],
    beta: float,
    hard: bool,
    strict: bool,
    memoryless: bool,
    v: NDArray[np.float64],
    steps: int,
    lanes: int,
    counts: NDArray[np.int64],
    potentials: NDArray[np.float64],
) -> int:
    """Runs every neuron over a block whose input rows are filled; returns the active neuron updates.

    Args:
        spikes: [signals, at least steps * lanes], the neurons' rows are written.
        thetas: [neurons], physical thresholds; `levels`: the smallest integer drive that reaches each.
        memoryless: whether every step starts from v = 0; then v is not read.
        v: [neurons, lanes], potentials after reset, carried from block to block.
        counts: [signals], to which the spikes are added.
        potentials: [neurons, columns] for the potentials before reset, or [0, 0] where they are not kept.
    """
    columns = steps * lanes
    n_inputs = len(spikes) - len(thetas)
    drive = np.empty(columns, np.int32)
    heard = np.empty(columns, np.uint8)
    potential = np.empty(columns, np.float64)
    active = 0
    for signal in range(n_inputs):
        row = spikes[signal]
        for c in range(columns):
            counts[signal] += row[c]
    for k in range(len(thetas)):
        fired = spikes[n_inputs + k]
        begin, end = offsets[k], offsets[k + 1]
        _integrate(spikes, sources[begin:end], weights[begin:end], drive, heard, columns)
        if memoryless:
            _fire_memoryless(drive, levels[k], fired, columns)
        else:
            _fire(drive, thetas[k], beta, hard, strict, v[k], fired, potential, steps)
        if len(potentials):
            kept = potentials[k]
            for c in range(columns):
                kept[c] = drive[c] if memoryless else potential[c]
        spiked = 0
        for c in range(columns):
            spiked += fired[c]
            active += fired[c] | heard[c]
        counts[n_inputs + k] += spiked
    return active


def typed(array: Any, dtype: Any) -> NDArray[Any]:
    """The array as the kernels take it: contiguous, of that dtype."""
    return np.ascontiguousarray(array, dtype=dtype)
