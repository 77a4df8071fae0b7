"""Multiplication in two parts, which meet in the bits P of the significands' product.

1. Linear arithmetic (`Sums`): the neurons of P add up to the partial products x_i AND y_j, so P = X * Y. A neuron
   g = [ F >= T ] over a linear form F of spikes with 0 <= F <= h leaves the remainder R = F - T g, and
   0 <= R <= max(T - 1, h - T). So a chain of neurons that takes binary digits off a sum from the top proves, neuron by
   neuron, bounds of ever smaller remainders; where a remainder is 0 the neuron *equals* its form. With these equations
   the bits of P add up to its partial products, coefficient by coefficient, at any width.
2. The solver, with P free but for what follows from P = X * Y at a glance (`_facts`): the network rounds
   (-1)^s * P * 2^(e_x + e_y), which is the exact product, as SMT-LIB's to_fp does from a format that holds it exactly.
   One case for each number of leading zeros of P, and one for zeros, infinities and NaN against fp.mul itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import gcd, prod

from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import STROBE, ThresholdNetwork
from lava_nexus.verify.formal.solve import Answer, satisfiable
from lava_nexus.verify.formal.specification import correct
from lava_nexus.verify.formal.terms import OperandTerms, Term, Terms
from lava_nexus.verify.formal.translation import carriers, samples, significands, simulate, translate

Form = dict[int, int]
"""Signal to integer coefficient; the strobe, which is 1, carries the constant."""

_LONGEST = 64  # steps of a decomposition before it is given up


@dataclass
class Sums:
    """Bounds and equations of a network's neurons, found in topological order.

    Attributes:
        network: the neurons.
        remainders: of neurons that take a digit, signal to (form F - T g, its least value, its largest value).
    """

    network: ThresholdNetwork
    remainders: dict[int, tuple[Form, int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for neuron in range(self.network.neurons):
            self._learn(neuron)

    def equation(self, signal: int) -> Form | None:
        """The linear form that the neuron's spike always equals, if that is known."""
        form, least, most = self.remainders.get(signal, ({}, 0, 1))
        return combined(form, {signal: 1}) if least == most == 0 else None

    def bounds(self, form: Form) -> tuple[int, int]:
        """(least, most) that a form can be, neither claimed to be reached."""
        found = [_plain(form), self._decomposed(form)]
        least, most = self._decomposed({signal: -weight for signal, weight in form.items()})
        found.append((-most, -least))
        return max(low for low, _ in found), min(high for _, high in found)

    def reduced(self, form: Form, leaves: Iterable[int], modulus: int) -> Form:
        """The form modulo `modulus` after every neuron with an equation is replaced, latest first; not the leaves."""
        kept, left = set(leaves), combined(form, {}, modulus=modulus)
        while True:
            known = [signal for signal in left if signal not in kept and self.equation(signal) is not None]
            if not known:
                return left
            signal = max(known)
            equation = self.equation(signal)
            assert equation is not None
            weight = left.pop(signal)
            left = combined(left, equation, weight, modulus)

    def _learn(self, neuron: int) -> None:
        signal = self.network.n_inputs + neuron
        sources, weights = self.network.synapses_of(neuron)
        form = combined(dict(zip(sources.tolist(), weights.tolist(), strict=True)), {})
        threshold = int(self.network.thresholds[neuron]) - form.pop(STROBE, 0)
        least, most = self.bounds(form)
        if least >= 0 and threshold >= 1:
            remainder = combined(form, {signal: -threshold})
            self.remainders[signal] = remainder, 0, max(min(threshold - 1, most), most - threshold)

    def _decomposed(self, form: Form) -> tuple[int, int]:
        """Bounds by taking off known remainders, that of the latest neuron first; scaled where it must be."""
        left, scale, low, high = form, 1, 0, 0
        for _ in range(_LONGEST):
            negative = [s for s, weight in left.items() if weight < 0 and s in self.remainders]
            if not negative:
                break
            signal = max(negative)
            remainder, least, most = self.remainders[signal]
            unit, weight = -remainder[signal], -left[signal]
            if weight % unit:
                factor = unit // gcd(unit, weight)
                left = {s: factor * w for s, w in left.items()}
                scale, low, high, weight = scale * factor, low * factor, high * factor, weight * factor
            times = weight // unit
            left = combined(left, remainder, -times)
            low, high = low + times * least, high + times * most
            if scale > 1 and _plain(left)[0] < 0:  # what is left may itself be the negative of remainders
                rest = self._decomposed({s: -w for s, w in left.items()})
                low, high, left = low - rest[1], high - rest[0], {}
        below, above = _plain(left)
        return -(-(low + below) // scale), (high + above) // scale


def combined(a: Mapping[int, int], b: Mapping[int, int], factor: int = 1, modulus: int = 0) -> Form:
    """a + factor * b without zeros, modulo `modulus` unless that is 0."""
    total = dict(a)
    for signal, weight in b.items():
        total[signal] = total.get(signal, 0) + factor * weight
    return {s: w % modulus if modulus else w for s, w in total.items() if (w % modulus if modulus else w)}


def _plain(form: Form) -> tuple[int, int]:
    """Bounds over all spikes."""
    constant = form.get(STROBE, 0)
    others = [weight for signal, weight in form.items() if signal != STROBE]
    return constant + sum(w for w in others if w < 0), constant + sum(w for w in others if w > 0)


IDENTITY = "the product's neurons add up to the partial products"
SPECIAL = "zeros, infinities and NaN"


class ProductObligation:
    """What is to be shown of a multiplier; see `proof.Obligation`."""

    def __init__(self, fmt: FloatFormat, to: FloatFormat, network: ThresholdNetwork) -> None:
        self.fmt, self.to, self.network = fmt, to, network
        self._bits = 2 * fmt.significand_bits
        self._terms = Terms()
        self._a, self._b = (self._terms.variable(port.name, port.width) for port in network.inputs)
        self._of = OperandTerms(self._terms, fmt)
        self._product = self._terms.variable("product", self._bits)
        self._zeros = {f"product with {zeros} leading zeros": zeros for zeros in range(self._bits)}

    @property
    def cases(self) -> list[str]:
        """The parts. That the last ones cover all finite operands but zeros is plain: P is not 0."""
        return [IDENTITY, SPECIAL, *self._zeros]

    def prove(self, case: str, limit: float) -> Answer:
        """`unsat` proves the part; `sat` carries operands only where their own product refutes the circuit."""
        if case == IDENTITY:
            return self._identity()
        terms = self._terms
        if case == SPECIAL:
            right = correct(terms, "mul", self.fmt, self.to, [self._a, self._b], self._result)
            question = [terms.not_(self._ordinary), terms.not_(right)]
        else:
            right = terms.equal(terms.float_of(self._result, self.to), self._rounded(self._zeros[case]))
            question = [self._ordinary, self._led_by(self._zeros[case]), terms.not_(right)]
        answer = satisfiable(terms, [*question, *self._facts], [self._a, self._b], limit)
        return self._genuine(answer, question, limit) if answer.verdict == "sat" else answer

    def _genuine(self, answer: Answer, question: list[Term], limit: float) -> Answer:
        """The answer if its operands refute the circuit with P their own product, else `unknown`: P was free."""
        fixed = [self._of.is_(word, value) for word, value in zip((self._a, self._b), answer.values, strict=True)]
        product = self._of.is_(self._product, prod(map(self._significand, answer.values)))
        again = satisfiable(self._terms, [*question, *fixed, product], limit=limit)
        return answer if again.verdict == "sat" else Answer("unknown", answer.seconds)

    @cached_property
    def _carriers(self) -> list[int]:
        operands = samples(self.fmt, 2)
        values = significands(self.fmt, operands[0]) * significands(self.fmt, operands[1])
        return carriers(self.network, simulate(self.network, operands), values, self._bits, "product")

    def _identity(self) -> Answer:
        start = time.perf_counter()
        claimed = {signal: 1 << k for k, signal in enumerate(self._carriers)}
        partial = self._partial_products()
        if partial is None:
            return Answer("unknown", time.perf_counter() - start)
        left = Sums(self.network).reduced(combined(claimed, partial, -1), partial, 1 << self._bits)
        return Answer("unknown" if left else "unsat", time.perf_counter() - start)

    def _partial_products(self) -> dict[int, int] | None:
        """Signal of x_i AND y_j to 2^(i + j), read off the neurons' weights; None where one is missing."""
        ones: dict[tuple[frozenset[int], int], int] = {}
        for neuron in range(self.network.neurons):
            sources, weights = self.network.synapses_of(neuron)
            if (weights == 1).all() and not self.network.relay[neuron]:
                gate = frozenset(sources.tolist()), int(self.network.thresholds[neuron])
                ones.setdefault(gate, self.network.n_inputs + neuron)
        words = []
        for port in self.network.inputs:
            exponent, fraction = (
                port.signals[1 : 1 + self.fmt.exponent_bits],
                port.signals[1 + self.fmt.exponent_bits :],
            )
            hidden = ones.get((frozenset(exponent), 1))
            if hidden is None:
                return None
            words.append([*fraction[::-1], hidden])
        found: dict[int, int] = {}
        for i, x in enumerate(words[0]):
            for j, y in enumerate(words[1]):
                gate_and = ones.get((frozenset((x, y)), 2))
                if gate_and is None:
                    return None
                found[gate_and] = 1 << (i + j)
        return found

    @cached_property
    def _result(self) -> Term:
        """The network's answer with P in the place of its product."""
        cuts = {signal: self._terms.bit(self._product, k) for k, signal in enumerate(self._carriers)}
        inputs = {port.name: term for port, term in zip(self.network.inputs, (self._a, self._b), strict=True)}
        (result,) = translate(self._terms, self.network, inputs, cuts).values()
        return result

    def _rounded(self, zeros: int) -> Term:
        """(-1)^s * P * 2^(e_x + e_y) rounded once; P's first 1 is at a known place."""
        terms, fmt = self._terms, self.fmt
        exponent_bits = max(fmt.exponent_bits, self.to.exponent_bits) + 4
        scale = terms.make("BV_ADD", *(self._of.effective(word, exponent_bits) for word in (self._a, self._b)))
        offset = (1 << (exponent_bits - 1)) - 1 + 1 - zeros - 2 * fmt.bias
        exponent = terms.make("BV_ADD", scale, terms.number(offset, exponent_bits))
        shifted = terms.make("BV_SHL", self._product, terms.number(zeros, self._bits))
        sign = terms.make("BV_XOR", *(terms.slice(word, fmt.bits - 1, fmt.bits - 1) for word in (self._a, self._b)))
        exact = self._of.number(sign, exponent, terms.slice(shifted, self._bits - 2, 0))
        return self._of.rounded(exact, self.to)

    def _led_by(self, zeros: int) -> Term:
        """True where P has so many leading zeros."""
        terms, first = self._terms, self._bits - 1 - zeros
        above = [terms.not_(terms.bit(self._product, k)) for k in range(first + 1, self._bits)]
        return terms.and_(terms.bit(self._product, first), *above)

    @cached_property
    def _facts(self) -> list[Term]:
        """What X * Y is known to be: 0 where an operand is 0, and within the bounds of normal and subnormal X, Y."""
        terms, p = self._terms, self.fmt.significand_bits
        normal = [terms.not_(self._of.is_(self._of.exponent(word), 0)) for word in (self._a, self._b)]
        both, one = terms.and_(*normal), terms.or_(*normal)
        least = terms.if_(
            both, self._number(1 << (2 * p - 2)), terms.if_(one, self._number(1 << (p - 1)), self._number(1))
        )
        most = terms.if_(
            both,
            self._number(-1),
            terms.if_(one, self._number((1 << (2 * p - 1)) - 1), self._number((1 << (2 * p - 2)) - 1)),
        )
        zero = terms.or_(self._of.zero(self._a), self._of.zero(self._b))
        inside = terms.and_(terms.make("BV_UGE", self._product, least), terms.make("BV_ULE", self._product, most))
        return [terms.if_(zero, self._of.is_(self._product, 0), inside)]

    @cached_property
    def _ordinary(self) -> Term:
        """Both operands finite and not zero."""
        return self._terms.and_(self._of.ordinary(self._a), self._of.ordinary(self._b))

    def _number(self, value: int) -> Term:
        return self._terms.number(value, self._bits)

    def _significand(self, pattern: int) -> int:
        hidden = 1 << self.fmt.fraction_bits if pattern & self.fmt.exponent_mask else 0
        return pattern & self.fmt.fraction_mask | hidden
