"""GGUF files: every type of tensor, names and rows as transformers has them, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import pre_tokenizers

import lava_nexus as nexus
from lava_nexus.errors import NexusError
from lava_nexus.models.config_json import read_spec
from lava_nexus.models.gguf_model import gguf_config
from lava_nexus.models.stored import QUANTISED, GgufFile
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
BLOCKS = {"Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210)}
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
    if kind in ("Q4_K", "Q5_K"):
        found[..., :4] = small
    return found.reshape(*tensor.shape[:-1], -1)


def written(path: Path, kind: str, rope: Callable[[Any], None] = lambda writer: None) -> dict[str, np.ndarray]:
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
    rope(writer)
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


@pytest.mark.parametrize("kind", QUANTISED)
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


def test_a_file_is_taken_apart_once_and_again_where_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    class Reader(gguf.GGUFReader):  # type: ignore[misc]
        def __init__(self, path: Path) -> None:
            read.append(path)
            super().__init__(path)

    monkeypatch.setattr(gguf, "GGUFReader", Reader)
    file = tmp_path / "tiny.gguf"
    for number, kind in enumerate(("Q8_0", "F32")):
        written(file, kind)
        assert gguf_config(file)["model_type"] == nexus.load(file).spec.kind == "llama"
        assert len(read) == number + 1


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


def test_blocks_of_five_bits_by_their_definition(tmp_path: Path) -> None:
    """Q5_K of 256 numbers: d, dmin, eight 6-bit scales and minima in 12 bytes, high bits, low halves (ggml)."""
    written(tmp_path / "tiny.gguf", "Q5_K")
    file = GgufFile(tmp_path / "tiny.gguf")
    block = bytes(file.reader.get_tensor([t.name for t in file.reader.tensors].index("output.weight")).data[0])
    d, least = (float(np.frombuffer(block[i : i + 2], np.float16)[0]) for i in (0, 2))
    packed, high, low = block[4:16], block[16:48], block[48:176]
    for j in range(8):
        if j < 4:
            scale, minimum = packed[j] & 63, packed[j + 4] & 63
        else:
            scale = packed[j + 4] & 15 | packed[j - 4] >> 6 << 4
            minimum = packed[j + 4] >> 4 | packed[j] >> 6 << 4
        for i in range(32):
            half = low[j // 2 * 32 + i] >> 4 * (j % 2) & 15
            number = d * scale * (half + 16 * (high[i] >> j & 1)) - least * minimum
            assert abs(file.rows("output.weight", slice(0, 1))[0, 32 * j + i] - number) < 1e-6


def scaled_by(kind: str) -> Callable[[Any], None]:
    def rope(writer: Any) -> None:
        writer.add_rope_scaling_type(getattr(gguf.RopeScalingType, kind.upper()))
        writer.add_rope_scaling_factor(4.0)
        if kind == "yarn":
            writer.add_rope_scaling_orig_ctx_len(4096)

    return rope


@pytest.mark.parametrize("kind", ["linear", "yarn"])
def test_scaled_rope_is_that_of_a_config(kind: str, tmp_path: Path) -> None:
    written(tmp_path / "tiny.gguf", "F32", scaled_by(kind))
    scaling: dict[str, Any] = {"rope_type": kind, "factor": 4.0}
    scaling |= {"original_max_position_embeddings": 4096} if kind == "yarn" else {}
    wanted, found = read_spec({**CONFIG, "rope_scaling": scaling}, "config"), nexus.load(tmp_path / "tiny.gguf").spec
    np.testing.assert_array_equal(found.frequencies, wanted.frequencies)
    assert found.ropes[0].scale == wanted.ropes[0].scale
    assert not np.array_equal(found.frequencies, read_spec(CONFIG, "config").frequencies)


def test_frequencies_divided_by_numbers_of_the_file(tmp_path: Path) -> None:
    three = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    wanted = read_spec({**CONFIG, "rope_scaling": {**three, "original_max_position_embeddings": 16}}, "config")
    plain = read_spec(CONFIG, "config").frequencies
    factors = plain / wanted.frequencies
    assert factors.max() > 7
    path = tmp_path / "tiny.gguf"
    written(path, "F32", lambda writer: writer.add_tensor("rope_freqs.weight", factors))
    model = nexus.load(path)
    np.testing.assert_allclose(model.spec.ropes[0].at(8), wanted.frequencies, rtol=3e-7)
    assert model.spec.ropes[0].scale == 1.0 and "no use for" not in " ".join(model.source.notes)

    def both(writer: Any) -> None:
        scaled_by("linear")(writer)
        writer.add_tensor("rope_freqs.weight", factors)

    written(path, "F32", both)
    with pytest.raises(NexusError, match=r"RoPE of a GGUF file is scaled \(linear beside rope_freqs.weight\)"):
        gguf_config(path)


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
