"""Terms of the solver Bitwuzla: Booleans folded as they are made, bit vectors, numbers, and fields of patterns.

`split` cuts a proof into cases, each a condition on the operands; that together they leave nothing out is proven too.
Source of meaning: SMT-LIB, theories FixedSizeBitVectors and FloatingPoint (IEEE Std 754-2019; one NaN).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal, TypeAlias

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat, NumberFormat

try:
    import bitwuzla
except ImportError:  # told when a proof is asked for
    bitwuzla = None

Term: TypeAlias = Any


def solver_name() -> str:
    """Tool and version, for certificates.

    Raises:
        NexusError: it is not installed.
    """
    required()
    return f"Bitwuzla {version('bitwuzla')}"


def required() -> Any:
    """The package bitwuzla.

    Raises:
        NexusError: it is not installed.
    """
    if bitwuzla is None:
        raise NexusError("package 'bitwuzla' is not installed; proofs need the extra: pip install 'lava-nexus[proofs]'")
    return bitwuzla


class Terms:
    """Makes terms of one manager.

    Attributes:
        true, false: the Boolean constants.
        nearest_even, toward_zero: the rounding modes RNE and RTZ.
    """

    def __init__(self) -> None:
        package = required()
        self._kind = package.Kind
        self.manager = package.TermManager()
        self.true, self.false = self.manager.mk_true(), self.manager.mk_false()
        self.nearest_even = self.manager.mk_rm_value(package.RoundingMode.RNE)
        self.toward_zero = self.manager.mk_rm_value(package.RoundingMode.RTZ)

    def make(self, kind: str, *parts: Term, indices: Sequence[int] = ()) -> Term:
        """The term of a kind of `bitwuzla.Kind`, by its name."""
        return self.manager.mk_term(getattr(self._kind, kind), list(parts), list(indices))

    def variable(self, name: str, width: int) -> Term:
        """A free bit vector."""
        return self.manager.mk_const(self.manager.mk_bv_sort(width), name)

    def number(self, value: int, width: int) -> Term:
        """A bit vector that is `value` modulo 2^width."""
        return self.manager.mk_bv_value(self.manager.mk_bv_sort(width), value % (1 << width))

    def slice(self, word: Term, high: int, low: int) -> Term:
        """Bits high..low of a bit vector."""
        return self.make("BV_EXTRACT", word, indices=(high, low))

    def extend(self, word: Term, width: int) -> Term:
        """The bit vector with zeros above, `width` bits wide."""
        more = width - word.sort().bv_size()
        return self.make("BV_ZERO_EXTEND", word, indices=(more,)) if more else word

    def bit(self, word: Term, position: int) -> Term:
        """A bit of a bit vector as a Boolean."""
        return self.equal(self.slice(word, position, position), self.number(1, 1))

    def word(self, bits: Sequence[Term]) -> Term:
        """Booleans, MSB first, as a bit vector."""
        digits = [self.if_(bit, self.number(1, 1), self.number(0, 1)) for bit in bits]
        return self.make("BV_CONCAT", *digits) if len(digits) > 1 else digits[0]

    def equal(self, a: Term, b: Term) -> Term:
        """a = b, which for floating-point terms tells the zeros apart and takes NaN as equal to NaN."""
        return self.make("EQUAL", a, b)

    def not_(self, a: Term) -> Term:
        """Not a."""
        if a.is_true() or a.is_false():
            return self.false if a.is_true() else self.true
        return self.make("NOT", a)

    def and_(self, *parts: Term) -> Term:
        """All of the parts; true for none."""
        kept = [part for part in parts if not part.is_true()]
        if any(part.is_false() for part in kept):
            return self.false
        return self.make("AND", *kept) if len(kept) > 1 else kept[0] if kept else self.true

    def or_(self, *parts: Term) -> Term:
        """Any of the parts; false for none."""
        kept = [part for part in parts if not part.is_false()]
        if any(part.is_true() for part in kept):
            return self.true
        return self.make("OR", *kept) if len(kept) > 1 else kept[0] if kept else self.false

    def if_(self, condition: Term, a: Term, b: Term) -> Term:
        """a where the condition holds, else b; constants among Booleans are folded."""
        if a is b or a == b:
            return a
        if condition.is_true() or condition.is_false():
            return a if condition.is_true() else b
        if a.is_true() or b.is_false():
            return self.or_(condition, b) if a.is_true() else self.and_(condition, a)
        if a.is_false() or b.is_true():
            return self.and_(self.not_(condition), b) if a.is_false() else self.or_(self.not_(condition), a)
        return self.make("ITE", condition, a, b)

    def float_of(self, pattern: Term, fmt: FloatFormat) -> Term:
        """The floating-point number of a pattern.

        Raises:
            NexusError: the format has no infinity, so that SMT-LIB has no sort for it.
        """
        if not fmt.inf:
            raise NexusError(
                f"format {fmt} has no infinity, and SMT-LIB no such sort: it is tested exhaustively instead"
            )
        return self.make("FP_TO_FP_FROM_BV", pattern, indices=(fmt.exponent_bits, fmt.significand_bits))

    def is_float(self, pattern: Term, value: Term, fmt: FloatFormat) -> Term:
        """True where the pattern stands for the floating-point value, a NaN being the canonical one."""
        canonical = self.equal(pattern, self.number(fmt.canonical_nan, fmt.bits))
        return self.if_(self.make("FP_IS_NAN", value), canonical, self.equal(self.float_of(pattern, fmt), value))


Split = Literal["none", "distance", "product", "digits", "addition"]


@dataclass(frozen=True)
class Case:
    """A condition on the operands, and its name."""

    name: str
    condition: Term


def split(terms: Terms, how: Split, fmt: NumberFormat, operands: Sequence[Term]) -> list[Case]:
    """The cases of a proof.

    `none` is one case; `distance` goes by the distance of the two exponent fields, as far as significands overlap, and
    by whether the signs agree: shifts become constant. `product` is for
    multiplication, `digits` for division and `addition` for subtraction, see `product`, `division`, `subtraction`.

    Raises:
        NexusError: `distance` for an operation that has not two operands.
    """
    if how == "none":
        return [Case("all operands", terms.true)]
    if len(operands) != 2 or not isinstance(fmt, FloatFormat):
        raise NexusError(f"split 'distance' needs two operands, not {len(operands)}")
    return _by_distance(terms, fmt, *operands)


def _by_distance(terms: Terms, fmt: FloatFormat, a: Term, b: Term) -> list[Case]:
    width = fmt.exponent_bits + 2
    first, second = (terms.extend(terms.slice(word, fmt.bits - 2, fmt.fraction_bits), width) for word in (a, b))
    distance = terms.make("BV_SUB", first, second)
    reach = min(fmt.significand_bits + 2, (1 << fmt.exponent_bits) - 1)
    order = sorted(range(-reach, reach + 1), key=lambda d: (-abs(d), d))
    conditions = [(f"exponents {d:+d} apart", terms.equal(distance, terms.number(d, width))) for d in order]
    conditions += [
        (f"exponents more than +{reach} apart", terms.make("BV_SGT", distance, terms.number(reach, width))),
        (f"exponents more than -{reach} apart", terms.make("BV_SLT", distance, terms.number(-reach, width))),
    ]
    same = terms.equal(terms.bit(a, fmt.bits - 1), terms.bit(b, fmt.bits - 1))
    return [
        Case(f"{name}, {signs} signs", terms.and_(condition, sign))
        for name, condition in conditions
        for signs, sign in (("equal", same), ("unequal", terms.not_(same)))
    ]


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
