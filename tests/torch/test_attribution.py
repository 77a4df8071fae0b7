"""Which module moves which bits, on models of the transformers library."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lava_nexus.errors import NexusError
from lava_nexus.torch import convert, moved_bits, moved_table

transformers = pytest.importorskip("transformers")

SIZES = {"vocab_size": 19, "hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 8}
IDS = torch.tensor([[3, 1, 4, 1, 5]])


def tiny(name: str, attention: str = "sdpa", **more: Any) -> nn.Module:
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**SIZES, attn_implementation=attention, **more)
    kind = f"{name}Model" if name == "Bert" else f"{name}ForCausalLM"
    model: nn.Module = getattr(transformers, kind)(config).eval()
    return model


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("Qwen3", {"num_key_value_heads": 1, "head_dim": 6}),
        ("Llama", {"num_key_value_heads": 3}),
        ("Mistral", {"num_key_value_heads": 1, "sliding_window": 2}),
        ("Phi", {}),
        ("Bert", {}),
    ],
)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_whole_model_is_as_near_to_float64_as_pytorch(name: str, attention: str, more: dict[str, Any]) -> None:
    model = tiny(name, attention, **more)
    with torch.no_grad():
        plain, ours = model(IDS)[0], convert(model, executor="reference")(IDS)[0]
        exact = model.double()(IDS)[0]
    largest = exact.abs().max()
    assert (ours - exact).abs().max() <= 4 * (plain - exact).abs().max() + 1e-6 * largest
    assert not torch.equal(ours, plain)


def test_every_module_has_a_row() -> None:
    model = tiny("Llama")
    rows = {row.name: row for row in moved_bits(model, [IDS], executor="reference")}
    leaves = [n for n, m in model.named_modules() if not any(m.children())]
    assert list(rows) == leaves
    assert rows["model.embed_tokens"].own.max == rows["model.embed_tokens"].model.max == 0
    assert rows["lm_head"].own == rows["lm_head"].model
    down = rows["model.layers.0.mlp.down_proj"]
    assert down.own.count == 5 * 12 and down.model.count == 5 * 19 and down.own.unequal_bits > 0
    table = moved_table(list(rows.values()))
    assert table.count("\n") == 2 + len(rows)
    assert "| model.layers.0.mlp.act_fn | SiLU" in table


@pytest.mark.torch_order
def test_linear_layers_in_the_order_of_pytorch_move_no_bit() -> None:
    model = tiny("Llama")
    rows = moved_bits(model, [IDS], only=["Linear", ""], executor="reference", accumulate="torch")
    assert [row.kind for row in rows] == ["LlamaForCausalLM", *["Linear"] * 8]
    assert all(row.own.unequal_bits == row.model.unequal_bits == 0 for row in rows[1:])
    assert "| (whole model) | LlamaForCausalLM | 1 |" in moved_table(rows)


def test_a_module_called_twice_and_a_chosen_part() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.other = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.layer(self.other(self.layer(x)))
            return y

    torch.manual_seed(0)
    model = Twice().train()
    (row,) = moved_bits(model, [torch.randn(3, 4)], only=["layer"], executor="reference")
    assert (row.calls, row.own.count, row.model.count) == (2, 24, 12)
    assert model.training and not model.layer._forward_hooks


def test_a_module_without_floating_output_is_told() -> None:
    class Sign(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x > 0

    with pytest.raises(NexusError, match="module '' gives no floating tensor"):
        moved_bits(Sign(), [torch.randn(3)], only=[""], executor="reference")
