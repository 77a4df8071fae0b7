"""Cases of a proof. Each is a condition on the operands; that together they leave nothing out is proven too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat, NumberFormat
from lava_nexus.verification.formal.terms import Term, Terms

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
