"""A layer of every architecture equals plain numpy loops in every bit, one of them as neurons too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lava_nexus.errors import NexusError
from lava_nexus.execute.run import executor as executor_of
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import FLOAT16
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
    "qwen3": {"head_dim": 4, "num_key_value_heads": 2},
    "phi": {"partial_rotary_factor": 0.7, "hidden_act": "gelu_new"},
    "bert": {"hidden_act": "gelu"},
    "nexus_block": {"head_dim": 2},
}
PLAIN = tuple(MORE)
"""Architectures whose layers the plain loops have."""
_SMALL = {"num_key_value_heads": 1, "head_dim": 4}
MORE |= {
    "qwen2": _SMALL,
    "smollm3": {**_SMALL, "no_rope_layer_interval": 2},
    "gemma": _SMALL,
    "gemma2": {**_SMALL, "sliding_window": 2},
    "gemma3_text": {**_SMALL, "sliding_window": 2, "sliding_window_pattern": 2},
    "phi3": _SMALL,
    "olmo2": _SMALL,
    "granite": {**_SMALL, "residual_multiplier": 0.5, "logits_scaling": 2.0, "embedding_multiplier": 3.0},
    "gpt2": {},
    "gpt_neox": {"rotary_pct": 0.7},
    "roberta": {},
    "distilbert": {"hidden_dim": 5},
    "mixtral": {**_SMALL, "num_local_experts": 3, "num_experts_per_tok": 2},
    "qwen3_moe": {
        **_SMALL,
        "num_experts": 3,
        "num_experts_per_tok": 1,
        "mlp_only_layers": [0],
        "moe_intermediate_size": 4,
    },
}


@pytest.mark.parametrize(("kind", "executor"), [*((k, "reference") for k in PLAIN), ("qwen3", "bitsliced")])
def test_a_layer_is_the_plain_forward(kind: str, executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model({"model_type": kind, **SIZES, **MORE[kind]}, seed=3, format=FLOAT16, norm_format=FLOAT16)
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
    stream, _ = model.forward(executor_named(executor)).through(stages, fed)
    names = {role.rpartition(".")[0]: name.rpartition(".")[0] for role, (name, _) in given.items()}
    names["pairs"] = str(spec.frequencies.size or "")
    expected = forward.layer(x, tensors, names, spec.layer_shape(1))
    np.testing.assert_array_equal(stream["hidden"][0], FLOAT16.to_patterns(expected))
    assert np.isfinite(expected).all() and np.abs(expected).max() > 0.5


def test_an_executor_that_is_made_runs_passes_and_generates_as_its_name_does() -> None:
    model = random_model({"model_type": "llama", **SIZES, **MORE["llama"]}, seed=3, format=FLOAT16, norm_format=FLOAT16)
    made = executor_of("reference")
    ours, named = model([1, 2], made), model([1, 2], "reference")
    assert ours.logits is not None and named.logits is not None
    np.testing.assert_array_equal(ours.logits.view(np.uint16), named.logits.view(np.uint16))
    assert model.generate([1, 2], 2, made).tokens.tolist() == model.generate([1, 2], 2, "reference").tokens.tolist()


def test_stages_of_a_pass_say_what_it_is() -> None:
    spec = random_model({"model_type": "bert", **SIZES, "architectures": ["BertForSequenceClassification"]}).spec
    stages = forward_stages(spec, 3, logits="last")
    assert [stage.name for stage in stages] == ["embedding", "layer 0", "layer 1", "pooler", "head"]
    assert [stage.name for stage in forward_stages(spec, 3, layers=(0, 1))] == ["embedding", "layer 0"]
    parts = forward_stages(spec, 3, block=spec.width)
    assert [(stage.step, stage.rows, stage.parallel) for stage in parts[4:]] == [
        ("head", slice(0, 1), False),
        ("head", slice(1, 2), True),
    ]
    left = [name for stage in stages for name in stage.leaves.values()]
    assert left == ["hidden", "hidden", "hidden", "pooled", "logits"]


def test_formats_of_a_model_are_named_in_any_way() -> None:
    config = {"model_type": "llama", **SIZES, **MORE["llama"]}
    assert {random_model(config, format=named).arithmetic.format for named in ("float16", np.float16, FLOAT16)} == {
        FLOAT16
    }
    with pytest.raises(NexusError, match="a model's format is int8, must be a floating-point format"):
        random_model(config, format="int8")
