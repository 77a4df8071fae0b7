"""Rows of the component ULP table: layers and their gradients as programs of circuits, and single operations."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.goldens import basic as reference
from lava_nexus.formats import FLOAT64, FloatFormat
from lava_nexus.lab.configs.ulp_tables import UlpTablesConfig
from lava_nexus.programs import (
    Program,
    Value,
    Writer,
    linear,
    linear_grad,
    rms_norm,
    rms_norm_grad,
    silu,
    silu_grad,
    softmax,
    softmax_grad,
)
from lava_nexus.torch.orders import accumulation

Values = Mapping[str, Value]
Feeds = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Component:
    """One layer as a problem of its own; problems of a batch share nothing.

    Attributes:
        shapes: inputs of one problem, sizes as letters: t tokens, k width, n outputs, "3k" three times the width.
        write: (writer, inputs, eps) to outputs by part ("forward", "grad x", ...).
        positive: inputs that are attention weights: positive, each row of sum 1.
    """

    shapes: Mapping[str, tuple[str, ...]]
    write: Callable[[Writer, Values, float], Values]
    positive: tuple[str, ...] = ()


def _linear(w: Writer, v: Values, eps: float) -> Values:
    grads = linear_grad(w.inside("backward"), v["dy"], v["x"], v["weight"])
    y = linear(w.inside("forward"), v["x"], v["weight"], v["bias"])
    return {"forward": y, "grad x": grads.x, "grad weight": grads.weight, "grad bias": grads.bias}


def _rms_norm(w: Writer, v: Values, eps: float) -> Values:
    grads = rms_norm_grad(w.inside("backward"), v["dy"], v["x"], v["weight"], eps)
    y = rms_norm(w.inside("forward"), v["x"], v["weight"], eps)
    return {"forward": y, "grad x": grads.x, "grad weight": grads.weight}


def _silu(w: Writer, v: Values, eps: float) -> Values:
    y = silu(w.inside("forward").of_kind("activation"), v["x"])
    return {"forward": y, "grad x": silu_grad(w.inside("backward"), v["dy"], v["x"])}


def _softmax(w: Writer, v: Values, eps: float) -> Values:
    y = softmax(w.inside("forward"), v["x"])
    return {"forward": y, "grad x": softmax_grad(w.inside("backward"), v["dy"], y)}


def _projection(w: Writer, v: Values, eps: float) -> Values:
    return {"forward": linear(w.inside("forward"), v["x"], v["weight"])}


def _scores(w: Writer, v: Values, eps: float) -> Values:
    inner = w.inside("forward").of_kind("attention")
    scale = np.float32(v["x"].shape[-1] ** -0.5)
    return {"forward": inner.apply("mul", inner.contract(v["x"], v["key"]), inner.constant(scale))}


def _aggregation(w: Writer, v: Values, eps: float) -> Values:
    inner = w.inside("forward").of_kind("attention")
    return {"forward": inner.contract(v["weights"], inner.transpose(v["x"], -1, -2))}


COMPONENTS: dict[str, Component] = {
    "linear": Component({"x": ("t", "k"), "weight": ("n", "k"), "bias": ("n",), "dy": ("t", "n")}, _linear),
    "rms_norm": Component({"x": ("t", "k"), "weight": ("k",), "dy": ("t", "k")}, _rms_norm),
    "silu": Component({"x": ("t", "k"), "dy": ("t", "k")}, _silu),
    "softmax": Component({"x": ("t", "k"), "dy": ("t", "k")}, _softmax),
    "qkv_projection": Component({"x": ("t", "k"), "weight": ("3k", "k")}, _projection),
    "output_projection": Component({"x": ("t", "k"), "weight": ("n", "k")}, _projection),
    "attention_scores": Component({"x": ("t", "k"), "key": ("t", "k")}, _scores),
    "value_aggregation": Component({"x": ("t", "k"), "weights": ("t", "t")}, _aggregation, positive=("weights",)),
}


def component_program(name: str, config: UlpTablesConfig) -> Program:
    """The layer's program: one problem."""
    component, fmt = COMPONENTS[name], config.float_format
    w = Writer(Program(name), fmt, config.basis, accumulation(config.accumulate)).inside(name)
    values = {key: w.program.input(key, shape, fmt) for key, shape in _shapes(component, config).items()}
    w.program.outputs.update(component.write(w, values, config.eps))
    return w.program


def component_feeds(name: str, config: UlpTablesConfig, problems: int) -> Feeds:
    """Random inputs [problems, ...] from N(0, 1), rounded to the format; a longer draw begins with a shorter one."""
    component, fmt = COMPONENTS[name], config.float_format
    return {
        key: _drawn(config.seed, f"{name} {key}", (problems, *shape), fmt, key in component.positive)
        for key, shape in _shapes(component, config).items()
    }


def random_values(seed: int, what: str, shape: tuple[int, ...], fmt: FloatFormat) -> NDArray[Any]:
    """Numbers from N(0, 1) of a stream of their own for each `what`, rounded to the format."""
    draw = np.random.default_rng([seed, zlib.crc32(what.encode())])
    return draw.standard_normal(shape).astype(fmt.dtype)


def _drawn(seed: int, what: str, shape: tuple[int, ...], fmt: FloatFormat, positive: bool) -> NDArray[Any]:
    values = random_values(seed, what, shape, fmt)
    if not positive:
        return values
    weights = np.exp(values.astype(np.float64))
    rounded: NDArray[Any] = (weights / weights.sum(axis=-1, keepdims=True)).astype(fmt.dtype)
    return rounded


def _shapes(component: Component, config: UlpTablesConfig) -> dict[str, tuple[int, ...]]:
    sizes = {"t": config.tokens, "k": config.width, "n": config.outputs, "3k": 3 * config.width}
    return {key: tuple(sizes[letter] for letter in letters) for key, letters in component.shapes.items()}


ExactValues = NDArray[Any]


def rounded_once(values: NDArray[np.float64], fmt: FloatFormat) -> NDArray[Any]:
    """Patterns of the nearest numbers of the format, ties to even."""
    return reference.convert(FLOAT64, fmt)(FLOAT64.to_patterns(values))


def fused_multiply_add(a: ExactValues, b: ExactValues, c: ExactValues) -> NDArray[np.float64]:
    """a * b + c of FP32 or narrower numbers, in float64 rounded to odd, so that one more rounding is the only one.

    The product is exact; the error of the sum is that of Knuth's TwoSum. Source: Boldo and Melquiond, "Emulation of FMA
    and correctly rounded sums: proved algorithms using rounding to odd", 2008.
    """
    product, addend = a.astype(np.float64) * b.astype(np.float64), c.astype(np.float64)
    total = product + addend
    part = total - product
    error = (product - (total - part)) + (addend - part)
    even = total.view(np.uint64) % np.uint64(2) == 0
    towards = np.nextafter(total, np.where(error > 0, np.inf, -np.inf))
    return np.where((error != 0) & even & np.isfinite(total), towards, total)
