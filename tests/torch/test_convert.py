"""Converted modules: every function against NumPy's FP32 one step at a time, gradients against plain autograd."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lava_nexus.errors import NexusError
from lava_nexus.torch import convert, counts
from tests.torch.modules import Apply

F32 = NDArray[np.float32]


def strict(function: Callable[..., Tensor], *args: Tensor) -> Tensor:
    return convert(Apply(function), executor="reference")(*args)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def equal_bits(a: Tensor, b: Tensor | NDArray[Any]) -> None:
    theirs = b if isinstance(b, np.ndarray) else b.detach().numpy()
    ours = a.detach().numpy()
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    assert np.array_equal(ours.view(f"u{ours.itemsize}"), theirs.view(f"u{theirs.itemsize}"))


def summed(terms: F32) -> F32:
    """Sequential FP32 sum over the last axis."""
    total = terms[..., 0]
    for k in range(1, terms.shape[-1]):
        total = total + terms[..., k]
    return total


def dot(a: F32, b: F32) -> F32:
    """[..., t, k] and [..., n, k] to [..., t, n], each product and sum rounded."""
    return summed(a[..., :, None, :] * b[..., None, :, :])


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: a + b,
        lambda a, b: torch.sub(a, b),
        lambda a, b: a.mul(b) / 3,
        lambda a, b: 2 - a,
        lambda a, b: 1 / (a * a + 1),
        lambda a, b: -a.abs(),
        lambda a, b: (a * a).sqrt(),
        lambda a, b: torch.maximum(a, b) + a.clamp(-0.5, 0.25),
        lambda a, b: functional.relu(a).pow(2) + a**3,
        lambda a, b: a[:, :2] + b[:, 1:3].flip(0).contiguous(),
        lambda a, b: torch.where(a > 0, a, b).masked_fill(a > 1, 0.5),
        lambda a, b: a.to(torch.float64).to(torch.float32) + b.half().float(),
    ],
)
def test_basic_operations_give_the_bits_of_pytorch(function: Callable[..., Tensor]) -> None:
    a, b = drawn(3, 4), drawn(3, 4, seed=1)
    equal_bits(strict(function, a, b), function(a, b))


def test_operations_in_place() -> None:
    def function(a: Tensor, b: Tensor) -> Tensor:
        c = a.clone()
        c += b
        c.mul_(2.0)
        c -= 1
        c /= 3
        return c

    a, b = drawn(5).requires_grad_(), drawn(5, seed=1)
    y = strict(function, a, b)
    equal_bits(y, function(a, b))
    assert torch.equal(torch.autograd.grad(y.sum(), a)[0], torch.autograd.grad(function(a, b).sum(), a)[0])


def test_linear_sums_in_order() -> None:
    x, layer = drawn(2, 3, 5), nn.Linear(5, 4)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    equal_bits(convert(layer, executor="reference")(x), dot(x.numpy(), weight) + bias)


def test_sums_and_means() -> None:
    x = drawn(2, 3, 5)
    equal_bits(strict(lambda v: v.sum(1), x), summed(np.ascontiguousarray(np.moveaxis(x.numpy(), 1, -1))))
    equal_bits(strict(lambda v: v.mean((-1, 0), keepdim=True), x)[0, :, 0], strict(lambda v: v.mean((2, 0)), x))
    assert strict(lambda v: v.mean(), x).item() == pytest.approx(x.mean().item(), rel=1e-5)
    equal_bits(strict(lambda v: v.mean(-1, keepdim=True), x)[..., 0], summed(x.numpy()) / np.float32(5))


def test_softmax_and_attention() -> None:
    from lava_nexus.circuits import circuit
    from lava_nexus.formats import FLOAT32

    exp = circuit("exp", FLOAT32).golden

    def softmax(scores: F32) -> F32:
        shifted = scores - scores.max(-1, keepdims=True)
        terms = exp(shifted.view(np.uint32)).view(np.float32)
        return terms / summed(terms)[..., None]

    x = drawn(2, 4, 3)
    equal_bits(strict(lambda v: v.softmax(-1), x), softmax(x.numpy()))
    turned = np.ascontiguousarray(softmax(np.ascontiguousarray(x.numpy().swapaxes(1, 2))).swapaxes(1, 2))
    equal_bits(strict(lambda v: torch.softmax(v, dim=1), x), turned)
    q, k, v = (drawn(2, 4, 8, seed=i) for i in range(3))
    scores = dot(q.numpy(), k.numpy()) * np.float32(8**-0.5)
    right = dot(softmax(scores), np.ascontiguousarray(v.numpy().swapaxes(1, 2)))
    equal_bits(strict(functional.scaled_dot_product_attention, q, k, v), right)
    causal = strict(lambda *a: functional.scaled_dot_product_attention(*a, is_causal=True), q, k, v)
    outside = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert torch.allclose(causal, outside, rtol=1e-4, atol=1e-6)
    equal_bits(causal[:, 0], v[:, 0])


def test_layer_norm_and_activations() -> None:
    x = drawn(6, 16)
    norm = nn.LayerNorm(16)
    torch.nn.init.normal_(norm.weight), torch.nn.init.normal_(norm.bias)
    plain = nn.LayerNorm((2, 8), elementwise_affine=False)
    layers = [norm, plain, nn.SiLU(), nn.GELU(), nn.GELU("tanh"), nn.Softmax(0)]
    for layer in layers:
        given = x.view(6, 2, 8) if layer is plain else x
        ours = convert(layer, executor="reference")(given)
        right = copy.deepcopy(layer).double()(given.double())
        assert (ours - right).abs().max() < 2e-6, layer


class Small(nn.Module):
    """Linear layers in two places, a shared one, a norm and a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.body = nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4), nn.SiLU(), self.first)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        return h + self.drop(self.body(h))


