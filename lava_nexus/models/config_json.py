"""A config.json read into a `ModelSpec`: every key checked as it is read, a mistake one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lava_nexus.errors import NexusError, brief
from lava_nexus.models.architecture import Architecture, Head
from lava_nexus.models.architectures import ACTIVATION_NAMES, ARCHITECTURES
from lava_nexus.models.config_keys import MOST, Keys, ropes_of, routing_of, windows_of
from lava_nexus.models.defaults import completed, text_part
from lava_nexus.models.rope import Rope
from lava_nexus.models.spec import Images, ModelSpec
from lava_nexus.programs.transformer import LayerShape


def read_spec(config: Mapping[str, Any], source: str, silu: str = "silu") -> ModelSpec:
    """The model that a config.json describes.

    Args:
        config: its keys and values.
        source: what it is called in errors.
        silu: the activation that SiLU becomes, "silu" (x / (1 + exp(-x)), each step rounded) or "silu_fused".

    Raises:
        NexusError: an architecture, activation or option that is not supported, or sizes that make no model.
    """
    keys = Keys(completed(text_part(config, source), source), source)
    family = _family(keys)
    layers, width, images = keys.size("num_hidden_layers"), keys.size("hidden_size"), _images(keys, family)
    routing, single = routing_of(keys, family, layers)
    shape = replace(_shape(keys, family, silu), routing=routing)
    vocabulary = 0 if images else keys.size("vocab_size")
    head = _head(keys, family)
    counts = {"vocabulary": vocabulary, "labels": _labels(keys)}
    ropes, rope_of = ropes_of(keys, family, shape.head_dim, layers)
    offset = keys.count("pad_token_id") + 1 if family.position_offset else 0
    return ModelSpec(
        kind=str(keys.config["model_type"]),
        vocabulary=vocabulary,
        width=width,
        hidden=keys.size("intermediate_size"),
        shape=shape,
        windows=windows_of(keys, family, layers),
        ropes=ropes,
        rope_of=rope_of,
        positions=images.tokens if images else _positions(keys, ropes) - offset,
        position_offset=offset,
        token_types=keys.size("type_vocab_size") if "token_types" in family.embeddings else 0,
        biases=_biases(keys, family),
        tied=images is None and keys.flag("tie_word_embeddings", False),
        prefix=family.prefix,
        head=head,
        outputs=0 if head is None else head.outputs if isinstance(head.outputs, int) else counts[head.outputs],
        pooler=("pooler" in family.endings and head is None) or (head is not None and head.pooled),
        embedding_scale=math.sqrt(width) if family.embedding_root else keys.number("embedding_multiplier", 1.0),
        logits_divisor=keys.number("logits_scaling", 1.0),
        logits_cap=keys.optional("final_logit_softcapping"),
        expert_hidden=keys.size("moe_intermediate_size", keys.size("intermediate_size")),
        single=single,
        images=images,
    )


def _images(keys: Keys, family: Architecture) -> Images | None:
    """What a model of images sees; None of a model of tokens."""
    if not family.image:
        return None
    size, patch = keys.pair("image_size"), keys.pair("patch_size")
    if size[0] < patch[0] or size[1] < patch[1]:
        raise NexusError(f"{keys.source}: 'patch_size' is {patch}, larger than 'image_size' {size}")
    return Images(keys.size("num_channels"), size, patch)


def _family(keys: Keys) -> Architecture:
    config, kind = keys.config, keys.config.get("model_type")
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        raise NexusError(
            f"{keys.source}: architecture {brief(repr(kind))} is not supported; "
            f"known are {', '.join(sorted(ARCHITECTURES))}"
        )
    family = ARCHITECTURES[kind]
    for key, supported in family.refused.items():
        if config.get(key, supported) != supported:
            raise NexusError(f"{keys.source}: '{key}' is {brief(repr(config[key]))}, only {supported!r} is supported")
    if given := config.get("quantization_config"):
        method = given.get("quant_method", "") if isinstance(given, dict) else ""
        raise NexusError(
            f"{keys.source}: 'quantization_config' is set{f' ({method})' if method else ''}, only float weights are "
            "supported; save the model dequantized (model.dequantize().save_pretrained(FOLDER)) or take its GGUF file"
        )
    if kind == "gpt_neox" and not keys.flag("use_parallel_residual", True):
        return replace(family, arrangement="pre_norm")
    return family


def _shape(keys: Keys, family: Architecture, silu: str) -> LayerShape:
    config, source = keys.config, keys.source
    width, heads = keys.size("hidden_size"), keys.size("num_attention_heads")
    kv_heads = keys.size("num_key_value_heads", heads)
    if heads % kv_heads:
        raise NexusError(f"{source}: {heads} attention heads do not share {kv_heads} key and value heads evenly")
    if config.get("head_dim") is None and width % heads:
        raise NexusError(f"{source}: hidden_size {width} does not divide into {heads} heads, and no head_dim is given")
    head_dim = keys.size("head_dim", width // heads)
    name = str(config.get("hidden_act"))
    activation = ACTIVATION_NAMES.get(name)
    if activation is None:
        raise NexusError(
            f"{source}: activation {brief(repr(name))} is not supported; known are {', '.join(ACTIVATION_NAMES)}"
        )
    return LayerShape(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        scale=float(np.float32(_scale(keys, family, head_dim))),
        arrangement=family.arrangement,
        norm=family.norm,
        eps=keys.number(family.eps_key),
        activation=silu if activation == "silu" else activation,
        gated=family.gated,
        causal=family.causal,
        query_key_norm=family.query_key_norm,
        normed_together=family.normed_together,
        residual_scale=keys.number("residual_multiplier", 1.0),
        softcap=keys.optional("attn_logit_softcapping"),
    )


def _scale(keys: Keys, family: Architecture, head_dim: int) -> float:
    """What scores are multiplied by."""
    if family.scale_key == "query_pre_attn_scalar":
        return 1 / math.sqrt(keys.number(family.scale_key))
    return keys.number(family.scale_key) if family.scale_key else 1 / math.sqrt(head_dim)


def _head(keys: Keys, family: Architecture) -> Head | None:
    """The head of the class that `architectures` names, which is the family's first where none is named."""
    heads, given = family.heads, keys.config.get("architectures")
    if not heads or not given:
        return next(iter(heads.values()), None)
    wanted = given[0] if isinstance(given, list) else given
    for name, head in heads.items():
        if str(wanted).lower() == name.lower():  # the first conversions of LLaMA wrote LLaMAForCausalLM
            return head
    raise NexusError(
        f"{keys.source}: 'architectures' has {brief(repr(wanted))}, whose head is not supported; "
        f"known are {', '.join(heads)}"
    )


def _labels(keys: Keys) -> int:
    """Number of labels that a config states."""
    named = keys.config.get("id2label")
    count = keys.config.get("num_labels", len(named) if isinstance(named, dict) else 2)
    if type(count) is not int or not 1 <= count <= MOST:
        raise NexusError(f"{keys.source}: 'num_labels' is {brief(repr(count))}, must be an integer of at least 1")
    return count


def _positions(keys: Keys, ropes: tuple[Rope, ...]) -> int:
    """Most tokens of a sequence: those of the config, times the factor by which `dynamic` RoPE stretches them."""
    positions = keys.size("max_position_embeddings")
    return int(positions * max((rope.factor for rope in ropes), default=1.0))


def _biases(keys: Keys, family: Architecture) -> frozenset[str]:
    given = {role for role, key in family.biases.items() if key is True or keys.flag(str(key), False)}
    return frozenset(given | {"pooler", "transform"})
