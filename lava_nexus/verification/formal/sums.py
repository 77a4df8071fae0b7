"""What threshold neurons say about integer sums, by linear arithmetic alone.

A neuron g = [ F >= T ] over a linear form F of spikes with 0 <= F <= h leaves the remainder R = F - T g, and
0 <= R <= max(T - 1, h - T). So a chain of neurons that takes binary digits off a sum from the top proves, neuron by
neuron, bounds of ever smaller remainders; where a remainder is 0 the neuron *equals* its form. With these equations
the bits of a multiplier add up to its partial products, coefficient by coefficient, at any width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lava_nexus.neurons import STROBE, ThresholdNetwork

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
                factor = unit // _gcd(unit, weight)
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


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a
