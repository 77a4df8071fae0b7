"""Layers of PyTorch by gates: near PyTorch's own, bit for bit those of the strict reference, refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from lava_nexus.errors import NexusError
from lava_nexus.torch import convert

LAYERS = {
    "leaky_relu": (nn.LeakyReLU(0.1), (2, 5)),
    "elu": (nn.ELU(), (2, 5)),
    "softplus": (nn.Softplus(), (2, 5)),
    "log_softmax": (nn.LogSoftmax(-1), (2, 5)),
    "conv1d": (nn.Conv1d(2, 3, 3, padding=1, stride=2), (2, 2, 7)),
    "conv2d": (nn.Conv2d(2, 3, (2, 3), padding=(1, 0), dilation=(1, 2)), (1, 2, 4, 6)),
    "batch_norm1d": (nn.BatchNorm1d(3).eval(), (4, 3)),
    "batch_norm2d": (nn.BatchNorm2d(2).eval(), (2, 2, 3, 3)),
    "avg_pool2d": (nn.AvgPool2d(2, padding=1), (1, 2, 4, 4)),
    "max_pool2d": (nn.MaxPool2d(3, stride=2, padding=1), (1, 2, 5, 5)),
    "avg_pool1d": (nn.AvgPool1d(3, stride=2, padding=1), (2, 2, 7)),
    "max_pool1d": (nn.MaxPool1d(2), (1, 2, 5)),
    "adaptive1d": (nn.AdaptiveAvgPool1d(1), (1, 2, 3)),
    "adaptive": (nn.AdaptiveAvgPool2d(1), (1, 2, 3, 3)),
    "encoder": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(), (2, 3, 8)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_by_gates_is_near_pytorch(name: str) -> None:
    torch.manual_seed(0)
    layer, shape = LAYERS[name]
    x = torch.randn(shape)
    with torch.no_grad():
        found, right = convert(layer, executor="reference")(x), layer(x)
    assert found.shape == right.shape
    torch.testing.assert_close(found, right, rtol=2e-6, atol=2e-6)


def test_neurons_give_the_bits_of_the_reference_and_gradients_flow() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 2), nn.LeakyReLU(0.5), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 2))
    x = torch.randn(1, 1, 3, 3)
    by_gates = convert(model)
    assert torch.equal(by_gates(x), convert(model, executor="reference")(x))
    by_gates(x).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_attention_takes_masks_and_gives_weights() -> None:
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    x, causal = torch.randn(2, 3, 8), torch.ones(3, 3, dtype=torch.bool).triu(1)
    with torch.no_grad():
        found, right = (of(x, x, x, attn_mask=causal) for of in (convert(layer, executor="reference"), layer))
    for a, b in zip(found, right, strict=True):
        torch.testing.assert_close(a, b, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(
    ("layer", "shape", "said"),
    [
        (nn.Conv2d(2, 2, 1, groups=2), (1, 2, 2, 2), "groups 2"),
        (nn.BatchNorm1d(2), (3, 2), r"call eval\(\) on the model"),
        (nn.AdaptiveAvgPool2d(2), (1, 1, 4, 4), "output size 2"),
    ],
)
def test_what_has_no_program_is_said(layer: nn.Module, shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(NexusError, match=said):
        convert(layer, executor="reference")(torch.randn(shape))


class Calls(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *x: torch.Tensor) -> torch.Tensor:
        return self.function(*x)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bhqd,bhkd->bhqk", [(1, 2, 3, 4), (1, 2, 5, 4)]),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
        ("i,j->ij", [(2,), (3,)]),
        ("ij,ij->", [(2, 3), (2, 3)]),
        ("...ij,...jk", [(2, 3, 4), (2, 4, 2)]),
        ("ijk->ki", [(2, 3, 4)]),
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 2)]),
        ("ij,kj->kij", [(2, 3), (4, 3)]),
    ],
)
def test_einsum_is_products_and_sums(equation: str, shapes: list[tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    x = [torch.randn(shape) for shape in shapes]
    found = convert(Calls(lambda *x: torch.einsum(equation, *x)), executor="reference")(*x)
    torch.testing.assert_close(found, torch.einsum(equation, *x), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.nn.functional.relu(x, inplace=True) + x,  # x is what came out
        lambda x: x.exp_() * x,
        lambda x: x.mul_(3.0).add_(x),
        lambda x: torch.nn.functional.leaky_relu_(x, 0.25) - x * 2,
        lambda x: x.clamp_(min=0.0).sqrt_(),
    ],
)
def test_what_is_done_in_place_is_seen(function: Callable[..., torch.Tensor]) -> None:
    x = torch.linspace(-2, 2, 6)
    ours, theirs = x.clone(), x.clone()
    found = convert(Calls(function), executor="reference")(ours)
    torch.testing.assert_close(found, function(theirs))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("function", "x", "said"),
    [
        (torch.exp, torch.arange(3), "calls 'exp' on int64, whose result has fractions; convert it first"),
        (lambda x: x / 2, torch.arange(3), "'div' on int64"),
        (torch.nn.functional.silu, torch.arange(3), "calls 'silu' on int64; give floating numbers"),
        (lambda x: x.relu_(), torch.ones(2, requires_grad=True), "in place on a tensor that needs its own gradient"),
        (lambda x: torch.einsum("ii->i", x), torch.ones(2, 2), "equation 'ii->i'"),
    ],
)
def test_what_pytorch_would_do_behind_ones_back_is_refused(
    function: Callable[..., torch.Tensor], x: torch.Tensor, said: str
) -> None:
    with pytest.raises(NexusError, match=said):
        convert(Calls(function), executor="reference")(x)


def test_integers_are_taken_where_nothing_is_computed_of_them() -> None:
    found = convert(Calls(lambda i: (i + 1).float() * 0.5), executor="reference")(torch.arange(3))
    assert found.tolist() == [0.5, 1.0, 1.5]


def test_torch_compile_is_refused() -> None:
    model = torch.compile(convert(nn.Linear(2, 2), executor="reference"), backend="eager")
    with pytest.raises(NexusError, match=r"cannot be compiled by torch\.compile"):
        model(torch.randn(1, 2))


def test_a_dry_run_says_what_would_be_by_gates() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.GRU(2, 2), nn.SiLU())
    found = convert(model, dry_run=True)
    assert found.by_gates == (("0", "Linear", 6), ("2", "SiLU", 0)) and found.refused == (("1", "GRU"),)
    assert found.only == ("0", "2") and "by gates 2" in repr(found) and "1 (GRU)" in found._repr_html_()
    assert convert(model, only=["0"], dry_run=True).by_pytorch == (("1", "GRU"), ("2", "SiLU"))
    with pytest.raises(
        NexusError, match=r"GRU, which has no program of gates; convert what has one: only=\['0', '2'\]"
    ):
        convert(model)


def test_autocast_and_traces_are_refused() -> None:
    model, x = convert(nn.Linear(2, 2), executor="reference"), torch.randn(1, 2)
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(NexusError, match="under autocast"):
        model(x)
    with pytest.raises(NexusError, match=r"cannot be traced by torch\.jit"):
        torch.jit.trace(model, x)
    with pytest.raises(NexusError, match="int64"):
        model(torch.ones(1, 2, dtype=torch.int64))
