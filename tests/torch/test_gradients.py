"""Backward by gates: the same bits by neurons as by the strict reference, the formulas against NumPy and float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lava_nexus.errors import NexusError
from lava_nexus.torch import convert
from tests.torch.modules import Apply


class RMSNorm(nn.Module):
    """As models write it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.5, 1.5, width))

    def forward(self, x: Tensor) -> Tensor:
        return x / torch.sqrt((x * x).mean(dim=-1, keepdim=True) + 1e-5) * self.weight


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def bits(x: Tensor) -> np.ndarray:
    return x.detach().numpy().view(np.uint32)


def grads(module: nn.Module, *inputs: Tensor) -> list[Tensor]:
    given = [x.clone().requires_grad_() for x in inputs]
    y = module(*given)
    weights = (drawn(*y.shape, seed=9) if y.ndim else torch.tensor(1.5)).to(y.dtype)
    return list(torch.autograd.grad(y, [*given, *module.parameters()], weights))


FUNCTIONS = [
    lambda a, b: a + b[0],
    lambda a, b: 2 - a * b[:1] - b,
    lambda a, b: a / (b * b + 1) + 1 / (a * a + 2),
    lambda a, b: (a * a + 1).sqrt() * torch.exp(-b),
    lambda a, b: (a - b).pow(2).mean(-1),
    lambda a, b: a.sum(0) * b.sum((0, 1)) + a.mean(),
    lambda a, b: functional.silu(a) @ functional.softmax(b, -1).transpose(-1, -2),
    lambda a, b: torch.softmax(a, 0) * b,
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_formulas_agree_with_autograd_in_float64(function: Callable[..., Tensor]) -> None:
    a, b = drawn(3, 4), drawn(3, 4, seed=1)
    ours = grads(convert(Apply(function), executor="reference", backward="gates"), a, b)
    for mine, theirs in zip(ours, grads(Apply(function), a.double(), b.double()), strict=True):
        assert torch.allclose(mine.double(), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "module", [nn.Linear(5, 4), RMSNorm(5), nn.SiLU(), nn.Softmax(-1)], ids=lambda m: type(m).__name__
)
def test_neurons_give_the_bits_of_the_strict_reference(module: nn.Module) -> None:
    x = drawn(2, 3, 5)
    gates = grads(convert(module, executor="bitsliced", backward="gates"), x)
    strict = grads(convert(module, executor="reference", backward="gates"), x)
    for mine, theirs in zip(gates, strict, strict=True):
        assert np.array_equal(bits(mine), bits(theirs))


def test_a_linear_layers_gradients_by_hand() -> None:
    layer, x = nn.Linear(3, 2), drawn(4, 3)
    dx, weight, bias = (g.numpy() for g in grads(convert(layer, executor="reference", backward="gates"), x))
    dy, w = drawn(4, 2, seed=9).numpy(), layer.weight.detach().numpy()
    assert np.array_equal(dx, dy[:, :1] * w[0] + dy[:, 1:] * w[1])
    total_w, total_b = dy[0, :, None] * x[0].numpy(), dy[0]
    for row in range(1, 4):
        total_w = total_w + dy[row, :, None] * x[row].numpy()
        total_b = total_b + dy[row]
    assert np.array_equal(weight, total_w) and np.array_equal(bias, total_b)


def test_what_has_no_gradient_is_one_sentence() -> None:
    x = drawn(3).requires_grad_()
    y = convert(Apply(torch.erf), executor="reference", backward="gates")(x)
    with pytest.raises(NexusError, match="the gradient of 'erf' has no program of gates; use backward='autograd'"):
        y.sum().backward()
    with pytest.raises(NexusError, match="backward 'gate' does not exist"):
        convert(nn.SiLU(), backward="gate")


def test_a_format_of_its_own_rounds_every_operand() -> None:
    layer, x = nn.Linear(4, 3, bias=False), drawn(2, 4)
    y = convert(layer, executor="bitsliced", format="float8_e4m3fn")(x)
    import ml_dtypes

    eight = ml_dtypes.float8_e4m3fn
    a, w = x.numpy().astype(eight), layer.weight.detach().numpy().astype(eight)
    total = (a[:, None, 0] * w[:, 0]).astype(eight)
    for k in range(1, 4):
        total = (total + (a[:, None, k] * w[:, k]).astype(eight)).astype(eight)
    assert y.dtype == torch.float32
    assert np.array_equal(y.detach().numpy(), total.astype(np.float32))
    (gx,) = torch.autograd.grad(convert(layer, format="float8_e4m3fn")(x.requires_grad_()).sum(), x)
    assert torch.allclose(gx, layer.weight.detach().sum(0).expand(2, 4))
