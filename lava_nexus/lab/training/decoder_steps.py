"""A few training steps of a decoder of any size: forward by gates, beside the same training in strict float.

Both begin with the same weights, take the same optimiser and backward code, PyTorch's, and are compared in every step:
what each module gave, its gradient, that of each parameter, and each parameter after the update.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lava_nexus.execute.cuda.device import checked_devices, machine
from lava_nexus.files import write_text
from lava_nexus.lab.configs.model import TrainDigitsConfig
from lava_nexus.lab.configs.training import DecoderTraining
from lava_nexus.lab.figures.costs import Curve, curve_figure
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.training.decoder import Decoder
from lava_nexus.lab.training.side import Side, first_difference, unequal_values
from lava_nexus.lab.training.train_digits import relative_rate, reproducible
from lava_nexus.lab.trial import marked, smaller
from lava_nexus.progress import Work
from lava_nexus.torch.support import check_gpu

_QUICK = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 32,
    "tokens": 5,
    "words": 8,
}
_KINDS = {
    "output of": "activations",
    "gradient at": "their gradients",
    "gradient of parameter": "gradients of parameters",
    "parameter": "parameters",
}
_HEADER = (
    *("step", "loss by gates", "loss in strict float", "gradient norm by gates", "in strict float"),
    *(f"{kind}: unequal / compared" for kind in _KINDS.values()),
    *("forward by gates, s", "strict, s"),
)
_SO_FAR = "steps_so_far.json"


@dataclass(frozen=True)
class DecoderStep:
    """One step of both trainings.

    Attributes:
        step: from 1.
        loss: by gates and in strict float, before the update.
        norm: of the gradient, likewise.
        values: (compared, unequal) by what they are.
        seconds: of the forward passes and the loss, likewise.
        difference: the first value in which the two differ, None if in none.
    """

    step: int
    loss: tuple[float, float]
    norm: tuple[float, float]
    values: dict[str, tuple[int, int]]
    seconds: tuple[float, float]
    difference: str | None

    @property
    def cells(self) -> list[Any]:
        """As `_HEADER` names them."""
        compared = [f"{unequal:,} / {count:,}" for count, unequal in self.values.values()]
        return [self.step, *self.loss, *self.norm, *compared, *self.seconds]


@marked
def train_decoder_by_gates(config: TrainDigitsConfig, out: Path, quick: bool = False) -> dict[str, Any]:
    """Trains both, step by step; writes decoder_training.md, .json, .csv and loss.png.

    It stops at a step in which the two differ. A quick run is of a tiny decoder on the CPU.

    Raises:
        NexusError: no GPU where one is asked for, a loss that is not finite, or, after the report is written, values
            that differ.
    """
    if quick:
        assert config.decoder is not None
        gates = config.gates.model_copy(update={"steps": 2, "batch": 1, "executor": "bitsliced"})
        few = {"decoder": config.decoder.model_copy(update=_QUICK), "gates": gates}
        config = smaller(config, config.model_copy(update=few))
    assert config.decoder is not None
    device = _device(config.gates.executor)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS may add in another order each time
    rows: list[DecoderStep] = []
    with reproducible(config.seed, threads=None), Work("training", config.gates.steps, "steps") as bar:
        with torch.device(device):
            model = Decoder(config.decoder.sizes)
        sides = _sides(model, config, device)
        for number in range(config.gates.steps):
            rows.append(_step(number, sides, config, device))
            bar.update()
            bar.note(f"loss {rows[-1].loss[0]:.4f}")
            write_text(out / _SO_FAR, json.dumps([asdict(row) for row in rows], indent=1) + "\n")
            if rows[-1].difference:
                break
    loss_figure([row.loss for row in rows], out / "loss.png")
    found = conclude(_report(config, rows, sum(p.numel() for p in model.parameters()), device), out)
    (out / _SO_FAR).unlink()
    return found


def loss_figure(losses: Sequence[Sequence[float]], path: Path) -> None:
    """Draws the loss of each step, by gates and in strict float."""
    gates, strict = ([loss[side] for loss in losses] for side in (0, 1))
    curves = [Curve("by gates", gates, wide=True), Curve("strict float", strict)]
    curve_figure(curves, "Loss of a decoder trained by gates", path)


def _device(executor: str) -> str:
    """Where PyTorch computes."""
    if executor != "cuda":
        return "cpu"
    checked_devices(None)
    check_gpu("executor is 'cuda'")
    return "cuda"


def _sides(model: nn.Module, config: TrainDigitsConfig, device: str) -> tuple[Side, Side]:
    """The same model by gates and in strict float."""
    steps = config.gates.steps

    def rate(step: int) -> float:
        return relative_rate(min(step, steps), steps, config.warmup) if steps > 1 else 1.0

    strict = Side.of("strict", copy.deepcopy(model), STRICT[device], config, rate)
    return Side.of("gates", model, config.gates.executor, config, rate), strict


STRICT = {"cpu": "reference", "cuda": "reference_cuda"}
"""Executors of plain float arithmetic, by where they compute."""


def _step(number: int, sides: tuple[Side, Side], config: TrainDigitsConfig, device: str) -> DecoderStep:
    assert config.decoder is not None
    ids = torch.from_numpy(text(config.decoder, config.seed, number, config.gates.batch)).to(device)
    (loss, norm), (strict_loss, strict_norm) = (side.step(ids[:, :-1], ids[:, 1:], _cross_entropy) for side in sides)
    values = {_KINDS[kind]: counts for kind, counts in unequal_values(*sides).items()}
    differs = any(unequal for _, unequal in values.values())
    return DecoderStep(
        number + 1,
        (loss, strict_loss),
        (norm, strict_norm),
        values,
        (sides[0].seconds, sides[1].seconds),
        first_difference(*sides) if differs else None,
    )


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits.flatten(0, -2), labels.flatten())


def text(decoder: DecoderTraining, seed: int, step: int, batch: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Sequences [batch, tokens + 1] of a step: each word is one of those that may follow the word before it."""
    chain = np.random.default_rng(seed)
    words = chain.choice(decoder.vocab_size, decoder.words, replace=False)
    follow = chain.integers(0, decoder.words, (decoder.words, decoder.followers))
    drawn = np.random.default_rng([seed, step])
    at = drawn.integers(0, decoder.words, batch)
    sequence = [at]
    for _ in range(decoder.tokens):
        at = follow[at, drawn.integers(0, decoder.followers, batch)]
        sequence.append(at)
    return np.asarray(words[np.stack(sequence, 1)], np.int64)


