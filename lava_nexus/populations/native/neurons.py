"""The neurons of a linear layer in synapses: equations as data, and in which step what happens.

Payloads to bits: a neuron a bit, each of which takes its own from the payload it receives.

bit = floor(|a| / 2^i) mod 2. Of the two neurons of a sum only one sends, so that both reach the same bit neurons, the
negative one by synapses of -1; the sign is whether that one did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lava_nexus.formats import FloatFormat
from lava_nexus.populations.native.limbs import BYTE, Limbs, significand_bytes
from lava_nexus.populations.network import Population, PopulationNetwork, Projection, Readout, check_populations
from lava_nexus.populations.stateful import StatefulNeuron

CODE_BITS = 3


@lru_cache(maxsize=32)
def bit_network(window: Window) -> PopulationNetwork:
    """Inputs plus.k, minus.k and code of one sum; outputs piece.k.i (bit i of payload k), code.i and sign; a wave."""
    widths = window.widths
    names = [*(f"plus.{k}" for k in range(len(widths))), *(f"minus.{k}" for k in range(len(widths)))]
    largest = [((window.cap + 1) << (widths[0] - window.place_bits)) - 1, *((1 << bits) - 1 for bits in widths[1:])]
    inputs = [Population("strobe", 1, "bit")]
    inputs += [Population(name, 1, "graded", most=most) for name, most in zip(names, [*largest, *largest], strict=True)]
    inputs.append(Population("code", 1, "graded", most=(1 << CODE_BITS) - 1))
    number = {p.name: i for i, p in enumerate(inputs)}
    populations, projections, outputs = list(inputs), [], []
    none = np.zeros(1, np.int64)

    def neuron(name: str, sources: dict[str, int], equation: str, bit: int = 0) -> None:
        model = StatefulNeuron("bit", (), (("bit", equation),), "bit", (("unit", 1 << bit),))
        for source, weight in sources.items():
            projections.append(Projection(number[source], len(populations), none, none, np.array([weight])))
        outputs.append(Readout(name, len(populations)))
        populations.append(Population(name, 1, "bit", 1, neuron=model))

    for k, bits in enumerate(widths):
        for i in range(bits):
            neuron(f"piece.{k}.{i}", {f"plus.{k}": 1, f"minus.{k}": -1}, "max(a, -a) // unit % 2", i)
    for i in range(CODE_BITS):
        neuron(f"code.{i}", {"code": 1}, "a // unit % 2", i)
    neuron("sign", {f"minus.{k}": 1 for k in range(len(widths))}, "a > 0")
    network = PopulationNetwork(tuple(populations), len(inputs), tuple(projections), tuple(outputs))
    check_populations(network)
    return network


Equations = tuple[tuple[str, str], ...]

MINUS_ZERO, INFINITE, NAN = 1, 2, 4
"""Codes of what a sum is whatever its digits: of infinities the code is 2, and 3 where it is negative."""

_CLOCK: Equations = (("t", "clock"), ("clock", "min(clock + 1, last)"))
_COUNTED = ("zeros", "signs", "infinities", "nans")
_PIECE = 22  # bits of one payload, so that it fits the 24 bits of whoever reads it


@dataclass(frozen=True)
class Window:
    """What is kept of a sum for its rounding.

    Attributes:
        format: of the result.
    """

    format: FloatFormat

    @property
    def bits(self) -> int:
        """Significand, guard bit and 7 leading zeros."""
        return self.format.significand_bits + BYTE

    @property
    def bytes(self) -> int:
        """Digits that hold them."""
        return -(-self.bits // BYTE)

    @property
    def spare(self) -> int:
        """Low bits of the last digit that only say whether anything lies below."""
        return BYTE * self.bytes - self.bits

    @property
    def cap(self) -> int:
        """Place of the highest digit from which on a result is beyond the largest number."""
        return -(-(1 << self.format.exponent_bits) // BYTE)

    @property
    def place_bits(self) -> int:
        """Bits of the place."""
        return self.cap.bit_length()

    @property
    def widths(self) -> tuple[int, ...]:
        """Bits of each payload: the place and the window's bits from the top, and in the last one what lies below."""
        if self.place_bits + self.bits + 1 <= _PIECE + 1:
            return (self.place_bits + self.bits + 1,)
        wide = 2 * BYTE
        first = wide if self.place_bits + wide <= _PIECE else BYTE
        rest = self.bits - first
        return (self.place_bits + first, *[wide] * ((rest - 1) // wide), (rest - 1) % wide + 2)

    @property
    def sends(self) -> tuple[str, ...]:
        """Expressions of the payloads, from digits w0 (the highest), w1, ... and `sticky`."""
        last, below = f"w{self.bytes - 1}", "sticky"
        if self.spare:
            below = f"(sticky | ({last} % {1 << self.spare} != 0))"
            last = f"({last} // {1 << self.spare})"
        parts = [(f"w{k}", BYTE) for k in range(self.bytes - 1)] + [(last, BYTE - self.spare), (below, 1)]
        found: list[str] = []
        word, used = "place", self.place_bits
        for text, size in parts:
            if len(found) < len(self.widths) - 1 and used == self.widths[len(found)]:
                found.append(word)
                word, used = text, size
            else:
                word, used = f"({word}) * {1 << size} + {text}", used + size
        return (*found, word)


Line = tuple[str, int, int, int]
"""A synapse into a neuron that is loaded: port, which of its lines, weight, delay."""


def significand_lines(fmt: FloatFormat, delay: int) -> list[Line]:
    """Bytes of the significand, lowest first, one a step."""
    lines = [("x", b, 1 << (b % BYTE), delay + b // BYTE) for b in range(fmt.fraction_bits)]
    return [*lines, ("normal", 0, 1 << (fmt.fraction_bits % BYTE), delay + fmt.fraction_bits // BYTE)]


def place_lines(fmt: FloatFormat, delay: int) -> list[Line]:
    """The upper bits of the exponent: the place div 8."""
    low = min(3, fmt.exponent_bits)
    return [("x", fmt.fraction_bits + low + b, 1 << b, delay) for b in range(fmt.exponent_bits - low)]


def loading(
    lines: Sequence[Line], widths: Mapping[str, int], number: Mapping[str, int], target: int, size: int
) -> list[Projection]:
    """The lines into each of `size` neurons; a port holds its lines neuron by neuron."""
    found: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for port, line, weight, delay in lines:
        found.setdefault((port, delay), []).append((line, weight))
    every = np.arange(size)
    return [
        Projection(
            number[port],
            target,
            np.repeat(every, len(these)),
            np.add.outer(every * widths[port], [line for line, _ in these]).ravel(),
            np.tile([weight for _, weight in these], size).astype(np.int64),
            delay=delay,
        )
        for (port, delay), these in found.items()
    ]


@lru_cache(maxsize=256)
def accumulator_neuron() -> StatefulNeuron:
    """v = a + carry; carry = floor((v + 127) / 256); sends v - 256 * carry."""
    return StatefulNeuron(
        "accumulator",
        ("carry",),
        (("v", "a + carry"), ("digit", "(v + 127) % 256 - 127"), ("carry", "(v + 127) // 256")),
        "digit",
    )


@dataclass(frozen=True)
class Timetable:
    """In which step of the window what happens; operands come in step 0.

    Attributes:
        limbs: of the weights.
    """

    limbs: Limbs

    @property
    def load(self) -> int:
        """Step of an encoder's digit 0, and of its wait: after gain, sign and bytes of the significand."""
        return 3 + significand_bytes(self.limbs.activation)

    @property
    def arrival(self) -> int:
        """Step of digit 0 of the sums of accumulators."""
        return self.load + 1

    @property
    def first(self) -> int:
        """Step of digit 0 of the sums."""
        return self.load + 2

    @property
    def read(self) -> int:
        """Step of the last digit, in which the sums are sent."""
        return self.first + self.limbs.digits - 1

    @property
    def window(self) -> int:
        """Steps of one row of activations."""
        return self.read + 1


@lru_cache(maxsize=256)
def encoder_neuron(fmt: FloatFormat, last: int, lag: int = 0) -> StatefulNeuron:
    """Loads gain 2^(place mod 8), sign, significand bytes m0, m1, ... and wait, one a step.

    Once `lag` steps have passed and `wait` is counted down, v = carry + gain * m0;  sends the digit -127..128 of v,
    with the sign;  carry = floor((v + 127) / 256);  bytes move up.
    """
    count = significand_bytes(fmt)
    load = 3 + count
    counted = "max(wait - 1, 0)" if not lag else f"where(t > {load + lag}, max(wait - 1, 0), wait)"
    names = [f"m{k}" for k in range(count)]
    equations: Equations = (
        *_CLOCK,
        ("gain", "where(t == 1, a, gain)"),
        ("negative", "where(t == 2, a, negative)"),
        *((name, f"where(t == {3 + k}, a, {name})") for k, name in enumerate(names)),
        ("wait", f"where(t == {load}, a, {counted})"),
        ("on", f"(t >= {load + lag}) & (wait == 0)"),
        ("v", "carry + where(on, gain * m0, 0)"),
        ("digit", "(v + 127) % 256 - 127"),
        ("carry", "(v + 127) // 256"),
        *((name, f"where(on, {after}, {name})") for name, after in zip(names, [*names[1:], "0"], strict=True)),
        ("sent", "where(negative, -digit, digit)"),
    )
    states = ("clock", "gain", "negative", "wait", "carry", *names)
    return StatefulNeuron("encoder", states, equations, "sent", (("last", last),))


@lru_cache(maxsize=256)
def window_neuron(
    window: Window, piece: int, first: int, lowest: int, read: int, opens: int | None = None
) -> StatefulNeuron:
    """Carries digits 0..255 of a sum, keeps the last that matter, sends a part of them where the sum is not negative.

    v = a + carry;  carry = floor(v / 256);  digit = v - 256 * carry.  Where digit != 0, or normal numbers lie no lower
    than this digit, the window w0, w1, ... is this digit and those before it, `sticky` whether one before those was not
    0. What comes before the step `opens` is not for it.
    """
    before = [f"h{k}" for k in range(1, window.bytes)]
    kept = [f"w{k}" for k in range(window.bytes)]
    moved = list(zip(before[::-1], [*before[-2::-1], "digit"], strict=True))
    equations: Equations = (
        *_CLOCK,
        ("v", "a + carry" if opens is None else f"where(t < {opens}, 0, a) + carry"),
        ("carry", "v // 256"),
        ("digit", "v % 256"),
        ("take", "(digit != 0) | (t <= floor)"),
        *((name, f"where(take, {source}, {name})") for name, source in zip(kept, ["digit", *before], strict=True)),
        ("sticky", "where(take, below, sticky)"),
        ("place", "where(take, min(max(t - floor, 0), cap), place)"),
        ("below", f"below | ({before[-1]} != 0)"),
        *moved,
        ("sent", f"where((t == read) & (carry == 0), {window.sends[piece]}, 0)"),
    )
    states = ("clock", "carry", "sticky", "place", "below", *before, *kept)
    constants = (("last", read + 1), ("floor", first + lowest), ("cap", window.cap), ("read", read))
    return StatefulNeuron("window", states, equations, "sent", constants)


@lru_cache(maxsize=256)
def special_neuron(inputs: int, read: int, at: int = 2) -> StatefulNeuron:
    """What a sum is whatever its digits, from four numbers that arrive in the steps from `at` on.

    zeros: signs of the products that are 0, added up; signs: those of infinities times weights that are not 0;
    infinities: how many activations are infinite; nans: how many are NaN. Infinities of both signs, or one times 0,
    leave |signs| < infinities. A sum is -0 where all its products are: zeros = -inputs.
    """
    equations: Equations = (
        *_CLOCK,
        *((name, f"where(t == {at + k}, a, {name})") for k, name in enumerate(_COUNTED)),
        ("clash", "(signs != infinities) & (signs != -infinities)"),
        ("nan", "(nans > 0) | ((infinities > 0) & clash)"),
        ("infinity", f"where(signs == infinities, {INFINITE}, {INFINITE + 1})"),
        ("code", f"where(nan, {NAN}, where(infinities > 0, infinity, zeros == -inputs))"),
        ("sent", "where(t == read, code, 0)"),
    )
    states = ("clock", *_COUNTED)
    constants = (("last", read + 1), ("inputs", inputs), ("read", read))
    return StatefulNeuron("special", states, equations, "sent", constants)
