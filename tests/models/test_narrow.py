"""Narrow runs: what is computed in a wider format, and what is said where numbers leave a format's range."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import BFLOAT16, FLOAT16, FLOAT32, FLOAT64
from lava_nexus.models.generation import LENGTH
from lava_nexus.models.stages import forward_stages
from tests.models.test_folders import CONFIG, TOKENS, weights, write


def large(folder: Path, scale: float = 1000.0) -> Path:
    """A model whose activations are beyond the root of FP16's largest number, as SmolLM2's are."""
    tensors = weights()
    tensors["model.embed_tokens.weight"] *= 20 * scale
    return write(folder, tensors)


def last(folder: Path, **options: Any) -> np.ndarray:
    found = nexus.load(folder, **options)(TOKENS, "reference", logits="last").logits
    assert found is not None
    return found.astype(np.float64).ravel()


def test_norms_of_a_narrow_run_are_wider_by_default(tmp_path: Path) -> None:
    folder = large(tmp_path)
    exact = last(folder)
    np.testing.assert_allclose(last(folder, format="float16"), exact, atol=0.02 * np.abs(exact).max())
    with pytest.warns(RuntimeWarning, match="infinite or NaN in float16, where float32 has none"):
        lost = last(folder, format="float16", norm_format="float16")
    assert np.abs(lost - exact).max() > 0.5 * np.abs(exact).max()


def test_a_run_out_of_range_says_where_and_generation_stops(tmp_path: Path) -> None:
    model = nexus.load(large(tmp_path), format="float16", norm_format="float16")
    with pytest.warns(RuntimeWarning):
        found = model(TOKENS, "reference")
    assert len(found.counts.alarms) >= 1
    assert found.counts.alarms[0].startswith("layer 0: ") and "'block0.attention_norm'" in found.counts.alarms[0]
    with pytest.warns(RuntimeWarning):
        ended = model.generate(TOKENS, 4, "reference")
    assert ended.tokens.tolist() == TOKENS
    assert ended.stop.startswith("a run out of range: layer 0: ")


def test_angles_stay_in_the_format_of_rope_s_sums(tmp_path: Path) -> None:
    """cos and sin rounded to BF16 turn by angles that are off by tenths of a degree; only what is turned is rounded."""
    folder = write(tmp_path, weights())
    for inner, fmt in (("float32", FLOAT32), ("bfloat16", BFLOAT16)):
        model = nexus.load(folder, format="bfloat16", norm_format=inner)
        stages = forward_stages(model.spec, len(TOKENS), logits="none")
        forward = model.forward(executor_named("reference"))
        stream, _ = forward.through(stages, forward.enter(np.array([TOKENS])))
        angles = np.arange(len(TOKENS))[:, None] * model.spec.frequencies.astype(np.float64)
        off = np.abs(fmt.from_patterns(stream["cos"][0]).astype(np.float64) - np.cos(angles)).max()
        assert off < 1e-6 if fmt == FLOAT32 else off > 1e-4


def test_what_float32_has_too_is_no_alarm(tmp_path: Path) -> None:
    found = nexus.load(write(tmp_path, weights()), format="float16")(TOKENS, "reference")
    assert found.counts.alarms == []
    assert nexus.load(large(tmp_path / "large")).generate(TOKENS, 1, "reference", ends=()).stop == LENGTH


def test_a_weight_that_the_format_does_not_reach_is_named(tmp_path: Path) -> None:
    tensors = weights()
    tensors["model.layers.1.mlp.up_proj.weight"][2, 1] = 1e5
    folder = write(tmp_path, tensors)
    assert np.isfinite(last(folder)).all()
    with pytest.raises(NexusError, match=r"up_proj\.weight' holds 100000.0 at index \[2, 1\], which float16 does not"):
        last(folder, format="float16")
    words = weights()
    words["model.embed_tokens.weight"][TOKENS[0], 1] = -1e5
    with pytest.raises(NexusError, match=r"embed_tokens\.weight' holds -100000.0 at index \[\d, 1\]"):
        last(write(tmp_path / "words", words), format="float16")


def test_an_eps_that_vanishes_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path, weights(), rms_norm_eps=1e-12)
    assert np.isfinite(last(folder, format="float16")).all()
    with pytest.raises(NexusError, match="eps of norms, 1e-12, rounds to 0 in float16; take a norm_format"):
        nexus.load(folder, format="float16", norm_format="float16")


def test_formats_of_norms_are_at_least_those_of_the_run() -> None:
    def inner(**options: Any) -> Any:
        return nexus.random_model(CONFIG, **options).arithmetic.norm_format

    assert inner() is inner(format=FLOAT64) is inner(format="float16", norm_format=np.float16) is None
    assert inner(format=ml_dtypes.bfloat16) is inner(format=FLOAT16) is FLOAT32
    assert inner(format="float8_e4m3fn", norm_format="float16") is FLOAT16
    with pytest.raises(NexusError, match="norm_format is int8, must be a floating-point format"):
        inner(norm_format="int8")


def test_an_executor_that_runs_programs_as_a_whole_is_watched_too(tmp_path: Path) -> None:
    class Whole(ReferenceExecutor):
        """Walks a program where nobody sees it."""

        def run_whole(self, program: Any, feeds: Any) -> Any:
            return run_program(program, feeds, ReferenceExecutor())

    model = nexus.load(large(tmp_path), format="float16", norm_format="float16")
    with pytest.warns(RuntimeWarning, match="layer 0: .*'block0.attention_norm' are infinite or NaN in float16"):
        model(TOKENS, Whole(), layers=(0, 1))
