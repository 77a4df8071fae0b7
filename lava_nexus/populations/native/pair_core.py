"""The network of sums of products of activations: encoders, product neurons, accumulators; see `pairs`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from lava_nexus.formats import FloatFormat
from lava_nexus.populations.native.base import Core, Integers, Part
from lava_nexus.populations.native.core import CLASSES
from lava_nexus.populations.native.limbs import BYTE, significand_bytes
from lava_nexus.populations.native.neurons import (
    Line,
    Window,
    accumulator_neuron,
    encoder_neuron,
    loading,
    place_lines,
    significand_lines,
    special_neuron,
    window_neuron,
)
from lava_nexus.populations.native.pairs import (
    INFINITE,
    NAN,
    ORDINARY,
    ZERO,
    Fresh,
    Pairs,
    product_neuron,
    writer_neuron,
)
from lava_nexus.populations.network import Population, Projection

PARTS = (
    Part("front end", ("encoder", "kind")),
    Part("cache", ("writer",)),
    Part("products", ("product",)),
    Part("accumulators", ("accumulator",)),
    Part("back end", ("plus", "minus")),
    Part("special values", ("code",)),
)
"""What the neurons of a core are for, by the names of their populations without number; to the cache count ports of y
and the updates of products in which it is written."""

_KINDS: tuple[tuple[str, int], ...] = (
    ("plus_zero", ZERO - ORDINARY),
    ("minus_zero", ORDINARY - ZERO),
    ("plus_infinity", INFINITE - ORDINARY),
    ("minus_infinity", ORDINARY - INFINITE),
    ("nan", NAN + ORDINARY),
)
"""What lines of the front end add to the sign, so that the class with its sign comes of it."""


@dataclass(frozen=True, eq=False)
class PairCore(Core):
    """The stateful neurons of such sums.

    Attributes:
        pairs: formats and sizes.
        fresh: what of y is written for a row: each such element has a writer, and a line says which slot takes it.
    """

    pairs: Pairs
    fresh: Fresh = "all"

    @property
    def writers(self) -> int:
        """Elements that are written at a time: all of y, those of a row, or those of a column."""
        n, m = self.pairs.inputs, self.pairs.outputs
        return {"all": n * m, "row": n, "term": m}[self.fresh]

    @property
    def slots(self) -> int:
        """Where they can be written to: rows, or columns."""
        return self.pairs.inputs * self.pairs.outputs // self.writers

    @property
    def result(self) -> Window:
        """What is sent of a sum."""
        return Window(self.pairs.result)

    @cached_property
    def ports(self) -> tuple[Population, ...]:
        """The inputs: bits and lines of x, then those of elements of y, `any` for them all, and `write` for a slot."""
        sizes = {name: self.pairs.inputs * width for name, width in self.widths("x").items()}
        sizes |= {f"y.{name}": self.writers * width for name, width in self.widths("y").items()}
        sizes |= {"y.any": 1, "y.write": self.slots}
        return (Population("strobe", 1, "bit"), *(Population(name, size, "bit") for name, size in sizes.items()))

    def widths(self, side: Literal["x", "y"]) -> dict[str, int]:
        """Lines of one activation, by port."""
        fmt = self.pairs.left if side == "x" else self.pairs.right
        return {"x": fmt.bits, "gain": 1 << min(3, fmt.exponent_bits), "normal": 1, **dict.fromkeys(CLASSES, 1)}

    @cached_property
    def layers(self) -> tuple[Population, ...]:
        """The neurons; level is only how far from the inputs, but for the last, the step of the result."""
        pairs = self.pairs
        n, m, read = pairs.inputs, pairs.outputs, pairs.read
        found = [
            Population("encoder", n, "signed", 1, neuron=encoder_neuron(pairs.left, pairs.window, pairs.lag)),
            Population("kind", n, "signed", 1),
            Population("writer", self.writers, "signed", 1, neuron=writer_neuron(pairs)),
            Population("product", n * m, "signed", 2, neuron=product_neuron(pairs)),
            *(
                Population(f"accumulator.{g}", m, "signed", 3, neuron=accumulator_neuron())
                for g in range(len(pairs.groups))
            ),
        ]
        for sign in ("plus", "minus"):
            for k in range(len(self.result.widths)):
                neuron = window_neuron(self.result, k, pairs.first, pairs.lowest, read, pairs.first)
                found.append(Population(f"{sign}.{k}", m, "graded", read, neuron=neuron))
        return (*found, Population("code", m, "graded", read, neuron=special_neuron(n, read, pairs.written + 2)))

    @property
    def depth(self) -> int:
        """Time steps from activations to what is sent of the sums."""
        return self.pairs.read

    @property
    def window(self) -> int:
        """Time steps from one row of activations to the next."""
        return self.pairs.window

    @cached_property
    def fan_out(self) -> Integers:
        """int64 [signals]: synapses that a spike of the signal reaches, as those of `populations` do."""
        pairs = self.pairs
        gain = np.ones(self.widths("y")["gain"], np.int64)
        gain[len(gain) - pairs.shift :] += len(gain) == BYTE and pairs.shift > 0
        held = self.writers
        of: dict[str, int | Integers] = {
            "strobe": pairs.inputs,
            "x": np.tile(_bits(pairs.left, 2), pairs.inputs),
            "y.x": np.tile(_bits(pairs.right, 1), held),
            "y.gain": np.tile(gain, held),
            "y.any": held,
            "y.write": held,
            "writer": self.slots,
            "encoder": pairs.outputs,
            "kind": pairs.outputs,
        }
        return self._fan_out(of, 2 * len(self.result.widths) + 1)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over formats and sizes, from which everything follows, and the neurons."""
        told = repr((replace(self.pairs, layer=""), self.fresh, self.layers, [p.neuron for p in self.layers]))
        return hashlib.sha256(told.encode()).hexdigest()

    def _projections(self, number: dict[str, int]) -> list[Projection]:
        return [*self._loading(number), *self._writing(number), *self._sums(number)]

    def _loading(self, number: dict[str, int]) -> list[Projection]:
        """Bits and lines of x into encoders and classes."""
        pairs, x = self.pairs, self.widths("x")
        lines: list[Line] = [("gain", r, 1 << r, 0) for r in range(x["gain"])]
        lines.append(("x", pairs.left.bits - 1, 1, 1))
        lines += [*significand_lines(pairs.left, 2), *place_lines(pairs.left, 2 + significand_bytes(pairs.left))]
        found = loading(lines, x, number, number["encoder"], pairs.inputs)
        kinds: list[Line] = [(name, 0, weight, pairs.written - 2) for name, weight in _KINDS]
        kinds.append(("x", pairs.left.bits - 1, -2, pairs.written - 2))
        found += loading(kinds, x, number, number["kind"], pairs.inputs)
        every = np.arange(pairs.inputs)
        one, none = np.ones(pairs.inputs, np.int64), np.zeros(pairs.inputs, np.int64)
        found.append(Projection(0, number["kind"], every, none, one, delay=pairs.written - 2))
        return found

    def _writing(self, number: dict[str, int]) -> list[Projection]:
        """Bits and lines of y into writers, and writers into the products of all slots, of which one takes it."""
        pairs, y = self.pairs, self.widths("y")
        lines: list[Line] = [("gain", r, 1 << ((r + pairs.shift) % BYTE), 0) for r in range(y["gain"])]
        lines += [("x", pairs.right.bits - 1, -2, 1), *((name, 0, weight, 1) for name, weight in _KINDS)]
        lines += [("gain", r, 1, 2) for r in range(y["gain"]) if r + pairs.shift >= BYTE]
        lines += [*place_lines(pairs.right, 2), *significand_lines(pairs.right, 3)]
        found = loading(lines, y, {name: number[f"y.{name}"] for name in y}, number["writer"], self.writers)
        each, none = np.arange(self.writers), np.zeros(self.writers, np.int64)
        found.append(Projection(number["y.any"], number["writer"], each, none, none + 1, delay=1))
        held = np.arange(pairs.inputs * pairs.outputs)
        row, term = held // pairs.inputs, held % pairs.inputs
        kept = {"all": (held, held * 0), "row": (term, row), "term": (row, term)}[self.fresh]
        for name, source in zip(("writer", "y.write"), kept, strict=True):
            found.append(Projection(number[name], number["product"], held, source, np.ones(len(held), np.int64)))
        return found

    def _sums(self, number: dict[str, int]) -> list[Projection]:
        """Classes and digits of x to the products of their column, products to accumulators, their digits on."""
        n, m = self.pairs.inputs, self.pairs.outputs
        held, each = np.arange(n * m), np.arange(m)
        one = np.ones(n * m, np.int64)
        found = [Projection(number[name], number["product"], held, held % n, one) for name in ("encoder", "kind")]
        for g, group in enumerate(self.pairs.groups):
            of = held[(held % n >= group.start) & (held % n < group.stop)]
            source = number[f"accumulator.{g}"]
            found.append(Projection(number["product"], source, of // n, of, np.ones(len(of), np.int64)))
            for name, sign in (("plus", 1), ("minus", -1)):
                for k in range(len(self.result.widths)):
                    found.append(Projection(source, number[f"{name}.{k}"], each, each, np.full(m, sign)))
            found.append(Projection(source, number["code"], each, each, np.ones(m, np.int64)))
        return found


def _bits(fmt: FloatFormat, sign: int) -> Integers:
    """Synapses of each bit: none of the exponent's lowest, which come as the gain."""
    found = np.ones(fmt.bits, np.int64)
    found[fmt.fraction_bits :][: min(3, fmt.exponent_bits)] = 0
    found[-1] = sign
    return found
