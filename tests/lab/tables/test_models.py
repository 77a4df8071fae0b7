"""Tables of whole models: PyTorch's column against the transformers library, rows, and mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.lab.configs.ulp_tables import ModelTables, UlpTablesConfig
from lava_nexus.lab.published import published
from lava_nexus.lab.ulp import models as model_rows
from lava_nexus.lab.ulp import sections as ulp
from lava_nexus.lab.ulp.decoders import DecoderWitness
from lava_nexus.lab.ulp.models import operation_rows
from lava_nexus.models.model import load, random_model
from tests.models.checkpoints import CASES

CONFIGS = Path(__file__).parents[3] / "configs"
TOKENS = np.array([3, 1, 4, 1, 5, 9, 2])
TINY = {
    "model_type": "qwen3",
    "hidden_size": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 4,
    "intermediate_size": 12,
    "num_hidden_layers": 4,
    "vocab_size": 16,
    "max_position_embeddings": 32,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
}


def tiny(tmp: Path, **changes: Any) -> UlpTablesConfig:
    model = {"architecture": TINY, "tokens": 3, **changes}
    return UlpTablesConfig(executor="reference", components=(), operations=(), model=ModelTables(**model), out=tmp)


@pytest.mark.parametrize("name", ["qwen3", "qwen3_window", "llama2", "llama3", "mistral", "phi"])
def test_the_witness_is_what_transformers_computes(name: str, tmp_path: Path) -> None:
    theirs = CASES[name].build()
    theirs.save_pretrained(tmp_path)
    model = load(tmp_path)
    with torch.no_grad():
        found = theirs(torch.from_numpy(TOKENS)[None], output_hidden_states=True)
        exact = theirs.double()(torch.from_numpy(TOKENS)[None]).logits[0].numpy()
    hidden, logits = DecoderWitness(model).run(TOKENS, "all")
    assert np.allclose(hidden[1], found.hidden_states[1][0], rtol=1e-4, atol=1e-5)
    assert np.allclose(logits, found.logits[0], rtol=1e-4, atol=1e-5)
    double = DecoderWitness(model, double=True).run(TOKENS, "last")[1]
    # transformers keeps angles in FP32 even then
    assert np.abs(double[0] - exact[-1]).max() < 2e-5 * np.abs(exact).max()


@pytest.mark.torch_order
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model_type": "mistral", "sliding_window": 2, "tie_word_embeddings": False},
        {"model_type": "llama", "num_key_value_heads": 4, "attention_bias": True, "mlp_bias": True},
    ],
)
def test_products_in_the_order_of_pytorch_move_no_bit(changes: dict[str, Any]) -> None:
    config = {**TINY, "num_hidden_layers": 2, **changes}
    model = random_model(config, accumulate="torch")
    rows = {r.name: r.measured for r in operation_rows(model, TOKENS[:5], 2, ReferenceExecutor(), printed=False)}
    products = ("qkv_projection", "attention_scores", "value_aggregation", "output_projection", "gate_and_up", "down")
    assert rows.keys() == {*products, "head", "rms_norm", "softmax", "silu"}
    assert [rows[name]["pytorch"].ulp.unequal_bits for name in (*products, "head")] == [0] * 7  # type: ignore
    seen = 2 * 4 * (9 if changes.get("sliding_window") else 15)
    counts = {name: measured["strict"].ulp.count for name, measured in rows.items()}  # type: ignore[union-attr]
    assert counts["attention_scores"] == counts["softmax"] == seen and counts["value_aggregation"] == 2 * 5 * 16
    if not changes:
        model = random_model(config)
        plain = operation_rows(model, TOKENS[:5], 1, ReferenceExecutor(), printed=False)
        assert next(r for r in plain if r.name == "down").measured["pytorch"].ulp.unequal_bits > 0  # type: ignore


def test_rows_of_a_model(tmp_path: Path) -> None:
    rows = {(r.table, r.name): r for r in ulp.run_ulp_tables(tiny(tmp_path), tmp_path)}
    assert any(table == "module" for table, _ in rows)
    rows = {key: r for key, r in rows.items() if key[0] != "module"}
    assert list(rows) == [("end_to_end", part) for part in ("model", "layer", "feed_forward", "attention")] + [
        ("depth", name) for name in ("1 layer", "2 layers", "3 layers", "4 layers")
    ]
    for r in rows.values():
        strict, pytorch, exact = (r.measured[c] for c in ("strict", "pytorch", "exact"))
        assert strict is not None and pytorch is not None and exact is not None
        assert (strict.ulp.max, strict.ulp.unequal_bits, strict.error) == (0, 0, 0.0)
        assert 0 < pytorch.error < 1e-6 and 0 < exact.error < 1e-6
        assert r.inputs == 3 and strict.ulp.count == 3 * (16 if r.name == "model" else 8)
    assert rows["end_to_end", "layer"].measured == rows["depth", "1 layer"].measured
    published = rows["depth", "4 layers"].published
    assert published is not None and (published.max, published.error) == (64, 3.58e-9)
    assert rows["depth", "2 layers"].published is None
    assert (tmp_path / "ulp_depth.png").read_bytes()[:4] == b"\x89PNG"
    text = (tmp_path / "ulp_tables.md").read_text()
    assert "Hidden states after so many layers: 3 tokens" in text
    assert "512 / 6.19 / 27.7 % / 2.24e-08" in text
    assert "random inputs" not in text
    report = json.loads((tmp_path / "ulp_tables.json").read_text())
    assert report["rows"][0]["measured"]["pytorch"]["error"] > 0


def test_rows_of_a_parallel_block_with_layer_norm(tmp_path: Path) -> None:
    phi = {**TINY, "model_type": "phi", "layer_norm_eps": 1e-5, "num_key_value_heads": 4, "hidden_act": "gelu_new"}
    rows = ulp.run_ulp_tables(tiny(tmp_path, architecture=phi, published=False), tmp_path)
    assert {"layer_norm", "gelu_tanh", "head"} <= {r.name for r in rows if r.table == "module"}
    for r in rows:
        strict, pytorch = r.measured["strict"], r.measured["pytorch"]
        assert strict is not None and pytorch is not None
        assert strict.ulp.unequal_bits == 0 and pytorch.relative is not None and pytorch.relative < 1e-5


def test_hashed_weights_are_the_same_for_all(tmp_path: Path) -> None:
    rows = ulp.run_ulp_tables(tiny(tmp_path, weights="bfloat16", modules=0, published=False), tmp_path)
    for r in rows:
        strict, pytorch = r.measured["strict"], r.measured["pytorch"]
        assert strict is not None and pytorch is not None
        assert strict.ulp.unequal_bits == 0 and pytorch.relative is not None and pytorch.relative < 1e-5


def test_choices(tmp_path: Path) -> None:
    config = tiny(
        tmp_path, logits="last", depths=(1, 3, 9), parts=("model",), tokens=(1, 2), published=False, modules=0
    )
    rows = model_rows.model_rows(config.model, config)[0]
    assert [r.name for r in rows] == ["model", "1 layer", "3 layers"]
    assert rows[0].measured["strict"].ulp.count == 16
    assert all(r.published is None for r in rows)


def test_gates_that_differ_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(ReferenceExecutor):
        def invoke(self, circuit: Any, operands: Any) -> Any:
            result = super().invoke(circuit, operands)
            return result ^ np.uint32(1) if circuit.name == "exp" else result

    monkeypatch.setattr(model_rows, "executor_named", lambda *_, **__: Wrong())
    with pytest.raises(NexusError, match="'model' on 3 inputs: .* differ from the strict reference"):
        ulp.run_ulp_tables(tiny(tmp_path), tmp_path)


def test_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("model: {tokens: 3}\n")
    with pytest.raises(NexusError, match="one of 'checkpoint', 'package' and 'architecture'"):
        load_config(UlpTablesConfig, path)
    config = tiny(tmp_path, architecture={**TINY, "model_type": "olmo2"})
    with pytest.raises(NexusError, match="no model of architecture 'olmo2'"):
        model_rows.model_rows(config.model, config)[0]
    path.write_text("model: {checkpoint: here, weights: bfloat16}\n")
    with pytest.raises(NexusError, match="a checkpoint has its own"):
        load_config(UlpTablesConfig, path)
    path.write_text("format: float16\nmodel: {architecture: {}, weights: bfloat16}\n")
    with pytest.raises(NexusError, match="weights bfloat16 are multiplied in format float32, not in float16"):
        load_config(UlpTablesConfig, path)
    config = tiny(tmp_path).model_copy(update={"format": "float8_e5m2"})
    with pytest.raises(NexusError, match="no arithmetic in float8_e5m2"):
        model_rows.model_rows(config.model, config)[0]


def test_the_configs_that_ship() -> None:
    config = load_config(UlpTablesConfig, CONFIGS / "ulp_end_to_end.yaml")
    assert config.model is not None and config.model.depths is not None
    printed = {f"{n} layer{'s' if n > 1 else ''}" for n in config.model.depths} | set(config.model.parts)
    assert printed <= {name for name, part in published("ulp") if part == ""}
    large = load_config(UlpTablesConfig, CONFIGS / "ulp_100m.yaml").model
    assert large is not None
    from lava_nexus.models.model import random_model

    shapes = random_model(large.architecture or {}).spec.tensors.values()
    assert 99e6 < sum(int(np.prod(shape)) for shape in shapes) < 101e6
