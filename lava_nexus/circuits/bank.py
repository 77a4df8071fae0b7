"""The multipliers of a linear layer, each specialised to its weight: constant propagation of the general circuit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.circuit import Circuit
from lava_nexus.neurons.built import Computed
from lava_nexus.neurons.propagation import specialised

MOST_RUN = 64 * 64
"""Weights up to which every specialised circuit is run; of more, a sample is."""

_SAMPLE = 256
_SEED = 0


@dataclass(frozen=True, eq=False, repr=False)
class Bank(Circuit):
    """Products of one row of inputs [k] with all weights [n, k], an own circuit for every weight.

    One invocation is one row. `network` and `golden` are those of the general circuit; neurons, synapses and depth are
    of all the specialised ones: `specialised(network, [None, weight])` for each weight. Of more than `MOST_RUN` weights
    a seeded sample is specialised and run, counts are scaled from it, and the label says so; results are then those of
    the general circuit, which have the same bits where neurons are ideal.

    Attributes:
        weights: patterns [n, k].
    """

    weights: NDArray[Any] = field(default_factory=lambda: np.zeros((0, 0), np.uint32))

    @classmethod
    def of(cls, multiply: Circuit, weights: NDArray[Any]) -> Bank:
        """The bank of a general multiplier and a matrix of patterns [n, k]."""
        return cls(multiply.name, multiply.basis, multiply.network, multiply.golden, multiply.options, weights)

    @property
    def general(self) -> Circuit:
        """The multiplier of two operands."""
        return Circuit(self.name, self.basis, self.network, self.golden, self.options)

    @cached_property
    def chosen(self) -> NDArray[np.bool_]:
        """bool [n, k], the weights whose circuits are run."""
        size = self.weights.size
        found = np.ones(size, np.bool_)
        if size > MOST_RUN:
            found[:] = False
            found[np.random.default_rng(_SEED).choice(size, _SAMPLE, replace=False)] = True
        return found.reshape(self.weights.shape)

    @property
    def sampled(self) -> bool:
        """Whether a sample of the specialised circuits stands for all of them."""
        return self.scale != 1

    @property
    def scale(self) -> Fraction:
        """Weights for each one that is run."""
        return Fraction(self.weights.size, int(self.chosen.sum()))

    def member(self, weight: int) -> Circuit:
        """The circuit specialised to one weight: the product of its one operand."""
        if weight not in self._members:
            network = specialised(self.network, [None, weight], self.network.max_delay)

            def golden(x: NDArray[Any]) -> NDArray[Any]:
                return self.golden(x, np.full_like(x, weight))

            options = (*self.options, ("weight", hex(weight)))
            known = self.golden.known
            self._members[weight] = Circuit(self.name, self.basis, network, Computed(golden, known), options)
        return self._members[weight]

    @property
    def neurons(self) -> int:
        """Neurons of all specialised circuits."""
        return round(self._counted[0] * self.scale)

    @property
    def synapses(self) -> int:
        """Synapses of all specialised circuits."""
        return round(self._counted[1] * self.scale)

    @property
    def depth(self) -> int:
        """Time steps from operands to results: the deepest circuit's."""
        return self._counted[2]

    @cached_property
    def digest(self) -> str:
        """Name of the content."""
        state = hashlib.sha256(f"{self.network.digest} {self.weights.shape}".encode())
        state.update(np.ascontiguousarray(self.weights).tobytes())
        return state.hexdigest()

    @property
    def label(self) -> str:
        """For tables."""
        n, k = self.weights.shape
        sample = f", counted on a sample of {self.chosen.sum()}" if self.sampled else ""
        return f"{super().label}, {n} x {k} constant weights{sample}"

    @cached_property
    def _members(self) -> dict[int, Circuit]:
        return {}

    @cached_property
    def _counted(self) -> tuple[int, int, int]:
        from lava_nexus.circuits.census import census  # numba, which few programs need

        return census(self.network, self.weights[self.chosen])
