"""A linear layer in synapses with the gates at its two ends: bits of activations to lines, a short window to a result.

y[j] = sum over i of weight[j, i] * x[i], exact, rounded once by the one rounder; see `populations.native` for what lies
between. The gates at the front say what an activation is (2^(place mod 8), hidden bit, zero, infinite, NaN); those at
the back shift out at most 7 leading zeros, for the window begins with the byte that holds the first 1, and round.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.catalogue import source_key
from lava_nexus.circuits.cells import Basis, Word, basis_named, weighted
from lava_nexus.circuits.circuit import Circuit
from lava_nexus.circuits.floating.operand import unpack
from lava_nexus.circuits.floating.rounder import Unrounded, round_pack
from lava_nexus.circuits.goldens import exact
from lava_nexus.circuits.goldens.doubles import exact_dot, takes
from lava_nexus.circuits.native_sums import rounded_sums
from lava_nexus.circuits.shift import normalise
from lava_nexus.disk_cache import cached
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import LOIHI2, ThresholdNetwork
from lava_nexus.neurons.built import Built, Computed, Golden
from lava_nexus.neurons.serialisation import from_arrays, to_arrays
from lava_nexus.populations.native.core import CLASSES, NativeCore
from lava_nexus.populations.native.limbs import BYTE, Limbs, fields
from lava_nexus.populations.native.neurons import INFINITE, MINUS_ZERO, NAN, Window, bit_network
from lava_nexus.populations.network import PopulationNetwork

_CHUNK = 1 << 14


@dataclass(frozen=True, eq=False, repr=False)
class NativePart(Built):
    """Neurons of a layer that are no gates: digits, limbs and sums, or payloads to bits.

    Attributes:
        name: what it does.
        network: the neurons.
        golden: of its layer; the part has none of its own.
        options: sizes.
    """

    name: str
    network: NativeCore | PopulationNetwork
    golden: Golden
    options: tuple[tuple[str, Any], ...] = ()

    basis = "populations"

    @property
    def title(self) -> str:
        """What it does."""
        return self.name


@dataclass(frozen=True, eq=False, repr=False)
class NativeLayer:
    """A linear layer in synapses.

    Attributes:
        limbs: the weights, and the formats.
        basis: of the gates.
    """

    limbs: Limbs
    basis: str = "threshold"

    def __post_init__(self) -> None:
        self.limbs.groups  # noqa: B018 (refuses what the chip cannot hold)

    @cached_property
    def network(self) -> NativeCore:
        """The neurons between the gates."""
        return NativeCore(self.limbs)

    @cached_property
    def front(self) -> Circuit:
        """The gates of one activation."""
        return front_end(self.limbs.activation, self.basis)

    @cached_property
    def core(self) -> NativePart:
        """The neurons between the gates; one invocation is a row of activations."""
        limbs = self.limbs
        title = f"native sums of {limbs.activation} times {limbs.format} to {limbs.result}"
        options = (("outputs", limbs.outputs), ("inputs", limbs.inputs))
        return NativePart(title, self.network, Computed(self.golden, "integers"), options)

    @cached_property
    def bits(self) -> NativePart:
        """The bit neurons of one sum."""
        window = Window(self.limbs.result)
        name = f"payloads to bits of {self.limbs.result}"
        return NativePart(name, bit_network(window), Computed(self.golden, "integers"))

    @cached_property
    def back(self) -> Circuit:
        """The gates of one sum."""
        return back_end(self.limbs.result, self.basis)

    @property
    def depth(self) -> int:
        """Time steps from activations to sums."""
        return self.front.depth + self.network.depth + self.bits.depth + self.back.depth

    def golden(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Sums [rows, outputs] of activations [rows, inputs], all patterns, in integers as wide as they get."""
        limbs = self.limbs
        step = max(1, _CHUNK // limbs.outputs)
        parts = [_sums(rows[i : i + step], limbs) for i in range(0, len(rows), step)]
        return np.concatenate(parts) if parts else np.zeros((0, limbs.outputs), limbs.result.pattern_dtype)

    def by_doubles(self, rows: NDArray[Any]) -> NDArray[Any]:
        """As `golden`, by way of FP64 (`circuits.goldens.doubles`) where that holds the products."""
        limbs = self.limbs
        if not takes(limbs.activation, limbs.format, limbs.result):
            return self.golden(rows)
        weights = limbs.format.from_patterns(limbs.patterns)
        return exact_dot(limbs.activation.from_patterns(rows), weights, limbs.result)


def _sums(rows: NDArray[Any], limbs: Limbs) -> NDArray[Any]:
    shape = (len(rows), limbs.outputs)
    factors = (
        (np.broadcast_to(rows[:, i, None], shape).ravel(), np.broadcast_to(limbs.patterns[None, :, i], shape).ravel())
        for i in range(limbs.inputs)
    )
    return rounded_sums(factors, rows.shape[0] * limbs.outputs, (limbs.activation, limbs.format), limbs.result).reshape(
        shape
    )


@lru_cache(maxsize=32)
def front_end(fmt: FloatFormat, basis: str = "threshold") -> Circuit:
    """Outputs of one activation: `gain` (bit r: place mod 8 is r), `normal`, and a bit for each of `CLASSES`.

    No gain of infinities and NaN, so that they have no digits.
    """
    low = min(3, fmt.exponent_bits)

    def network() -> ThresholdNetwork:
        cells = basis_named(basis)
        word = cells.input("x", fmt)
        x = unpack(cells, word, fmt)
        special = cells.and_(*x.exponent) if fmt.inf else x.nan
        first = cells.or_(x.exponent[0], cells.not_(x.normal))  # place 1 of subnormal numbers
        index = [cells.real(first), *x.exponent[1:low]]
        gain = [
            cells.and_not(
                cells.and_(*(bit for i, bit in enumerate(index) if r >> i & 1)) if r else cells.one,
                *(bit for i, bit in enumerate(index) if not r >> i & 1),
                special,
            )
            for r in range(1 << low)
        ]
        anything = x.magnitude
        lines = (
            cells.and_not(cells.one, x.sign, *anything),
            cells.and_not(x.sign, *anything),
            cells.and_not(x.infinite, x.sign),
            cells.and_(x.infinite, x.sign),
            x.nan,
        )
        ports = [
            ("gain", gain),
            ("normal", [x.normal]),
            *((name, [bit]) for name, bit in zip(CLASSES, lines, strict=True)),
        ]
        outputs = [(name, [cells.real(bit) for bit in bits], None) for name, bits in ports]
        return cells.builder.finish(outputs, LOIHI2.max_delay)

    def golden(x: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        found = fields(x, fmt)
        ordinary = ~(found.infinite | found.nan)
        zero = found.significand == 0
        gain = np.where(ordinary, 1 << (found.place % (1 << low)), 0).astype(np.uint8)
        normal = (x & x.dtype.type(fmt.exponent_mask)) != 0
        zeros = (zero & ~found.negative, zero & found.negative)
        infinities = (found.infinite & ~found.negative, found.infinite & found.negative)
        kinds = (*zeros, *infinities, found.nan)
        return (gain, *(bit.astype(np.uint8) for bit in (normal, *kinds)))

    key = f"native front {fmt!r} {basis} {source_key()}"
    built = cached("circuits", key, network, to_arrays, from_arrays, "building ends of native layers")
    return Circuit("digits in time", basis, built, Computed(golden, "integers", 2 + len(CLASSES)))


@lru_cache(maxsize=32)
def back_end(to: FloatFormat, basis: str = "threshold") -> Circuit:
    """A window of a sum (`window`: its bits and what lies below; `place`, `sign`, `code`), rounded once."""
    window = Window(to)

    def network() -> ThresholdNetwork:
        cells = basis_named(basis)
        word = cells.input("window", width=window.bits + 1)
        place = cells.input("place", width=window.place_bits)
        (sign,) = cells.input("sign", width=1)
        code = cells.input("code", width=3)
        return cells.finish("out", _round(cells, word, place, [sign, *code], to), to, LOIHI2.max_delay)

    def golden(word: NDArray[Any], place: NDArray[Any], sign: NDArray[Any], code: NDArray[Any]) -> NDArray[Any]:
        wide, at = word.astype(np.uint64), place.astype(np.int64)
        exponent = BYTE * at - to.bias - to.fraction_bits
        minus = (sign != 0) | ((code & MINUS_ZERO) != 0)
        number = exact.Numbers(minus, exponent, wide >> np.uint64(1), (wide & np.uint64(1)) != 0)
        found = exact.rounded(number, to).astype(np.uint64)
        infinity = np.uint64(to.exponent_mask if to.inf else to.canonical_nan)
        signed = infinity | ((code & 1).astype(np.uint64) << np.uint64(to.bits - 1))
        found = np.where((code & INFINITE) != 0, signed, found)
        found = np.where((code & NAN) != 0, np.uint64(to.canonical_nan), found)
        return to.canonical(found.astype(to.pattern_dtype))

    key = f"native back {to!r} {basis} {source_key()}"
    built = cached("circuits", key, network, to_arrays, from_arrays, "building ends of native layers")
    return Circuit("round a window", basis, built, Computed(golden, "integers"))


def _round(cells: Basis, word: Word, place: Word, marks: Word, to: FloatFormat) -> Word:
    """Leading zeros out, at most 7; exponent field - 1 = 8 * place + 7 - zeros; then the rounder."""
    sign, minus, infinite, nan = marks
    top, shift, dropped = normalise(cells, word[:0:-1], BYTE - 1, to.significand_bits + 1, nested=True)
    exponent = [(cells.one, BYTE - 1), *weighted(place, BYTE), *((bit, -unit) for bit, unit in shift)]
    value = Unrounded(
        sign=cells.or_(minus, cells.and_not(sign, infinite)),
        exponent=exponent,
        largest=BYTE * Window(to).cap + BYTE - 1,
        significand=top[:-1],
        guard=top[-1],
        sticky=[*dropped, word[0]],
        infinite=infinite,
        nan=nan,
    )
    return round_pack(cells, value, to)
