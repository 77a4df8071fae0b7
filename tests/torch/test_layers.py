"""Layers of PyTorch by gates: near PyTorch's own, bit for bit those of the strict reference, refused in a sentence."""

from __future__ import annotations

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
