"""Every architecture against transformers, which wrote the checkpoint, and the executors against the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.models.model import Model

transformers = pytest.importorskip("transformers")

from tests.models import checkpoints  # noqa: E402

CASES = list(checkpoints.CASES)


def types_of(name: str, tokens: np.ndarray) -> np.ndarray | None:
    return tokens % 3 if name == "bert" else None


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(folder, float32 answers, float64 answers) of a case, made once."""
    made: dict[str, tuple[Path, dict[str, np.ndarray], dict[str, np.ndarray]]] = {}

    def of(name: str) -> tuple[Path, dict[str, np.ndarray], dict[str, np.ndarray]]:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            model, tokens = checkpoints.saved(name, folder), checkpoints.tokens_of(name)
            single = checkpoints.outputs(model, tokens, types_of(name, tokens))
            made[name] = folder, single, checkpoints.outputs(model.double(), tokens, types_of(name, tokens))
        return made[name]

    return of


def answers(model: Model, name: str, tokens: np.ndarray, executor: str) -> dict[str, np.ndarray]:
    found = model(tokens, executor, token_types=types_of(name, tokens))
    named = {f"hidden{i}": hidden for i, hidden in enumerate(found.hidden_states)}
    named |= {} if found.logits is None else {"logits": found.logits}
    return named if found.pooled is None else named | {"pooled": found.pooled}


@pytest.mark.parametrize("name", CASES)
def test_as_near_to_float64_as_transformers_is(name: str, witness: Any) -> None:
    folder, single, double = witness(name)
    mine = answers(nexus.load(folder), name, checkpoints.tokens_of(name), "reference")
    compared = [key for key in mine if key in double and (key != "hidden2" or name == "bert")]
    assert len(compared) >= 2  # hidden2 of transformers is behind the final norm
    for key in compared:
        largest = np.abs(double[key]).max()
        error, theirs = np.abs(mine[key] - double[key]).max(), np.abs(single[key] - double[key]).max()
        assert error <= 4 * theirs + 1e-6 * largest, key
        assert largest > 0.1


def _runs() -> list[Any]:
    """FP32, and BF16 where there is GELU, whose FP32 circuits take a minute to lower: those are slow."""
    narrow = [name for name in CASES if name.startswith(("bert", "phi"))]
    runs: list[Any] = [(name, "bfloat16" if name in narrow else "float32") for name in CASES]
    return runs + [pytest.param(name, "float32", marks=pytest.mark.slow) for name in narrow]


@pytest.mark.parametrize(("name", "fmt"), _runs())
def test_neurons_give_the_bits_of_the_reference(name: str, fmt: str, witness: Any) -> None:
    model, tokens = nexus.load(witness(name)[0], format=fmt), checkpoints.tokens_of(name, batch=1, tokens=5)
    expected = answers(model, name, tokens, "reference")
    for key, got in answers(model, name, tokens, "bitsliced").items():
        assert got.size and got.dtype == expected[key].dtype
        np.testing.assert_array_equal(got.view(np.uint8), expected[key].view(np.uint8), key)


@pytest.mark.parametrize("name", ["llama3", "mistral", "phi"])
def test_the_cache_changes_no_bit(name: str, witness: Any) -> None:
    model, tokens = nexus.load(witness(name)[0]), checkpoints.tokens_of(name, batch=1)[0, :5]
    longer = model.generate(tokens, 4, "reference").tokens
    expected = tokens
    for _ in range(4):
        logits = model(expected, "reference", logits="last").logits
        expected = np.append(expected, np.argmax(logits[0, -1]))
    np.testing.assert_array_equal(longer, expected)
