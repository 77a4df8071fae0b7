"""Operators of LIF populations in a program: which ones, and the circuits that lead to fixed point and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT32, FLOAT64, FloatFormat, NumberFormat
from lava_nexus.populations import Operator, Options, check_operator, operator
from lava_nexus.populations.linear import WEIGHT_MAX, spiking_linear
from lava_nexus.programs.nodes import Value

if TYPE_CHECKING:
    from lava_nexus.programs.writer import Writer

ELEMENTWISE = ("silu", "gelu")


@dataclass(frozen=True)
class Nonlinear:
    """Which nonlinear operators are LIF populations; all others are gates.

    Attributes:
        replaced: options by the operator's name.
        layers: only in these layers (dotted paths); None for all.
    """

    replaced: Mapping[str, Options] = field(default_factory=dict)
    layers: frozenset[str] | None = None

    def __post_init__(self) -> None:
        for name in self.replaced:
            check_operator(name)

    def options(self, name: str, layer: str) -> Options | None:
        """Options of an operator in a layer; None where it stays gates."""
        return self.replaced.get(name) if self.layers is None or layer in self.layers else None


GATES = Nonlinear()
"""Everything by gates."""


@dataclass(frozen=True)
class SpikingLinear:
    """Linear layers as signed spike counts.

    Attributes:
        steps: T, time steps of a count.
        bits: counts lie in -2^bits .. 2^bits - 1.
        ranges: largest magnitude of the operand by layer, from calibration; a count of 2^bits - 1 stands for it.
        layers: only these layers; None for all.
    """

    steps: int
    bits: int
    ranges: Mapping[str, float]
    layers: frozenset[str] | None = None

    def takes(self, layer: str) -> bool:
        """Whether a layer is computed by spike counts."""
        return self.layers is None or layer in self.layers


def replaced(w: Writer, name: str, x: Value, eps: float = 1e-5) -> Value | None:
    """The operator over the last axis by LIF populations, where the writer says so."""
    options = w.nonlinear.options(name, w.layer)
    if options is None:
        return None
    op = operator(name, 1 if name in ELEMENTWISE else x.shape[-1], options, eps)
    y = _through(w, op, x, 2.0**op.in_fraction, 2.0**-op.out_fraction)
    return _convert(w, y, w.format)


def linear_by_spikes(w: Writer, x: Value, weight: Value) -> Value:
    """y[t, n] = sum over k of x[t, k] * weight[n, k], operand and weights quantised.

    Raises:
        NexusError: the layer has no calibrated range, or its operator does not exist.
    """
    how = w.spikes
    assert how is not None
    if w.layer not in how.ranges:
        raise NexusError(f"layer '{w.layer}' has no calibrated range for its spike counts")
    matrix = weight.format.from_patterns(w.program.constants[weight.number]).astype(np.float64)
    scale = np.abs(matrix).max(axis=1) / WEIGHT_MAX
    scale[scale == 0] = 1.0
    op = spiking_linear(np.round(matrix / scale[:, None]).astype(np.int64), how.steps, how.bits)
    step = (how.ranges[w.layer] or 1.0) / ((1 << how.bits) - 1)
    return _convert(w, _through(w, op, x, 1 / step, scale * step), w.format)


def _through(w: Writer, op: Operator, x: Value, before: float, after: ArrayLike) -> Value:
    """The operator on convert(x * before), its results times `after`; in FP32, or FP64 where the values are."""
    wide = FLOAT64 if x.format == FLOAT64 else FLOAT32
    whole = _convert(w, _times(w, _convert(w, x, wide), before, wide), op.in_format)
    y = w.program.populate(op, whole, w.layer)
    return _times(w, _convert(w, y, wide), after, wide)


def _times(w: Writer, x: Value, factor: ArrayLike, fmt: FloatFormat) -> Value:
    constant = w.program.constant(fmt.to_patterns(np.asarray(factor).astype(fmt.dtype)), fmt)
    return w.program.apply(circuit("mul", fmt, basis=w.basis), x, constant, layer=w.layer)


def _convert(w: Writer, x: Value, to: NumberFormat) -> Value:
    if x.format == to:
        return x
    return w.program.apply(circuit("convert", x.format, to=to, basis=w.basis), x, layer=w.layer)
