"""GGUF files: every type of tensor, names and rows as transformers has them, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import pre_tokenizers

import lava_nexus as nexus
from lava_nexus.errors import NexusError
from lava_nexus.models.text import decoded, encoded, prompted
from tests.models.test_folders import TOKENS, weights, write

gguf = pytest.importorskip("gguf")

CONFIG = {
    "model_type": "llama",
    "hidden_size": 256,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "intermediate_size": 256,
    "num_hidden_layers": 1,
    "vocab_size": 7,
    "max_position_embeddings": 8,
    "rms_norm_eps": 1e-5,
}
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "model.layers.0.input_layernorm": "blk.0.attn_norm",
    "model.layers.0.post_attention_layernorm": "blk.0.ffn_norm",
    **{f"model.layers.0.self_attn.{n}_proj": f"blk.0.attn_{n}" for n in "qkv"},
    "model.layers.0.self_attn.o_proj": "blk.0.attn_output",
    **{f"model.layers.0.mlp.{n}_proj": f"blk.0.ffn_{n}" for n in ("gate", "up", "down")},
}
BLOCKS = {"Q4_K": (256, 144), "Q6_K": (256, 210)}
"""Types that the package reads and does not write: numbers and bytes of a block."""


def stored(tensor: np.ndarray, kind: str) -> np.ndarray:
    """Its bytes in a type; random ones, with small scales, of types that the package does not write."""
    quantised = gguf.GGMLQuantizationType[kind]
    if kind not in BLOCKS:
        return gguf.quants.quantize(tensor, quantised)
    numbers, size = BLOCKS[kind]
    found = np.random.default_rng(tensor.size).integers(0, 256, (*tensor.shape[:-1], tensor.shape[-1] // numbers, size))
    found = found.astype(np.uint8)
    small = np.frombuffer(np.array([1e-4, 1e-4], np.float16).tobytes(), np.uint8)
    found[..., -2:] = small[:2]
    if kind == "Q4_K":
        found[..., :4] = small
    return found.reshape(*tensor.shape[:-1], -1)


def written(path: Path, kind: str) -> dict[str, np.ndarray]:
    """Writes a file; returns the tensors that it holds by the names of transformers, as FP32."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_embedding_length(256)
    writer.add_feed_forward_length(256)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_context_length(8)
    writer.add_eos_token_id(3)
    held = {}
    for name, tensor in weights(CONFIG).items():
        module, _, part = name.rpartition(".")
        data = tensor
        heads = {"q": 4, "k": 2}.get(module.removesuffix("_proj")[-1]) if "self_attn" in module else None
        if heads:
            data = tensor.reshape(heads, 2, 32, 256).swapaxes(1, 2).reshape(tensor.shape)
        if tensor.ndim == 1 or kind == "F32":
            writer.add_tensor(f"{NAMES[module]}.{part}", data)
            held[name] = tensor
            continue
        quantised = gguf.GGMLQuantizationType[kind]
        packed = stored(np.ascontiguousarray(data), kind)
        writer.add_tensor(f"{NAMES[module]}.{part}", packed, raw_dtype=quantised)
        wide = gguf.quants.dequantize(packed, quantised).reshape(data.shape)
        held[name] = wide.reshape(heads, 32, 2, 256).swapaxes(1, 2).reshape(data.shape) if heads else wide
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return held


def last(path: Path) -> Any:
    return nexus.load(path)(TOKENS[:2], "reference", logits="last").logits


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q6_K"])
def test_a_gguf_file_is_the_folder_of_its_numbers(kind: str, tmp_path: Path) -> None:
    held = written(tmp_path / "tiny.gguf", kind)
    folder = write(tmp_path / "folder", {n: np.ascontiguousarray(t, np.float32) for n, t in held.items()}, CONFIG)
    model = nexus.load(tmp_path / "tiny.gguf")
    wanted = nexus.load(folder)
    assert model.spec.ends == (3,) and "tiny.gguf (SHA-256" in model.source.notes[0]
    for name, shape in wanted.spec.tensors.items():
        rows = slice(0, shape[0])
        np.testing.assert_array_equal(model.source.rows(name, shape, rows), wanted.source.rows(name, shape, rows), name)
    if kind == "Q8_0":
        np.testing.assert_array_equal(last(tmp_path / "tiny.gguf"), last(folder))


@pytest.mark.parametrize("pre", ["gpt-2", "smollm", "llama-bpe"])
def test_its_tokenizer_splits_merges_and_begins(pre: str, tmp_path: Path) -> None:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["<s>", "</s>", *letters, "th", "the", "12"]
    writer = gguf.GGUFWriter(tmp_path / "tiny.gguf", "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(words)
    writer.add_token_types([3, 3] + [1] * (len(words) - 2))
    writer.add_token_merges(["t h", "th e", "1 2"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(True)
    writer.add_chat_template("{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}{{ eos_token }}")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    number = {word: i for i, word in enumerate(words)}
    twelve = [number["1"], number["2"]] if pre == "smollm" else [number["12"]]
    expected = [0, number["the"], number["\u0120"], *twelve, 1]
    assert encoded(tmp_path, "the 12</s>") == expected
    assert prompted(tmp_path, "the 12") == expected
    assert decoded(tmp_path, expected) == "the 12"


def test_gguf_files_that_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF")
    with pytest.raises(NexusError, match="bad.gguf' is truncated or no GGUF file"):
        nexus.load(path)
    writer = gguf.GGUFWriter(path, "mamba")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(NexusError, match="architecture 'mamba' of a GGUF file is not in llama, qwen2, qwen3"):
        nexus.load(path)
