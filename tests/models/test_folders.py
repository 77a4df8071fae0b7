"""Checkpoints in folders: what is read, in every dtype and in shards, and one sentence for each that is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import lava_nexus as nexus
from lava_nexus.errors import NexusError
from lava_nexus.models.model import random_model
from lava_nexus.models.tensors import RandomTensors
from lava_nexus.models.text import decoded, encoded

CONFIG = {
    "model_type": "llama",
    "hidden_size": 4,
    "num_attention_heads": 2,
    "intermediate_size": 6,
    "num_hidden_layers": 2,
    "vocab_size": 7,
    "max_position_embeddings": 8,
    "rms_norm_eps": 1e-5,
}
TOKENS = [3, 0, 6]
INDEX = "model.safetensors.index.json"


def weights(config: dict[str, Any] = CONFIG, dtype: Any = np.float32) -> dict[str, np.ndarray]:
    source, spec = RandomTensors(1), random_model(config).spec
    made = {name: source.rows(name, shape, slice(0, shape[0])) for name, shape in spec.tensors.items()}
    return {name: tensor.astype(dtype) for name, tensor in made.items()}


def write(
    folder: Path, tensors: dict[str, np.ndarray], config: dict[str, Any] = CONFIG, shards: int = 1, **changes: Any
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    if shards == 1:
        save_file(tensors, folder / "model.safetensors")
        return folder
    names = {name: f"model-{i % shards + 1:05d}-of-{shards:05d}.safetensors" for i, name in enumerate(tensors)}
    for shard in set(names.values()):
        save_file({n: t for n, t in tensors.items() if names[n] == shard}, folder / shard)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": names}))
    return folder


def logits(folder: Path) -> np.ndarray:
    found = nexus.load(folder)(TOKENS, "reference").logits
    assert found is not None
    return found


def test_random_weights_and_the_same_ones_in_a_folder_give_the_same_bits(tmp_path: Path) -> None:
    expected = random_model(CONFIG, seed=1)(TOKENS, "reference").logits
    assert expected is not None and expected.shape == (1, 3, 7)
    np.testing.assert_array_equal(logits(write(tmp_path / "one", weights())), expected)
    np.testing.assert_array_equal(logits(write(tmp_path / "three", weights(), shards=3)), expected)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_narrow_weights_are_the_numbers_that_they_are(dtype: Any, tmp_path: Path) -> None:
    narrow = weights(dtype=dtype)
    wide = {name: tensor.astype(np.float32) for name, tensor in narrow.items()}
    got = logits(write(tmp_path / "narrow", narrow))
    np.testing.assert_array_equal(got, logits(write(tmp_path / "wide", wide)))
    assert not np.array_equal(got, logits(write(tmp_path / "full", weights())))


def test_a_tied_head_is_the_embedding_and_may_be_in_the_file(tmp_path: Path) -> None:
    tensors = weights()
    head = tensors.pop("lm_head.weight")
    tied = logits(write(tmp_path / "tied", tensors, tie_word_embeddings=True))
    same = {**tensors, "lm_head.weight": tensors["model.embed_tokens.weight"]}
    np.testing.assert_array_equal(tied, logits(write(tmp_path / "same", same)))
    other = write(tmp_path / "other", {**tensors, "lm_head.weight": head}, tie_word_embeddings=True)
    np.testing.assert_array_equal(tied, logits(other))


def test_old_files_with_inverse_frequencies_are_read(tmp_path: Path) -> None:
    extra = {"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(1, np.float32)}
    np.testing.assert_array_equal(
        logits(write(tmp_path / "old", weights() | extra)), logits(write(tmp_path / "new", weights()))
    )


def test_rows_of_random_tensors_do_not_depend_on_what_else_is_read() -> None:
    source = RandomTensors(5)
    whole = source.rows("a.weight", (6, 5), slice(0, 6))
    np.testing.assert_array_equal(source.rows("a.weight", (6, 5), np.array([4, 1])), whole[[4, 1]])
    np.testing.assert_array_equal(source.rows("a.weight", (6, 5), slice(2, 4)), whole[2:4])
    assert len(np.unique(whole)) == 30
    assert not np.array_equal(RandomTensors(6).rows("a.weight", (6, 5), slice(0, 6)), whole)
    assert abs(RandomTensors(0).rows("x.weight", (99, 99), slice(0, 99)).std() - 0.02) < 0.001
    np.testing.assert_allclose(source.rows("norm.weight", (9,), slice(0, 9)), 1, atol=0.1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("model.norm.weight"), r"has no tensor 'model\.norm\.weight', which its config asks for"),
        (lambda t: t.update(spare=np.zeros(1, np.float32)), "has tensor 'spare', which the model of its config"),
        (
            lambda t: t.update({"lm_head.weight": np.zeros((7, 5), np.float32)}),
            r"tensor 'lm_head\.weight' has shape \(7, 5\), its config makes it \(7, 4\)",
        ),
        (
            lambda t: t.update({"lm_head.weight": np.zeros((7, 4), np.int32)}),
            r"'lm_head\.weight' has dtype I32, must be one of float64, float32, float16, bfloat16",
        ),
        (
            lambda t: t["model.layers.1.mlp.up_proj.weight"].__setitem__((2, 1), np.nan),
            r"'model\.layers\.1\.mlp\.up_proj\.weight' holds nan at index \[2, 1\]",
        ),
        (lambda t: t["model.embed_tokens.weight"].__setitem__((6, 0), np.inf), r"embed_tokens\.weight' holds inf"),
    ],
    ids=["missing", "spare", "shape", "dtype", "nan", "inf"],
)
def test_tensors_that_do_not_fit(change: Callable[[Any], Any], words: str, tmp_path: Path) -> None:
    tensors = weights()
    change(tensors)
    for shards in (1, 2):
        with pytest.raises(NexusError, match=words) as caught:
            logits(write(tmp_path / str(shards), tensors, shards=shards))
        assert "\n" not in str(caught.value)


def test_folders_that_are_no_checkpoint(tmp_path: Path) -> None:
    def expect(words: str) -> None:
        with pytest.raises(NexusError, match=words):
            nexus.load(tmp_path)

    with pytest.raises(NexusError, match="nowhere' is not a folder"):
        nexus.load(tmp_path / "nowhere")
    expect(r"config\.json' does not exist")
    (tmp_path / "config.json").write_text("{")
    expect(r"config\.json' is no JSON")
    (tmp_path / "config.json").write_text("[]")
    expect("must hold keys and values")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    expect("0 safetensors files and no index; it needs 'model.safetensors', ")
    (tmp_path / "pytorch_model.bin").touch()
    expect("is no file of tensors alone")
    (tmp_path / "pytorch_model.bin").unlink()
    (tmp_path / INDEX).write_text('{"weight_map": {"a": "../b"}}')
    expect("has no 'weight_map' from tensors to files of its folder")
    (tmp_path / INDEX).write_text('{"weight_map": {"a": "b.safetensors"}}')
    expect(f"misses the shard 'b.safetensors', which '{INDEX}' names")
    (tmp_path / INDEX).unlink()
    (tmp_path / "model.safetensors").write_bytes(b"12345678 no safetensors")
    expect("is truncated or no safetensors file")


def test_a_shard_that_lacks_a_tensor_of_the_index(tmp_path: Path) -> None:
    folder = write(tmp_path, weights(), shards=2)
    shard = json.loads((folder / INDEX).read_text())["weight_map"]["lm_head.weight"]
    save_file({n: t for n, t in load_file(folder / shard).items() if n != "lm_head.weight"}, folder / shard)
    with pytest.raises(NexusError, match=r"has no tensor 'lm_head\.weight', which '.*index\.json' says it holds"):
        nexus.load(folder)


def test_a_config_that_contradicts_the_tensors(tmp_path: Path) -> None:
    with pytest.raises(NexusError, match="has no tensor 'model.layers.2.input_layernorm.weight' .and 8 more"):
        nexus.load(write(tmp_path / "more", weights(), num_hidden_layers=3))
    with pytest.raises(NexusError, match=r"has tensor 'model\.layers\.1\.input_layernorm\.weight' .and 8 more"):
        nexus.load(write(tmp_path / "fewer", weights(), num_hidden_layers=1))
    with pytest.raises(NexusError, match=r"k_proj\.weight' has shape \(4, 4\), its config makes it \(2, 4\)"):
        nexus.load(write(tmp_path / "heads", weights(), num_key_value_heads=1))
    with pytest.raises(NexusError, match=r"q_proj\.bias'"):
        nexus.load(write(tmp_path / "biases", weights(), attention_bias=True))


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ([], "0 tokens"),
        ([[1, 2], [3]], "one length"),
        ([0.5], "dtype float64"),
        ([[[1]]], r"shape \(1, 1, 1\)"),
        ([7], r"token id 7 is not in 0 \.\. 6"),
        ([0] * 9, "9 tokens is longer than the model's 8"),
    ],
)
def test_tokens_that_do_not_fit(tokens: Any, words: str) -> None:
    with pytest.raises(NexusError, match=words):
        random_model(CONFIG)(tokens, "reference")


def test_generation_that_cannot_be() -> None:
    model = random_model(CONFIG)
    with pytest.raises(NexusError, match="3 tokens and 7 new ones are more than the model's 8 positions"):
        model.generate(TOKENS, 7, "reference")
    with pytest.raises(NexusError, match="2 sequences, must be after one"):
        model.generate([[1], [2]], 1, "reference")
    bert = random_model({**CONFIG, "model_type": "bert", "layer_norm_eps": 1e-5, "type_vocab_size": 2})
    with pytest.raises(NexusError, match="no language-model head"):
        bert.generate(TOKENS, 1, "reference")
    assert model.generate(TOKENS, 0, "reference").tokens.tolist() == TOKENS


def test_layers_of_a_range_and_the_last_logits_are_those_of_the_whole() -> None:
    model = random_model(CONFIG)
    whole = model(TOKENS, "reference")
    assert whole.logits is not None and len(whole.hidden_states) == 3
    first = model(TOKENS, "reference", layers=(0, 1))
    assert first.logits is None
    np.testing.assert_array_equal(first.hidden_states[1], whole.hidden_states[1])
    last = model(TOKENS, "reference", logits="last").logits
    assert last is not None
    np.testing.assert_array_equal(last, whole.logits[:, -1:])
    assert model(TOKENS, "reference", logits="none").logits is None


def test_sequences_of_a_batch_do_not_touch_each_other() -> None:
    model = random_model(CONFIG)
    both = model([TOKENS, [5, 5, 1]], "reference")
    assert both.logits is not None
    np.testing.assert_array_equal(both.logits[:1], model(TOKENS, "reference").logits)


def test_text_goes_through_the_tokenizer_of_the_folder(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    with pytest.raises(NexusError, match=r"has no 'tokenizer\.json', so it takes token ids and no text"):
        encoded(tmp_path, "hello world")
    assert decoded(tmp_path, [1]) is None
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(NexusError, match=r"tokenizer\.json' is no tokenizer"):
        encoded(tmp_path, "hello world")
    tokenizer = Tokenizer(models.WordLevel({"hello": 4, "world": 2, "?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert encoded(tmp_path, "world hello moon") == [2, 4, 0]
    assert decoded(tmp_path, [2, 4]) == "world hello"
    with pytest.raises(NexusError, match="gives no token"):
        encoded(tmp_path, "")


BERT = {
    "model_type": "bert",
    "hidden_size": 4,
    "num_attention_heads": 2,
    "intermediate_size": 6,
    "num_hidden_layers": 1,
    "vocab_size": 7,
    "max_position_embeddings": 8,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-5,
}


def test_heads_that_the_config_names_and_the_file_has(tmp_path: Path) -> None:
    named = {**BERT, "architectures": ["BertForSequenceClassification"], "id2label": {"0": "a", "1": "b", "2": "c"}}
    tensors = weights(named)
    found = nexus.load(write(tmp_path / "labels", tensors, named))(TOKENS, "reference")
    assert found.logits is not None and found.pooled is not None
    assert found.logits.shape == (1, 3) and found.pooled.shape == (1, 4)
    expected = found.pooled.astype(float) @ tensors["classifier.weight"].T + tensors["classifier.bias"]
    np.testing.assert_allclose(found.logits, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    older = (("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta"))
    old = {next((name.replace(*pair) for pair in older if pair[0] in name), name): t for name, t in tensors.items()}
    again = nexus.load(write(tmp_path / "old", old, named))(TOKENS, "reference").logits
    np.testing.assert_array_equal(again, found.logits)
    body = nexus.load(write(tmp_path / "body", tensors, {**BERT, "architectures": ["BertModel"]}))(TOKENS, "reference")
    assert body.logits is None
    np.testing.assert_array_equal(body.pooled, found.pooled)


def test_the_bias_of_the_words_by_either_name(tmp_path: Path) -> None:
    named = {**BERT, "architectures": ["BertForMaskedLM"]}
    tensors = weights(named)
    assert "cls.predictions.bias" in tensors and "cls.predictions.decoder.weight" not in tensors
    expected = logits(write(tmp_path / "one", tensors, named))
    assert expected.shape == (1, 3, 7)
    tensors["cls.predictions.decoder.bias"] = tensors.pop("cls.predictions.bias")
    np.testing.assert_array_equal(logits(write(tmp_path / "other", tensors, named)), expected)
    tensors["bert.pooler.dense.weight"] = np.zeros((4, 4), np.float32)
    np.testing.assert_array_equal(logits(write(tmp_path / "pooler", tensors, named)), expected)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (BERT | {"architectures": ["BertForMultipleChoice"]}, "'BertForMultipleChoice', whose head is not supported"),
        (CONFIG | {"architectures": ["LlamaForSequenceClassification"]}, "known are LlamaForCausalLM, LlamaModel"),
        (BERT | {"num_labels": 0, "architectures": ["BertForTokenClassification"]}, "'num_labels' is 0, must be an"),
    ],
)
def test_heads_that_are_not_there(config: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(NexusError, match=words):
        nexus.load(write(tmp_path, {}, config))
    with pytest.raises(NexusError, match=r"no tensor 'classifier\.weight' \(and 1 more\), which its config"):
        whole = BERT | {"architectures": ["BertForTokenClassification"]}
        nexus.load(write(tmp_path, {n: t for n, t in weights(whole).items() if "classifier" not in n}, whole))
