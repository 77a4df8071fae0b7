"""Steps of a decoder by gates beside strict float: all is compared, a difference is told, mistakes are one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.model import TrainDigitsConfig
from lava_nexus.lab.configs.training import DecoderTraining
from lava_nexus.lab.training import decoder_steps as steps
from lava_nexus.lab.training import side as sides
from lava_nexus.lab.training.decoder import Decoder
from lava_nexus.models.model import random_model
from lava_nexus.torch import convert
from lava_nexus.torch.tensors import patterns_there

CONFIG = Path(__file__).parents[3] / "configs" / "train_1b.yaml"
TINY = {"hidden_size": 8, "intermediate_size": 6, "num_hidden_layers": 1, "num_attention_heads": 2}
TINY |= {"num_key_value_heads": 1, "vocab_size": 12, "tokens": 3, "words": 4}


def _config(**gates: Any) -> TrainDigitsConfig:
    config = load_config(TrainDigitsConfig, CONFIG)
    assert config.decoder is not None
    made = config.gates.model_copy(update={"steps": 2, "executor": "bitsliced", **gates})
    return config.model_copy(update={"gates": made, "decoder": config.decoder.model_copy(update=TINY)})


def test_every_activation_gradient_and_parameter_is_compared(tmp_path: Path) -> None:
    found = steps.train_decoder_by_gates(_config(steps=1), tmp_path)
    parameters = 2 * 12 * 8 + 3 * 8 + 2 * 64 + 2 * 32 + 3 * 48
    assert found["parameters"] == parameters and found["unequal"] == 0 and len(found["steps"]) == 1
    for row in found["steps"]:
        counts = {kind: count for kind, (count, _) in row["values"].items()}
        assert counts["parameters"] == counts["gradients of parameters"] == parameters
        # Ten modules give 8 numbers a token, keys and values 4, gate and up 6, the head and the whole model 12.
        given = 3 * (8 * 10 + 4 * 2 + 6 * 2 + 2 * 12)
        assert counts["activations"] == counts["their gradients"] == given
        assert row["loss"][0] == row["loss"][1] and row["norm"][0] == row["norm"][1] > 0
    kept = json.loads((tmp_path / "decoder_training.json").read_text())
    assert kept["steps"] == json.loads(json.dumps(found["steps"])) and not (tmp_path / "steps_so_far.json").exists()
    assert (tmp_path / "loss.png").read_bytes()[:4] == b"\x89PNG"


def test_a_difference_is_told_behind_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = sides.Side.step

    def nudged(self: sides.Side, *args: Any) -> tuple[float, float]:
        if self.name == "gates":
            with torch.no_grad():
                self.model.layers[0].feed_forward_norm.weight[1] += 0.5
        return step(self, *args)

    monkeypatch.setattr(sides.Side, "step", nudged)
    with pytest.raises(NexusError, match=r"step 1: .* first in the output of 'layers.0.feed_forward_norm' at \["):
        steps.train_decoder_by_gates(_config(executor="reference"), tmp_path)
    kept = json.loads((tmp_path / "decoder_training.json").read_text())
    assert kept["unequal"] > 0 and len(kept["steps"]) == 1


def test_the_decoder_is_the_llama_of_the_models() -> None:
    sizes = DecoderTraining(**TINY).sizes
    decoder = Decoder(sizes)
    model = random_model({**sizes, "model_type": "llama", "max_position_embeddings": 16, "tie_word_embeddings": False})
    held = {name: tensor.numpy() for name, tensor in decoder.tensors().items()}
    assert held.keys() == model.spec.tensors.keys()

    class Held:
        def rows(self, name: str, shape: Any, rows: Any) -> Any:
            return held[name][rows]

        def tensors(self, wanted: Any) -> Any:
            return {role: held[name] for role, (name, _) in wanted.items()}

    model.source, model._held = Held(), None  # type: ignore[assignment]
    ids = np.array([[3, 1, 4, 1]])
    ours = model(ids, executor="reference").logits
    theirs = convert(decoder, executor="reference")(torch.from_numpy(ids)).detach()
    assert np.array_equal(ours.view(np.int32), patterns_there(theirs).numpy())  # masked weights add exact zeros


def test_the_text_is_a_chain() -> None:
    tiny = DecoderTraining(**{**TINY, "tokens": 40, "followers": 2})
    found = steps.text(tiny, 0, 5, 3)
    assert found.shape == (3, 41) and np.array_equal(found, steps.text(tiny, 0, 5, 3))
    followers: dict[int, set[int]] = {}
    for step in range(5):
        for row in steps.text(tiny, 0, step, 3):
            for before, after in zip(row[:-1].tolist(), row[1:].tolist(), strict=True):
                followers.setdefault(before, set()).add(after)
    assert len(followers) <= 4 and max(map(len, followers.values())) <= 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("decoder.num_attention_heads=3", "hidden_size 2048 is no multiple of num_attention_heads 3"),
        ("decoder.words=40000", "words 40000 are more than vocab_size 32000"),
        ("forward=torch", "are of a training with 'forward: gates'"),
        ("decoder=null", "the digits transformer is trained on the CPU; give a 'decoder'"),
    ],
)
def test_mistakes_are_one_sentence(change: str, words: str) -> None:
    with pytest.raises(NexusError, match=words):
        load_config(TrainDigitsConfig, CONFIG, [change])


def test_the_config_that_ships_has_a_billion_parameters() -> None:
    decoder = load_config(TrainDigitsConfig, CONFIG).decoder
    assert decoder is not None
    with torch.device("meta"):
        model = Decoder(decoder.sizes)
    assert 1.0e9 < sum(p.numel() for p in model.parameters()) < 1.2e9


def test_a_gpu_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NexusError, match="executor 'cuda' (needs CuPy|finds no GPU)|PyTorch finds no GPU"):
        steps.train_decoder_by_gates(_config(executor="cuda"), tmp_path)
    assert not list(tmp_path.iterdir())