def _report(config: TrainDigitsConfig, rows: Sequence[DecoderStep], parameters: int, device: str) -> Report:
    gates, decoder, last = config.gates, config.decoder, rows[-1]
    assert decoder is not None
    compared, unequal = (sum(of[i] for row in rows for of in row.values.values()) for i in (0, 1))
    lead = (
        f"{parameters:,} parameters, {len(rows)} steps of {gates.batch} sequence(s) of {decoder.tokens} tokens by "
        f"executor {gates.executor}: {unequal:,} of {compared:,} values differ from strict float"
    )
    return Report(
        title="Steps of a decoder trained by gates",
        name="decoder_training",
        config=config.resolved(),
        lead=[lead],
        tables=[Table("", _HEADER, [row.cells for row in rows], "decoder_training.csv")],
        figures=[("loss.png", "Loss by gates and in strict float.")],
        notes=[
            "Forward: every operation of the model a circuit of neurons, each rounded once, sums "
            f"{gates.accumulate}; strict float computes the same operations in the same order.",
            "Loss, derivatives at the same operands (straight through) and AdamW are PyTorch's, for both.",
            "Activations: what each module gave, from linear layers to whole layers. Parameters: after the step.",
            f"Text: a seeded chain of {decoder.words} words, {decoder.followers} follow each. Weights: random.",
        ],
        values={
            "parameters": parameters,
            "steps": [asdict(row) for row in rows],
            "compared": compared,
            "unequal": unequal,
            "machine": machine() if device == "cuda" else None,
        },
        failure=f"step {last.step}: gates and strict float differ first in the {last.difference}"
        if last.difference
        else "",
    )
