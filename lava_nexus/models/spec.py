"""What a model is, read from a Hugging Face config: sizes, layers, tensor names and shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.models.architectures import ACTIVATION_NAMES, ARCHITECTURES, Architecture
from lava_nexus.models.heads import Head, labels, named_head
from lava_nexus.models.keys import Keys, inverse_frequencies
from lava_nexus.programs.transformer import LayerShape

Shape = tuple[int, ...]
Tensors = dict[str, tuple[str, Shape]]
"""Role, for example `query.weight`, to (name in the checkpoint, shape)."""


@dataclass(frozen=True)
class ModelSpec:
    """A model of one of the architectures.

    Attributes:
        kind: key of `ARCHITECTURES`.
        vocabulary: number of tokens.
        width: of the residual stream.
        hidden: width inside the feed-forward part.
        shape: of every layer, its window left out.
        windows: window of each layer, None where it sees all.
        frequencies: FP32 [pairs], inverse frequencies of RoPE; empty without it.
        positions: most tokens of a sequence.
        token_types: number of token types, 0 where there are none.
        biases: roles that have a bias.
        tied: whether the head is the embedding.
        prefix: of the tensors of the body.
        head: what makes logits, None where nothing does.
        outputs: logits for each token, or for each sequence where the head reads the pooler's answer.
        pooler: whether it has one.
    """

    kind: str
    vocabulary: int
    width: int
    hidden: int
    shape: LayerShape
    windows: tuple[int | None, ...]
    frequencies: NDArray[np.float32]
    positions: int
    token_types: int
    biases: frozenset[str]
    tied: bool
    prefix: str
    head: Head | None
    outputs: int
    pooler: bool

    @property
    def architecture(self) -> Architecture:
        """What its family shares."""
        return ARCHITECTURES[self.kind]

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.windows)

    def layer_shape(self, layer: int) -> LayerShape:
        """Shape of one layer, with its window."""
        return replace(self.shape, window=self.windows[layer])

    def layer_tensors(self, layer: int) -> Tensors:
        """Tensors of one layer; a projection is [outputs, inputs]."""
        start = self.prefix + self.architecture.layer.format(layer)
        return self._named({role: start + name for role, name in self.architecture.roles.items()})

    @cached_property
    def embedding_tensors(self) -> Tensors:
        """Tables of words, positions and token types, and their norm."""
        return self._named({role: self.prefix + n for role, n in self.architecture.embeddings.items()})

    @cached_property
    def ending_tensors(self) -> Tensors:
        """What follows the layers, the head left out."""
        roles = {role: n for role, n in self.architecture.endings.items() if role != "pooler" or self.pooler}
        return self._named({role: self.prefix + n for role, n in roles.items()})

    @cached_property
    def head_tensors(self) -> Tensors:
        """The head; where it is tied, its weight is the table of words."""
        if self.head is None:
            return {}
        found = self._named({"head": self.head.name})
        if self.head.bias:
            found["head.bias"] = (self.head.bias, (self.outputs,))
        if self.tied and self.head.outputs == "vocabulary":
            found["head.weight"] = self.embedding_tensors["words.weight"]
        return found

    @cached_property
    def transform_tensors(self) -> Tensors:
        """The dense layer and the norm that some heads have in front of them."""
        if self.head is None or not self.head.transform:
            return {}
        start = self.head.transform
        return self._named({"transform": f"{start}dense", "transform_norm": f"{start}LayerNorm"})

    @property
    def tensors(self) -> dict[str, Shape]:
        """Every tensor's shape by its name in the checkpoint."""
        groups = [self.embedding_tensors, *map(self.layer_tensors, range(self.layers))]
        ending = (self.ending_tensors, self.transform_tensors, self.head_tensors)
        return {name: shape for group in (*groups, *ending) for name, shape in group.values()}

    def held_by(self, names: set[str]) -> ModelSpec:
        """The model without what a checkpoint of these tensors leaves out: prefix, head or pooler."""
        words = self.architecture.embeddings["words"] + ".weight"
        bare = words in names and self.prefix + words not in names
        head = None if bare or self.head is None else self.head.held_by(names)
        pooler = head.pooled if head is not None else self.pooler and any("pooler" in name for name in names)
        return replace(self, prefix="" if bare else self.prefix, head=head, pooler=pooler)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Parts of the names of tensors that a checkpoint may hold beside those of the model."""
        return (*self.architecture.ignored, *([self.head.name + "."] if self.head and self.tied else []))

    def _named(self, modules: Mapping[str, str]) -> Tensors:
        found: Tensors = {}
        for role, name in modules.items():
            for part, shape in self._module_shapes(role).items():
                found[f"{role}.{part}"] = (f"{name}.{part}", shape)
        return found

    def _module_shapes(self, role: str) -> dict[str, Shape]:
        if role.endswith("norm"):
            width = self.shape.head_dim if role in ("query_norm", "key_norm") else self.width
            layered = self.shape.norm == "layer"
            return {"weight": (width,), "bias": (width,)} if layered else {"weight": (width,)}
        queries, keys = self.shape.heads * self.shape.head_dim, self.shape.kv_heads * self.shape.head_dim
        shapes: dict[str, Shape] = {
            "query": (queries, self.width),
            "key": (keys, self.width),
            "value": (keys, self.width),
            "output": (self.width, queries),
            "gate": (self.hidden, self.width),
            "up": (self.hidden, self.width),
            "down": (self.width, self.hidden),
            "words": (self.vocabulary, self.width),
            "positions": (self.positions, self.width),
            "token_types": (self.token_types, self.width),
            "pooler": (self.width, self.width),
            "head": (self.outputs, self.width),
            "transform": (self.width, self.width),
        }
        shape = shapes[role]
        return {"weight": shape, "bias": shape[:1]} if role in self.biases else {"weight": shape}


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
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        raise NexusError(
            f"{source}: architecture {kind!r} is not supported; known are {', '.join(sorted(ARCHITECTURES))}"
        )
    family = ARCHITECTURES[kind]
    for key, supported in family.refused.items():
        if config.get(key, supported) != supported:
            raise NexusError(f"{source}: '{key}' is {config[key]!r}, only {supported!r} is supported")
    if config.get("quantization_config"):
        raise NexusError(f"{source}: 'quantization_config' is set, only float weights are supported")
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
            f"{source}: activation {config.get('hidden_act')!r} is not supported; "
            f"known are {', '.join(ACTIVATION_NAMES)}"
        )
    layers, vocabulary = keys.size("num_hidden_layers"), keys.size("vocab_size")
    head = named_head(family.heads, config, source)[1]
    counts = {"vocabulary": vocabulary, "labels": labels(config, source)}
    return ModelSpec(
        kind=kind,
        vocabulary=vocabulary,
        width=width,
        hidden=keys.size("intermediate_size"),
        shape=LayerShape(
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
        ),
        windows=_windows(keys, family, layers),
        frequencies=_frequencies(keys, family, head_dim),
        positions=keys.size("max_position_embeddings"),
        token_types=keys.size("type_vocab_size") if "token_types" in family.embeddings else 0,
        biases=_biases(keys, family),
        tied=keys.flag("tie_word_embeddings", family.tied),
        prefix=family.prefix,
        head=head,
        outputs=0 if head is None else head.outputs if isinstance(head.outputs, int) else counts[head.outputs],
        pooler="pooler" in family.endings and (head is None or head.pooled),
    )


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
    if not isinstance(kinds, list) or len(kinds) != layers or not set(kinds) <= set(known):
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
        raise NexusError(f"{keys.source}: 'rope_scaling' is {scaling!r}, must hold keys and values")
    return inverse_frequencies(theta, width, scaling, keys.source)


def _biases(keys: Keys, family: Architecture) -> frozenset[str]:
    given = {role for role, key in family.biases.items() if key is True or keys.flag(str(key), False)}
    return frozenset(given | ({"pooler", "transform"} if "pooler" in family.endings else set()))
