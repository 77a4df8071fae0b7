"""Floating-point numbers as bytes at byte positions: what exact sums of products in synapses are made of.

A number is (-1)^s * M * 2^(place + unit) with a significand M of p bits, place = max(e, 1) and unit = -bias -
fraction bits. Over the whole range of its format it is the integer M * 2^place: the bytes of M * 2^(place mod 8) at the
positions place div 8 and following. Weights are such limbs 0..255, with the sign of the weight; activations are digits
-128..128.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons.rules import LOIHI2, POTENTIALS

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
        (magnitude == fmt.exponent_mask) & fmt.inf,
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


@dataclass(frozen=True, eq=False)
class Survey:
    """What a pass over the weights finds.

    Attributes:
        bad: number of the first weight, row by row, that is not finite; -1 where all are.
        lowest, highest: positions of limbs that are not 0; 0 and 0 where all are.
        sums: int64 [outputs, positions between these], limbs added up without their signs.
        used, none: int64 [inputs], limbs that are not 0; weights that are 0.
    """

    bad: int
    lowest: int
    highest: int
    sums: NDArray[np.int64]
    used: NDArray[np.int64]
    none: NDArray[np.int64]


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
        if self._survey.bad >= 0:
            row, column = divmod(self._survey.bad, self.inputs)
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

    @property
    def form(self) -> tuple[int, int, int]:
        """(fraction bits, mask of the magnitude, places up) by which patterns are taken apart; see `survey`."""
        return self.format.fraction_bits, self.format.sign_mask - 1, self.shift

    @cached_property
    def _survey(self) -> Survey:
        from lava_nexus.populations.native.survey import surveyed  # numba, which few programs need

        positions = (most_places(self.format) + 2 * BYTE) // BYTE + BYTE
        sums = np.zeros((self.outputs, positions), np.int64)
        used, none = np.zeros(self.inputs, np.int64), np.zeros(self.inputs, np.int64)
        bad = int(surveyed(self.patterns, self.form, np.uint64(self.format.max_finite + 1), sums, used, none))
        positions_used = np.flatnonzero(sums.any(axis=0)).tolist() or [0]
        lowest, highest = positions_used[0], positions_used[-1]
        return Survey(bad, lowest, highest, sums[:, lowest : highest + 1], used, none)

    @cached_property
    def _limbs(self) -> NDArray[np.int16]:
        """Signed limbs, int16 [positions, outputs, inputs]."""
        from lava_nexus.populations.native.survey import spread  # numba, which few programs need

        found = np.zeros((self.span, *self.patterns.shape), np.int16)
        spread(*self._bytes, self.fields.negative, self.base, found)
        return found

    @property
    def base(self) -> int:
        """Position of the lowest limb."""
        return self._survey.lowest

    @property
    def span(self) -> int:
        """Positions between the lowest and the highest limb, both among them."""
        return self._survey.highest - self._survey.lowest + 1

    def at(self, position: int) -> NDArray[np.int16]:
        """Signed limbs -255..255 at a position counted from the lowest: int16 [outputs, inputs]."""
        found: NDArray[np.int16] = self._limbs[position]
        return found

    @property
    def used(self) -> NDArray[np.int64]:
        """int64 [inputs]: limbs that are not 0."""
        return self._survey.used

    @property
    def none(self) -> NDArray[np.int64]:
        """int64 [inputs]: weights of +0 or -0."""
        return self._survey.none

    @cached_property
    def signs(self) -> NDArray[np.int8]:
        """int8 [outputs, inputs]: 1 or -1, of zeros too."""
        sign = self.patterns.dtype.type(self.format.sign_mask)
        return np.where(self.patterns & sign, np.int8(-1), np.int8(1))

    @cached_property
    def zero(self) -> NDArray[np.bool_]:
        """bool [outputs, inputs]: weights of +0 or -0."""
        magnitude = self.patterns.dtype.type(self.format.sign_mask - 1)
        return np.asarray((self.patterns & magnitude) == 0)

    @cached_property
    def groups(self) -> tuple[slice, ...]:
        """Neighbouring inputs whose products one accumulator takes: 128 * sum of |limbs| + 2^16 <= 2^23 for any sum."""
        room = (self.potential - CARRY) // DIGIT
        if self._survey.sums.sum(axis=1).max(initial=0) <= room:
            return (slice(0, self.inputs),)
        from lava_nexus.populations.native.survey import cut  # numba, which few programs need

        starts = [0]
        while starts[-1] < self.inputs:
            starts.append(int(cut(self.patterns, self.form, starts[-1], room)))
            if starts[-1] == starts[-2]:
                column = self._bytes[1][:, starts[-1]].tolist()
                largest = max(sum(word.to_bytes(BYTE, "little")) for word in column)
                raise NexusError(
                    f"{self._name}: limbs of one input add up to {largest}, beyond {room}, so that an "
                    f"accumulator of {self.potential} can overflow"
                )
        return tuple(slice(a, b) for a, b in pairwise(starts))

    @property
    def lowest(self) -> int:
        """Number of the digit of a sum in which the least normal result has its leading bit, as bit 0."""
        at = 1 - self.result.bias - unit(self.activation) - unit(self.format) + self.shift
        return at // BYTE - self.base

    @cached_property
    def digits(self) -> int:
        """Digits of any sum, its sign among them, and at least those up to `lowest`."""
        sums: list[int] = self._survey.sums.max(axis=0, initial=0).tolist()
        largest = ((1 << self.activation.significand_bits) - 1) << most_places(self.activation)
        bound = largest * max(1, sum(s << (BYTE * a) for a, s in enumerate(sums)))  # encoders send to the end
        return max((bound.bit_length() + 2 + BYTE - 1) // BYTE, self.lowest + 1, 1)
