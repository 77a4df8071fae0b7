"""Products that the chip's synapses and neurons form: with weights, and of two activations.

The latter with the gates at their two ends; see `populations.native.pairs` for what lies between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.goldens.doubles import exact_dot, takes
from lava_nexus.circuits.native import NativeLayer, NativePart, back_end, front_end
from lava_nexus.circuits.native_sums import rounded_sums
from lava_nexus.formats import FloatFormat, NumberFormat
from lava_nexus.neurons.built import Computed
from lava_nexus.populations.native.limbs import Limbs
from lava_nexus.populations.native.neurons import Window, bit_network
from lava_nexus.populations.native.pair_core import PairCore
from lava_nexus.populations.native.pairs import Fresh, Pairs
from lava_nexus.programs.order import Order
from lava_nexus.programs.summation import Extent, Parts, Product

_CHUNK = 1 << 18


@dataclass(frozen=True, eq=False, repr=False)
class PairLayer:
    """Sums of products of two activations in product neurons.

    Attributes:
        pairs: formats and sizes.
        fresh: what of the right factor is written.
        basis: of the gates.
    """

    pairs: Pairs
    fresh: Fresh = "all"
    basis: str = "threshold"

    @cached_property
    def network(self) -> PairCore:
        """The neurons between the gates."""
        return PairCore(self.pairs, self.fresh)

    @cached_property
    def fronts(self) -> tuple[Circuit, Circuit]:
        """The gates of one activation, of the left factor and of the right."""
        return front_end(self.pairs.left, self.basis), front_end(self.pairs.right, self.basis)

    @cached_property
    def core(self) -> NativePart:
        """The neurons between the gates; one invocation is a row of the left factor."""
        pairs = self.pairs
        title = f"native sums of {pairs.left} times {pairs.right} to {pairs.result}, both activations"
        sizes = (("outputs", pairs.outputs), ("inputs", pairs.inputs))
        options = sizes if self.fresh == "all" else (*sizes, ("writes", self.fresh))
        return NativePart(title, self.network, Computed(self.golden, "integers"), options)  # type: ignore[arg-type]

    @cached_property
    def bits(self) -> NativePart:
        """The bit neurons of one sum."""
        name = f"payloads to bits of {self.pairs.result}"
        return NativePart(name, bit_network(Window(self.pairs.result)), Computed(self.golden, "integers"))

    @cached_property
    def back(self) -> Circuit:
        """The gates of one sum."""
        return back_end(self.pairs.result, self.basis)

    @property
    def depth(self) -> int:
        """Time steps from activations to sums."""
        return max(f.depth for f in self.fronts) + self.network.depth + self.bits.depth + self.back.depth

    @property
    def elements(self) -> int:
        """Elements of the right factor that are written."""
        return self.network.writers

    @property
    def part(self) -> tuple[slice, ...]:
        """Which those are, of right factors [matrices, columns, terms]."""
        return {"all": np.s_[:, :, :], "row": np.s_[:, -1:, :], "term": np.s_[:, :, -1:]}[self.fresh]

    def written(self) -> NDArray[np.bool_]:
        """bool [columns, terms]: which those are."""
        found = np.zeros((1, self.pairs.outputs, self.pairs.inputs), np.bool_)
        found[self.part] = True
        (which,) = found
        return np.asarray(which)

    def golden(self, left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
        """Sums [matrices, rows, columns] of left [matrices, rows, terms] and right [matrices, columns, terms]."""
        shape = (*left.shape[:2], right.shape[1])
        found = np.zeros(shape, self.pairs.result.pattern_dtype)
        step = max(1, _CHUNK // max(1, shape[1] * shape[2]))
        for i in range(0, len(left), step):
            found[i : i + step] = _sums(left[i : i + step], right[i : i + step], self.pairs)
        return found

    def by_doubles(self, left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
        """As `golden`, by way of FP64 (`circuits.goldens.doubles`) where that holds the products."""
        pairs = self.pairs
        if not takes(pairs.left, pairs.right, pairs.result):
            return self.golden(left, right)
        return exact_dot(pairs.left.from_patterns(left), pairs.right.from_patterns(right), pairs.result)


def _sums(left: NDArray[Any], right: NDArray[Any], pairs: Pairs) -> NDArray[Any]:
    shape = (*left.shape[:2], right.shape[1])
    factors = (
        (np.broadcast_to(left[:, :, None, i], shape).ravel(), np.broadcast_to(right[:, None, :, i], shape).ravel())
        for i in range(pairs.inputs)
    )
    return rounded_sums(factors, int(np.prod(shape)), (pairs.left, pairs.right), pairs.result).reshape(shape)


@dataclass(frozen=True)
class Native(Product):
    """The exact sum rounded once, of products with constant weights that the chip's synapses form.

    Attributes:
        layer: the neurons, with the weights as their synapses; one invocation of its core is a row of the left factor.
    """

    name: ClassVar[str] = "native"
    title: ClassVar[str] = "native products"
    accumulates: ClassVar[tuple[str, ...]] = ("exact",)
    fused: ClassVar[bool | None] = None
    of_weights: ClassVar[bool] = True
    layer: NativeLayer
    order: None = field(default=None, init=False)

    @property
    def format(self) -> NumberFormat:
        """Of the rounded sum."""
        return self.layer.limbs.result

    @property
    def accumulate(self) -> str:
        """The order as configs call it."""
        return "exact"

    @classmethod
    def of(cls, parts: Parts, order: Order) -> Native:
        """The layer of the weights."""
        assert parts.weights is not None
        factors, to = parts.formats
        return cls(NativeLayer(Limbs(factors, factors, to, parts.weights, parts.layer)))

    def invocations(self, extent: Extent) -> list[tuple[Circuit, int]]:
        """The gates at the two ends."""
        rows = extent.sums // extent.columns
        return [(self.layer.front, rows * extent.length), (self.layer.back, extent.sums)]

    def populations(self, extent: Extent) -> list[tuple[NativePart, int]]:
        """What lies between."""
        return [(self.layer.core, extent.sums // extent.columns), (self.layer.bits, extent.sums)]

    def depth(self, extent: Extent) -> int:
        """All rows at once."""
        return self.layer.depth


@dataclass(frozen=True)
class Paired(Product):
    """The exact sum rounded once, of products of two activations, one of which product neurons hold.

    Attributes:
        layer: the neurons; one invocation of its core is a row of the left factor.
    """

    name: ClassVar[str] = "paired"
    title: ClassVar[str] = "products in neurons"
    accumulates: ClassVar[tuple[str, ...]] = ("exact",)
    fused: ClassVar[bool | None] = None
    layer: PairLayer
    order: None = field(default=None, init=False)

    @property
    def format(self) -> NumberFormat:
        """Of the rounded sum."""
        return self.layer.pairs.result

    @property
    def accumulate(self) -> str:
        """The order as configs call it."""
        return "exact"

    @classmethod
    def of(cls, parts: Parts, order: Order) -> Paired:
        """Neurons for every element of the right factor."""
        (factors, to), (columns, length) = parts.formats, parts.shape
        Pairs(factors, factors, to, length, columns, parts.layer)  # refuses, naming the layer
        return cls(_pair_layer(Pairs(factors, factors, to, length, columns), parts.fresh))

    def invocations(self, extent: Extent) -> list[tuple[Circuit, int]]:
        """The gates at the two ends."""
        rows, (left, right) = extent.sums // extent.columns, self.layer.fronts
        return [
            (left, rows * extent.length),
            (right, extent.matrices * self.layer.elements),
            (self.layer.back, extent.sums),
        ]

    def populations(self, extent: Extent) -> list[tuple[NativePart, int]]:
        """What lies between."""
        return [(self.layer.core, extent.sums // extent.columns), (self.layer.bits, extent.sums)]

    def depth(self, extent: Extent) -> int:
        """One row after the other."""
        rows = extent.sums // (extent.columns * extent.matrices)
        return self.layer.depth + (rows - 1) * self.layer.network.window


@lru_cache(maxsize=256)
def _pair_layer(pairs: Pairs, fresh: Fresh) -> PairLayer:
    """One for all layers alike."""
    return PairLayer(pairs, fresh)


@lru_cache(maxsize=256)
def native_sum(values: FloatFormat, to: FloatFormat, length: int) -> Native:
    """The exact sum of values, rounded once: each times a weight of 1."""
    one = values.to_patterns(np.ones((1, length), values.dtype))
    return Native(NativeLayer(Limbs(values, values, to, one, "sum")))
