"""A config.json read into a `ModelSpec`: every key checked as it is read, a mistake one sentence."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lava_nexus.errors import NexusError, brief
from lava_nexus.models.architecture import Architecture, Head
from lava_nexus.models.architectures import ACTIVATION_NAMES, ARCHITECTURES
from lava_nexus.models.defaults import completed
from lava_nexus.models.rope import Rope, read_rope, scaling_of
from lava_nexus.models.spec import ModelSpec
from lava_nexus.programs.transformer import LayerShape

_MOST, _MOST_OF = 1 << 24, {"num_hidden_layers": 10_000, "vocab_size": 1 << 31, "max_position_embeddings": 1 << 31}
"""Sizes beyond all models, in general and by key: what is larger is a mistake, and would fill the memory."""


@dataclass(frozen=True)
class Keys:
    """Values of a config by key, each checked; a value that does not fit is a NexusError.

    Attributes:
        config: keys and values.
        source: what the config is called in errors.
    """

    config: Mapping[str, Any]
    source: str

    def size(self, key: str, default: int | None = None) -> int:
        """An integer of at least 1."""
        return self.count(key, default, least=1)

    def count(self, key: str, default: int | None = None, least: int = 0) -> int:
        """An integer of at least `least`."""
        value, most = self._value(key, default), _MOST_OF.get(key, _MOST)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or value < least:
            raise NexusError(f"{self.source}: '{key}' is {brief(repr(value))}, must be an integer of at least {least}")
        if value > most:
            raise NexusError(f"{self.source}: '{key}' is {brief(repr(value))}, must be at most {most}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A positive number."""
        value = self._value(key, default)
        if type(value) not in (int, float) or not 0 < value <= sys.float_info.max:
            raise NexusError(f"{self.source}: '{key}' is {brief(repr(value))}, must be a positive number")
        return float(value)

    def optional(self, key: str) -> float | None:
        """A positive number, or None where there is none."""
        return None if self.config.get(key) is None else self.number(key)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise NexusError(f"{self.source}: '{key}' is {brief(repr(value))}, must be true or false")
        return value

    def _value(self, key: str, default: Any) -> Any:
        value = self.config.get(key)
        value = default if value is None else value
        if value is None:
            raise NexusError(f"{self.source}: key '{key}' is missing")
        return value


def read_spec(config: Mapping[str, Any], source: str, silu: str = "silu") -> ModelSpec:
    """The model that a config.json describes.

    Args:
        config: its keys and values.
        source: what it is called in errors.
        silu: the activation that SiLU becomes, "silu" (x / (1 + exp(-x)), each step rounded) or "silu_fused".

    Raises:
        NexusError: an architecture, activation or option that is not supported, or sizes that make no model.
    """
    keys = Keys(completed(config), source)
    family = _family(keys)
    shape = _shape(keys, family, silu)
    layers, vocabulary, width = keys.size("num_hidden_layers"), keys.size("vocab_size"), keys.size("hidden_size")
    head = _head(keys, family)
    counts = {"vocabulary": vocabulary, "labels": _labels(keys)}
    ropes, rope_of = _ropes(keys, family, shape.head_dim, layers)
    offset = keys.count("pad_token_id") + 1 if family.position_offset else 0
    return ModelSpec(
        kind=str(config["model_type"]),
        vocabulary=vocabulary,
        width=width,
        hidden=keys.size("intermediate_size"),
        shape=shape,
        windows=_windows(keys, family, layers),
        ropes=ropes,
        rope_of=rope_of,
        positions=_positions(keys, ropes) - offset,
        position_offset=offset,
        token_types=keys.size("type_vocab_size") if "token_types" in family.embeddings else 0,
        biases=_biases(keys, family),
        tied=keys.flag("tie_word_embeddings", False),
        prefix=family.prefix,
        head=head,
        outputs=0 if head is None else head.outputs if isinstance(head.outputs, int) else counts[head.outputs],
        pooler=("pooler" in family.endings and head is None) or (head is not None and head.pooled),
        embedding_scale=math.sqrt(width) if family.embedding_root else keys.number("embedding_multiplier", 1.0),
        logits_divisor=keys.number("logits_scaling", 1.0),
        logits_cap=keys.optional("final_logit_softcapping"),
    )


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
    name = str(config.get("hidden_activation") or config.get("hidden_act"))
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
    if type(count) is not int or not 1 <= count <= _MOST:
        raise NexusError(f"{keys.source}: 'num_labels' is {brief(repr(count))}, must be an integer of at least 1")
    return count


