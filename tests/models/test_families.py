"""Families, bodies and spellings of RoPE against transformers, which wrote the checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.errors import NexusError

pytest.importorskip("transformers")

from tests.models import checkpoints


def agree(name: str, mine: Any, single: dict[str, Any], double: dict[str, Any]) -> int:
    """How many kinds of answers are as near to float64 as transformers' own are."""
    found = {"logits": mine.logits, "pooled": mine.pooled, "last": mine.last_hidden_state}
    compared = 0
    for key, got in found.items():
        if got is None or key not in double:
            continue
        largest = np.abs(double[key]).max()
        error, theirs = np.abs(got - double[key]).max(), np.abs(single[key] - double[key]).max()
        assert error <= 4 * theirs + 1e-6 * largest, (name, key, error, theirs)
        assert largest > 0.05
        compared += 1
    return compared


@pytest.mark.parametrize("name", [*checkpoints.FAMILIES, "llama_body"])
def test_as_near_to_float64_as_transformers_is(name: str, tmp_path: Path) -> None:
    model, tokens = checkpoints.saved(name, tmp_path), checkpoints.tokens_of(name, batch=1, tokens=9)
    single = checkpoints.outputs(model, tokens)
    double = checkpoints.outputs(model.double(), tokens)
    assert agree(name, nexus.load(tmp_path)(tokens, "reference"), single, double) >= 1


FOREIGN = {
    "residual_multiplier": 0.5,
    "embedding_multiplier": 3.0,
    "logits_scaling": 3.0,
    "attn_logit_softcapping": 0.5,
    "final_logit_softcapping": 0.5,
    "no_rope_layers": [0, 0],
    "no_rope_layer_interval": 1,
    "rope_local_base_freq": 3.0,
    "hidden_activation": "relu",
    "query_pre_attn_scalar": 7,
    "num_experts_per_tok": 1,
    "sliding_window_pattern": 1,
    "type_vocab_size": 3,
}
"""Keys that mean something to other families."""


@pytest.mark.parametrize("name", ["gemma", "llama2", "mistral", "gpt_neox", "bert"])
def test_keys_of_other_families_are_ignored_as_transformers_ignores_them(name: str, tmp_path: Path) -> None:
    model, tokens = checkpoints.saved(name, tmp_path), checkpoints.tokens_of(name, batch=1, tokens=6)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**FOREIGN, **config}))
    theirs = type(model).from_pretrained(tmp_path, attn_implementation="eager").eval()
    single, double = checkpoints.outputs(theirs, tokens), checkpoints.outputs(theirs.double(), tokens)
    assert agree(name, nexus.load(tmp_path)(tokens, "reference"), single, double) >= 1


@pytest.mark.parametrize(
    ("name", "own", "other"),
    [("gemma2", "hidden_activation", "hidden_act"), ("gpt2", "activation_function", "hidden_act")],
)
def test_an_activation_goes_by_the_name_that_its_family_has(name: str, own: str, other: str, tmp_path: Path) -> None:
    model, tokens = checkpoints.saved(name, tmp_path), checkpoints.tokens_of(name, batch=1, tokens=6)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, own: "relu", other: "silu"}))
    theirs = type(model).from_pretrained(tmp_path, attn_implementation="eager").eval()
    single, double = checkpoints.outputs(theirs, tokens), checkpoints.outputs(theirs.double(), tokens)
    assert agree(name, nexus.load(tmp_path)(tokens, "reference"), single, double) >= 1


def test_keys_that_contradict_each_other_or_the_tensors(tmp_path: Path) -> None:
    checkpoints.saved("gpt_neox", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "rotary_pct": 1.0, "partial_rotary_factor": 0.5}))
    with pytest.raises(
        NexusError, match="'rotary_pct' is 1.0 and 'partial_rotary_factor', which means the same, is 0.5"
    ):
        nexus.load(tmp_path)


@pytest.mark.parametrize("name", checkpoints.IMAGES)
def test_images_as_near_to_float64_as_transformers_is(name: str, tmp_path: Path) -> None:
    model = checkpoints.saved(name, tmp_path)
    seen = nexus.load(tmp_path)
    assert seen.spec.images is not None
    pixels = np.random.default_rng(3).normal(size=(2, seen.spec.images.channels, *seen.spec.images.size))
    pixels = pixels.astype(np.float32)
    single, double = checkpoints.outputs(model, pixels), checkpoints.outputs(model.double(), pixels)
    assert agree(name, seen(pixels, "reference"), single, double) == (2 if name == "vit" else 1)
    # By neurons in BF16: FP32 circuits of GELU take a minute to lower.
    engine, fmt = ("bitsliced", "bfloat16") if name == "vit_classes" else ("reference", "float32")
    model = nexus.load(tmp_path, format=fmt)
    both, alone = model(pixels, "reference"), model(pixels[1], engine)
    for key in ("logits", "pooled", "last_hidden_state"):
        if (got := getattr(alone, key)) is not None:
            np.testing.assert_array_equal(got[0].view(np.uint8), getattr(both, key)[1].view(np.uint8))


def test_images_that_are_none(tmp_path: Path) -> None:
    checkpoints.saved("vit_classes", tmp_path)
    model = nexus.load(tmp_path)
    with pytest.raises(NexusError, match=r"images have shape \(3, 12, 13\), must be finite numbers"):
        model(np.zeros((3, 12, 13)))
    with pytest.raises(NexusError, match="must be finite numbers"):
        model(np.full((3, 12, 12), np.nan))
    with pytest.raises(NexusError, match="takes images, which have no token types and no mask"):
        model(np.zeros((3, 12, 12)), attention_mask=[[1]])
    with pytest.raises(NexusError, match="no language-model head"):
        model.generate([1], 1)


@pytest.mark.parametrize("executor", ["bitsliced", "membrane"])
def test_the_router_of_neurons_gives_the_bits_of_the_reference(executor: str, tmp_path: Path) -> None:
    checkpoints.saved("mixtral_body", tmp_path)
    model, tokens = nexus.load(tmp_path), checkpoints.tokens_of("mixtral_body", 1, 3)
    expected, got = (model(tokens, name).last_hidden_state for name in ("reference", executor))
    assert expected is not None and got is not None
    np.testing.assert_array_equal(got.view(np.uint32), expected.view(np.uint32))
