"""Folders as people have them: which file counts, what ends a text, what is said of the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from safetensors.torch import save_file as save_torch

import lava_nexus as nexus
from lava_nexus.errors import NexusError
from lava_nexus.execute.weights import Rows
from lava_nexus.formats import FLOAT32
from lava_nexus.models.generation import LENGTH, Sampling
from tests.models.test_folders import CONFIG, INDEX, TOKENS, logits, weights, write


def test_the_single_file_counts_before_an_index_and_both_before_pickles(tmp_path: Path) -> None:
    first, other = weights(), {name: tensor * 2 for name, tensor in weights().items()}
    expected = logits(write(tmp_path / "alone", first))
    folder = write(write(tmp_path / "both", other, shards=2), first)
    torch.save({name: torch.zeros(1) for name in first}, folder / "pytorch_model.bin")
    np.testing.assert_array_equal(logits(folder), expected)
    note = nexus.load(folder).source.notes[0]
    assert "model.safetensors (SHA-256 " in note and "00001-of-" not in note


def test_pickled_weights_whole_and_in_shards(tmp_path: Path) -> None:
    tensors = {name: torch.from_numpy(tensor) for name, tensor in weights().items()}
    expected = logits(write(tmp_path / "safe", weights()))
    folder = write(tmp_path / "one", {})
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    np.testing.assert_array_equal(logits(folder), expected)
    (folder / "pytorch_model.bin").unlink()
    names = {name: f"pytorch_model-{i % 2}.bin" for i, name in enumerate(tensors)}
    for shard in set(names.values()):
        torch.save({n: t for n, t in tensors.items() if names[n] == shard}, folder / shard)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": names}))
    np.testing.assert_array_equal(logits(folder), expected)


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, {})
    (folder / "model.safetensors").unlink()
    torch.save({"model.norm.weight": np.float64}, folder / "pytorch_model.bin")
    with pytest.raises(NexusError, match="pytorch_model.bin' is no file of tensors alone"):
        nexus.load(folder)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float8_e4m3fn, torch.float8_e5m2])
def test_other_dtypes_are_the_numbers_that_they_are(dtype: torch.dtype, tmp_path: Path) -> None:
    stored = {name: torch.from_numpy(tensor).to(dtype) for name, tensor in weights().items()}
    save_torch(stored, write(tmp_path / "stored", {}) / "model.safetensors")
    wide = {name: tensor.float().numpy() for name, tensor in stored.items()}
    np.testing.assert_array_equal(logits(tmp_path / "stored"), logits(write(tmp_path / "wide", wide)))


def test_shards_by_a_path_inside_the_folder(tmp_path: Path) -> None:
    folder = write(tmp_path, weights(), shards=2)
    index = json.loads((folder / INDEX).read_text())
    index["weight_map"] = {name: f"./{shard}" for name, shard in index["weight_map"].items()}
    (folder / INDEX).write_text(json.dumps(index))
    np.testing.assert_array_equal(logits(folder), logits(write(tmp_path / "plain", weights())))


def test_a_tied_head_that_the_file_has_too_is_told(tmp_path: Path) -> None:
    notes = nexus.load(write(tmp_path, weights(), tie_word_embeddings=True)).source.notes
    assert "The head is 'model.embed_tokens.weight', as 'tie_word_embeddings' says" in " ".join(notes)
    assert "no use for: 'lm_head.weight'." in " ".join(notes)
    assert len(nexus.load(write(tmp_path / "two", weights())).source.notes) == 1


def test_bodies_with_and_without_prefix_end_with_their_norm(tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in weights().items() if name != "lm_head.weight"}
    bare = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
    named = {**CONFIG, "architectures": ["LlamaModel"]}
    one = nexus.load(write(tmp_path / "prefix", tensors, named))(TOKENS, "reference")
    other = nexus.load(write(tmp_path / "bare", bare, named))(TOKENS, "reference")
    assert one.last_hidden_state is not None and one.logits is None
    np.testing.assert_array_equal(one.last_hidden_state, other.last_hidden_state)
    whole = nexus.load(write(tmp_path / "whole", weights()))(TOKENS, "reference")
    np.testing.assert_array_equal(one.last_hidden_state, whole.last_hidden_state)
    assert not np.array_equal(one.last_hidden_state, one.hidden_states[-1])


def generated(folder: Path, **options: Any) -> Any:
    return nexus.load(folder).generate(TOKENS, 4, "reference", **options)


def test_generation_stops_at_the_end_of_the_sequence(tmp_path: Path) -> None:
    free = generated(write(tmp_path, weights(), eos_token_id=[]))
    assert free.stop == LENGTH and len(free.tokens) == 7
    second = int(free.tokens[4])
    expected = free.tokens[: 3 + list(free.tokens[3:]).index(second) + 1].tolist()
    for given in (second, [99, second]):
        found = generated(write(tmp_path, weights(), eos_token_id=given))
        assert found.tokens.tolist() == expected
        assert found.stop == f"the end of the sequence (token {second})"
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": 99}))
    assert generated(tmp_path).stop == LENGTH
    assert generated(tmp_path, ends=[second]).tokens.tolist() == expected
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": "2"}))
    with pytest.raises(NexusError, match="'eos_token_id' is '2', must be a token id or a list of them"):
        nexus.load(tmp_path)


def test_padded_ids_without_a_mask_are_refused(tmp_path: Path) -> None:
    model = nexus.load(write(tmp_path, weights(), pad_token_id=6, eos_token_id=2))
    for tokens in ([6, 1, 2], [1, 2, 6]):
        with pytest.raises(NexusError, match="begins or ends with the padding token 6"):
            model(tokens, "reference")
    assert model([1, 6, 2], "reference").logits is not None
    same = nexus.load(write(tmp_path, weights(), pad_token_id=2, eos_token_id=2))
    assert same([1, 2], "reference").logits is not None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"silu": "fast"}, "silu is 'fast', must be one of steps, fused"),
        ({"accumulate": "pairs"}, "accumulate is 'pairs', must be one of sequential, fma"),
        ({"basis": "and"}, "basis is 'and', must be one of threshold, nexus"),
        ({"format": torch.int8}, "a model's format is int8"),
        ({"format": "half"}, "format 'half' does not exist"),
    ],
)
def test_options_are_checked_when_they_are_given(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(NexusError, match=words):
        nexus.load(write(tmp_path, weights()), **options)
    with pytest.raises(NexusError, match=words):
        nexus.random_model(CONFIG, **options)
    assert nexus.load(tmp_path, format=torch.bfloat16).arithmetic.format.dtype == ml_dtypes.bfloat16


def test_sampling_is_that_of_transformers_and_seeded() -> None:
    transformers = pytest.importorskip("transformers")
    rows = np.random.default_rng(0).normal(size=(1, 20)).astype(np.float32) * 3
    for temperature, top_k, top_p in ((0.7, 0, 1.0), (1.0, 5, 1.0), (1.3, 0, 0.6), (0.9, 7, 0.8)):
        scores = transformers.TemperatureLogitsWarper(temperature)(None, torch.from_numpy(rows))
        scores = transformers.TopKLogitsWarper(top_k)(None, scores) if top_k else scores
        scores = transformers.TopPLogitsWarper(top_p)(None, scores) if top_p < 1 else scores
        found = Sampling(temperature, top_k, top_p).probabilities(rows[0])
        np.testing.assert_allclose(found, torch.softmax(scores.double(), -1)[0].numpy(), atol=1e-6)
    sampling = Sampling(1.0, seed=3)
    drawn = [sampling.choose(rows[0], number) for number in range(4000)]
    assert drawn == [sampling.choose(rows[0], number) for number in range(4000)]
    shares = np.bincount(drawn, minlength=20) / 4000
    np.testing.assert_allclose(shares, sampling.probabilities(rows[0]), atol=0.03)
    assert Sampling().choose(rows[0], 0) == int(np.argmax(rows))
    with pytest.raises(NexusError, match="top_p is 0, must be above 0 and at most 1"):
        Sampling(top_p=0)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (lambda m: m([1], "reference", layers="x"), r"layers 'x' are not \(first, behind the last\)"),
        (lambda m: m([1], "reference", layers=(0, 1.5)), "number of a layer 1.5 is not a whole number"),
        (lambda m: m([1], "reference", logits="first"), "logits 'first' is not one of all, last, none"),
        (lambda m: m.generate([1], "x"), "max_new_tokens 'x' is not a whole number"),
        (lambda m: m.generate([1], -1), "max_new_tokens -1 is below 0"),
        (lambda m: m.generate([1], 1, sampling=3), "sampling 3 is not a Sampling"),
        (lambda m: Sampling("hot"), "temperature is hot, must be a number"),
        (lambda m: Sampling(1.0, top_k=1.5), "top_k 1.5 is not a whole number"),
        (lambda m: Sampling(1.0, top_p="x"), "top_p 'x' is not a number"),
        (lambda m: Sampling(1.0, seed="x"), "seed of a sampling 'x' is not a whole number"),
    ],
)
def test_what_a_model_is_asked_for_is_checked_when_it_is(asked: Any, says: str) -> None:
    """`logits="first"` gave those of all tokens."""
    with pytest.raises(NexusError, match=says):
        asked(nexus.random_model(CONFIG))


def test_weights_in_bf16_are_read_as_they_are_stored(tmp_path: Path) -> None:
    stored = {name: torch.from_numpy(tensor).to(torch.bfloat16) for name, tensor in weights().items()}
    save_torch(stored, write(tmp_path, {}) / "model.safetensors")
    source = nexus.load(tmp_path).source
    name = "model.layers.0.mlp.up_proj.weight"
    shape = tuple(stored[name].shape)
    rows = Rows(name, shape, slice(2, 5), FLOAT32)
    halves = np.empty((3, shape[1]), rows.carried(source))
    assert halves.dtype == np.uint16
    rows.carry(source, halves)
    np.testing.assert_array_equal(halves.astype(np.uint32) << 16, rows.read(source))
    stored[name][3, 1] = torch.nan
    save_torch(stored, tmp_path / "model.safetensors")
    with pytest.raises(NexusError, match=f"tensor '{name}' holds nan at index"):
        rows.carry(nexus.load(tmp_path).source, halves)
