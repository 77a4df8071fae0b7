"""Functions of PyTorch as compositions of those that are programs of gates; each is run inside the mode of gates.

A convolution is the product of unfolded windows with the kernel; windows outside the picture hold zeros, of a maximum
-infinity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from string import ascii_letters
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lava_nexus.errors import NexusError


def _refuse(name: str, what: str) -> NexusError:
    return NexusError(f"'{name}' with {what} has no program of gates; leave the module out of `only`")


def _leaky_relu(x: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """max(x, slope * x), which is PyTorch's for slopes of 0 .. 1."""
    if not 0 <= negative_slope <= 1:
        raise _refuse("leaky_relu", f"slope {negative_slope}")
    return torch.maximum(x, x * negative_slope)


def _elu(x: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(x, 0) + alpha * (exp(min(x, 0)) - 1)."""
    bent = torch.exp(torch.clamp(x, max=0.0)) - 1.0
    return torch.clamp(x, min=0.0) + (bent if alpha == 1 else bent * alpha)


def _softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """max(x, 0) + log(1 + exp(-|x|)); PyTorch's threshold changes no bit of FP32 beyond rounding."""
    if beta != 1:
        raise _refuse("softplus", f"beta {beta}")
    return torch.clamp(x, min=0.0) + torch.log(torch.exp(-torch.abs(x)) + 1.0)


def _log_softmax(x: Tensor, dim: int | None = -1, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """(x - m) - log(sum of exp(x - m)) with m the largest, which is found without arithmetic."""
    dim = -1 if dim is None else dim
    x = x if dtype is None else x.to(dtype)
    with torch._C.DisableTorchFunction():
        largest = x.detach().amax(dim, keepdim=True)
    shifted = x - largest
    return shifted - torch.log(torch.exp(shifted).sum(dim, keepdim=True))


def _batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) * weight + bias, of what training left."""
    if training or running_mean is None or running_var is None:
        raise NexusError("batch_norm in training has no program of gates; call eval() on the model")
    shape = (1, -1, *[1] * (x.ndim - 2))
    y = (x - running_mean.reshape(shape)) / torch.sqrt(running_var.reshape(shape) + eps)
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def _pair(value: Any) -> tuple[int, int]:
    one: Sequence[int] = (value, value) if isinstance(value, int) else value
    return (one[0], one[-1])


def _conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """Windows [batch, channels * height * width, places] times kernels [channels out, channels * height * width]."""
    if groups != 1 or isinstance(padding, str) or x.ndim != 4:
        raise _refuse("conv2d", f"groups {groups}, padding {padding} and {x.ndim} axes")
    stride, padding, dilation, kernel = _pair(stride), _pair(padding), _pair(dilation), weight.shape[2:]
    windows = functional.unfold(x, kernel, dilation, padding, stride)
    y = functional.linear(windows.transpose(1, 2), weight.flatten(1), bias).transpose(1, 2)
    along = zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    sizes = [_places(*each) for each in along]
    return y.reshape(x.shape[0], weight.shape[0], *sizes)


def _places(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _conv1d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """A convolution of height 1."""
    if isinstance(padding, str) or x.ndim != 3:
        raise _refuse("conv1d", f"padding {padding} and {x.ndim} axes")
    steps, zeros, wide = ((one, _pair(given)[0]) for one, given in ((1, stride), (0, padding), (1, dilation)))
    return _conv2d(x.unsqueeze(2), weight.unsqueeze(2), bias, steps, zeros, wide, groups).squeeze(2)


def _windows(x: Tensor, kernel: Any, stride: Any, padding: Any, fill: float) -> tuple[Tensor, list[int]]:
    """[batch, channels, places, kernel], and the places along each axis."""
    kernel, padding = _pair(kernel), _pair(padding)
    stride = kernel if stride is None or stride == [] else _pair(stride)
    sizes = [_places(n, k, s, p) for n, k, s, p in zip(x.shape[2:], kernel, stride, padding, strict=True)]
    padded = functional.pad(x, (padding[1], padding[1], padding[0], padding[0]), value=fill)
    flat = functional.unfold(padded.reshape(-1, 1, *padded.shape[2:]), kernel, stride=stride)
    return flat.transpose(1, 2).reshape(*x.shape[:2], -1, kernel[0] * kernel[1]), sizes


def _avg_pool2d(
    x: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: Any = None,
) -> Tensor:  # fmt: skip
    """The mean of each window, zeros outside counted."""
    if ceil_mode or divisor_override or x.ndim != 4 or not (count_include_pad or _pair(padding) == (0, 0)):
        raise _refuse("avg_pool2d", "ceil_mode, divisor_override, count_include_pad=False or no batch")
    windows, sizes = _windows(x, kernel_size, stride, padding, 0.0)
    return windows.mean(-1).reshape(*x.shape[:2], *sizes)


def _max_pool2d(
    x: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:  # fmt: skip
    """The largest of each window, one comparison after the other."""
    if ceil_mode or return_indices or _pair(dilation) != (1, 1) or x.ndim != 4:
        raise _refuse("max_pool2d", "ceil_mode, return_indices, dilation or no batch")
    windows, sizes = _windows(x, kernel_size, stride, padding, float("-inf"))
    first, *rest = windows.unbind(-1)
    for one in rest:
        first = torch.maximum(first, one)
    return first.reshape(*x.shape[:2], *sizes)


def _adaptive_avg_pool2d(x: Tensor, output_size: Any) -> Tensor:
    """The mean of all places."""
    if _pair(output_size) != (1, 1):
        raise _refuse("adaptive_avg_pool2d", f"output size {output_size}")
    return x.mean((-2, -1), keepdim=True)


def _flat(pooled: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    """A pooling of one axis as that of a picture of height 1."""

    def call(x: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, *rest: Any, **named: Any) -> Tensor:
        if x.ndim != 3:
            raise _refuse(name, f"{x.ndim} axes")
        kernel, zeros = _pair(kernel_size)[0], _pair(padding)[0]
        step = kernel if stride is None or stride in ([], ()) else _pair(stride)[0]
        return pooled(x.unsqueeze(2), (1, kernel), (1, step), (0, zeros), *rest, **named).squeeze(2)

    return call


def _adaptive_avg_pool1d(x: Tensor, output_size: Any) -> Tensor:
    """The mean of all places."""
    if _pair(output_size)[0] != 1:
        raise _refuse("adaptive_avg_pool1d", f"output size {output_size}")
    return x.mean(-1, keepdim=True)


def _einsum(equation: Any, *operands: Any) -> Tensor:
    """Two operands at a time, from the left: sums over what they share and nobody asks for, as one product of matrices.

    Indices of one operand alone that nobody asks for are summed first.
    """
    if not isinstance(equation, str):
        raise _refuse("einsum", "lists of indices; write an equation")
    tensors = list(operands[0]) if len(operands) == 1 and not isinstance(operands[0], Tensor) else list(operands)
    terms, asked = _indices(equation, [x.ndim for x in tensors])
    left, x = terms[0], tensors[0]
    for k in range(1, len(tensors)):
        later = set(asked).union(*terms[k + 1 :])
        left, x = _product((left, x), (terms[k], tensors[k]), later)
    left, x = _without(left, x, set(asked))
    return x.permute([left.index(index) for index in asked])


def _indices(equation: str, axes: Sequence[int]) -> tuple[list[str], str]:
    """Indices of each operand and of the result, `...` as letters that stand nowhere else."""
    given, arrow, asked = equation.replace(" ", "").partition("->")
    spare = [c for c in ascii_letters if c not in equation]
    terms, most = [], 0
    for term, count in zip(given.split(","), axes, strict=False):
        wide = count - len(term.replace("...", "")) if "..." in term else 0
        most = max(most, wide)
        terms.append(term.replace("...", "".join(spare[:wide][::-1])))
    every = "".join(terms)
    dots = "".join(spare[:most][::-1])
    asked = (
        asked.replace("...", dots)
        if arrow
        else dots + "".join(c for c in sorted(set(every)) if every.count(c) == 1 and c not in dots)
    )
    wrong = [t for t, count in zip(terms, axes, strict=False) if len(t) != count or len(set(t)) != len(t)]
    if len(given.split(",")) != len(axes) or wrong or not set(asked) <= set(every) or len(set(asked)) != len(asked):
        raise _refuse("einsum", f"equation '{equation}' and operands of {', '.join(map(str, axes))} axes")
    return terms, asked


def _without(indices: str, x: Tensor, kept: set[str]) -> tuple[str, Tensor]:
    """Sums over indices that are not kept."""
    gone = [axis for axis, index in enumerate(indices) if index not in kept]
    return "".join(c for c in indices if c in kept), x.sum(gone) if gone else x


def _product(a: tuple[str, Tensor], b: tuple[str, Tensor], kept: set[str]) -> tuple[str, Tensor]:
    """Indices and values of a product of two, summed over shared indices that are not kept."""
    (left, x), (right, y) = _without(*a, kept | set(b[0])), _without(*b, kept | set(a[0]))
    both = [c for c in left if c in right and c in kept]
    summed = [c for c in left if c in right and c not in kept]
    mine, others = ([c for c in one if c not in other] for one, other in ((left, right), (right, left)))
    x = x.permute([left.index(c) for c in (*both, *mine, *summed)])
    y = y.permute([right.index(c) for c in (*both, *others, *summed)])
    n = len(both)
    x_sizes, y_sizes = x.shape[n : n + len(mine)], y.shape[n : n + len(others)]
    if not summed:
        product = x.reshape(*x.shape[:n], -1, 1) * y.reshape(*y.shape[:n], 1, -1)
    else:
        last = (x.reshape(*x.shape[:n], x_sizes.numel(), -1), y.reshape(*y.shape[:n], y_sizes.numel(), -1))
        product = torch.matmul(last[0], last[1].transpose(-1, -2))
    return "".join((*both, *mine, *others)), product.reshape([*product.shape[:n], *x_sizes, *y_sizes])


_ATTENTION = signature(functional.multi_head_attention_forward)


def _multi_head_attention(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor | None]:
    """[tokens, batch, width]: three projections, heads, softmax(q k^T / sqrt(width of a head) + mask) v, one more.

    Takes what `functional.multi_head_attention_forward` takes.
    """
    given = _ATTENTION.bind(*args, **kwargs)
    given.apply_defaults()
    of = given.arguments
    query, heads, packed = of["query"], of["num_heads"], of["in_proj_weight"]
    odd = any(of[name] is not None for name in ("bias_k", "bias_v")) or of["add_zero_attn"] or query.ndim != 3
    if odd or packed is None or of["use_separate_proj_weight"] or (of["training"] and of["dropout_p"]):
        raise _refuse("MultiheadAttention", "bias_kv, add_zero_attn, kdim, vdim, dropout in training or no batch")
    biases = [None] * 3 if of["in_proj_bias"] is None else of["in_proj_bias"].chunk(3)
    each = zip((query, of["key"], of["value"]), packed.chunk(3), biases, strict=True)
    q, k, v = (functional.linear(x, w, b) for x, w, b in each)
    batch, width = query.shape[1], of["embed_dim_to_check"] // heads
    q, k, v = (x.reshape(len(x), batch, heads, width).permute(1, 2, 0, 3) for x in (q, k, v))
    scores = torch.matmul(q, k.transpose(-1, -2)) * width**-0.5
    padding = of["key_padding_mask"]
    for mask in (of["attn_mask"], None if padding is None else padding[:, None, None, :]):
        if mask is not None:
            mask = mask.reshape(batch, heads, *mask.shape[-2:]) if mask.ndim == 3 else mask
            if mask.dtype == torch.bool:
                mask = torch.zeros(mask.shape, dtype=query.dtype).masked_fill(mask, float("-inf"))
            scores = scores + mask
    weights = torch.softmax(scores, -1)
    mixed = torch.matmul(weights, v).permute(2, 0, 1, 3).reshape(len(query), batch, heads * width)
    out = functional.linear(mixed, of["out_proj_weight"], of["out_proj_bias"])
    if not of["need_weights"]:
        return out, None
    return out, weights.mean(1) if of["average_attn_weights"] else weights


COMPOSED: dict[Callable[..., Any], Callable[..., Any]] = {
    functional.leaky_relu: _leaky_relu,
    functional.elu: _elu,
    functional.softplus: _softplus,
    functional.log_softmax: _log_softmax,
    torch.log_softmax: _log_softmax,
    functional.batch_norm: _batch_norm,
    functional.conv1d: _conv1d,
    functional.conv2d: _conv2d,
    functional.avg_pool2d: _avg_pool2d,
    functional.max_pool2d: _max_pool2d,
    torch.max_pool2d: _max_pool2d,
    functional.adaptive_avg_pool2d: _adaptive_avg_pool2d,
    functional.avg_pool1d: _flat(_avg_pool2d, "avg_pool1d"),
    functional.max_pool1d: _flat(_max_pool2d, "max_pool1d"),
    torch.max_pool1d: _flat(_max_pool2d, "max_pool1d"),
    functional.adaptive_avg_pool1d: _adaptive_avg_pool1d,
    torch.einsum: _einsum,
    functional.multi_head_attention_forward: _multi_head_attention,
}
"""Functions of PyTorch by what they are made of."""
