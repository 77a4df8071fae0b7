"""Fields of a floating-point pattern as terms, and numbers put together of sign, exponent and significand."""

from __future__ import annotations

from lava_nexus.formats import FloatFormat
from lava_nexus.verification.formal.terms import Term, Terms


class OperandTerms:
    """Reads patterns of one format.

    Attributes:
        terms: where terms are made.
        fmt: the format.
    """

    def __init__(self, terms: Terms, fmt: FloatFormat) -> None:
        self.terms, self.fmt = terms, fmt

    def is_(self, word: Term, value: int) -> Term:
        """Whether a bit vector is `value` modulo its width."""
        return self.terms.equal(word, self.terms.number(value, word.sort().bv_size()))

    def exponent(self, pattern: Term) -> Term:
        """The exponent field."""
        return self.terms.slice(pattern, self.fmt.bits - 2, self.fmt.fraction_bits)

    def effective(self, pattern: Term, width: int) -> Term:
        """The exponent field, 1 for subnormals."""
        field = self.exponent(pattern)
        one = self.terms.number(1, self.fmt.exponent_bits)
        return self.terms.extend(self.terms.if_(self.is_(field, 0), one, field), width)

    def zero(self, pattern: Term) -> Term:
        """Whether it is a zero."""
        return self.is_(self.terms.slice(pattern, self.fmt.bits - 2, 0), 0)

    def ordinary(self, pattern: Term) -> Term:
        """Whether it is finite and not zero."""
        top = self.is_(self.exponent(pattern), -1)
        return self.terms.not_(self.terms.or_(self.zero(pattern), top))

    def significand(self, pattern: Term) -> Term:
        """Hidden bit and fraction."""
        hidden = self.terms.if_(self.is_(self.exponent(pattern), 0), self.terms.number(0, 1), self.terms.number(1, 1))
        return self.terms.make("BV_CONCAT", hidden, self.terms.slice(pattern, self.fmt.fraction_bits - 1, 0))

    def normalised(self, pattern: Term) -> Term:
        """The significand shifted left until its first bit is 1; 0 for 0."""
        word, p = self.significand(pattern), self.fmt.significand_bits
        return self.terms.make("BV_SHL", word, self.leading_zeros(pattern, p))

    def leading_zeros(self, pattern: Term, width: int) -> Term:
        """Of the significand, modulo 2^width; 0 for 0."""
        word, p = self.significand(pattern), self.fmt.significand_bits
        found = self.terms.number(0, width)
        for place in range(p):
            found = self.terms.if_(self.terms.bit(word, place), self.terms.number(p - 1 - place, width), found)
        return found

    def scale(self, pattern: Term, width: int) -> Term:
        """Biased exponent of the normalised significand's first bit, which subnormals take below 1."""
        return self.terms.make("BV_SUB", self.effective(pattern, width), self.leading_zeros(pattern, width))

    def number(self, sign: Term, exponent: Term, fraction: Term) -> Term:
        """The normal floating-point number of these fields, in the format that their widths make."""
        pattern = self.terms.make("BV_CONCAT", sign, exponent, fraction)
        widths = exponent.sort().bv_size(), fraction.sort().bv_size() + 1
        return self.terms.make("FP_TO_FP_FROM_BV", pattern, indices=widths)

    def rounded(self, number: Term, to: FloatFormat) -> Term:
        """A floating-point number rounded to nearest even."""
        target = (to.exponent_bits, to.significand_bits)
        return self.terms.make("FP_TO_FP_FROM_FP", self.terms.nearest_even, number, indices=target)
