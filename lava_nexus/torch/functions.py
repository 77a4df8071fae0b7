"""What a PyTorch function is as a program: each operation rounded once, sums in the stated order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.formats import FORMATS, FloatFormat
from lava_nexus.programs import Value, Writer, linear, mean, silu, softmax
from lava_nexus.torch.tensors import DTYPES

FORMAT_OF = {dtype: FORMATS[name] for name, dtype in DTYPES.items()}

Scalar: TypeAlias = "int | float"
Write: TypeAlias = Callable[[Writer, Sequence[Value]], Value]


@dataclass(frozen=True)
class Call:
    """A function call as a program.

    Attributes:
        write: (writer, a value a tensor) to the result.
        tensors: operands, of one floating dtype.
        arrange: what is done to the result afterwards: another shape, no arithmetic.
    """

    write: Write
    tensors: tuple[Tensor, ...]
    arrange: Callable[[Tensor], Tensor] = lambda result: result


Handler: TypeAlias = Callable[..., Call]


def _apply(name: str, *operands: Tensor | Scalar) -> Call:
    """One circuit, element by element, operands brought to the dtype that PyTorch would give the result."""
    tensors = [x for x in operands if isinstance(x, Tensor)]
    dtype = tensors[0].dtype if len(operands) == 1 else torch.result_type(operands[0], operands[1])
    cast = [
        x.to(dtype) if isinstance(x, Tensor) else torch.tensor(x, dtype=dtype, device=tensors[0].device)
        for x in operands
    ]
    return Call(lambda w, v: w.apply(name, *v), tuple(cast))


def _unary(name: str) -> Handler:
    return lambda x: _apply(name, x)


def _binary(name: str) -> Handler:
    def call(a: Tensor | Scalar, b: Tensor | Scalar, *, alpha: Scalar = 1, rounding_mode: str | None = None) -> Call:
        if alpha != 1 or rounding_mode is not None:
            raise NexusError(f"'{name}' with alpha {alpha} and rounding_mode {rounding_mode} has no program of gates")
        return _apply(name, a, b)

    return call


def _swapped(name: str) -> Handler:
    return lambda a, b: _apply(name, b, a)


def _power(x: Tensor, exponent: Scalar) -> Call:
    writes: dict[float, Write] = {
        2: lambda w, v: w.apply("mul", v[0], v[0]),
        3: lambda w, v: w.apply("mul", w.apply("mul", v[0], v[0]), v[0]),
        0.5: lambda w, v: w.apply("sqrt", v[0]),
        -0.5: lambda w, v: w.apply("rsqrt", v[0]),
        -1: lambda w, v: w.apply("reciprocal", v[0]),
    }
    if isinstance(exponent, Tensor) or exponent not in writes:
        raise NexusError(f"'pow' with exponent {exponent} has no program of gates; known are {[*writes]}")
    return Call(writes[exponent], (x,))


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Call:
    """All axes but the last are rows of one product, as PyTorch takes them."""
    rows = x.reshape(-1, x.shape[-1])
    shape = (*x.shape[:-1], weight.shape[0])
    tensors = (rows, weight) if bias is None else (rows, weight, bias)
    return Call(lambda w, v: linear(w, *v), tensors, lambda y: y.reshape(shape))


def _matmul(a: Tensor, b: Tensor) -> Call:
    if a.ndim < 2 or b.ndim < 2:
        raise NexusError(
            f"'matmul' of shapes {tuple(a.shape)} and {tuple(b.shape)} has no program of gates: give both 2 axes"
        )
    return Call(lambda w, v: w.of_kind("attention").contract(*v), (a, b.transpose(-1, -2)))


def _softmax(x: Tensor, dim: int = -1, _stacklevel: int = 3, dtype: torch.dtype | None = None) -> Call:
    moved = (x if dtype is None else x.to(dtype)).movedim(dim, -1)
    return Call(lambda w, v: softmax(w, v[0]), (moved,), lambda y: y.movedim(-1, dim))


def _summed(x: Tensor, dim: Any, keepdim: bool, write: Write) -> Call:
    dims = [dim] if isinstance(dim, int) else list(range(x.ndim)) if dim is None else list(dim)
    dims = [d % x.ndim for d in dims]
    moved = x.movedim(dims, list(range(-len(dims), 0))).flatten(-len(dims)) if dims else x
    kept = [1 if d in dims else n for d, n in enumerate(x.shape)]
    return Call(write, (moved,), (lambda y: y.reshape(kept)) if keepdim else (lambda y: y))


def _sum(x: Tensor, dim: Any = None, keepdim: bool = False, dtype: torch.dtype | None = None) -> Call:
    return _summed(x if dtype is None else x.to(dtype), dim, keepdim, lambda w, v: w.reduce("add", v[0]))


def _mean(x: Tensor, dim: Any = None, keepdim: bool = False, dtype: torch.dtype | None = None) -> Call:
    def write(w: Writer, v: Sequence[Value]) -> Value:
        return mean(w, w.reduce("add", v[0]), v[0].shape[-1])

    return _summed(x if dtype is None else x.to(dtype), dim, keepdim, write)


def _silu(x: Tensor, inplace: bool = False) -> Call:
    return Call(lambda w, v: silu(w, v[0]), (x,))


def _gelu(x: Tensor, approximate: str = "none") -> Call:
    return _apply("gelu" if approximate == "none" else "gelu_tanh", x)


def _relu(x: Tensor, inplace: bool = False) -> Call:
    return _apply("max", x, 0.0)


def _layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Call:
    """d / sqrt(mean(d * d) + eps) * weight + bias with d = x - mean(x)."""
    flat = x.flatten(-len(normalized_shape))
    given = [t.flatten() for t in (weight, bias) if t is not None]

    def write(w: Writer, v: Sequence[Value]) -> Value:
        from lava_nexus.programs.layers import root_mean_square

        centre = mean(w, w.of_kind("norm").reduce("add", v[0]), v[0].shape[-1])
        d = w.apply("sub", v[0], w.reshape(centre, *centre.shape, 1))
        y = w.apply("div", d, root_mean_square(w, d, eps))
        rest = list(v[1:])
        y = w.apply("mul", y, rest.pop(0)) if weight is not None else y
        return w.apply("add", y, rest.pop(0)) if bias is not None else y

    return Call(write, (flat, *given), lambda y: y.reshape(x.shape))


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Call:
    """softmax(query key^T * scale + mask) value; what a mask forbids is -infinity in the sum."""
    if dropout_p:
        raise NexusError(f"attention with dropout {dropout_p} has no program of gates; call eval() or set it to 0")
    if is_causal:
        attn_mask = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        zeros = torch.zeros(attn_mask.shape, dtype=query.dtype, device=query.device)
        attn_mask = zeros.masked_fill(~attn_mask, float("-inf"))
    factor = query.shape[-1] ** -0.5 if scale is None else scale

    def write(w: Writer, v: Sequence[Value]) -> Value:
        inner = w.of_kind("attention")
        scores = inner.apply("mul", inner.contract(v[0], v[1]), inner.constant(factor))
        scores = inner.apply("add", scores, v[3]) if len(v) > 3 else scores
        return inner.contract(softmax(w.inside("softmax"), scores), v[2])

    mask = () if attn_mask is None else (attn_mask,)
    return Call(write, (query, key, value.transpose(-1, -2), *mask))


def _clamp(x: Tensor, min: Scalar | None = None, max: Scalar | None = None) -> Call:
    def write(w: Writer, v: Sequence[Value]) -> Value:
        y = v[0] if min is None else w.apply("max", v[0], w.constant(min))
        return y if max is None else w.apply("min", y, w.constant(max))

    return Call(write, (x,))


def _converted(w: Writer, value: Value, to: FloatFormat) -> Value:
    return w.program.apply(circuit("convert", value.format, to=to, basis=w.basis), value, layer=w.layer)


def _conversion(method: Callable[..., Tensor]) -> Handler:
    """`to`, `float`, `half`, ...: the circuit that converts, or nothing where the dtype stays."""

    def call(x: Tensor, *args: Any, **kwargs: Any) -> Call:
        dtype = method(x, *args, **kwargs).dtype
        if dtype == x.dtype:
            return Call(lambda w, v: v[0], (x,))
        if dtype not in FORMAT_OF:
            raise NexusError(f"a conversion of {x.dtype} to {dtype} has no program of gates")
        return Call(lambda w, v: _converted(w, v[0], FORMAT_OF[dtype]), (x,))

    return call


_UNARY = (*("abs", "cos", "erf", "exp", "exp2", "log", "neg", "reciprocal", "rsqrt", "sigmoid", "sin", "sqrt", "tanh"),)


def _table() -> dict[Callable[..., Any], Handler]:
    named: dict[str, Handler] = {name: _unary(name) for name in _UNARY}
    named |= {"add": _binary("add"), "sub": _binary("sub"), "mul": _binary("mul"), "div": _binary("div")}
    named |= {"subtract": named["sub"], "multiply": named["mul"], "divide": named["div"], "true_divide": named["div"]}
    named |= {"negative": named["neg"], "absolute": named["abs"], "special_erf": named["erf"]}
    named |= {"maximum": _binary("max"), "minimum": _binary("min"), "clamp": _clamp, "relu": _relu}
    named |= {"pow": _power, "square": lambda x: _power(x, 2), "matmul": _matmul, "bmm": _matmul, "mm": _matmul}
    named |= {"softmax": _softmax, "sum": _sum, "mean": _mean}
    named |= {"addmm": lambda bias, x, weight: _linear(x, weight.T, bias)}
    table: dict[Callable[..., Any], Handler] = {}
    for name, handler in named.items():
        for owner in (torch, Tensor):
            if hasattr(owner, name):
                table[getattr(owner, name)] = handler
    table |= {getattr(Tensor, f"__{name}__"): named[name] for name in ("add", "sub", "mul", "matmul")}
    table[Tensor.__truediv__] = named["div"]
    table |= {Tensor.__radd__: named["add"], Tensor.__rmul__: named["mul"], Tensor.__rsub__: _swapped("sub")}
    table |= {Tensor.__rtruediv__: _swapped("div"), Tensor.__neg__: named["neg"], Tensor.__pow__: _power}
    table |= {functional.linear: _linear, functional.silu: _silu, functional.gelu: _gelu, functional.relu: _relu}
    table |= {functional.softmax: _softmax, functional.layer_norm: _layer_norm, functional.tanh: named["tanh"]}
    table |= {functional.sigmoid: named["sigmoid"], functional.scaled_dot_product_attention: _attention}
    for name in ("to", "type", "type_as", "half", "bfloat16", "float", "double"):
        table[getattr(Tensor, name)] = _conversion(getattr(Tensor, name))
    return table


IN_GATES: dict[Callable[..., Any], Handler] = _table()
"""Functions of PyTorch by what they are as a program."""

REARRANGE = frozenset(
    (
        *("__getitem__", "__setitem__", "__get__", "__set__", "broadcast_tensors", "broadcast_to", "cat"),
        *("chunk", "clone", "concat", "contiguous", "copy_", "detach", "embedding", "expand", "expand_as"),
        *("flatten", "flip", "gather", "index_select", "masked_fill", "masked_fill_", "movedim", "narrow"),
        *("permute", "repeat", "repeat_interleave", "requires_grad_", "reshape", "reshape_as", "roll"),
        *("select", "split", "squeeze", "stack", "swapaxes", "t", "transpose", "tril", "triu", "unbind"),
        *("unflatten", "unsqueeze", "view", "view_as", "where", "tensor_split", "swapdims", "moveaxis"),
        *("zeros_like", "ones_like", "full_like", "empty_like", "new_zeros", "new_ones", "new_full"),
        *("new_empty", "new_tensor", "diagonal", "cpu", "pad", "unfold", "squeeze_", "zero_", "fill_"),
    )
)
"""Names of functions that move numbers and compute none."""
