"""Keys and values of a config.json, checked as they are read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
