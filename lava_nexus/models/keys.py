"""Keys and values of a config.json, checked as they are read.

Inverse frequencies of RoPE: FP32 constants of a model, made once from its config.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError


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
        value = self._value(key, default)
        if type(value) is not int or value < least:
            raise NexusError(f"{self.source}: '{key}' is {value!r}, must be an integer of at least {least}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A positive number."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise NexusError(f"{self.source}: '{key}' is {value!r}, must be a positive number")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise NexusError(f"{self.source}: '{key}' is {value!r}, must be true or false")
        return value

    def _value(self, key: str, default: Any) -> Any:
        value = self.config.get(key)
        value = default if value is None else value
        if value is None:
            raise NexusError(f"{self.source}: key '{key}' is missing")
        return value


Frequencies = NDArray[np.float32]


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
    raise NexusError(f"{source}: rope scaling '{kind}' is not supported; known are default, linear, llama3")


def _llama3(plain: Frequencies, scaling: Mapping[str, Any], source: str) -> Frequencies:
    factor, low, high, context = (
        _number(scaling, key, source)
        for key in ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
    )
    if low >= high:
        raise NexusError(f"{source}: rope scaling 'low_freq_factor' is {low}, must be below 'high_freq_factor' {high}")
    wavelength = np.float32(2 * pi) / plain
    slowed = np.where(wavelength > context / low, plain / np.float32(factor), plain)
    smooth = (np.float32(context) / wavelength - np.float32(low)) / np.float32(high - low)
    between = (1 - smooth) * slowed / np.float32(factor) + smooth * slowed
    medium = (wavelength >= context / high) & (wavelength <= context / low)
    return np.where(medium, between, slowed).astype(np.float32)


def _number(scaling: Mapping[str, Any], key: str, source: str) -> float:
    value = scaling.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise NexusError(f"{source}: rope scaling '{key}' is {value!r}, must be a positive number")
    return float(value)