def test_gates_give_the_bits_of_the_reference_and_count() -> None:
    torch.manual_seed(0)
    model, x = Small().eval(), drawn(3, 4)
    gates, reference = convert(model, executor="membrane", count=True), convert(model, executor="reference")
    equal_bits(gates(x), reference(x))
    found = counts(gates)
    assert list(found) == [""]
    assert sum(tally.spikes for tally in found[""]) > 0
    invocations = {t.circuit.name: t.invocations for t in found[""]}
    assert invocations["mul"] >= 3 * 3 * 16
    assert {t.circuit.name: t.invocations for t in counts(reference)[""]} == invocations


def test_parameters_are_shared_and_the_original_stays() -> None:
    model = Small()
    gates = convert(model, ["body.1"], executor="reference")
    assert {k: v.data_ptr() for k, v in gates.state_dict().items()} == {
        k: v.data_ptr() for k, v in model.state_dict().items()
    }
    assert gates.first is gates.body[3] and gates.first is not model.first
    assert isinstance(gates.body[1], nn.Linear)
    assert "forward" not in vars(model.body[1]) and "forward" in vars(gates.body[1])
    again = copy.deepcopy(gates)
    x = drawn(2, 4)
    gates.eval(), again.eval()
    equal_bits(again(x), gates(x))
    assert not counts(convert(gates, ["first"], executor="reference").get_submodule("body.1"))


@pytest.mark.parametrize(
    ("only", "chosen"),
    [
        (None, {""}),
        (["body"], {"body"}),
        (["body.1", "body"], {"body"}),
        (["Linear"], {"first", "body.1"}),
        ([nn.SiLU, "*.0"], {"body.0", "body.2"}),
        ("first", {"first"}),
    ],
)
def test_what_only_chooses(only: Any, chosen: set[str]) -> None:
    assert set(counts(convert(Small(), only, executor="reference"))) == chosen


def test_gradients_of_one_function_are_those_of_autograd() -> None:
    x, layer = drawn(3, 5), nn.Linear(5, 4)
    grads = []
    for module in (layer, convert(layer, executor="reference")):
        given = x.clone().requires_grad_()
        y = module(given)
        found = torch.autograd.grad(y, [given, layer.weight, layer.bias], drawn(3, 4, seed=2))
        grads.append([g.numpy().tobytes() for g in found])
    assert grads[0] == grads[1]


def test_gradients_in_float64() -> None:
    torch.manual_seed(1)
    model = convert(nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.ReLU()).double(), executor="reference")
    x = drawn(2, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(model, (x,))


def test_training_by_gates_and_by_the_reference_gives_equal_parameters() -> None:
    torch.manual_seed(0)
    start = Small().eval()
    after = []
    for executor in ("membrane", "reference"):
        model = convert(copy.deepcopy(start), executor=executor)
        optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)
        for step in range(2):
            optimiser.zero_grad()
            model(drawn(3, 4, seed=step)).square().mean().backward()
            optimiser.step()
        after.append([p.detach().numpy().tobytes() for p in model.parameters()])
    assert after[0] == after[1]
    assert after[0] != [p.detach().numpy().tobytes() for p in start.parameters()]


def test_dropout_draws_as_pytorch_does() -> None:
    drop, x = nn.Dropout(0.25), drawn(50)
    torch.manual_seed(3)
    plain = drop(x)
    torch.manual_seed(3)
    equal_bits(convert(drop, executor="reference")(x), x * (plain != 0) * (1 / 0.75))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes(dtype: torch.dtype) -> None:
    x = drawn(4, 4).to(dtype)
    y = strict(lambda v: v * v + 1, x)
    assert y.dtype == dtype and torch.equal(y, x * x + 1)


def test_unusual_layouts() -> None:
    x = drawn(4, 6).T[::2]
    assert not x.is_contiguous()
    equal_bits(strict(lambda v: v + 1, x), (x + 1).contiguous())
    equal_bits(strict(lambda v: v + 1, torch.tensor(2.0)), np.array(3.0, np.float32))
    assert strict(lambda v: v * 2, drawn(0, 3)).shape == (0, 3)


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: convert(Small(), ["bodi"]), "'only' names 'bodi', which the model does not have; did you mean 'body'?"),
    (lambda: convert(Small(), [nn.Conv2d]), "'only' names Conv2d, which the model does not have"),
    (lambda: convert(Small(), []), "'only' is empty"),
    (lambda: convert(nn.Sequential(nn.GRU(1, 1))), "module '0' is a GRU, which has no program of gates"),
    (lambda: convert(Small(), executor="gpu"), "executor 'gpu' does not exist"),
    (lambda: strict(torch.cumsum, drawn(3), 0), "module 'Apply' calls 'cumsum', which has no program of gates"),
    (lambda: strict(torch.pow, drawn(3), 1.5), "'pow' with exponent 1.5"),
    (lambda: strict(lambda x: torch.add(x, x, alpha=2), drawn(3)), "alpha 2"),
    (lambda: strict(torch.matmul, drawn(3), drawn(3)), r"'matmul' of shapes \(3,\) and \(3,\)"),
    (lambda: strict(lambda x: torch.add(x, x, out=x), drawn(3)), "'add' has no program of gates for these arguments"),
    (
        lambda: convert(nn.Linear(3, 2), executor="reference")(drawn(2, 3).double()),
        "calls 'linear' on float32, float64",
    ),
    (lambda: strict(lambda x: x + x, torch.zeros(2, device="meta")), "calls 'add' on device meta"),
]


@pytest.mark.parametrize(("mistake", "sentence"), MISTAKES)
def test_mistakes(mistake: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(NexusError, match=sentence):
        mistake()
