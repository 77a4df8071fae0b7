"""Every optional key of every family dropped in turn, and every spelling of RoPE, against transformers' own configs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lava_nexus.errors import NexusError
from lava_nexus.models.config_json import read_spec
from lava_nexus.models.defaults import DEFAULTS, KEY_NAMES
from lava_nexus.models.rope import Rope

transformers = pytest.importorskip("transformers")

SIZES = {
    "hidden_size": 256,
    "num_attention_heads": 32,
    "intermediate_size": 20,
    "num_hidden_layers": 30,
    "vocab_size": 37,
}
KINDS = [kind for kind in DEFAULTS if kind != "nexus_block"]


def as_transformers_reads(config: dict[str, Any]) -> dict[str, Any]:
    kind = transformers.CONFIG_MAPPING[config["model_type"]]
    return dict(kind.from_dict(dict(config)).to_dict())


def described(config: dict[str, Any]) -> str:
    return repr(read_spec(config, "config"))


def names_of(kind: str) -> dict[str, str]:
    return {today: given for given, today in KEY_NAMES.get(kind, {}).items()}


@pytest.mark.parametrize("kind", KINDS)
def test_an_absent_key_has_the_value_that_it_has_in_transformers(kind: str) -> None:
    names = names_of(kind)
    sizes = {names.get(key, key): value for key, value in SIZES.items()}
    whole = as_transformers_reads({"model_type": kind, **sizes, "use_sliding_window": True})
    whole.pop("layer_types", None)
    assert described({"model_type": kind, **sizes}) == described(as_transformers_reads({"model_type": kind, **sizes}))
    dropped = 0
    for key in DEFAULTS[kind]:
        given = names.get(key, key)
        config = {name: value for name, value in whole.items() if name != given}
        assert described(config) == described(as_transformers_reads(config)), key
        dropped += given in whole
    assert dropped >= 4


def rope(**keys: Any) -> Rope:
    sizes = {**SIZES, "hidden_size": 64, "num_attention_heads": 8, "max_position_embeddings": 32}
    return read_spec({"model_type": "llama", **sizes, **keys}, "config").ropes[0]


def same(one: Rope, other: Rope) -> bool:
    return np.array_equal(one.frequencies, other.frequencies) and one.scale == other.scale


YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8}


def test_both_generations_of_keys_say_the_same() -> None:
    old = rope(rope_theta=500.0)
    assert not same(old, rope())
    assert same(rope(rope_parameters={"rope_theta": 500.0, "rope_type": "default"}), old)
    assert same(rope(rope_theta=99.0, rope_parameters={"rope_theta": 500.0}), old)
    assert same(rope(rope_theta=500.0, rope_scaling=YARN), rope(rope_parameters={"rope_theta": 500.0, **YARN}))
    nested = {"full_attention": {"rope_theta": 500.0, "rope_type": "default"}, "sliding_attention": {"rope_theta": 9.0}}
    assert same(rope(rope_parameters=nested), old)
    half = rope(rope_parameters={"partial_rotary_factor": 0.5, "rope_theta": 10000.0})
    assert half.frequencies.size == rope().frequencies.size / 2


def test_a_factor_of_longrope_counts_in_the_newer_keys() -> None:
    """transformers 4 goes by the two lengths where both are known, transformers 5 by the factor that is stated."""
    long = {"rope_type": "longrope", "factor": 3.0, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}
    lengths = {"original_max_position_embeddings": 8}
    old, new = rope(rope_scaling=long, **lengths), rope(rope_parameters={**long, **lengths})
    assert old.scale == pytest.approx(np.sqrt(1 + np.log(32 / 8) / np.log(8)))
    assert new.scale == pytest.approx(np.sqrt(1 + np.log(3.0) / np.log(8)))
    assert rope(rope_parameters={**long, **lengths, "factor": None}).scale == old.scale


def test_gemma_3_has_two_kinds_of_rope_in_both_generations() -> None:
    sizes = {"model_type": "gemma3_text", **SIZES, "num_hidden_layers": 6}
    linear = {"rope_type": "linear", "factor": 8.0}
    old = read_spec({**sizes, "rope_theta": 500.0, "rope_local_base_freq": 9.0, "rope_scaling": linear}, "config")
    nested = {
        "full_attention": {"rope_theta": 500.0, **linear},
        "sliding_attention": {"rope_theta": 9.0, "rope_type": "default"},
    }
    new = read_spec({**sizes, "rope_parameters": nested}, "config")
    assert old.rope_of == new.rope_of == (1, 1, 1, 1, 1, 0)
    assert all(same(one, other) for one, other in zip(old.ropes, new.ropes, strict=True))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"rope_scaling": {"factor": 4.0}}, "has 'factor' and no 'rope_type'"),
        ({"rope_scaling": {"rope_type": "mrope"}}, "rope scaling 'mrope' is not supported"),
        ({"rope_scaling": {**YARN, "power": 2}}, "rope scaling 'yarn' has the key 'power', which is not understood"),
        ({"rope_scaling": {"type": "linear", "factor": 0}}, "'factor' is 0, must be a positive number"),
        ({"rope_scaling": {"type": "longrope", "short_factor": [1], "factor": 2}}, "'short_factor' is .*must be 4"),
        ({"rope_scaling": YARN, "rope_parameters": {**YARN, "factor": 2.0}}, "'factor' is 2.0 in 'rope_parameters'"),
        ({"rope_parameters": {"sliding_attention": {}}}, "says nothing of layers of type 'full_attention'"),
    ],
)
def test_spellings_that_are_not_understood(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(NexusError, match=words):
        rope(**keys)


def test_numbers_as_json_writers_leave_them() -> None:
    plain = {"model_type": "llama", **SIZES}
    assert described({**plain, "max_position_embeddings": 64.0}) == described({**plain, "max_position_embeddings": 64})
    with pytest.raises(NexusError, match="'max_position_embeddings' is 64.5, must be an integer"):
        described({**plain, "max_position_embeddings": 64.5})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"model_type": "mixtral", "num_experts_per_tok": 9}, "'num_experts_per_tok' is 9, there are 8 experts"),
        ({"model_type": "mixtral", "num_local_experts": 0}, "'num_experts' is 0, must be an integer of at least 1"),
        ({"model_type": "qwen3_moe", "mlp_only_layers": 1}, "'mlp_only_layers' is 1, must be a list of layers"),
        ({"model_type": "vit", "image_size": [32]}, r"'image_size' is \[32\], must be an integer"),
        ({"model_type": "vit", "patch_size": [4, 256]}, r"'patch_size' is \(4, 256\), larger than 'image_size'"),
        ({"model_type": "gemma3"}, "'text_config' of a gemma3 model is None, must hold keys and values"),
        ({"model_type": "gemma3", "text_config": {}, "architectures": ["Gemma3ForX"]}, "'Gemma3ForX', whose head"),
        ({"model_type": "olmoe"}, "architecture 'olmoe' is not supported"),
    ],
)
def test_experts_images_and_nested_configs_that_make_no_model(keys: dict[str, Any], words: str) -> None:
    inner = keys.get("text_config", {})
    with pytest.raises(NexusError, match=words):
        described({**SIZES, **keys, **({"text_config": {**SIZES, **inner}} if "text_config" in keys else {})})


def test_quantised_models_are_refused_with_the_way_out() -> None:
    for method in ("awq", "gptq"):
        with pytest.raises(NexusError, match=rf"\({method}\), only float weights.*dequantize.*GGUF"):
            described({"model_type": "llama", **SIZES, "quantization_config": {"quant_method": method}})
