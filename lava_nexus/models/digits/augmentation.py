"""Small shifts of images, so that training sees digits that are not centred."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def shifted(images: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float32]:
    """Images [n, h, w], each moved down by rows[n] and right by columns[n] pixels; what is uncovered is 0."""
    _, height, width = images.shape
    margin = int(max(np.abs(rows).max(initial=0), np.abs(columns).max(initial=0)))
    padded = np.pad(images, ((0, 0), (margin, margin), (margin, margin)))
    row_index = margin - rows[:, None] + np.arange(height)
    column_index = margin - columns[:, None] + np.arange(width)
    moved = padded[np.arange(len(images))[:, None, None], row_index[:, :, None], column_index[:, None, :]]
    return np.asarray(moved)


def randomly_shifted(
    images: NDArray[np.float32], rng: np.random.Generator, max_shift: int, probability: float
) -> NDArray[np.float32]:
    """Images [n, h, w]; each with this probability moved by -max_shift..max_shift pixels along each axis, else left."""
    shifts = rng.integers(-max_shift, max_shift, size=(2, len(images)), endpoint=True)
    rows, columns = shifts * (rng.random(len(images)) < probability)
    return shifted(images, rows, columns)
