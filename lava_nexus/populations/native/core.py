"""A linear layer in synapses: digits of activations in time, limbs of weights with delays, digits of exact sums.

Every number is its bytes at byte positions (see `limbs`). An activation sends digit d of position q in step start + q;
a limb at position a is a synapse of 8 bits with delay a; so products of one position p = q + a meet in one step:

    D(p) = sum over inputs, a of limb(a) * digit(p - a)        what arrives at an accumulator
    v(p) = D(p) + carry(p - 1),  carry = floor((v + 127) / 256),  digit = v - 256 * carry         -127..128

Digits of groups of inputs are added by two neurons a sum, one of which takes the negative. Each carries to digits
0..255 and keeps the last of them that can matter: as many as hold a significand, a guard bit and 7 leading zeros,
whether anything lies below, and where the highest stands. When all digits have come, the one whose sum is not negative
sends them. Infinities, NaN and -0 take one synapse a weight: its sign (`special_neuron`).

Digits are signed, so weights of both signs lie in two groups of synapses of 0..255. States: see `StatefulNeuron`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lava_nexus.populations.native.base import Core, Integers, Part
from lava_nexus.populations.native.limbs import Limbs
from lava_nexus.populations.native.neurons import (
    Line,
    Timetable,
    Window,
    accumulator_neuron,
    encoder_neuron,
    loading,
    place_lines,
    significand_lines,
    special_neuron,
    window_neuron,
)
from lava_nexus.populations.network import Population, Projection

CLASSES = ("plus_zero", "minus_zero", "plus_infinity", "minus_infinity", "nan")
"""What a number can be that digits do not say; lines of the front end."""


PARTS = (
    Part("front end", ("encoder", "special", "sign")),
    Part("accumulators", ("accumulator",)),
    Part("back end", ("plus", "minus")),
    Part("special values", ("infinities", "nans", "code")),
)
"""What the neurons of a core are for, by the names of their populations without number."""


@dataclass(frozen=True, eq=False)
class NativeCore(Core):
    """The stateful part of a layer; counts without its synapses, which `populations` lists.

    Attributes:
        limbs: the weights.
    """

    limbs: Limbs

    @cached_property
    def timetable(self) -> Timetable:
        """When what happens."""
        return Timetable(self.limbs)

    @property
    def result(self) -> Window:
        """What is sent of a sum."""
        return Window(self.limbs.result)

    @property
    def zeros(self) -> NDArray[np.bool_]:
        """bool [outputs, inputs]: weights that are 0."""
        return self.limbs.zero

    @cached_property
    def ports(self) -> tuple[Population, ...]:
        """The inputs: bits of the activations (input by input, LSB first), then lines of the front end."""
        fmt, n = self.limbs.activation, self.limbs.inputs
        lines = [("x", fmt.bits), ("gain", 1 << min(3, fmt.exponent_bits)), ("normal", 1), *((c, 1) for c in CLASSES)]
        return (Population("strobe", 1, "bit"), *(Population(name, n * width, "bit") for name, width in lines))

    @cached_property
    def layers(self) -> tuple[Population, ...]:
        """The neurons; level is only how far from the inputs, but for the last, the step of the result."""
        limbs, at = self.limbs, self.timetable
        n, m, groups = limbs.inputs, limbs.outputs, len(limbs.groups)
        encoder = encoder_neuron(limbs.activation, at.window)
        found = [
            Population("encoder", n, "signed", 1, neuron=encoder),
            Population("special", n, "signed", 1),
            *([Population("sign", n, "signed", 1)] if limbs.none.any() else []),
            Population("infinities", 1, "graded", 1),
            Population("nans", 1, "graded", 1),
            *(Population(f"accumulator.{g}", m, "signed", 2, neuron=accumulator_neuron()) for g in range(groups)),
        ]
        for sign in ("plus", "minus"):
            for k in range(len(self.result.widths)):
                neuron = window_neuron(self.result, k, at.first, limbs.lowest, at.read)
                found.append(Population(f"{sign}.{k}", m, "graded", at.read, neuron=neuron))
        return (*found, Population("code", m, "graded", at.read, neuron=special_neuron(n, at.read)))

    @property
    def depth(self) -> int:
        """Time steps from activations to what is sent of the sums."""
        return self.timetable.read

    @property
    def window(self) -> int:
        """Time steps from one row of activations to the next."""
        return self.timetable.window

    @cached_property
    def fan_out(self) -> Integers:
        """int64 [signals]: synapses that a spike of the signal reaches, as those of `populations` do."""
        limbs = self.limbs
        sign = bool(limbs.none.any())
        bits = np.ones(limbs.activation.bits, np.int64)
        bits[limbs.activation.fraction_bits :][: min(3, limbs.activation.exponent_bits)] = 0
        bits[-1] += sign
        of: dict[str, int | Integers] = {
            "strobe": limbs.inputs if sign else 0,
            "x": np.tile(bits, limbs.inputs),
            "plus_infinity": 2,
            "minus_infinity": 2,
            "encoder": limbs.used,
            "special": limbs.outputs - limbs.none,
            "sign": limbs.none,
            "infinities": limbs.outputs,
            "nans": limbs.outputs,
        }
        return self._fan_out(of, 2 * len(self.result.widths))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over weights and formats, from which everything follows."""
        limbs = self.limbs
        state = hashlib.sha256(repr((limbs.format, limbs.activation, limbs.result, limbs.patterns.shape)).encode())
        state.update(repr((limbs.groups, self.layers, [p.neuron for p in self.layers])).encode())
        state.update(np.ascontiguousarray(limbs.patterns).data)
        return state.hexdigest()

    def _projections(self, number: dict[str, int]) -> list[Projection]:
        return [*self._loading(number), *self._weights(number), *self._sums(number), *self._special(number)]

    def _loading(self, number: dict[str, int]) -> list[Projection]:
        """Bits and lines into the encoders, one register a step."""
        fmt = self.limbs.activation
        low = min(3, fmt.exponent_bits)
        lines: list[Line] = [("gain", r, 1 << r, 0) for r in range(1 << low)]
        lines.append(("x", fmt.bits - 1, 1, 1))
        lines += [*significand_lines(fmt, 2), *place_lines(fmt, self.timetable.load - 1)]
        widths = {"x": fmt.bits, "gain": 1 << low, "normal": 1}
        return loading(lines, widths, number, number["encoder"], self.limbs.inputs)

    def _weights(self, number: dict[str, int]) -> list[Projection]:
        """Limbs, positive and negative ones apart, with their positions as delays."""
        found = []
        for g, group in enumerate(self.limbs.groups):
            for a in range(self.limbs.span):
                limb = self.limbs.at(a)[:, group].astype(np.int64)
                for some in (limb > 0, limb < 0):
                    rows, columns = np.nonzero(some)
                    if len(rows):
                        source, target = number["encoder"], number[f"accumulator.{g}"]
                        columns, weights = columns + group.start, limb[some]
                        found.append(Projection(source, target, rows, columns, weights, delay=a))
        return found

    def _sums(self, number: dict[str, int]) -> list[Projection]:
        """Digits of the groups into the two neurons of each sum."""
        each = np.arange(self.limbs.outputs)
        return [
            Projection(number[f"accumulator.{g}"], number[f"{name}.{k}"], each, each, np.full(len(each), sign))
            for g in range(len(self.limbs.groups))
            for name, sign in (("plus", 1), ("minus", -1))
            for k in range(len(self.result.widths))
        ]

    def _special(self, number: dict[str, int]) -> list[Projection]:
        """Signs of zeros in step 1 and of infinities in step 2, counts of infinities and NaN in steps 3 and 4."""
        n, m = self.limbs.inputs, self.limbs.outputs
        every, none, each = np.arange(n), np.zeros(n, np.int64), np.arange(m)
        one = np.ones(n, np.int64)
        lines = [("plus_zero", 1, 0), ("minus_zero", -1, 0), ("plus_infinity", 1, 1), ("minus_infinity", -1, 1)]
        found = [Projection(number[c], number["special"], every, every, w * one, delay=d) for c, w, d in lines]
        for c, target, delay in (
            ("plus_infinity", "infinities", 2),
            ("minus_infinity", "infinities", 2),
            ("nan", "nans", 3),
        ):
            found.append(Projection(number[c], number[target], none, every, one, delay=delay))
        for source in ("infinities", "nans"):
            found.append(Projection(number[source], number["code"], each, np.zeros(m, np.int64), np.ones(m, np.int64)))
        if "sign" in number:
            bits = self.limbs.activation.bits
            found.append(Projection(0, number["sign"], every, none, one))
            found.append(Projection(number["x"], number["sign"], every, every * bits + bits - 1, -2 * one))
        for source, some in (("special", ~self.zeros), ("sign", self.zeros)):
            for sign in (1, -1):
                rows, columns = np.nonzero(some & (self.limbs.signs == sign))
                if len(rows):
                    weights = np.full(len(rows), sign)
                    found.append(Projection(number[source], number["code"], rows, columns, weights))
        return found
