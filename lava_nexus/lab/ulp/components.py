"""Rows of the component ULP table: layers as programs of circuits with their gradients, and the same in PyTorch.

PyTorch with autograd is the outside witness, of layers, of the gated feed-forward block and of single operations.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lava_nexus.circuits.goldens import basic as reference
from lava_nexus.errors import NexusError
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
from lava_nexus.torch.tensors import from_torch, to_torch

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


Tensors = dict[str, Tensor]
Numbers = NDArray[Any]


def _rms_norm_in_torch(v: Tensors, eps: float) -> Tensor:
    x = v["x"]
    return x / torch.sqrt((x * x).mean(dim=-1, keepdim=True) + eps) * v["weight"]


FORWARD: dict[str, Callable[[Tensors, float], Tensor]] = {
    "linear": lambda v, eps: functional.linear(v["x"], v["weight"], v["bias"]),
    "rms_norm": _rms_norm_in_torch,
    "silu": lambda v, eps: functional.silu(v["x"]),
    "softmax": lambda v, eps: torch.softmax(v["x"], dim=-1),
    "qkv_projection": lambda v, eps: functional.linear(v["x"], v["weight"]),
    "output_projection": lambda v, eps: functional.linear(v["x"], v["weight"]),
    "attention_scores": lambda v, eps: v["x"] @ v["key"].T * v["x"].shape[-1] ** -0.5,
    "value_aggregation": lambda v, eps: v["weights"] @ v["x"],
}


def component_in_torch(
    name: str, feeds: Mapping[str, Numbers], eps: float, fmt: FloatFormat, double: bool = False
) -> dict[str, Numbers] | None:
    """Outputs by part, [problems, ...]: in the format, or with `double` in float64, not rounded.

    Each problem is a call of its own, so that a weight's gradient sums over its own tokens only. None where PyTorch has
    no arithmetic in the format.
    """
    found: dict[str, list[Numbers]] = {}
    for i in range(len(feeds["x"])):
        tensors = {key: to_torch(array[i], fmt, double) for key, array in feeds.items()}
        if any(tensor is None for tensor in tensors.values()):
            return None
        outputs = _one(FORWARD[name], {key: t for key, t in tensors.items() if t is not None}, eps)
        for part, tensor in outputs.items():
            found.setdefault(part, []).append(from_torch(tensor, fmt))
    return {part: np.stack(arrays) for part, arrays in found.items()}


def _one(forward: Callable[[Tensors, float], Tensor], tensors: Tensors, eps: float) -> Tensors:
    """Forward pass, and gradients where there is a dy."""
    leaves = {key: tensor.requires_grad_() for key, tensor in tensors.items() if key != "dy"}
    y = forward(leaves, eps)
    if "dy" not in tensors:
        return {"forward": y.detach()}
    grads = torch.autograd.grad(y, list(leaves.values()), tensors["dy"])
    return {"forward": y.detach(), **{f"grad {key}": grad for key, grad in zip(leaves, grads, strict=True)}}


def swiglu_in_torch(
    x: NDArray[Any], weights: Mapping[str, NDArray[Any]], fmt: FloatFormat, double: bool = False
) -> NDArray[Any]:
    """(silu(x gate^T) * (x up^T)) down^T in the format, or with `double` in float64, not rounded.

    Raises:
        NexusError: PyTorch has no arithmetic in the format.
    """
    tensors = {name: to_torch(values, fmt, double) for name, values in {"x": x, **weights}.items()}
    if any(tensor is None for tensor in tensors.values()):
        raise NexusError(f"'methods' is compared with PyTorch, which has no arithmetic in {fmt}")
    gate, up = (functional.linear(tensors["x"], tensors[name]) for name in ("gate", "up"))
    return from_torch(functional.linear(functional.silu(gate) * up, tensors["down"]), fmt)


# PyTorch has no fused multiply-add, no exact dot product and no conversion to compare in ULP.
IN_TORCH: dict[str, Callable[..., Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "sqrt": torch.sqrt,
    "reciprocal": torch.reciprocal,
    "rsqrt": torch.rsqrt,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "log": torch.log,
    "sin": torch.sin,
    "cos": torch.cos,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_tanh": partial(functional.gelu, approximate="tanh"),
    "erf": torch.erf,
    "neg": torch.neg,
    "abs": torch.abs,
    "min": torch.minimum,
    "max": torch.maximum,
}


def operation_in_torch(
    name: str, operands: Sequence[NDArray[Any]], fmt: FloatFormat, double: bool = False
) -> NDArray[Any] | None:
    """The results: in the format, or with `double` in float64, not rounded; None where PyTorch cannot compute them."""
    tensors = [to_torch(operand, fmt, double) for operand in operands]
    if name not in IN_TORCH or any(tensor is None for tensor in tensors):
        return None
    return from_torch(IN_TORCH[name](*tensors), fmt)
