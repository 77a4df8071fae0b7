"""What passes from stage to stage of a forward pass: patterns by name, on the host or where an executor keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Patterns = NDArray[Any]
Stream = Mapping[str, Patterns]
"""Patterns [batch, ...] by name; `forward_stages` says which there are."""

_CACHED = ("key ", "value ")
_GROWS = {**dict.fromkeys(_CACHED, -2), "logits": -1}
"""Axis along which what a stage leaves is put behind what is there; all else takes its place."""


class Kept(Mapping[str, Patterns]):
    """A stream that lies where an executor keeps it, and is read in host memory.

    Attributes:
        there: patterns as the executor has them.
    """

    def __init__(self, there: Mapping[str, Any], fetch: Callable[[Any], Patterns]) -> None:
        self.there, self.fetch = dict(there), fetch

    def __getitem__(self, name: str) -> Patterns:
        return self.fetch(self.there[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.there)

    def __len__(self) -> int:
        return len(self.there)


def as_kept(stream: Stream) -> Mapping[str, Any]:
    """The patterns where they are."""
    return stream.there if isinstance(stream, Kept) else stream


def joined(stream: Stream, left: Stream) -> dict[str, Patterns]:
    """The stream with what a stage left: keys, values and logits behind those there, all else in its place."""
    found = dict(stream)
    for name, patterns in left.items():
        axis = next((axis for start, axis in _GROWS.items() if name.startswith(start)), None)
        append = axis is not None and name in found
        found[name] = np.concatenate([found[name], patterns], axis=axis) if append else patterns
    return found


def cache_of(stream: Stream) -> Stream:
    """Keys, RoPE applied, and values of a stream: `key 3` and `value 3` [batch, kv_heads, tokens, head_dim]."""
    found = {name: patterns for name, patterns in as_kept(stream).items() if name.startswith(_CACHED)}
    return Kept(found, stream.fetch) if isinstance(stream, Kept) else found


def cached_tokens(stream: Stream) -> int:
    """Tokens whose keys and values a stream holds."""
    return next((patterns.shape[-2] for patterns in as_kept(cache_of(stream)).values()), 0)
