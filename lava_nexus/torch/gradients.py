"""Gradients of PyTorch's functions as programs: written in PyTorch's own operations, run inside a `GateMode`.

Each takes the gradient of the result, the result and the floating operands, and gives the gradients of the operands;
every operation is rounded once, in the order written, and sums are in the order of the mode. Linear layers, SiLU and
softmax are the formulas of `lava_nexus.programs.gradients`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from lava_nexus.errors import NexusError

Gradient: TypeAlias = "Callable[[Tensor, Tensor, Sequence[Any], dict[str, Any]], Sequence[Tensor | None]]"
"""(gradient of the result, result, arguments, keywords) to a gradient for each floating tensor among the arguments."""


def gradients(
    func: Callable[..., Any], grad: Tensor, y: Tensor, args: Sequence[Any], kwargs: dict[str, Any]
) -> Sequence[Tensor | None]:
    """Gradients of a call's floating tensors.

    Raises:
        NexusError: the function has no gradient as a program.
    """
    if func not in IN_GATES:
        name = str(getattr(func, "__name__", func)).strip("_")
        raise NexusError(f"the gradient of '{name}' has no program of gates; use backward='autograd'")
    return IN_GATES[func](grad, y, args, kwargs)


def _to_shape(grad: Tensor, like: Any) -> Tensor | None:
    """Summed over the axes along which an operand was spread; None for a plain number."""
    if not isinstance(like, Tensor):
        return None
    while grad.ndim > like.ndim:
        grad = grad.sum(0)
    for axis, size in enumerate(like.shape):
        if size == 1 and grad.shape[axis] != 1:
            grad = grad.sum(axis, keepdim=True)
    return grad


def _tensors(*grads: Tensor | None) -> list[Tensor | None]:
    return [grad for grad in grads if grad is not None]


def _add(grad: Tensor, y: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Sequence[Tensor | None]:
    a, b = args
    return _tensors(_to_shape(grad, a), _to_shape(grad, b))


def _sub(grad: Tensor, y: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Sequence[Tensor | None]:
    a, b = args
    return _tensors(_to_shape(grad, a), _to_shape(-grad, b) if isinstance(b, Tensor) else None)


def _mul(grad: Tensor, y: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Sequence[Tensor | None]:
    a, b = args
    first = _to_shape(grad * b, a) if isinstance(a, Tensor) else None
    return _tensors(first, _to_shape(grad * a, b) if isinstance(b, Tensor) else None)


def _div(grad: Tensor, y: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Sequence[Tensor | None]:
    """d(a / b) = grad / b and -grad * (y / b)."""
    a, b = args
    first = _to_shape(grad / b, a) if isinstance(a, Tensor) else None
    return _tensors(first, _to_shape(-grad * (y / b), b) if isinstance(b, Tensor) else None)


def _power(grad: Tensor, y: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Sequence[Tensor | None]:
    x, exponent = args
    if exponent != 2:
        raise NexusError(f"the gradient of 'pow' with exponent {exponent} has no program of gates; 2 has")
    return [grad * (2 * x)]


def _spread(grad: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Tensor:
    """The gradient of a sum, for every term."""
    x, dim = args[0], kwargs.get("dim", args[1] if len(args) > 1 else None)
    keepdim = kwargs.get("keepdim", args[2] if len(args) > 2 else False)
    dims = sorted(d % x.ndim for d in ([dim] if isinstance(dim, int) else range(x.ndim) if dim is None else dim))
    for axis in dims if not keepdim else ():
        grad = grad.unsqueeze(axis)
    return grad.expand(x.shape)


def _mean(grad: Tensor, y: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Sequence[Tensor | None]:
    """The mean's gradient over the number of terms, before it is spread."""
    return [_spread(grad / (args[0].numel() // max(1, y.numel())), args, kwargs)]


def _linear(grad: Tensor, y: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Sequence[Tensor | None]:
    """dx = dy W, dW = dy^T x, db = the sum of dy over rows."""
    x, weight, bias = (*args, *([None] if len(args) < 3 else []))[:3]
    bias = kwargs.get("bias", bias)
    rows, given = x.reshape(-1, x.shape[-1]), grad.reshape(-1, grad.shape[-1])
    dx = torch.matmul(given, weight).reshape(x.shape)
    return _tensors(dx, torch.matmul(given.T, rows), None if bias is None else given.sum(0))


def _matmul(grad: Tensor, y: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Sequence[Tensor | None]:
    a, b = args
    return [
        _to_shape(torch.matmul(grad, b.transpose(-1, -2)), a),
        _to_shape(torch.matmul(a.transpose(-1, -2), grad), b),
    ]


def _softmax(grad: Tensor, y: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Sequence[Tensor | None]:
    """dx = (dy - sum(dy * y)) * y."""
    dim = kwargs.get("dim", args[1] if len(args) > 1 else -1)
    return [(grad - (grad * y).sum(dim, keepdim=True)) * y]


def _silu(grad: Tensor, y: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Sequence[Tensor | None]:
    """dx = dy * s * (1 + x * (1 - s)) with s = 1 / (1 + exp(-x))."""
    x = args[0]
    s = torch.reciprocal(1 + torch.exp(-x))
    return [grad * s * (1 + x * (1 - s))]


def _swapped(gradient: Gradient) -> Gradient:
    """Of the operator whose operands stand the other way round."""
    return lambda grad, y, args, kwargs: gradient(grad, y, args[::-1], kwargs)


def _table() -> dict[Callable[..., Any], Gradient]:
    named: dict[str, Gradient] = {"add": _add, "sub": _sub, "mul": _mul, "div": _div, "pow": _power, "mean": _mean}
    named |= {"neg": lambda grad, y, args, kwargs: [-grad], "exp": lambda grad, y, args, kwargs: [grad * y]}
    named |= {"sqrt": lambda grad, y, args, kwargs: [grad / (2 * y)], "matmul": _matmul, "bmm": _matmul, "mm": _matmul}
    named |= {"sum": lambda grad, y, args, kwargs: [_spread(grad, args, kwargs)]}
    named |= {"softmax": _softmax, "true_divide": _div, "multiply": _mul, "subtract": _sub}
    table = {
        getattr(owner, name): one for name, one in named.items() for owner in (torch, Tensor) if hasattr(owner, name)
    }
    operators = {"add": _add, "radd": _add, "sub": _sub, "mul": _mul, "rmul": _mul, "truediv": _div}
    table |= {getattr(Tensor, f"__{name}__"): one for name, one in operators.items()}
    table |= {Tensor.__pow__: _power, Tensor.__matmul__: _matmul, Tensor.__neg__: named["neg"]}
    table |= {Tensor.__rsub__: _swapped(_sub), Tensor.__rtruediv__: _swapped(_div)}
    return table | {functional.linear: _linear, functional.silu: _silu, functional.softmax: _softmax}


IN_GATES: dict[Callable[..., Any], Gradient] = _table()
"""Functions of PyTorch whose gradient is a program."""
