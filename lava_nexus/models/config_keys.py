"""Values of a config.json, each checked as it is read, and what it says of single layers: windows, RoPE, experts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lava_nexus.errors import NexusError, brief
from lava_nexus.models.architecture import Architecture
from lava_nexus.models.rope import Rope, read_rope, scaling_of
from lava_nexus.programs.routing import Routing

MOST, _MOST_OF = 1 << 24, {"num_hidden_layers": 10_000, "vocab_size": 1 << 31, "max_position_embeddings": 1 << 31}
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
        value, most = self._value(key, default), _MOST_OF.get(key, MOST)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or value < least:
            raise NexusError(f"{self.source}: '{key}' is {brief(repr(value))}, must be an integer of at least {least}")
        if value > most:
            raise NexusError(f"{self.source}: '{key}' is {brief(repr(value))}, must be at most {most}")
        return value

    def pair(self, key: str) -> tuple[int, int]:
        """Two sizes, or one for both."""
        value = self.config.get(key)
        both = value if isinstance(value, list) and len(value) == 2 else [value, value]
        first, second = (Keys({key: one}, self.source).size(key) for one in both)
        return first, second

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


def windows_of(keys: Keys, family: Architecture, layers: int) -> tuple[int | None, ...]:
    """Window of each layer, None where it sees all."""
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


def ropes_of(
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


def routing_of(keys: Keys, family: Architecture, layers: int) -> tuple[Routing | None, frozenset[int]]:
    """(how experts are chosen, layers that have none); (None, none) of a family without experts."""
    if not family.experts:
        return None, frozenset()
    experts, chosen = keys.size("num_experts"), keys.size("num_experts_per_tok")
    if chosen > experts:
        raise NexusError(f"{keys.source}: 'num_experts_per_tok' is {chosen}, there are {experts} experts")
    given, every = keys.config.get("mlp_only_layers") or [], keys.size("decoder_sparse_step", 1)
    if not isinstance(given, list) or not all(type(layer) is int for layer in given):
        raise NexusError(f"{keys.source}: 'mlp_only_layers' is {brief(repr(given))}, must be a list of layers")
    single = {layer for layer in range(layers) if layer in given or (layer + 1) % every}
    return Routing(experts, chosen, keys.flag("norm_topk_prob", True)), frozenset(single)
