"""A layer of every architecture equals plain numpy loops in every bit, one of them as neurons too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lava_nexus.execute.programs import ProgramRunner
from lava_nexus.formats import FLOAT16
from lava_nexus.models.architectures import ARCHITECTURES
from lava_nexus.models.model import random_model
from lava_nexus.models.stages import forward_stages
from lava_nexus.models.tensors import RandomTensors
from tests.models import forward

SIZES = {
    "hidden_size": 6,
    "num_attention_heads": 2,
    "intermediate_size": 5,
    "num_hidden_layers": 2,
    "vocab_size": 13,
    "max_position_embeddings": 9,
    "type_vocab_size": 2,
    "rms_norm_eps": 1e-4,
    "layer_norm_eps": 1e-4,
}
MORE: dict[str, dict[str, Any]] = {
    "llama": {"num_key_value_heads": 1, "head_dim": 2, "attention_bias": True},
    "mistral": {"num_key_value_heads": 1, "head_dim": 4, "sliding_window": 2},
    "qwen3": {"head_dim": 4},
    "phi": {"partial_rotary_factor": 0.7, "hidden_act": "gelu_new"},
    "bert": {"hidden_act": "gelu"},
    "nexus_block": {"head_dim": 2},
}


@pytest.mark.parametrize(("kind", "executor"), [*((k, "reference") for k in ARCHITECTURES), ("qwen3", "bitsliced")])
def test_a_layer_is_the_plain_forward(kind: str, executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model({"model_type": kind, **SIZES, **MORE[kind]}, seed=3, format=FLOAT16)
    spec = model.spec
    rng = np.random.default_rng(5)
    x = rng.standard_normal((4, spec.width)).astype(np.float16)
    given = spec.layer_tensors(1)
    drawn = model.layer_tensors(1)
    tensors = {
        given[role][0]: np.asarray(tensor * 20 if tensor.ndim == 2 else tensor, np.float16)
        for role, tensor in drawn.items()
    }
    monkeypatch.setattr(RandomTensors, "rows", lambda self, name, shape, rows: tensors[name].astype(np.float32)[rows])
    stages = [s for s in forward_stages(spec, 4, layers=(1, 2)) if s.name in ("rotary", "layer 1")]
    fed = {"hidden": FLOAT16.to_patterns(x)[None], "position numbers": np.arange(4, dtype=np.float32).view(np.uint32)}
    fed["position numbers"] = fed["position numbers"][None, :, None]
    stream, _ = model.forward(ProgramRunner(executor)).through(stages, fed)
    names = {role.rpartition(".")[0]: name.rpartition(".")[0] for role, (name, _) in given.items()}
    names["pairs"] = str(spec.frequencies.size or "")
    expected = forward.layer(x, tensors, names, spec.layer_shape(1))
    np.testing.assert_array_equal(stream["hidden"][0], FLOAT16.to_patterns(expected))
    assert np.isfinite(expected).all() and np.abs(expected).max() > 0.5
