"""Native layers by shape alone: a sample of their sums stands for all, so that a layer of any size is described.

Limbs a weight, the positions that they span and the groups of inputs follow the weights' distribution: sums of N(0, 1 /
inputs), seeded by the shape, are taken, and what is counted on them is scaled to the layer's outputs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from lava_nexus.circuits.native import NativeLayer, NativePart
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons.built import Computed
from lava_nexus.populations.native.core import NativeCore
from lava_nexus.populations.native.limbs import Limbs

_SUMS, _WEIGHTS = 128, 1 << 16  # of a sample at least: more than a core holds


@dataclass(frozen=True, eq=False, repr=False)
class SampledPart(NativePart):
    """The neurons between the gates of a layer of which a sample is held; its network is the sample's.

    Attributes:
        outputs: sums of the whole layer.
    """

    outputs: int = 0

    @property
    def scale(self) -> float:
        """Sums of the layer for one of the sample."""
        assert isinstance(self.network, NativeCore)
        return self.outputs / self.network.limbs.outputs

    @property
    def neurons(self) -> int:
        """Of the whole layer."""
        assert isinstance(self.network, NativeCore)
        fixed = sum(p.size for p in self.network.layers if p.size != self.network.limbs.outputs)
        return round(fixed + (self.network.neurons - fixed) * self.scale)

    @property
    def synapses(self) -> int:
        """Of the whole layer."""
        return round(self.network.synapses * self.scale)

    @property
    def digest(self) -> str:
        """Of the sample, for so many sums."""
        return hashlib.sha256(f"{self.network.digest} {self.outputs}".encode()).hexdigest()


@dataclass(frozen=True, eq=False, repr=False)
class SampledLayer(NativeLayer):
    """A linear layer in synapses of which a sample of the sums is held.

    Attributes:
        outputs: sums of the whole layer.
    """

    outputs: int = 0

    @cached_property
    def core(self) -> NativePart:
        """As of a whole layer."""
        limbs = self.limbs
        title = f"native sums of {limbs.activation} times {limbs.format} to {limbs.result}"
        options = (("outputs", self.outputs), ("inputs", limbs.inputs))
        return SampledPart(title, self.network, Computed(self.golden, "integers"), options, self.outputs)


@lru_cache(maxsize=64)
def sampled_layer(fmt: FloatFormat, outputs: int, inputs: int, basis: str = "threshold", seed: int = 0) -> SampledLayer:
    """A layer of weights N(0, 1 / inputs) of one format."""
    rng = np.random.default_rng([seed, outputs, inputs])
    sums = min(outputs, max(_SUMS, _WEIGHTS // inputs))
    weights = rng.standard_normal((sums, inputs)) / np.sqrt(inputs)
    patterns = fmt.to_patterns(weights.astype(np.float32).astype(fmt.dtype))
    return SampledLayer(Limbs(fmt, fmt, fmt, patterns, f"{outputs} x {inputs}"), basis, outputs)
