"""Families, bodies and spellings of RoPE against transformers, which wrote the checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lava_nexus as nexus

pytest.importorskip("transformers")

from tests.models import checkpoints


def agree(name: str, mine: Any, single: dict[str, Any], double: dict[str, Any]) -> int:
    """How many kinds of answers are as near to float64 as transformers' own are."""
    found = {"logits": mine.logits, "pooled": mine.pooled, "last": mine.last_hidden_state}
    compared = 0
    for key, got in found.items():
        if got is None or key not in double:
            continue
        largest = np.abs(double[key]).max()
        error, theirs = np.abs(got - double[key]).max(), np.abs(single[key] - double[key]).max()
        assert error <= 4 * theirs + 1e-6 * largest, (name, key, error, theirs)
        assert largest > 0.05
        compared += 1
    return compared


@pytest.mark.parametrize("name", [*checkpoints.FAMILIES, "llama_body"])
def test_as_near_to_float64_as_transformers_is(name: str, tmp_path: Path) -> None:
    model, tokens = checkpoints.saved(name, tmp_path), checkpoints.tokens_of(name, batch=1, tokens=9)
    single = checkpoints.outputs(model, tokens)
    double = checkpoints.outputs(model.double(), tokens)
    assert agree(name, nexus.load(tmp_path)(tokens, "reference"), single, double) >= 1
