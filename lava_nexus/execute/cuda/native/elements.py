"""Activations and weights taken apart on a GPU, what their spikes reach, and what kernels at the back count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.native import NativePart
from lava_nexus.execute.cuda.device import cupy, digest_of, launch, placed
from lava_nexus.execute.cuda.native import source, sum_source
from lava_nexus.execute.cuda.native.sum_source import SENT
from lava_nexus.execute.cuda.source import THREADS
from lava_nexus.execute.tallies import Tally, TotalTally
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import Port
from lava_nexus.populations.native.base import Core
from lava_nexus.populations.native.core import CLASSES
from lava_nexus.populations.native.neurons import Window

_LENGTHS = 32
"""Digits of sums that a kernel has room for are a multiple of this."""
_THREADS, ROUNDS = 1 << 17, 16
"""Threads that fill a GPU, and pieces of work that each does at most: what a warp counted is added up once."""


@dataclass(frozen=True)
class Lines:
    """Synapses that the spikes of an activation reach: of its bits, of the front end's lines, of its digits.

    Attributes:
        once, twice: bits of patterns that reach 1 or 3, and 2 or 3.
        gains: bytes, of the lines of the gain.
        of: bytes, of both zeros, both infinities, NaN, normal.
        sends, tells: int64 [inputs] on the GPU, of digits or words, and of the line of what is zero or infinite.
    """

    once: int
    twice: int
    gains: int
    of: int
    sends: Any
    tells: Any

    @staticmethod
    def to(core: Core, fmt: FloatFormat, before: str, sends: NDArray[np.int64], tells: NDArray[np.int64]) -> Lines:
        """Those of activations of a format, whose ports' names begin with `before`."""
        bits = _alike(core, before + "x", fmt.bits)
        masks = [sum(int(reached >> k & 1) << b for b, reached in enumerate(bits)) for k in range(2)]
        gains = sum(g << 8 * r for r, g in enumerate(_alike(core, before + "gain", 1 << min(3, fmt.exponent_bits))))
        named = [*CLASSES, "normal"]
        of = sum(_alike(core, before + name, 1)[0] << 8 * k for k, name in enumerate(named))
        once, twice = (_signed(mask) for mask in masks)
        return Lines(once, twice, gains, of, placed(sends), placed(tells))


def _alike(core: Core, name: str, width: int) -> list[int]:
    """Synapses reached by each line of a port, the same for every activation."""
    found = core.fan_out[core.offsets[name]].reshape(-1, width)
    assert (found == found[:1]).all(), name
    return [int(one) for one in found[0]]


def each(core: Core, name: str) -> int:
    """Synapses reached by a spike of a population whose neurons all reach as many."""
    return _alike(core, name, 1)[0]


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


@dataclass(frozen=True)
class Taken:
    """Activations or weights taken apart, on a GPU.

    Attributes:
        words: uint64, bytes from the first one that may not be 0.
        places: int32, its position.
        kinds: int8, class times sign.
        totals: uint64 on the GPU, as `source.TAKEN` names them.
    """

    words: Any
    places: Any
    kinds: Any
    totals: Any

    @staticmethod
    def of(patterns: Any, fmt: FloatFormat, shift: int = 0, lines: Lines | None = None, role: int = 0,
           words: int = 0) -> Taken:  # fmt: skip
        """Patterns [..., inputs]; with `lines`, counted."""
        xp, n = cupy(), patterns.size
        patterns = xp.ascontiguousarray(patterns)
        made = Taken(xp.empty(n, np.uint64), xp.empty(n, np.int32), xp.empty(n, np.int8), xp.zeros(9, np.uint64))
        made.totals[7:] = np.uint64((1 << 64) - 1)
        role = role if lines is not None else 0
        counted = [0, 0, 0, 0, None, None]
        if lines is not None:
            counted = [lines.once, lines.twice, lines.gains, lines.of, lines.sends, lines.tells]
        stride = looped(n)
        given = [patterns, made.words, made.places, made.kinds, n, stride, shift, made.totals, patterns.shape[-1]]
        launched(stride, [*given, *counted], "take", fmt, role, words)
        return made


def edges_of(groups: Sequence[slice]) -> Any:
    """int64 [groups + 1] on the GPU."""
    return placed(np.array([0, *(group.stop for group in groups)], np.int64))


def looped(work: int, rounds: int = ROUNDS) -> int:
    """Threads for so much work, each of which does at most `rounds` pieces, where there are enough of them."""
    each = max(1, min(rounds, work // _THREADS))
    return -(-work // (each * THREADS)) * THREADS


def launched(threads: int, arguments: Sequence[Any], name: str, *how: Any) -> None:
    """A kernel of `source` or `sum_source`, by the name of what makes its text."""
    launch(lambda: _text(name, *how), _key(name, *how), threads, arguments)


@lru_cache(maxsize=256)
def _key(name: str, *how: Any) -> str:
    return digest_of("native", name, _text(name, *how))


def _text(name: str, *how: Any) -> str:
    made: str = getattr(source if hasattr(source, name) else sum_source, name)(*how)
    return made


def results_of(ports: Sequence[Port], shape: tuple[int, ...]) -> list[Any]:
    """Room for what is sent of sums, for the gates at the back."""
    return [cupy().empty(shape, port.pattern_dtype) for port in ports]


def zeros_of(window: Window) -> Any:
    """Zeros that a kernel adds its totals to."""
    return cupy().zeros(len(SENT) + 2 * len(window.widths), np.uint64)


def length_for(digits: int) -> int:
    """Digits for which a kernel has room."""
    return -(-digits // _LENGTHS) * _LENGTHS


@dataclass(frozen=True)
class Counts:
    """What the kernels at the back count, `SENT`.

    Attributes:
        payloads: of plus.0, plus.1, ..., minus.0, ...: spikes.
        widths: bits of the payloads.
    """

    accumulators: int
    awake: int
    steps: int
    sends: int
    codes: int
    late: int
    bits: int
    marks: int
    negative: int
    products: int
    busy: int
    payloads: tuple[int, ...]
    widths: tuple[int, ...]

    @staticmethod
    def of(totals: Sequence[int], window: Window) -> Counts:
        """From what a kernel added up."""
        size = len(SENT)
        named = dict(zip(SENT, totals, strict=False))
        return Counts(**named, payloads=tuple(totals[size:]), widths=window.widths)

    @property
    def fired(self) -> int:
        """Spikes of accumulators and of what is sent of sums."""
        return self.accumulators + sum(self.payloads) + self.codes

    @property
    def sums(self) -> int:
        """Updates of the neurons of sums."""
        return 2 * self.steps * len(self.widths) + self.sends

    def of_bits(self, part: NativePart, sums: int) -> Tally:
        """Counts of the bit neurons."""
        network = part.network
        reached = network.fan_out.tolist()
        assert not any(reached[network.n_inputs :])
        sent = (sums, *self.payloads, self.codes)
        met = sum(bits * spikes for bits, spikes in zip(2 * self.widths, self.payloads, strict=True))
        active = met + 3 * self.codes + self.negative
        fired = self.bits + self.marks + self.negative
        synops = sum(n * to for n, to in zip(sent, reached[: network.n_inputs], strict=True))
        return TotalTally(part, sums, None, active, fired, synops)
