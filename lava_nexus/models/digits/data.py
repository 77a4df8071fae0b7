"""Handwritten digits: 1,797 images of 8 x 8 pixels in 17 grey levels, with scikit-learn, no download.

Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

IMAGE_SIDE = 8
PATCH_SIDE = 4
GREY_LEVELS = 16


@dataclass(frozen=True, eq=False)
class DigitsSplit:
    """Training and test images and their labels.

    Attributes:
        train_images: float32 [1437, 8, 8], multiples of 1/16 in 0..1.
        train_labels: int64 [1437], 0..9.
        test_images: float32 [360, 8, 8].
        test_labels: int64 [360].
    """

    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]

    @property
    def test_tokens(self) -> NDArray[np.float32]:
        """float32 [360, 4, 16]: the test images as the model takes them."""
        return patches(self.test_images)


def load_split() -> DigitsSplit:
    """The fixed split: a fifth for test, stratified, random_state 0; pixels 0..16 divided by 16, which is exact."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    images = (data.images / GREY_LEVELS).astype(np.float32)
    labels = data.target.astype(np.int64)
    parts: list[Any] = train_test_split(images, labels, test_size=0.2, random_state=0, stratify=labels)
    train_images, test_images, train_labels, test_labels = parts
    return DigitsSplit(train_images, train_labels, test_images, test_labels)


def patches(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images [n, 8, 8] to tokens [n, 4, 16]: quarters top left, top right, bottom left, bottom right, read by rows."""
    count, per_side = len(images), IMAGE_SIDE // PATCH_SIDE
    grid = images.reshape(count, per_side, PATCH_SIDE, per_side, PATCH_SIDE)
    return np.ascontiguousarray(grid.swapaxes(2, 3)).reshape(count, per_side**2, PATCH_SIDE**2)
