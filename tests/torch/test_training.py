"""A random decoder trained by gates and in strict float: activations, gradients and parameters layer by layer."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lava_nexus.torch import convert

pytest.importorskip("transformers")


def _decoder(**changes: int) -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    sizes = {"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "vocab_size": 7}
    config = LlamaConfig(
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=16,
        attn_implementation="eager",
        **{**sizes, **changes},
    )
    return LlamaForCausalLM(config)


def _bits(x: Tensor) -> np.ndarray:
    return x.detach().numpy().view(np.uint32)


def _watched(model: nn.Module) -> dict[str, list[Tensor]]:
    """Outputs and their gradients of every module, as they come."""
    seen: dict[str, list[Tensor]] = {}

    def keep(name: str) -> None:
        def hook(_: nn.Module, __: object, output: object) -> None:
            if isinstance(output, Tensor) and output.is_floating_point():
                seen.setdefault(name, []).append(output)
                if output.requires_grad:
                    output.register_hook(lambda grad: seen.setdefault(f"{name} gradient", []).append(grad))

        model.get_submodule(name).register_forward_hook(hook)

    for name, _ in model.named_modules():
        keep(name)
    return seen


def test_a_decoder_trains_to_the_same_bits() -> None:
    base = _decoder()
    sides = [convert(copy.deepcopy(base), executor=name) for name in ("bitsliced", "reference")]
    optimisers = [torch.optim.SGD(side.parameters(), lr=0.1) for side in sides]
    seen = [_watched(side) for side in sides]
    tokens = torch.tensor([[3, 1, 4]])
    for _ in range(2):
        for side, optimiser in zip(sides, optimisers, strict=True):
            loss = nn.functional.cross_entropy(side(tokens).logits[0, :-1], tokens[0, 1:])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    gates, strict = seen
    assert list(gates) == list(strict) and len(gates) > 40
    for name in gates:
        for mine, theirs in zip(gates[name], strict[name], strict=True):
            assert np.array_equal(_bits(mine), _bits(theirs)), name
    for (name, p), (_, q) in zip(sides[0].named_parameters(), sides[1].named_parameters(), strict=True):
        assert np.array_equal(_bits(p), _bits(q)) and np.array_equal(_bits(p.grad), _bits(q.grad)), name
    assert not torch.equal(sides[0].lm_head.weight, base.lm_head.weight)


class Norm(nn.Module):
    """RMSNorm, a linear layer, SiLU."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2).double()

    def forward(self, x: Tensor) -> Tensor:
        y = x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-3)
        return nn.functional.silu(self.linear(y)).softmax(-1)


@pytest.mark.parametrize("backward", ["autograd", "gates"])
def test_gradients_pass_a_numeric_check_in_float64(backward: str) -> None:
    torch.manual_seed(0)
    module = convert(Norm(), executor="reference", backward=backward)
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, (x,), eps=1e-6, atol=1e-6)
