"""Sums of products of activations with activations: neurons hold one factor, digits of the other come to them in time.

result[j] = sum over i of x[i] y[j, i]. Element y[j, i] stands in a product neuron of its own as limbs of 8 bits, byte
position, sign and class, from the step in which it is written until another is written over it: a cache of keys or
values is the state of such neurons. A row x comes as the digits of a linear layer do (`core`), each to the m neurons of
its column. With limbs l(a) and digits d(k), whose positions begin at `place` and q,

    the neuron sends  sum over a of l(a) * d(p - q - place - a)  in the step of position p,

which is product by product what synapses with delays would bring to an accumulator. From there on all is as in `core`.

What is no number comes ahead of the digits: the class of x[i], in one step, makes the neuron report a product that is
zero, infinite or NaN in one of the next four, which accumulators pass on, being small sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons.rules import POTENTIALS
from lava_nexus.populations.native.limbs import BYTE, CARRY, DIGIT, digits_of, most_places, significand_bytes, unit
from lava_nexus.populations.native.neurons import Equations
from lava_nexus.populations.stateful import StatefulNeuron

ORDINARY, ZERO, INFINITE, NAN = 1, 2, 3, 4
"""Classes as a neuron is told of them, times the sign; NaN is this or anything above."""

Fresh = Literal["all", "row", "term"]
"""Which elements of the right factor [columns, terms] are written for a sum: all, the last row, or the last term of
each row; the others stand in their neurons since they were."""

KINDS = 16
"""The position of y is counted in these where it comes together with the class."""

_PASSED = 127  # sums that an accumulator passes on as one digit


@dataclass(frozen=True)
class Pairs:
    """Formats and sizes of sums of products of two activations.

    Attributes:
        left: format of x.
        right: format of y.
        result: format of the sums.
        inputs: terms of a sum.
        outputs: sums that share x.
        layer: for messages.
        potential: largest magnitude of an accumulator.

    Raises:
        NexusError: one product alone can overflow an accumulator.
    """

    left: FloatFormat
    right: FloatFormat
    result: FloatFormat
    inputs: int
    outputs: int
    layer: str = ""
    potential: int = POTENTIALS.potential

    def __post_init__(self) -> None:
        self.together  # noqa: B018 (refuses)

    @property
    def limbs(self) -> int:
        """Limbs of y: the bytes of its significand, shifted by up to 7 places."""
        return significand_bytes(self.right) + 1

    @property
    def together(self) -> int:
        """Products that one accumulator takes: 128 * sum of limbs + 2^16 <= 2^23, and few enough to be counted."""
        most = DIGIT * (255 * (self.limbs - 1) + 127)
        room = (self.potential - CARRY) // most
        if room < 1:
            raise NexusError(
                f"layer '{self.layer}': one product of {self.left} and {self.right} can bring {most}, so that an "
                f"accumulator of {self.potential} can overflow"
            )
        return min(room, _PASSED)

    @property
    def groups(self) -> tuple[slice, ...]:
        """Neighbouring terms that share an accumulator, as few as allowed, of nearly one size."""
        count = -(-self.inputs // self.together)
        edges = [self.inputs * g // count for g in range(count + 1)]
        return tuple(slice(a, b) for a, b in pairwise(edges))

    @property
    def words(self) -> int:
        """Words that hold the limbs, two each."""
        return -(-self.limbs // 2)

    @property
    def _unit(self) -> int:
        return unit(self.left) + unit(self.right)

    @property
    def shift(self) -> int:
        """Places 0..7 by which y is moved up, so that the least normal result has its leading bit in bit 0."""
        return -(1 - self.result.bias - self._unit) % BYTE

    @property
    def lowest(self) -> int:
        """Number of the digit of a sum in which the least normal result has its leading bit, as bit 0."""
        return (1 - self.result.bias - self._unit + self.shift) // BYTE

    @property
    def most_place(self) -> int:
        """Position of the first limb of the largest y."""
        return (most_places(self.right) + self.shift) // BYTE

    @property
    def digits(self) -> int:
        """Digits of any sum, its sign among them, and at least those up to `lowest`."""
        sizes = [((1 << fmt.significand_bits) - 1) << most_places(fmt) for fmt in (self.left, self.right)]
        bound = (self.inputs * sizes[0] * sizes[1]) << self.shift
        return max((bound.bit_length() + 2 + BYTE - 1) // BYTE, self.lowest + 1)

    @property
    def written(self) -> int:
        """Step after the last one in which y is written; the class of x comes in it."""
        return 4 + 2 * self.words

    @property
    def lag(self) -> int:
        """Steps that x waits for y, and for the reports of what is no number."""
        return max(0, self.written - significand_bytes(self.left))

    @property
    def start(self) -> int:
        """Step in which digit 0 of x comes to the products."""
        return 4 + significand_bytes(self.left) + self.lag

    @property
    def first(self) -> int:
        """Step of digit 0 of the sums."""
        return self.start + 2

    @property
    def read(self) -> int:
        """Step of the last digit, in which the sums are sent."""
        return self.first + self.digits - 1

    @property
    def window(self) -> int:
        """Steps of one row x."""
        return self.read + 1


def writer_neuron(pairs: Pairs) -> StatefulNeuron:
    """Takes an element y apart for the products that are to hold it: gain, class, position, bytes come one a step.

    Sends class + 16 * position, then the limbs of gain * significand, two to a word.
    """
    size, last = significand_bytes(pairs.right), pairs.words - 1
    sent = f"where(t == {4 + 2 * last}, v, 0)"
    for w in reversed(range(last)):
        sent = f"where(t == {5 + 2 * w}, low + 256 * byte, {sent})"
    equations: Equations = (
        ("t", "clock"),
        ("clock", f"min(clock + 1, {pairs.window})"),
        ("gain", f"where(t == 1, min(max(a, 0), {DIGIT}), gain)"),
        ("kind", "where(t == 2, min(max(a, -7), 7), kind)"),
        ("meta", f"kind + {KINDS} * min(max(a, 0), {pairs.most_place})"),
        ("on", f"(t >= 4) & (t < {4 + size})"),
        ("v", "gain * min(max(a, 0), 255) + rest"),
        ("byte", "v % 256"),
        ("rest", "where(on, v // 256, 0)"),
        ("sent", f"where(t == 3, meta, {sent})"),
        ("low", "byte"),
    )
    return StatefulNeuron("writer", ("clock", "gain", "kind", "rest", "low"), equations, "sent")


def product_neuron(pairs: Pairs) -> StatefulNeuron:
    """Holds y where it is told to; then takes x's class and digits, and sends digits of y times limbs; see the module.

    Limbs l0, l1, ... and digits d0, d1, ... stand two to a word. `age` says in the first steps whether y is written,
    then counts from x's first digit, so that `o` numbers the digits once they have waited `place` steps.
    """
    limbs, digits, words = pairs.limbs, digits_of(pairs.left), pairs.words
    then, start, cap = pairs.written, pairs.start, pairs.most_place + digits + limbs + 1
    arrives = [min(6 + 2 * w, then - 1) for w in range(words)]
    largest = (1 << BYTE * (limbs - 2 * (words - 1)) - 1) - 1
    loads: Equations = (
        ("age", "where(t == 1, a != 0, age)"),
        ("write", f"(t < {then}) & (age > 0)"),
        ("meta", f"where((t == 4) & write, min(max(a, -7), {KINDS * pairs.most_place + 7}), meta)"),
        *(
            (f"w{w}", f"where((t == {at}) & write, min(max(a, 0), {65535 if w < words - 1 else largest}), w{w})")
            for w, at in enumerate(arrives)
        ),
        ("place", f"(meta + {KINDS // 2}) // {KINDS}"),
        ("kind", f"(meta + {KINDS // 2}) % {KINDS} - {KINDS // 2}"),
    )
    reports: Equations = (
        ("other", f"where(t == {then}, min(max(a, -7), 7), other)"),
        ("sign", "where(kind * other < 0, -1, 1)"),
        ("k", "max(kind, -kind)"),
        ("m", "max(other, -other)"),
        ("nan", f"((k >= {NAN}) | (m >= {NAN})) | (k + m == {ZERO + INFINITE})"),
        ("infinite", f"(k == {INFINITE}) | (m == {INFINITE})"),
        ("zero", f"(t == {then}) & ((k == {ZERO}) | (m == {ZERO}))"),
        ("signed", f"where(infinite, t == {then + 1}, zero) * sign + where(infinite, t == {then + 2}, 0)"),
        ("report", f"where(nan, t == {then + 3}, signed)"),
    )
    counted = f"where(age > 0, min(age + 1, {cap}), a != 0)"
    pieces = -(-digits // 2)
    kept = [f"{name}{k}" for name, count in (("w", words), ("p", pieces)) for k in range(count)]
    equations: Equations = (
        ("t", "clock"),
        ("clock", f"(clock + 1) % {pairs.window}"),
        *loads,
        *reports,
        ("age", f"where(t < {start}, where(t < {then}, age, 0), {counted})"),
        *_digits_of_words(digits),
        *((f"d{k}", f"where(age == {k + 1}, min(max(a, -{DIGIT}), {DIGIT}), d{k})") for k in range(digits)),
        *((f"p{k}", " + 512 * ".join(f"d{i}" for i in range(digits)[2 * k : 2 * k + 2])) for k in range(pieces)),
        *_limbs_of_words(limbs),
        ("o", "age - 1 - place"),
        ("out", " + ".join(f"l{k} * {_chosen(f'o - {k}' if k else 'o', digits)}" for k in range(limbs))),
        ("sent", f"where(t < {start}, report, where(kind < 0, -out, out))"),
    )
    return StatefulNeuron("product", ("clock", "age", "meta", "other", *kept), equations, "sent")


def _limbs_of_words(limbs: int) -> Equations:
    """Limbs 0..255 of words that hold two each."""
    return tuple(
        (f"l{k}", f"w{k // 2} // 256" if k % 2 else f"w{k // 2}" if k == limbs - 1 else f"w{k // 2} % 256")
        for k in range(limbs)
    )


def _digits_of_words(digits: int) -> Equations:
    """Digits -128..128 of words that hold two each: low + 512 * high."""
    found = []
    for k in range(digits):
        high = f"(p{k // 2} + 256) // 512"
        low = f"min(max((p{k // 2} + 256) % 512 - 256, -{DIGIT}), {DIGIT})"
        found.append((f"d{k}", high if k % 2 else low))
    return tuple(found)


def _chosen(index: str, digits: int) -> str:
    """d0, d1, ... by index, 0 of any other."""
    found = "0"
    for k in reversed(range(digits)):
        found = f"where({index} == {k}, d{k}, {found})"
    return found
