"""A config.json read into a `ModelSpec`: every key checked as it is read, a mistake one sentence.

Inverse frequencies of RoPE are FP32 constants of a model and made here: theta^(-2i / width), as `rope_scaling` says.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError, brief
from lava_nexus.models.architectures import ACTIVATION_NAMES, ARCHITECTURES, Architecture, Head
from lava_nexus.models.spec import ModelSpec
from lava_nexus.programs.transformer import LayerShape

Frequencies = NDArray[np.float32]
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
        if type(value) is not int or value < least:
            raise NexusError(f"{self.source}: '{key}' is {brief(repr(value))}, must be an integer of at least {least}")
        if value > most:
            raise NexusError(f"{self.source}: '{key}' is {brief(repr(value))}, must be at most {most}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A positive number."""
        value = self._value(key, default)
        if not _positive(value):
            raise NexusError(f"{self.source}: '{key}' is {brief(repr(value))}, must be a positive number")
        return float(value)

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
    keys = Keys(config, source)
    family = _family(keys)
    shape = _shape(keys, family, silu)
    layers, vocabulary = keys.size("num_hidden_layers"), keys.size("vocab_size")
    head = _head(keys, family)
    counts = {"vocabulary": vocabulary, "labels": _labels(keys)}
    return ModelSpec(
        kind=config["model_type"],
        vocabulary=vocabulary,
        width=keys.size("hidden_size"),
        hidden=keys.size("intermediate_size"),
        shape=shape,
        windows=_windows(keys, family, layers),
        frequencies=_frequencies(keys, family, shape.head_dim),
        positions=keys.size("max_position_embeddings"),
        token_types=keys.size("type_vocab_size") if "token_types" in family.embeddings else 0,
        biases=_biases(keys, family),
        tied=keys.flag("tie_word_embeddings", family.tied),
        prefix=family.prefix,
        head=head,
        outputs=0 if head is None else head.outputs if isinstance(head.outputs, int) else counts[head.outputs],
        pooler="pooler" in family.endings and (head is None or head.pooled),
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
            given = brief(repr(config[key]))
            raise NexusError(f"{keys.source}: '{key}' is {given}, only {supported!r} is supported")
    if config.get("quantization_config"):
        raise NexusError(f"{keys.source}: 'quantization_config' is set, only float weights are supported")
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
    activation = ACTIVATION_NAMES.get(str(config.get("hidden_act", "silu")))
    if activation is None:
        raise NexusError(
            f"{source}: activation {brief(repr(config.get('hidden_act')))} is not supported; "
            f"known are {', '.join(ACTIVATION_NAMES)}"
        )
    return LayerShape(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        scale=float(np.float32(1 / math.sqrt(head_dim))),
        arrangement=family.arrangement,
        norm=family.norm,
        eps=keys.number(family.eps_key),
        activation=silu if activation == "silu" else activation,
        gated=family.gated,
        causal=family.causal,
        query_key_norm=family.query_key_norm,
    )


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
    if not family.has_window or (family.window_switch and not keys.flag(family.window_switch, False)):
        return (None,) * layers
    if config.get("sliding_window", family.window_default) is None:
        return (None,) * layers
    window = keys.size("sliding_window", family.window_default)
    kinds = config.get("layer_types")
    if kinds is None:
        full = keys.count("max_window_layers", 0) if family.window_switch else 0
        kinds = ["full_attention"] * min(full, layers) + ["sliding_attention"] * max(layers - full, 0)
    known = {"full_attention": None, "sliding_attention": window}
    if not isinstance(kinds, list) or len(kinds) != layers or not {str(kind) for kind in kinds} <= set(known):
        raise NexusError(f"{keys.source}: 'layer_types' must name {' or '.join(known)} for each of {layers} layers")
    return tuple(known[kind] for kind in kinds)


def _frequencies(keys: Keys, family: Architecture, head_dim: int) -> NDArray[np.float32]:
    if not family.rotary:
        return np.zeros(0, np.float32)
    given = keys.config.get("rope_parameters")
    nested = given if isinstance(given, dict) else {}
    theta = keys.number("rope_theta", nested.get("rope_theta", 10000.0))
    width = int(head_dim * keys.number("partial_rotary_factor", nested.get("partial_rotary_factor", 1.0)))
    if width % 2 or not 0 < width <= head_dim:
        raise NexusError(f"{keys.source}: RoPE turns {width} of {head_dim} channels, must be an even number of them")
    scaling = keys.config.get("rope_scaling") or given
    if scaling is not None and not isinstance(scaling, dict):
        raise NexusError(f"{keys.source}: 'rope_scaling' is {brief(repr(scaling))}, must hold keys and values")
    return inverse_frequencies(theta, width, scaling, keys.source)


def _biases(keys: Keys, family: Architecture) -> frozenset[str]:
    given = {role for role, key in family.biases.items() if key is True or keys.flag(str(key), False)}
    return frozenset(given | ({"pooler", "transform"} if "pooler" in family.endings else set()))


def inverse_frequencies(theta: float, width: int, scaling: Mapping[str, Any] | None, source: str) -> Frequencies:
    """theta^(-2i / width) for i below width / 2, each step rounded to FP32: 2i / width, the power, its reciprocal.

    Args:
        theta: base of the powers.
        width: channels of a head that are rotated.
        scaling: `rope_scaling` of a config.json: None, `default`, `linear`, or `llama3` (Grattafiori et al., 2024,
            arXiv 2407.21783): long waves are slowed by `factor`, those between the two limits in part.
        source: of the config, for errors.

    Raises:
        NexusError: a scaling of another type, or one that lacks a number.
    """
    exponents = np.arange(0, width, 2, dtype=np.float32) / np.float32(width)
    plain = np.float32(1) / np.power(np.float64(theta), exponents.astype(np.float64)).astype(np.float32)
    kind = (scaling or {}).get("rope_type", (scaling or {}).get("type", "default"))
    if scaling is None or kind == "default":
        return plain
    if kind == "linear":
        return plain / np.float32(_number(scaling, "factor", source))
    if kind == "llama3":
        return _llama3(plain, scaling, source)
    raise NexusError(f"{source}: rope scaling '{brief(str(kind))}' is not supported; known are default, linear, llama3")


def _llama3(plain: Frequencies, scaling: Mapping[str, Any], source: str) -> Frequencies:
    factor, low, high, context = (
        _number(scaling, key, source)
        for key in ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
    )
    if low >= high:
        raise NexusError(f"{source}: rope scaling 'low_freq_factor' is {low}, must be below 'high_freq_factor' {high}")
    wavelength = np.float32(2 * math.pi) / plain
    slowed = np.where(wavelength > context / low, plain / np.float32(factor), plain)
    smooth = (np.float32(context) / wavelength - np.float32(low)) / np.float32(high - low)
    between = (1 - smooth) * slowed / np.float32(factor) + smooth * slowed
    medium = (wavelength >= context / high) & (wavelength <= context / low)
    return np.where(medium, between, slowed).astype(np.float32)


def _number(scaling: Mapping[str, Any], key: str, source: str) -> float:
    value: Any = scaling.get(key)
    if not _positive(value):
        raise NexusError(f"{source}: rope scaling '{key}' is {brief(repr(value))}, must be a positive number")
    return float(value)


def _positive(value: Any) -> bool:
    """Whether a value is a number that FP64 holds, above 0 and finite."""
    return type(value) in (int, float) and 0 < value <= sys.float_info.max
