"""Floating-point numbers as bytes at byte positions: what exact sums of products in synapses are made of.

A number is (-1)^s * M * 2^(place + unit) with a significand M of p bits, place = max(e, 1) and unit = -bias -
fraction bits. Over the whole range of its format it is the integer M * 2^place: the bytes of M * 2^(place mod 8) at the
positions place div 8 and following. Weights are such limbs 0..255, with the sign of the weight; activations are digits
-128..128.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons.rules import LOIHI2, POTENTIALS


def _extent(first: NDArray[np.int64], value: NDArray[np.uint64]) -> tuple[Any, Any]:
    """(lowest, highest) position of a byte that is not 0; the highest is -1 where there is none."""
    lowest, highest = np.int64(1 << 40), np.int64(-1)
    for r in range(first.shape[0]):
        for i in range(first.shape[1]):
            rest, at = value[r, i], first[r, i]
            while rest:
                if rest & np.uint64(255):
                    lowest, highest = min(lowest, at), max(highest, at)
                rest >>= np.uint64(8)
                at += 1
    return lowest, highest


def _spread(
    first: NDArray[np.int64],
    value: NDArray[np.uint64],
    negative: NDArray[np.bool_],
    base: int,
    limbs: NDArray[np.int16],
) -> None:
    """limbs[position - base, ...] = the signed bytes of the values."""
    for r in range(first.shape[0]):
        for i in range(first.shape[1]):
            rest, at = value[r, i], first[r, i] - base
            while rest:
                byte = np.int16(rest & np.uint64(255))
                if byte:
                    limbs[at, r, i] = -byte if negative[r, i] else byte
                rest >>= np.uint64(8)
                at += 1


@cache
def _compiled() -> tuple[Any, Any]:
    """(extent, spread), compiled."""
    from lava_nexus.neurons.compiled import kept  # numba, which few programs need

    return kept(_extent), kept(_spread)


BYTE = 8
DIGIT = 128
"""Largest magnitude of a digit of an activation."""

CARRY = 1 << 16  # room for the carry of an accumulator


@dataclass(frozen=True)
class Fields:
    """Numbers taken apart; arrays of one shape.

    Attributes:
        negative: sign bits.
        place: int64, max(e, 1).
        significand: int64; 0 for zeros, and of infinities and NaN as if they were numbers.
        infinite, nan: classes.
    """

    negative: NDArray[np.bool_]
    place: NDArray[np.int64]
    significand: NDArray[np.int64]
    infinite: NDArray[np.bool_]
    nan: NDArray[np.bool_]


def fields(patterns: NDArray[Any], fmt: FloatFormat) -> Fields:
    """Patterns of a format taken apart."""
    word = patterns.astype(np.uint64)
    exponent = ((word & np.uint64(fmt.exponent_mask)) >> np.uint64(fmt.fraction_bits)).astype(np.int64)
    fraction = (word & np.uint64(fmt.fraction_mask)).astype(np.int64)
    magnitude = word & np.uint64(fmt.sign_mask - 1)
    return Fields(
        (word & np.uint64(fmt.sign_mask)) != 0,
        np.maximum(exponent, 1),
        fraction + np.where(exponent > 0, 1 << fmt.fraction_bits, 0),
        np.asarray((magnitude == fmt.exponent_mask) & fmt.inf),
        fmt.is_nan(patterns),
    )


def unit(fmt: FloatFormat) -> int:
    """Exponent of the weight of place 0."""
    return -fmt.bias - fmt.fraction_bits


def most_places(fmt: FloatFormat) -> int:
    """Place of the largest number."""
    return (fmt.exponent_mask >> fmt.fraction_bits) - fmt.inf


def digits_of(fmt: FloatFormat) -> int:
    """Digits that a number has at most: its significand, shifted by up to 7, and a carry."""
    return (fmt.significand_bits + 7) // BYTE + 1


def significand_bytes(fmt: FloatFormat) -> int:
    """Bytes of a significand."""
    return -(-fmt.significand_bits // BYTE)


def digits(significand: NDArray[np.int64], place: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Digits -127..128 of significand * 2^(place mod 8), lowest first: int64 [count, ...]."""
    rest = significand << (place % BYTE)
    found = np.empty((count, *significand.shape), np.int64)
    for k in range(count):
        found[k] = ((rest + 127) & 255) - 127
        rest = (rest + 127) >> BYTE
    return found


