"""Operators of LIF populations over whole tensors of PyTorch: integers of their programs, by tables and closed forms.

SiLU is a function of one operand of 17 bits: a table of all results. Softmax looks up its exponentials, takes maxima
and sums along rows of different lengths, and divides as the ladders do. RMSNorm runs the tree of CORDIC steps on all
rows together. Each is held against the operator's neurons and its integer program by tests.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lava_nexus.formats import IntegerFormat
from lava_nexus.populations import DEFAULT, Operator, Options, operator
from lava_nexus.populations.division import Ladders
from lava_nexus.populations.fixed_point import LIF_WIDTH, WIDTH, constant
from lava_nexus.populations.normalisation import BIAS, MASK_BITS, RMS_BITS, Root, exponential_table


def fixed(x: Tensor, fraction: int, fmt: IntegerFormat) -> Tensor:
    """int64 of x * 2^fraction, to nearest even, saturating; NaN is 0."""
    scaled = torch.nan_to_num(torch.round(x.float() * 2.0**fraction), nan=0.0)
    return scaled.clamp(float(fmt.min), float(fmt.max)).long()


@lru_cache(maxsize=64)
def _silu_table(options: Options, device: str) -> tuple[Operator, Tensor]:
    op = operator("silu", 1, options)
    operands = np.arange(op.in_format.min, op.in_format.max + 1, dtype=np.int64)[:, None]
    return op, torch.from_numpy(op.golden(operands)[:, 0]).to(device)


def silu(x: Tensor, options: Options = DEFAULT) -> Tensor:
    """SiLU element by element, by populations; FP32."""
    op, table = _silu_table(options, str(x.device))
    found = table[fixed(x, op.in_fraction, op.in_format) - op.in_format.min]
    return found.float() * 2.0**-op.out_fraction


@lru_cache(maxsize=64)
def _exponentials(options: Options, device: str) -> tuple[int, Tensor]:
    table, _ = exponential_table(options)
    return table.length, torch.from_numpy(table(np.arange(table.length + 2, dtype=np.int64))).to(device)


def softmax(x: Tensor, seen: Tensor, options: Options = DEFAULT) -> Tensor:
    """Softmax over the last axis by populations, each row over the keys that it sees; FP32, 0 for the others.

    Args:
        x: scores [..., tokens, keys].
        seen: bool [tokens, keys].
        options: of the operator.
    """
    length, exponentials = _exponentials(options, str(x.device))
    fmt, ladders = IntegerFormat(WIDTH), options.ladders(options.grid_bits)
    u = (fixed(x, options.fraction(), fmt) + BIAS).clamp_(min=0).masked_fill_(~seen, 0)
    largest = u.amax(-1, keepdim=True)
    offset = torch.where(u >> MASK_BITS > 0, u - largest + length + 1, 0).clamp_(min=0)
    sizes = seen.sum(-1, keepdim=True)
    down = bit_length(sizes - 1)
    terms = exponentials[offset] >> down
    return quotient(terms, terms.sum(-1, keepdim=True), ladders).float() * 2.0**-options.grid_bits


def rms_norm(x: Tensor, eps: float, options: Options = DEFAULT) -> Tensor:
    """x / sqrt(mean(x * x) + eps) over the last axis by populations, without the weight; FP32."""
    size, op_fraction = x.shape[-1], options.fraction(12)
    root = Root(size, eps, options, op_fraction, RMS_BITS)
    q = fixed(x, op_fraction, IntegerFormat(RMS_BITS)).reshape(-1, size)
    values = q.abs()
    if root.floor:
        values = torch.cat([values, torch.full_like(values[:, :1], root.floor)], 1)
    key = (q.abs() >> root.down).sum(1, keepdim=True) + root.least
    _, values = normalised(key, values, root.top, saturate=False)
    found = quotient(values[:, :size] >> 1, scaled(_norm(values, root), root.factor), root.ladders)
    found = torch.where(q > 0, found, torch.where(q < 0, -found - 1, 0))
    return found.reshape(x.shape).float() * 2.0**-options.grid_bits


def _norm(x: Tensor, root: Root) -> Tensor:
    """The tree's norm of rows [rows, leaves], [rows, 1]."""
    down = 0
    for halve in root.tree.halved:
        x = x >> down
        if x.shape[1] % 2:
            x = torch.cat([x, torch.zeros_like(x[:, :1])], 1)
        x, y = x[:, 0::2], x[:, 1::2]
        for k in root.tree.shifts:
            x, y = x + (y >> k), (y + (-x >> k)).clamp(min=0) + ((x >> k) - y).clamp(min=0)
        down = int(halve)
    return x[:, :1] >> down


def scaled(x: Tensor, factor: float) -> Tensor:
    """`populations.fixed_point.scaled` of x [rows, 1]."""
    parts, half = constant(factor).parts, 11
    high, low = x >> half, x & ((1 << half) - 1)
    shifted = [_shifted(high * m, s - half) + _shifted(low * m, s) for m, s in parts]
    return torch.stack(shifted).sum(0)


def _shifted(x: Tensor, shift: int) -> Tensor:
    return x >> shift if shift >= 0 else x << -shift


def bit_length(x: Tensor) -> Tensor:
    """int.bit_length of integers from 0 to 2^52."""
    return torch.frexp(x.double())[1].long()


def normalised(key: Tensor, values: Tensor, top: int, saturate: bool) -> tuple[Tensor, Tensor]:
    """`populations.fixed_point.normalised` of key [..., 1] and values [..., n]."""
    by = top - bit_length(key)
    values = torch.minimum(values, key) if saturate else values

    def moved(x: Tensor) -> Tensor:
        return (x << by.clamp(min=0)) >> (-by).clamp(min=0)

    return moved(key), torch.where(key > 0, moved(values), 0)


def quotient(dividends: Tensor, divisor: Tensor, how: Ladders) -> Tensor:
    """`populations.division.quotient` of dividends [..., n] by divisor [..., 1]."""
    key, values = normalised(divisor, dividends, WIDTH, saturate=True)
    largest, down = max(how.digits), WIDTH - LIF_WIDTH
    step = (key >> (down + largest)).clamp(min=1)
    rest, found = values >> (down + largest - how.digits[0]), torch.zeros_like(values)
    for i, digit in enumerate(how.digits):
        rest = rest << digit if i else rest
        counted = torch.div(rest, step, rounding_mode="floor").clamp(max=(1 << digit) - (i > 0))
        found = (found << digit) + counted
        rest = torch.where(counted == 1 << digit, 0, rest - counted * step)
    return torch.where(key > 0, found, 0)
