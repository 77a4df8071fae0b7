"""What each family's config leaves out: defaults of the transformers library, versions 4 and 5, in one table.

A key that a config.json lacks has the value below; null stays null. Sizes (width, layers, ...) are never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lava_nexus.errors import NexusError, brief

KEY_NAMES: dict[str, dict[str, str]] = {
    "gpt2": {
        "n_embd": "hidden_size",
        "n_head": "num_attention_heads",
        "n_layer": "num_hidden_layers",
        "n_positions": "max_position_embeddings",
        "n_inner": "intermediate_size",
        "activation_function": "hidden_act",
        "layer_norm_epsilon": "layer_norm_eps",
    },
    "distilbert": {
        "dim": "hidden_size",
        "n_heads": "num_attention_heads",
        "n_layers": "num_hidden_layers",
        "hidden_dim": "intermediate_size",
        "activation": "hidden_act",
    },
    "gpt_neox": {"rotary_pct": "partial_rotary_factor", "rotary_emb_base": "rope_theta"},
    "mixtral": {"num_local_experts": "num_experts"},
    "qwen3_moe": {"num_local_experts": "num_experts"},
    "gemma2": {"hidden_activation": "hidden_act"},
    "gemma3_text": {"hidden_activation": "hidden_act"},
}
"""By `model_type`: what a family calls a key, to what all others call it."""

BOTH_NAMES: dict[str, tuple[str, ...]] = {
    "gpt2": ("hidden_size", "num_attention_heads", "num_hidden_layers", "max_position_embeddings"),
    "distilbert": ("hidden_size", "num_attention_heads", "num_hidden_layers"),
    "gpt_neox": ("partial_rotary_factor", "rope_theta"),
    "mixtral": ("num_experts",),
    "qwen3_moe": ("num_experts",),
}
"""Keys that a family reads by the name that all others have, too; by any other such name it reads nothing."""

_ROPE = {"rope_theta": 10000.0, "partial_rotary_factor": 1.0}
_DECODER = {"hidden_act": "silu", "rms_norm_eps": 1e-6, "tie_word_embeddings": False, **_ROPE}
_ENCODER = {
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "tie_word_embeddings": True,
    "pad_token_id": 0,
}
_GEMMA = {
    **_DECODER,
    "hidden_act": "gelu_pytorch_tanh",
    "head_dim": 256,
    "tie_word_embeddings": True,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 2,
}
_LLAMA = {**_DECODER, "max_position_embeddings": 2048, "bos_token_id": 1, "eos_token_id": 2}

DEFAULTS: dict[str, Mapping[str, Any]] = {
    "llama": {**_LLAMA, "attention_bias": False, "mlp_bias": False},
    "mistral": {
        **_LLAMA,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        "sliding_window": 4096,
    },
    "qwen2": {
        **_DECODER,
        "num_key_value_heads": 32,
        "max_position_embeddings": 32768,
        "use_sliding_window": False,
        "sliding_window": 4096,
        "max_window_layers": 28,
    },
    "qwen3": {
        **_DECODER,
        "num_key_value_heads": 32,
        "head_dim": 128,
        "attention_bias": False,
        "max_position_embeddings": 32768,
        "use_sliding_window": False,
        "sliding_window": 4096,
        "max_window_layers": 28,
    },
    "smollm3": {
        **_DECODER,
        "rope_theta": 2000000.0,
        "tie_word_embeddings": True,
        "num_key_value_heads": 4,
        "attention_bias": False,
        "mlp_bias": False,
        "max_position_embeddings": 32768,
        "use_sliding_window": False,
        "sliding_window": None,
        "no_rope_layer_interval": 4,
        "pad_token_id": 128004,
        "bos_token_id": 128000,
        "eos_token_id": 128001,
    },
    "gemma": {**_GEMMA, "num_key_value_heads": 16, "max_position_embeddings": 8192, "attention_bias": False},
    "gemma2": {
        **_GEMMA,
        "num_key_value_heads": 4,
        "max_position_embeddings": 8192,
        "attention_bias": False,
        "query_pre_attn_scalar": 256,
        "sliding_window": 4096,
        "sliding_window_pattern": 2,
        "final_logit_softcapping": 30.0,
        "attn_logit_softcapping": 50.0,
    },
    "gemma3_text": {
        **_GEMMA,
        "num_key_value_heads": 4,
        "max_position_embeddings": 131072,
        "attention_bias": False,
        "rope_theta": 1000000.0,
        "rope_local_base_freq": 10000.0,
        "query_pre_attn_scalar": 256,
        "sliding_window": 4096,
        "sliding_window_pattern": 6,
        "final_logit_softcapping": None,
    },
    "phi": {
        **_LLAMA,
        "hidden_act": "gelu_new",
        "layer_norm_eps": 1e-5,
        "partial_rotary_factor": 0.5,
        "qk_layernorm": False,
    },
    "phi3": {
        **_LLAMA,
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 4096,
        "original_max_position_embeddings": 4096,
        "sliding_window": None,
        "pad_token_id": 32000,
        "eos_token_id": 32000,
    },
    "olmo2": {
        **_DECODER,
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 2048,
        "attention_bias": False,
        "pad_token_id": 1,
        "eos_token_id": 50279,
    },
    "granite": {
        **_LLAMA,
        "attention_bias": False,
        "mlp_bias": False,
        "embedding_multiplier": 1.0,
        "logits_scaling": 1.0,
        "residual_multiplier": 1.0,
        "attention_multiplier": 1.0,
    },
    "gpt2": {
        "hidden_act": "gelu_new",
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
        "bos_token_id": 50256,
        "eos_token_id": 50256,
    },
    "gpt_neox": {
        **_ROPE,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        "partial_rotary_factor": 0.25,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
        "attention_bias": True,
        "use_parallel_residual": True,
        "bos_token_id": 0,
        "eos_token_id": 2,
    },
    "bert": _ENCODER,
    "roberta": {**_ENCODER, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
    "distilbert": _ENCODER,
    "mixtral": {
        **_LLAMA,
        "rms_norm_eps": 1e-5,
        "rope_theta": 1000000.0,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        "sliding_window": None,
        "num_experts": 8,
        "num_experts_per_tok": 2,
    },
    "qwen3_moe": {
        **_DECODER,
        "num_key_value_heads": 4,
        "attention_bias": False,
        "max_position_embeddings": 32768,
        "use_sliding_window": False,
        "sliding_window": 4096,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "moe_intermediate_size": 768,
        "norm_topk_prob": False,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    },
    "vit": {
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "image_size": 224,
        "patch_size": 16,
        "num_channels": 3,
        "qkv_bias": True,
        "pooler_act": "tanh",
    },
    "nexus_block": {**_DECODER, "max_position_embeddings": 2048},
}
"""By `model_type`."""

_OPTIONAL = frozenset(key for defaults in DEFAULTS.values() for key in defaults)
_OF_MANY = {"bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings", "hidden_act", "rope_theta"}
_OF_MANY |= {"max_position_embeddings", "original_max_position_embeddings", "moe_intermediate_size"}
_OF_MANY |= {"partial_rotary_factor"}
"""Optional keys that a family reads whether or not it has a default of its own."""
_DECODERS = tuple(kind for kind in DEFAULTS if kind not in ("gpt2", "gpt_neox", "bert", "roberta", "distilbert", "vit"))
_OF_FEW: dict[str, tuple[str, ...]] = {
    "no_rope_layers": ("smollm3",),
    "num_key_value_heads": _DECODERS,
    "head_dim": (*_DECODERS, "gpt_neox"),
}
"""Keys without a default that some families read; others do not, whatever their config says."""

NESTED: dict[str, tuple[str, dict[str, str], Mapping[str, Any]]] = {
    "gemma3": (
        "gemma3_text",
        {"Gemma3ForConditionalGeneration": "Gemma3ForCausalLM", "Gemma3Model": "Gemma3TextModel"},
        {"num_attention_heads": 8, "vocab_size": 262208},
    ),
}
"""A model of text and images whose `text_config` is one of text: its `model_type`, classes, and sizes that published
configs leave out (the tensors are held against them)."""


def text_part(config: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    """The config of the text model inside a model of text and images; any other config as it is.

    Raises:
        NexusError: there is no `text_config`.
    """
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in NESTED:
        return config
    inner, (name, classes, sizes) = config.get("text_config"), NESTED[kind]
    if not isinstance(inner, dict):
        raise NexusError(
            f"{source}: 'text_config' of a {kind} model is {brief(repr(inner))}, must hold keys and values"
        )
    outer = ("quantization_config", "tie_word_embeddings", "bos_token_id", "eos_token_id", "pad_token_id")
    found = {**sizes, **inner, **{key: config[key] for key in outer if config.get(key) is not None}}
    given = config.get("architectures") or [next(iter(classes))]
    given = given if isinstance(given, list) else [given]
    found["final_logit_softcapping"] = None  # the class around the text model has none, whatever its config says
    return {**found, "model_type": name, "architectures": [classes.get(str(one), one) for one in given]}


def completed(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """A config.json's keys by the names that all families share, and the defaults of those that it lacks.

    Raises:
        NexusError: one key by two names, with two values.
    """
    kind = str(config.get("model_type"))
    names, found = KEY_NAMES.get(kind, {}), {}
    own, both = set(names.values()), BOTH_NAMES.get(kind, ())
    foreign = (_OF_FEW.keys() | _OPTIONAL) - _OF_MANY - DEFAULTS.get(kind, {}).keys()
    foreign -= {key for key, kinds in _OF_FEW.items() if kind in kinds}
    for key, value in config.items():
        if (key not in own or key in both) and key not in foreign:
            found[key] = value
    for given, key in names.items():
        if given not in config:
            continue
        if found.get(key, config[given]) != config[given]:
            raise NexusError(
                f"{source}: '{given}' is {brief(repr(config[given]))} and '{key}', which means the same, is "
                f"{brief(repr(found[key]))}"
            )
        found[key] = config[given]
    if kind == "gpt2" and found.get("intermediate_size") is None and isinstance(found.get("hidden_size"), int):
        found["intermediate_size"] = 4 * found["hidden_size"]
    return {**DEFAULTS.get(kind, {}), **found}
