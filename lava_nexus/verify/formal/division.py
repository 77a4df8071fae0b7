"""Division in parts, which meet in the normalised significands X and D, in each remainder and in the quotient Q.

1. X and D are the operands' significands shifted until their first bit is 1.
2. Each digit: with the remainder R (0 <= R < D) and D free, the neurons answer q = [2R >= D] and 2R - qD, which again
   is at least 0 and below D. So X * 2^n = Q * D + R after n + 1 digits: Q is the quotient's floor, R what is left.
3. With Q and R free the network rounds (-1)^s * (Q + r) * 2^e, where r is 0 if R = 0 and lies between 0 and 1
   otherwise, as SMT-LIB's to_fp does; zeros, infinities and NaN are held against fp.div itself.

The neurons are found by how they spike on samples; that guess is what parts 1 and 2 prove, each from the parts before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.verify.formal.solve import Answer, satisfiable
from lava_nexus.verify.formal.specification import correct
from lava_nexus.verify.formal.terms import OperandTerms, Term, Terms
from lava_nexus.verify.formal.translation import all_carriers, samples, signals, significands, simulate, translate

NORMALISED = "significands are normalised"
SPECIAL = "zeros, infinities and NaN"
ROUNDED = ("quotients of 1 and more are rounded", "quotients below 1 are rounded")

Carriers = list[list[int]]
"""For each bit, LSB first, every neuron that carries it."""


class DivisionObligation:
    """What is to be shown of a divider; see `proof.Obligation`."""

    def __init__(self, fmt: FloatFormat, network: ThresholdNetwork) -> None:
        self.fmt, self.network = fmt, network
        self.digits = fmt.significand_bits + 2
        self._terms = Terms()
        self._a, self._b = (self._terms.variable(port.name, port.width) for port in network.inputs)
        self._of = OperandTerms(self._terms, fmt)
        p = fmt.significand_bits
        self._dividend, self._divisor = (self._terms.variable(name, p) for name in ("dividend", "divisor"))
        self._rest = self._terms.variable("remainder", p)
        self._quotient = self._terms.variable("quotient", self.digits)
        self._steps = {f"digit {k} and what it leaves": k for k in range(self.digits)}

    @property
    def cases(self) -> list[str]:
        """The parts. The last three cover all operands: a quotient of normalised significands is more than 1/2."""
        return [NORMALISED, *self._steps, SPECIAL, *ROUNDED]

    def prove(self, case: str, limit: float) -> Answer:
        """`unsat` proves the part; `sat`, where other parts leave values free, is no refutation but `unknown`."""
        if case == NORMALISED:
            assertions = self._not_normalised()
        elif case in self._steps:
            assertions = self._wrong_digit(self._steps[case])
        elif case == SPECIAL:
            right = correct(self._terms, "div", self.fmt, self.fmt, [self._a, self._b], self._result)
            assertions = [self._terms.not_(self._ordinary), self._zero_quotient, self._terms.not_(right)]
        else:
            assertions = self._wrongly_rounded(below_one=case == ROUNDED[1])
        answer = satisfiable(self._terms, assertions, limit=limit)
        return answer if answer.verdict == "unsat" else Answer("unknown", answer.seconds)

    @cached_property
    def _located(self) -> tuple[Carriers, Carriers, list[list[int]], list[Carriers]]:
        """Neurons of X, of D, of each digit and of each remainder."""
        operands = samples(self.fmt, 2, special=True)
        spikes = simulate(self.network, operands)
        p = self.fmt.significand_bits
        dividend, divisor = (_normalised(significands(self.fmt, patterns), p) for patterns in operands)
        found = [all_carriers(self.network, spikes, x, p, w) for x, w in ((dividend, "dividend"), (divisor, "divisor"))]
        some = divisor != 0
        spikes, rest, divisor = spikes[:, some], dividend[some], divisor[some]
        digits, remainders = [], []
        for k in range(self.digits):
            digit = (rest >= divisor).astype(object)
            # The first one: digits that an infinite divisor silences may spike alike on samples.
            digits.append(all_carriers(self.network, spikes, digit, 1, f"digit {k}")[0][:1])
            rest = rest - digit * divisor
            remainders.append(all_carriers(self.network, spikes, rest, p, f"remainder {k}"))
            rest = 2 * rest
        return found[0], found[1], digits, remainders

    def _not_normalised(self) -> list[Term]:
        """Some neuron of X or D is wrong for some operands."""
        dividend, divisor, _, _ = self._located
        spikes = self._spikes({})
        right = [
            *self._carried(spikes, dividend, self._of.normalised(self._a)),
            *self._carried(spikes, divisor, self._of.normalised(self._b)),
        ]
        return [self._terms.not_(self._terms.and_(*right))]

    def _wrong_digit(self, k: int) -> list[Term]:
        terms, p = self._terms, self.fmt.significand_bits
        dividend, divisor, digits, remainders = self._located
        before = terms.extend(self._dividend if k == 0 else self._rest, p + 2)
        have = before if k == 0 else terms.make("BV_SHL", before, terms.number(1, p + 2))
        divide_by = terms.extend(self._divisor, p + 2)
        word, carriers = (self._dividend, dividend) if k == 0 else (self._rest, remainders[k - 1])
        spikes = self._spikes({**self._cut(carriers, word), **self._cut(divisor, self._divisor)})
        digit = terms.make("BV_UGE", have, divide_by)
        left = terms.if_(digit, terms.make("BV_SUB", have, divide_by), have)
        right = [
            *(terms.equal(spikes[signal], digit) for signal in digits[k]),
            *self._carried(spikes, remainders[k], left),
            terms.make("BV_ULT", left, divide_by),
        ]
        bounded = terms.make("BV_ULT", have, terms.make("BV_SHL", divide_by, terms.number(1, p + 2)))
        return [terms.bit(self._divisor, p - 1), bounded, terms.not_(terms.and_(*right))]

    @cached_property
    def _result(self) -> Term:
        """The network's answer with Q and R in the places of its quotient and remainder."""
        _, _, digits, remainders = self._located
        cuts = {**self._cut(digits[::-1], self._quotient), **self._cut(remainders[-1], self._rest)}
        inputs = {port.name: term for port, term in zip(self.network.inputs, (self._a, self._b), strict=True)}
        (result,) = translate(self._terms, self.network, inputs, cuts).values()
        return result

    def _wrongly_rounded(self, below_one: bool) -> list[Term]:
        terms, fmt = self._terms, self.fmt
        exponent_bits = fmt.exponent_bits + 4
        first = terms.bit(self._quotient, self.digits - 1)
        second = terms.bit(self._quotient, self.digits - 2)
        exponent = terms.make(
            "BV_ADD",
            terms.make("BV_SUB", self._of.scale(self._a, exponent_bits), self._of.scale(self._b, exponent_bits)),
            terms.number((1 << (exponent_bits - 1)) - 1 - below_one, exponent_bits),
        )
        rest = terms.if_(self._of.is_(self._rest, 0), terms.number(0, 1), terms.number(1, 1))
        kept = terms.slice(self._quotient, self.digits - 2 - below_one, 0)
        exact = self._of.number(self._sign, exponent, terms.make("BV_CONCAT", kept, rest))
        rounded = self._of.rounded(exact, fmt)
        right = terms.equal(terms.float_of(self._result, fmt), rounded)
        led = [terms.not_(first), second] if below_one else [first]
        return [self._ordinary, *led, terms.not_(right)]

    @property
    def _sign(self) -> Term:
        top = self.fmt.bits - 1
        return self._terms.make("BV_XOR", *(self._terms.slice(word, top, top) for word in (self._a, self._b)))

    @property
    def _ordinary(self) -> Term:
        return self._terms.and_(self._of.ordinary(self._a), self._of.ordinary(self._b))

    @property
    def _zero_quotient(self) -> Term:
        """What the digits say of a dividend 0: Q and R are 0 too, unless the divisor is 0."""
        terms = self._terms
        applies = terms.and_(self._of.zero(self._a), terms.not_(self._of.zero(self._b)))
        return terms.or_(terms.not_(applies), terms.and_(self._of.is_(self._quotient, 0), self._of.is_(self._rest, 0)))

    def _spikes(self, cuts: dict[int, Term]) -> list[Term]:
        inputs = {port.name: term for port, term in zip(self.network.inputs, (self._a, self._b), strict=True)}
        return signals(self._terms, self.network, inputs, cuts)

    def _cut(self, carriers: Sequence[Iterable[int]], word: Term) -> dict[int, Term]:
        return {signal: self._terms.bit(word, k) for k, found in enumerate(carriers) for signal in found}

    def _carried(self, spikes: list[Term], carriers: Carriers, word: Term) -> list[Term]:
        return [
            self._terms.equal(spikes[s], self._terms.bit(word, k)) for k, found in enumerate(carriers) for s in found
        ]


def _normalised(values: NDArray[Any], bits: int) -> NDArray[Any]:
    return np.array([int(v) << (bits - int(v).bit_length()) if v else 0 for v in values], dtype=object)
