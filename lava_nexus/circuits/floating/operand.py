"""The first stage of a floating-point circuit: an operand taken apart into its fields and its class."""

from __future__ import annotations

from dataclasses import dataclass

from lava_nexus.circuits.cells import Basis, Bit, Terms, Word, weighted
from lava_nexus.formats import FloatFormat


@dataclass(frozen=True)
class Operand:
    """The fields of a number and what class it is of. What a circuit does not read costs no neuron.

    Attributes:
        sign: 1 for negative.
        exponent: biased exponent field, LSB first.
        fraction: fraction field, LSB first.
        normal: the hidden bit; 0 for zeros and subnormals.
        infinite: 1 for an infinity.
        nan: 1 for a NaN.
    """

    sign: Bit
    exponent: Word
    fraction: Word
    normal: Bit
    infinite: Bit
    nan: Bit

    @property
    def significand(self) -> Word:
        """Fraction and hidden bit, LSB first."""
        return [*self.fraction, self.normal]

    @property
    def magnitude(self) -> Word:
        """Everything but the sign, LSB first: ordered as the numbers are."""
        return [*self.fraction, *self.exponent]

    def scale(self, basis: Basis, factor: int = 1) -> Terms:
        """The exponent as terms, with subnormals at that of the smallest normal number: e + 1 - normal."""
        return [*weighted(self.exponent, factor), (self.normal, -factor), (basis.one, factor)]


def unpack(basis: Basis, word: Word, fmt: FloatFormat) -> Operand:
    """The operand in a word (LSB first) of the format."""
    fraction, exponent = word[: fmt.fraction_bits], word[fmt.fraction_bits : -1]
    if fmt.inf:
        nan = basis.and_any(exponent, fraction)
        infinite = basis.and_(*exponent, *(basis.not_(bit) for bit in fraction))
    else:
        nan, infinite = basis.and_(*exponent, *fraction), basis.zero
    return Operand(word[-1], exponent, fraction, basis.or_(*exponent), infinite, nan)


def significand(basis: Basis, operand: Operand, subnormals: bool) -> Word:
    """Fraction and hidden bit, LSB first; without `subnormals` the hidden bit is 1, zeros are the caller's concern."""
    return operand.significand if subnormals else [*operand.fraction, basis.one]


def nonzero(basis: Basis, operand: Operand, subnormals: bool = True) -> Bit:
    """1 where the operand is not a zero; without `subnormals` those count as zeros."""
    return basis.or_(*operand.magnitude) if subnormals else operand.normal
