"""RoPE of a config.json: inverse frequencies as FP32 constants, in every spelling and scaling that is understood.

theta^(-2i / width) for i below width / 2, each step rounded to FP32 (2i / width, the power, its reciprocal), then
rescaled: `linear` and `dynamic`; `llama3` (Grattafiori et al., 2024, arXiv 2407.21783); `yarn` (Peng et al., 2023,
arXiv 2309.00071); `longrope` (Ding et al., 2024, arXiv 2402.13753). A key or type that is not understood is refused.
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

Frequencies = NDArray[np.float32]

_ALWAYS = frozenset({"type", "rope_type", "rope_theta", "partial_rotary_factor", "finetuned"})
_LLAMA3 = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
_YARN = ("attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate")
_KEYS: dict[str, frozenset[str]] = {
    "default": frozenset(),
    "linear": frozenset({"factor"}),
    "dynamic": frozenset({"factor", "original_max_position_embeddings"}),
    "llama3": frozenset(_LLAMA3),
    "yarn": frozenset({"factor", "original_max_position_embeddings", *_YARN}),
    "longrope": frozenset(
        {"factor", "attention_factor", "long_factor", "short_factor", "original_max_position_embeddings"}
    ),
}
"""Type of a scaling to the keys that it understands, beside those that all have."""


@dataclass(frozen=True)
class Rope:
    """Rotary position embedding of some layers.

    Attributes:
        frequencies: FP32 [pairs], of sequences of at most `limit` tokens.
        scale: what cos and sin are multiplied by.
        limit: tokens up to which `frequencies` hold; None for any number.
        longer: FP32 [pairs], of longer sequences; None where they depend on the length (`dynamic`).
        theta, factor: of `dynamic`, by which longer sequences have a larger base.
    """

    frequencies: Frequencies
    scale: float = 1.0
    limit: int | None = None
    longer: Frequencies | None = None
    theta: float = 0.0
    factor: float = 1.0

    def at(self, tokens: int) -> Frequencies:
        """Inverse frequencies of a sequence of so many tokens."""
        if self.limit is None or tokens <= self.limit:
            return self.frequencies
        if self.longer is not None:
            return self.longer
        width = 2 * self.frequencies.size
        grown = np.float32(self.factor) * np.float32(tokens) / np.float32(self.limit) - np.float32(self.factor - 1)
        return plain_frequencies(float(np.float32(self.theta) * grown ** np.float32(width / (width - 2))), width)

    def restarts(self, past: int, tokens: int) -> bool:
        """Whether keys of `past` tokens are of no use to a sequence of so many: they were turned by other angles."""
        return self.longer is not None and self.limit is not None and past <= self.limit < tokens


def plain_frequencies(theta: float, width: int) -> Frequencies:
    """theta^(-2i / width), each step rounded to FP32."""
    exponents = np.arange(0, width, 2, dtype=np.float32) / np.float32(width)
    with np.errstate(over="ignore"):
        powers = np.power(np.float64(theta), exponents.astype(np.float64)).astype(np.float32)
    return np.float32(1) / powers


def scaling_of(config: Mapping[str, Any], source: str, kind: str = "full_attention") -> dict[str, Any]:
    """What a config says on RoPE of layers of a kind, in one dictionary: `rope_parameters` of today and the older keys.

    Raises:
        NexusError: keys that contradict each other, or values that are no keys and values.
    """
    found: dict[str, dict[str, Any]] = {}
    for key in ("rope_parameters", "rope_scaling"):
        given = config.get(key)
        if given is not None and not isinstance(given, dict):
            raise NexusError(f"{source}: '{key}' is {brief(repr(given))}, must hold keys and values")
        given = given or {}
        if any(isinstance(value, dict) for value in given.values()):
            if kind not in given:
                raise NexusError(f"{source}: '{key}' says nothing of layers of type '{kind}'")
            given = given[kind] or {}
        found[key] = {name: value for name, value in given.items() if value is not None}
    today, older = found["rope_parameters"], found["rope_scaling"]
    for name in today.keys() & older.keys():
        if today[name] != older[name]:
            raise NexusError(
                f"{source}: '{name}' is {today[name]!r} in 'rope_parameters' and {older[name]!r} in 'rope_scaling'"
            )
    return older | today


def read_rope(theta: float, width: int, scaling: Mapping[str, Any], config: Mapping[str, Any], source: str) -> Rope:
    """RoPE of `width` channels, its base `theta` rescaled as `scaling` says.

    Args:
        theta: base of the powers.
        width: channels of a head that are rotated.
        scaling: as `scaling_of` gives it.
        config: for `max_position_embeddings` and `original_max_position_embeddings`.
        source: of the config, for errors.

    Raises:
        NexusError: a scaling of another type, one that lacks a number, or one with a key that is not understood.
    """
    kind = scaling.get("rope_type", scaling.get("type"))
    if kind is None and (spare := sorted(scaling.keys() - _ALWAYS)):
        raise NexusError(f"{source}: rope scaling has '{spare[0]}' and no 'rope_type', so it is not known how to scale")
    kind = "default" if kind is None else "longrope" if kind == "su" else kind
    if not isinstance(kind, str) or kind not in _KEYS:
        raise NexusError(f"{source}: rope scaling '{brief(str(kind))}' is not supported; known are {', '.join(_KEYS)}")
    if spare := sorted(scaling.keys() - _ALWAYS - _KEYS[kind]):
        raise NexusError(f"{source}: rope scaling '{kind}' has the key '{spare[0]}', which is not understood")
    for key in ("attention_factor", *_YARN[1:-1]):
        if scaling.get(key):
            _number(scaling, key, source)
    plain = plain_frequencies(theta, width)
    if kind == "default":
        return Rope(plain)
    if kind == "longrope":
        return _longrope(theta, width, scaling, config, source)
    factor = _number(scaling, "factor", source)
    if kind == "linear":
        return Rope(plain / np.float32(factor))
    if kind == "llama3":
        return Rope(_llama3(plain, scaling, source))
    if kind == "yarn":
        return _yarn(plain, theta, scaling, config, source)
    if width <= 2:
        raise NexusError(f"{source}: rope scaling 'dynamic' turns {width} channels, must turn at least 4")
    limit = int(_number(config, "max_position_embeddings", source))
    return Rope(plain, limit=limit, theta=theta, factor=factor)


def _llama3(plain: Frequencies, scaling: Mapping[str, Any], source: str) -> Frequencies:
    factor, low, high, context = (_number(scaling, key, source) for key in _LLAMA3)
    if low >= high:
        raise NexusError(f"{source}: rope scaling 'low_freq_factor' is {low}, must be below 'high_freq_factor' {high}")
    wavelength = np.float32(2 * math.pi) / plain
    slowed = np.where(wavelength > context / low, plain / np.float32(factor), plain)
    smooth = (np.float32(context) / wavelength - np.float32(low)) / np.float32(high - low)
    between = (1 - smooth) * slowed / np.float32(factor) + smooth * slowed
    medium = (wavelength >= context / high) & (wavelength <= context / low)
    return np.where(medium, between, slowed).astype(np.float32)


def _yarn(plain: Frequencies, theta: float, scaling: Mapping[str, Any], config: Mapping[str, Any], source: str) -> Rope:
    factor, width = _number(scaling, "factor", source), 2 * plain.size
    context = scaling.get("original_max_position_embeddings") or config.get("max_position_embeddings")
    context = _number({"original_max_position_embeddings": context}, "original_max_position_embeddings", source)
    if (scale := scaling.get("attention_factor")) is None:
        above, below = scaling.get("mscale") or 0.0, scaling.get("mscale_all_dim") or 0.0
        scale = _mscale(factor, above) / _mscale(factor, below) if above and below else _mscale(factor, 1.0)

    def channel(turns: float) -> float:
        return width * math.log(context / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low, high = channel(scaling.get("beta_fast") or 32), channel(scaling.get("beta_slow") or 1)
    if scaling.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, width - 1)
    high = high + 0.001 if low == high else high
    ramp = np.clip((np.arange(plain.size, dtype=np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    kept = np.float32(1) - ramp.astype(np.float32)
    slowed = np.float32(1) / (np.float32(factor) * (np.float32(1) / plain))
    return Rope((slowed * (1 - kept) + plain * kept).astype(np.float32), float(scale))


def _mscale(factor: float, weight: float) -> float:
    return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0


def _longrope(theta: float, width: int, scaling: Mapping[str, Any], config: Mapping[str, Any], source: str) -> Rope:
    longest = _number(config, "max_position_embeddings", source)
    key = "original_max_position_embeddings"
    original = config.get(key) or scaling.get(key)
    stated = config.get("rope_parameters") and scaling.get("factor")  # transformers 5; 4 goes by the two lengths alone
    given = original is None or stated
    factor = _number(scaling, "factor", source) if given else longest / _number({key: original}, key, source)
    limit = longest if original is None else float(original)
    scale = scaling.get("attention_factor")
    if scale is None:
        scale = 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(limit))
    exponents = np.arange(0, width, 2, dtype=np.float32) / np.float32(width)
    powers = np.power(np.float64(theta), exponents.astype(np.float64)).astype(np.float32)
    short, long = (np.float32(1) / (_list(scaling, k, width // 2, source) * powers) for k in _FACTORS)
    return Rope(short, float(scale), int(limit), long)


_FACTORS = ("short_factor", "long_factor")


def _list(scaling: Mapping[str, Any], key: str, count: int, source: str) -> Frequencies:
    value = scaling.get(key)
    fits = isinstance(value, list) and len(value) == count
    if not fits or not all(map(_positive, value or [])):
        raise NexusError(f"{source}: rope scaling '{key}' is {brief(repr(value))}, must be {count} positive numbers")
    return np.asarray(value, np.float32)


def _number(scaling: Mapping[str, Any], key: str, source: str) -> float:
    value: Any = scaling.get(key)
    if not _positive(value):
        raise NexusError(f"{source}: rope scaling '{key}' is {brief(repr(value))}, must be a positive number")
    return float(value)


def _positive(value: Any) -> bool:
    """Whether a value is a number that FP64 holds, above 0 and finite."""
    return type(value) in (int, float) and 0 < value <= sys.float_info.max