@dataclass(frozen=True, eq=False, repr=False)
class Limbs:
    """The weights of a layer as limbs.

    Attributes:
        format: of the weights.
        result: format of the sums.
        activation: format of the activations.
        patterns: of the weights, [outputs, inputs].
        layer: for messages.
        potential: largest magnitude of an accumulator.
        most_delay: steps.

    Raises:
        NexusError: a weight is not finite, limbs lie further apart than synaptic delays reach, or one input alone can
            overflow an accumulator.
    """

    format: FloatFormat
    activation: FloatFormat
    result: FloatFormat
    patterns: NDArray[Any]
    layer: str = ""
    potential: int = POTENTIALS.potential
    most_delay: int = LOIHI2.max_delay

    def __post_init__(self) -> None:
        bad = np.argwhere(self.fields.infinite | self.fields.nan)
        if len(bad):
            row, column = bad[0]
            value = self.format.from_patterns(self.patterns)[row, column]
            raise NexusError(f"{self._name}: weight [{row}, {column}] is {value}; native products take finite weights")
        if self.span - 1 > self.most_delay:
            raise NexusError(
                f"{self._name}: limbs of its weights lie {self.span - 1} bytes apart, beyond the synaptic delay of "
                f"{self.most_delay}"
            )
        self.groups  # noqa: B018 (refuses)

    @property
    def _name(self) -> str:
        return f"layer '{self.layer}'"

    @cached_property
    def fields(self) -> Fields:
        """The weights taken apart."""
        return fields(self.patterns, self.format)

    @property
    def outputs(self) -> int:
        """Sums."""
        return int(self.patterns.shape[0])

    @property
    def inputs(self) -> int:
        """Terms of a sum."""
        return int(self.patterns.shape[1])

    @property
    def shift(self) -> int:
        """Places 0..7 by which weights are moved up, so that the least normal result has its leading bit in bit 0."""
        least = 1 - self.result.bias - unit(self.activation) - unit(self.format)
        return -least % BYTE

    @cached_property
    def _bytes(self) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """(position of the first byte [outputs, inputs]; the bytes as one number)."""
        place = self.fields.place + self.shift
        return place // BYTE, self.fields.significand.astype(np.uint64) << (place % BYTE).astype(np.uint64)

    @cached_property
    def _positions(self) -> tuple[int, int]:
        """(lowest, highest) position of a limb that is not 0."""
        lowest, highest = _compiled()[0](*self._bytes)
        return (int(lowest), int(highest)) if highest >= 0 else (0, 0)

    @cached_property
    def _limbs(self) -> NDArray[np.int16]:
        """Signed limbs, int16 [positions, outputs, inputs]."""
        found = np.zeros((self.span, *self.patterns.shape), np.int16)
        _compiled()[1](*self._bytes, self.fields.negative, self.base, found)
        return found

    @property
    def base(self) -> int:
        """Position of the lowest limb."""
        return self._positions[0]

    @property
    def span(self) -> int:
        """Positions between the lowest and the highest limb, both among them."""
        return self._positions[1] - self._positions[0] + 1

    def at(self, position: int) -> NDArray[np.int16]:
        """Signed limbs -255..255 at a position counted from the lowest: int16 [outputs, inputs]."""
        found: NDArray[np.int16] = self._limbs[position]
        return found

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """int64 [outputs, inputs]: sum of the limbs of a weight."""
        return np.asarray(np.abs(self._limbs).sum(axis=0, dtype=np.int64))

    @cached_property
    def signs(self) -> NDArray[np.int8]:
        """int8 [outputs, inputs]: 1 or -1, of zeros too."""
        return np.where(self.fields.negative, -1, 1).astype(np.int8)

    @property
    def zero(self) -> NDArray[np.bool_]:
        """bool [outputs, inputs]: weights of +0 or -0."""
        return np.asarray(self.fields.significand == 0)

    @cached_property
    def groups(self) -> tuple[slice, ...]:
        """Neighbouring inputs whose products one accumulator takes: 128 * sum of |limbs| + 2^16 <= 2^23 for any sum."""
        room = (self.potential - CARRY) // DIGIT
        starts, total = [0], np.zeros(self.outputs, np.int64)
        for i in range(self.inputs):
            total = total + self.sizes[:, i]
            if total.max(initial=0) > room:
                starts, total = [*starts, i], self.sizes[:, i]
                if total.max() > room:
                    raise NexusError(
                        f"{self._name}: limbs of one input add up to {total.max()}, beyond {room}, so that an "
                        f"accumulator of {self.potential} can overflow"
                    )
        starts = list(dict.fromkeys(starts))
        return tuple(slice(a, b) for a, b in zip(starts, [*starts[1:], self.inputs], strict=True))

    @property
    def lowest(self) -> int:
        """Number of the digit of a sum in which the least normal result has its leading bit, as bit 0."""
        at = 1 - self.result.bias - unit(self.activation) - unit(self.format) + self.shift
        return at // BYTE - self.base

    @cached_property
    def digits(self) -> int:
        """Digits of any sum, its sign among them, and at least those up to `lowest`."""
        sums: list[int] = np.abs(self._limbs).sum(axis=2, dtype=np.int64).max(axis=1, initial=0).tolist()
        largest = ((1 << self.activation.significand_bits) - 1) << most_places(self.activation)
        bound = largest * max(1, sum(s << (BYTE * a) for a, s in enumerate(sums)))  # encoders send to the end
        return max((bound.bit_length() + 2 + BYTE - 1) // BYTE, self.lowest + 1, 1)