def _windows(keys: Keys, family: Architecture, layers: int) -> tuple[int | None, ...]:
    config = keys.config
    switched = not family.window_switch or keys.flag(family.window_switch, False)
    if family.windows == "none" or not switched or config.get("sliding_window") is None:
        return (None,) * layers
    return tuple(keys.size("sliding_window") if slides else None for slides in _sliding(keys, family, layers))


def _sliding(keys: Keys, family: Architecture, layers: int) -> list[bool]:
    """Whether each layer is one of local attention."""
    if family.windows in ("none", "all"):
        return [family.windows == "all"] * layers
    if (kinds := keys.config.get("layer_types")) is not None:
        known = {"full_attention": False, "sliding_attention": True}
        if not isinstance(kinds, list) or len(kinds) != layers or not {str(kind) for kind in kinds} <= set(known):
            raise NexusError(f"{keys.source}: 'layer_types' must name {' or '.join(known)} for each of {layers} layers")
        return [known[kind] for kind in kinds]
    if family.windows == "late":
        full = keys.count("max_window_layers")
        return [layer >= full for layer in range(layers)]
    if family.windows == "no_rope":
        return [not turned for turned in _turned(keys, layers)]
    every = keys.size("sliding_window_pattern")
    return [(layer + 1) % every != 0 for layer in range(layers)]


def _turned(keys: Keys, layers: int) -> list[bool]:
    """Whether each layer has RoPE."""
    given = keys.config.get("no_rope_layers")
    if given is None:
        every = keys.config.get("no_rope_layer_interval")
        return [every is None or (layer + 1) % keys.size("no_rope_layer_interval") != 0 for layer in range(layers)]
    if not isinstance(given, list) or len(given) != layers or not all(turned in (0, 1) for turned in given):
        raise NexusError(f"{keys.source}: 'no_rope_layers' must have 0 or 1 for each of {layers} layers")
    return [bool(turned) for turned in given]


def _ropes(
    keys: Keys, family: Architecture, head_dim: int, layers: int
) -> tuple[tuple[Rope, ...], tuple[int | None, ...]]:
    """(the kinds of RoPE, which of them each layer has)."""
    if not family.rotary:
        return (), (None,) * layers
    main = _rope(keys, head_dim, "full_attention", "rope_theta")
    if "rope_local_base_freq" not in keys.config:
        return (main,), tuple(0 if turned else None for turned in _turned(keys, layers))
    local = _rope(keys, head_dim, "sliding_attention", "rope_local_base_freq")
    return (main, local), tuple(int(slides) for slides in _sliding(keys, family, layers))


def _rope(keys: Keys, head_dim: int, kind: str, theta_key: str) -> Rope:
    """RoPE of layers of a kind; what is nested in today's keys counts before the older ones."""
    scaling = scaling_of(keys.config, keys.source, kind)
    if kind == "sliding_attention" and not _nested(keys.config):
        scaling = {}  # older configs scale global layers alone
    inner = Keys({**keys.config, **scaling}, keys.source)
    theta = inner.number("rope_theta") if "rope_theta" in scaling else inner.number(theta_key)
    width = int(head_dim * inner.number("partial_rotary_factor"))
    if width % 2 or not 0 < width <= head_dim:
        raise NexusError(f"{keys.source}: RoPE turns {width} of {head_dim} channels, must be an even number of them")
    return read_rope(theta, width, scaling, keys.config, keys.source)


def _nested(config: Mapping[str, Any]) -> bool:
    """Whether RoPE is told by layer type."""
    given = config.get("rope_parameters") or config.get("rope_scaling")
    return isinstance(given, dict) and any(isinstance(value, dict) for value in given.values())


def _positions(keys: Keys, ropes: tuple[Rope, ...]) -> int:
    """Most tokens of a sequence: those of the config, times the factor by which `dynamic` RoPE stretches them."""
    positions = keys.size("max_position_embeddings")
    return int(positions * max((rope.factor for rope in ropes), default=1.0))


def _biases(keys: Keys, family: Architecture) -> frozenset[str]:
    given = {role for role, key in family.biases.items() if key is True or keys.flag(str(key), False)}
    return frozenset(given | {"pooler", "transform"})
