"""What the training by gates stands beside: plain PyTorch, surrogate gradients, bootstrap conversion, rate coding."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.interpret import run_program
from lava_nexus.formats import FLOAT32
from lava_nexus.lab.configs.digits import TrainDigitsConfig
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.runs.digits import approximate_program
from lava_nexus.lab.training.lockstep import batch_of, rate_of
from lava_nexus.lab.training.train_digits import reproducible
from lava_nexus.lab.training.witness import DigitsTransformer, witness_logits
from lava_nexus.models.digits import DIGITS, digits_program, load_split
from lava_nexus.programs import Program

Tensors = Mapping[str, NDArray[Any]]
_COUNTED = 32  # test images whose SynOps are counted
_HIDDEN, _TIME_STEPS = 64, 16  # of lava-dl's networks


@dataclass(frozen=True)
class Way:
    """One way to a network that names digits.

    Attributes:
        name: what it is.
        accuracy: share (0..1) of the test images named rightly.
        synops: mean an inference, None where nothing spikes.
        seconds: of training.
        losses: of every update; empty where it has none of its own.
    """

    name: str
    accuracy: float
    synops: float | None
    seconds: float
    losses: tuple[float, ...] = ()


def synops_by_gates(tensors: Tensors) -> float:
    """SynOps of an inference by gates, counted on the first test images."""
    return _counted(digits_program(dict(tensors), DIGITS, FLOAT32))[1]


def _torch(config: TrainDigitsConfig, trained: Tensors) -> Way:
    """The same model, batches and optimiser by PyTorch's own kernels."""
    split, began, losses = load_split(), time.perf_counter(), []
    criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    with reproducible(config.seed):
        model = DigitsTransformer(DIGITS, config.dropout)
        settings = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
        optimiser = torch.optim.AdamW(model.parameters(), **settings)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate_of(config))
        for step in range(config.gates.steps):
            tokens, labels = batch_of(split, config, step)
            loss = criterion(model(tokens), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        tensors = {name: tensor.detach().numpy().copy() for name, tensor in model.state_dict().items()}
        accuracy = float((witness_logits(tensors, split.test_tokens).argmax(1) == split.test_labels).mean())
    return Way("the same transformer by PyTorch's kernels", accuracy, None, time.perf_counter() - began, tuple(losses))


def _surrogate(config: TrainDigitsConfig, trained: Tensors) -> Way:
    from lava_nexus.lab.training.baselines import surrogate_digits

    gates = config.gates
    found = surrogate_digits(_HIDDEN, _TIME_STEPS, gates.steps, gates.batch, config.seed)
    name = f"lava-dl slayer, surrogate gradients: 64-{_HIDDEN}-10 LIF neurons, {_TIME_STEPS} steps"
    return Way(name, found.accuracy, found.synops, found.seconds, found.losses)


def _bootstrap(config: TrainDigitsConfig, trained: Tensors) -> Way:
    from lava_nexus.lab.training.baselines import bootstrap_digits

    gates = config.gates
    epochs = max(1, round(gates.steps * gates.batch / len(load_split().train_images)))
    found = bootstrap_digits(_HIDDEN, _TIME_STEPS, epochs, config.seed)
    name = f"lava-dl bootstrap: 64-{_HIDDEN}-10 LIF neurons, {_TIME_STEPS} steps"
    return Way(name, found.accuracy, found.synops, found.seconds)


def _rate(config: TrainDigitsConfig, trained: Tensors) -> Way:
    """The weights trained by gates in an ordinary converted SNN: linear layers by spike counts, LIF operators."""
    values = {"model": {"kind": "digits"}, "executor": "bitsliced", "linear": "spikes", "nonlinear": "nls"}
    run = RunConfig.model_validate(values)
    tensors = dict(trained)
    exact = digits_program(tensors, DIGITS, FLOAT32)
    program = approximate_program(run, tensors, exact, "sequential", load_split())
    accuracy, synops = _counted(program, images=None)
    name = f"the trained transformer rate coded: signed spike counts, {run.spikes.steps} steps, LIF operators"
    return Way(name, accuracy, synops, 0.0)


def _counted(program: Program, images: int | None = _COUNTED) -> tuple[float, float]:
    """(accuracy, SynOps an inference) over the first test images."""
    split = load_split()
    tokens, labels = split.test_tokens[:images], split.test_labels[:images]
    found = run_program(program, {"tokens": FLOAT32.to_patterns(tokens)}, BitslicedExecutor(count=True))
    logits = FLOAT32.from_patterns(found.outputs["logits"][:, 0])
    synops = sum(tally.synops or 0 for tally in found.tallies)
    return float((np.asarray(logits).argmax(1) == labels).mean()), synops / len(labels)


WAYS: dict[str, Callable[[TrainDigitsConfig, Tensors], Way]] = {
    "torch": _torch,
    "surrogate": _surrogate,
    "bootstrap": _bootstrap,
    "rate": _rate,
}
