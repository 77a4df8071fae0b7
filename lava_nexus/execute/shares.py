"""Where tiles of outputs are cut for several devices, or machines: whole words of neighbouring columns to each."""

from __future__ import annotations

from itertools import pairwise


def shares(columns: int, parts: int, word: int) -> list[slice]:
    """Columns 0 .. columns - 1 in at most so many neighbouring parts, all but the last a multiple of a word.

    Example:
        >>> shares(100, 2, 32)
        [slice(0, 64, None), slice(64, 100, None)]
    """
    words = -(-columns // word)
    bounds = [min(words * i // parts * word, columns) for i in range(1, parts)]
    edges = [0, *bounds, columns]
    return [slice(start, stop) for start, stop in pairwise(edges)]
