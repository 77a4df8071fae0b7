"""The split is the published one and the pixels are exact."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from lava_nexus.lab.training.train_digits import randomly_shifted, shifted
from lava_nexus.models.digits import load_split, patches


@pytest.fixture(scope="module")
def split():
    return load_split()


def test_shapes_and_types(split):
    assert split.train_images.shape == (1437, 8, 8) and split.test_images.shape == (360, 8, 8)
    assert split.train_labels.shape == (1437,) and split.test_labels.shape == (360,)
    assert split.test_tokens.shape == (360, 4, 16)
    assert split.train_images.dtype == split.test_images.dtype == split.test_tokens.dtype == np.float32
    assert split.train_labels.dtype == split.test_labels.dtype == np.int64


def test_every_image_is_in_one_part_with_its_label(split):
    data = load_digits()
    whole = sorted([*(16 * image), label] for image, label in zip(data.data / 16, data.target, strict=True))
    images = np.concatenate([split.train_images, split.test_images]).reshape(-1, 64)
    labels = np.concatenate([split.train_labels, split.test_labels])
    found = sorted([*(16 * image), label] for image, label in zip(images, labels, strict=True))
    assert found == whole


def test_stratified(split):
    share = np.bincount(split.test_labels) / np.bincount(np.concatenate([split.train_labels, split.test_labels]))
    np.testing.assert_allclose(share, 0.2, atol=0.005)


def test_patches_are_quarters_in_reading_order():
    image = np.arange(64, dtype=np.float32).reshape(1, 8, 8)
    quarters = [image[0, :4, :4], image[0, :4, 4:], image[0, 4:, :4], image[0, 4:, 4:]]
    np.testing.assert_array_equal(patches(image)[0], [q.ravel() for q in quarters])


def test_shift_moves_down_and_right_and_uncovers_zero():
    image = np.ones((3, 2, 2), np.float32) * np.array([[1, 2], [3, 4]], np.float32)
    moved = shifted(image, np.array([1, 0, 0]), np.array([0, -1, 0]))
    np.testing.assert_array_equal(moved, [[[0, 0], [1, 2]], [[2, 0], [4, 0]], [[1, 2], [3, 4]]])


def test_random_shifts_stay_within_their_limits():
    image = np.zeros((2000, 8, 8), np.float32)
    image[:, 4, 4] = 1
    _, row, column = np.nonzero(randomly_shifted(image, np.random.default_rng(0), 2, 0.5))
    assert set(row) == set(column) == {2, 3, 4, 5, 6}
    assert 0.47 < np.mean((row == 4) & (column == 4)) < 0.57  # half stay, and 1 in 25 of the others
    np.testing.assert_array_equal(randomly_shifted(image, np.random.default_rng(0), 2, 0.0), image)
