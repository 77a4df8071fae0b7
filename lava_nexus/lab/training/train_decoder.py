"""Trains the tiny decoder that ships with the package: characters of the Zen of Python, one aphorism a sequence.

The text is the standard library's module `this` (Tim Peters, PEP 20, public domain). A sequence is an aphorism; the
character behind its last one is the line's end, which ends a sequence. Sizes are those of a decoder that fits on a few
dozen cores as neurons alone: two layers of width 16, keys and values of one head.
"""

from __future__ import annotations

import codecs
import json
import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from lava_nexus.errors import NexusError
from lava_nexus.files import write_text
from lava_nexus.lab.training.decoder import Decoder
from lava_nexus.lab.training.train_digits import relative_rate, reproducible
from lava_nexus.models.checkpoint import save_checkpoint
from lava_nexus.progress import Work

END = "\n"
"""The character that ends a sequence; token 0."""

SIZES: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "max_position_embeddings": 72,
    "rms_norm_eps": 1e-5,
    "rope_theta": 100.0,
    "tie_word_embeddings": False,
    "eos_token_id": 0,
}
"""As config.json has them, the vocabulary left out."""


def aphorisms() -> list[str]:
    """The lines of the Zen of Python, its title left out, as the standard library holds them."""
    found = find_spec("this")
    if found is None or found.origin is None:
        raise NexusError("module 'this' of the standard library, whose text is trained on, is not there")
    source = Path(found.origin).read_text(encoding="utf-8")
    text = codecs.decode(source.split('"""')[1], "rot13")
    return [line for line in text.splitlines()[2:] if line.strip()]


def vocabulary(lines: list[str]) -> str:
    """Characters by token: the line's end, then those of the text in the order of Unicode."""
    return END + "".join(sorted({character for line in lines for character in line}))


@dataclass(frozen=True)
class TrainedDecoder:
    """What a training gave.

    Attributes:
        tensors: float32, by the names of a LLaMA checkpoint.
        characters: by token.
        loss: cross-entropy a character at the end, in nats.
        right: share of characters that are the likeliest one after what comes before.
    """

    tensors: dict[str, NDArray[np.float32]]
    characters: str
    loss: float
    right: float


def train_decoder(steps: int = 3000, seed: int = 0, rate: float = 0.01) -> TrainedDecoder:
    """AdamW on all aphorisms at once, on one core; the weights are rounded to BF16 at the end.

    Args:
        steps: of the optimiser.
        seed: of the weights.
        rate: largest learning rate.

    Raises:
        NexusError: a loss that is NaN or infinite.
    """
    lines = aphorisms()
    characters = vocabulary(lines)
    longest = max(map(len, lines)) + 1
    ids = torch.zeros((len(lines), longest), dtype=torch.long)
    for row, line in enumerate(lines):
        ids[row, : len(line)] = torch.tensor([characters.index(character) for character in line])
    lengths = torch.tensor([len(line) for line in lines])
    real = torch.arange(longest - 1)[None] < lengths[:, None]
    with reproducible(seed):
        model = Decoder({**SIZES, "vocab_size": len(characters)})
        optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: relative_rate(step, steps, 0.05))
        with Work("training the tiny decoder", steps, "steps") as bar:
            for step in range(steps):
                logits = model(ids[:, :-1])
                loss = functional.cross_entropy(logits[real], ids[:, 1:][real])
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                bar.update()
                if not math.isfinite(loss.item()):
                    raise NexusError(f"training of the tiny decoder diverged: the loss is {loss.item()} in step {step}")
        right = (model(ids[:, :-1]).argmax(-1) == ids[:, 1:])[real].float().mean().item()
        rounded = {name: tensor.bfloat16().float().numpy() for name, tensor in model.tensors().items()}
    return TrainedDecoder(rounded, characters, loss.item(), right)


def save_decoder(folder: Path, trained: TrainedDecoder, metadata: dict[str, str]) -> None:
    """Writes config.json, characters.json and model.safetensors as `lava_nexus.load` reads them."""
    config: dict[str, Any] = SIZES | {"vocab_size": len(trained.characters), "architectures": ["LlamaForCausalLM"]}
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "config.json", json.dumps(config, indent=2) + "\n")
    write_text(folder / "characters.json", json.dumps(list(trained.characters)) + "\n")
    save_checkpoint(folder / "model.safetensors", trained.tensors, metadata)
