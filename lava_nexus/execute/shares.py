"""Where outputs are cut: into tiles that fit the memory, and into shares of several devices or machines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from itertools import product as every


def shares(columns: int, parts: int, word: int) -> list[slice]:
    """Columns 0 .. columns - 1 in at most so many parts, none empty, all but the last a multiple of a word.

    Example:
        >>> shares(100, 2, 32)
        [slice(0, 64, None), slice(64, 100, None)]
    """
    words = -(-columns // word)
    bounds = [min(words * i // parts * word, columns) for i in range(1, parts)]
    edges = [0, *bounds, columns]
    return [slice(start, stop) for start, stop in pairwise(edges) if start < stop]


def tiles(shape: tuple[int, ...], most: int) -> Iterator[tuple[slice, ...]]:
    """Parts of an array of at most `most` elements each, whole rows as far as they fit."""
    sizes = []
    for size in reversed(shape):
        sizes.append(max(1, min(size, most)))
        most //= sizes[-1]
    starts = [range(0, size, step) for size, step in zip(shape, reversed(sizes), strict=True)]
    for corner in every(*starts):
        yield tuple(slice(start, start + span.step) for start, span in zip(corner, starts, strict=True))
