"""The PyTorch witness against the model written out in float64, and what the shipped weights reach."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_nexus.lab.training.witness import witness, witness_logits
from lava_nexus.models.checkpoint import checkpoint_metadata, load_checkpoint
from lava_nexus.models.digits import DIGITS, WEIGHTS, TransformerSpec, load_split
from tests.lab.digits.forward import forward


@pytest.fixture(scope="module")
def weights():
    return load_checkpoint(WEIGHTS, DIGITS.tensors)


def test_shipped_weights_agree_with_float64(weights):
    tokens = load_split().test_tokens[:40]
    expected = np.array([forward(weights, sequence, heads=2, eps=1e-5, scale=0.25) for sequence in tokens])
    logits = witness_logits(weights, tokens)
    assert logits.dtype == np.float32 and logits.shape == (40, 10)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=2e-5)
    precise = witness_logits(weights, tokens, precision=np.float64)
    assert precise.dtype == np.float64
    np.testing.assert_allclose(precise, expected, rtol=0, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(
    tokens=st.integers(1, 5), width=st.integers(1, 4), heads=st.integers(1, 3), head_dim=st.integers(1, 4),
    hidden=st.integers(1, 5), blocks=st.integers(1, 3), classes=st.integers(1, 4), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_any_small_model_agrees_with_float64(tokens, width, heads, head_dim, hidden, blocks, classes, seed):
    spec = TransformerSpec(tokens, width, heads * head_dim, heads, head_dim, hidden, blocks, 1e-2, classes)
    rng = np.random.default_rng(seed)
    tensors = {name: rng.normal(size=shape).astype(np.float32) for name, shape in spec.tensors.items()}
    sequences = rng.normal(size=(3, tokens, width)).astype(np.float32)
    expected = [forward(tensors, sequence, heads, 1e-2, 1 / np.sqrt(head_dim)) for sequence in sequences]
    np.testing.assert_allclose(witness_logits(tensors, sequences, spec), expected, rtol=1e-3, atol=1e-3)


def test_parameters_are_those_of_the_specification(weights):
    shapes = {name: tuple(tensor.shape) for name, tensor in witness(weights).state_dict().items()}
    assert shapes == DIGITS.tensors


def test_shipped_weights_classify_the_test_images(weights):
    split = load_split()
    right = witness_logits(weights, split.test_tokens).argmax(axis=1) == split.test_labels
    assert right.mean() >= 0.97
    assert right.mean() == pytest.approx(float(checkpoint_metadata(WEIGHTS)["test_accuracy"]), abs=1 / 360)
