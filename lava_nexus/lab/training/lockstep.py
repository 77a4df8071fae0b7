"""The digits transformer trained by gates and in strict float, step by step side by side, and its state on disk."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.model import TrainDigitsConfig
from lava_nexus.lab.training.side import Side, first_difference
from lava_nexus.lab.training.train_digits import randomly_shifted, relative_rate, reproducible
from lava_nexus.lab.training.witness import DigitsTransformer, witness_logits
from lava_nexus.models.digits import DIGITS, DigitsSplit, load_split, patches
from lava_nexus.progress import Work
from lava_nexus.store import Store, processor


def state_store(folder: Path, config: dict[str, Any]) -> Store:
    """Where a training in a folder of results keeps its state; `config` is what must be the same for it to go on."""
    return Store(folder / "state", "state", {**config, "processor": processor()})


def save_state(store: Store, side: Side, step: int, history: list[dict[str, Any]]) -> None:
    """Keeps a state instead of the one before."""
    arrays: dict[str, NDArray[Any]] = {
        f"parameter.{name}": p.detach().numpy() for name, p in side.model.named_parameters()
    }
    for number, state in side.optimiser.state_dict()["state"].items():
        for key, value in state.items():
            arrays[f"optimiser.{number}.{key}"] = np.asarray(value, np.float32).reshape(np.shape(value) or (1,))
    store.put(0, {"step": step, "history": history}, arrays)


def load_state(store: Store, sides: list[Side]) -> tuple[int, list[dict[str, Any]]]:
    """Puts every side where a training stopped; returns (steps done, what happened).

    Raises:
        NexusError: there is no state, one of another config or version, or one of another shape.
    """
    piece = store.get(0)
    if piece is None:
        raise NexusError(f"folder '{store.folder}' holds no state to resume from")
    tensors = {name: torch.from_numpy(array) for name, array in piece.arrays.items()}
    for side in sides:
        _restore(side, tensors, store.path(0), piece.values["step"])
    return piece.values["step"], piece.values["history"]


def _restore(side: Side, tensors: dict[str, Tensor], path: Path, step: int) -> None:
    with torch.no_grad():
        for name, parameter in side.model.named_parameters():
            kept = tensors.get(f"parameter.{name}")
            if kept is None or kept.shape != parameter.shape:
                found = "missing" if kept is None else f"of shape {list(kept.shape)}"
                raise NexusError(f"state '{path}': parameter '{name}' is {found}, must be {list(parameter.shape)}")
            parameter.copy_(kept)
    numbers = range(len(list(side.model.parameters())))
    state: dict[int, dict[str, Any]] = {number: {} for number in numbers}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, number, name = key.split(".")
            scalar = value.numel() == 1 and name == "step"
            state[int(number)][name] = _step_like(side, value) if scalar else value.clone()
    groups = side.optimiser.state_dict()["param_groups"]
    side.optimiser.load_state_dict({"state": {n: s for n, s in state.items() if s}, "param_groups": groups})
    schedule = side.schedule
    schedule.load_state_dict({**schedule.state_dict(), "last_epoch": step, "_step_count": step + 1})
    for group, rate in zip(side.optimiser.param_groups, schedule.base_lrs, strict=True):
        group["lr"] = rate * schedule.lr_lambdas[0](step)


def _step_like(side: Side, value: Tensor) -> Any:
    """PyTorch's AdamW counts steps in a tensor, the one by gates in an integer."""
    return value.reshape(()).clone() if isinstance(side.optimiser, torch.optim.AdamW) else int(value.item())


@dataclass(frozen=True)
class StepRow:
    """One step of both trainings.

    Attributes:
        step: from 1.
        loss_gates, loss_strict: before the update.
        norm_gates, norm_strict: of the gradient.
        difference: the first value in which the two differ, None if in none.
    """

    step: int
    loss_gates: float
    loss_strict: float
    norm_gates: float
    norm_strict: float
    difference: str | None


@dataclass(frozen=True, eq=False)
class Lockstep:
    """What a training side by side gave.

    Attributes:
        rows: every step.
        tensors: the gate model's parameters after the last step.
        identical: whether both models' parameters are equal in every bit.
        accuracy: share (0..1) of the test images that plain PyTorch names rightly with these parameters.
        seconds: wall time, what ran before a resumption left out.
    """

    rows: tuple[StepRow, ...]
    tensors: dict[str, NDArray[np.float32]]
    identical: bool
    accuracy: float
    seconds: float


def store_of(config: TrainDigitsConfig, out: Path) -> Store:
    """Where the state of a training is kept."""
    return state_store(out, _identity(config))


def train_in_lockstep(config: TrainDigitsConfig, out: Path, resume: bool = False, restart: bool = False) -> Lockstep:
    """Trains both; stops at the first step whose bits differ. The state stays in `out`/state.

    Raises:
        NexusError: a loss that is not finite; a state on disk that does not fit, or without a word what to do with it;
            forward values that differ.
    """
    split, started = load_split(), time.perf_counter()
    steps, store = config.gates.steps, store_of(config, out)
    store.begin(resume, restart)
    criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    rate = rate_of(config)
    with reproducible(config.seed, threads=None):
        model = DigitsTransformer(DIGITS, config.dropout)
        gates = Side.of("gates", copy.deepcopy(model), config.gates.executor, config, rate)
        strict = Side.of("strict", copy.deepcopy(model), "reference", config, rate)
        done, history = load_state(store, [gates, strict]) if resume else (0, [])
        with Work("training", steps, "steps", done) as bar:
            for number in range(done, steps):
                tokens, labels = batch_of(split, config, number)
                row = _step(number, gates, strict, tokens, labels, criterion, config.seed)
                history.append(asdict(row))
                bar.update()
                bar.note(f"loss {row.loss_gates:.4f}")
                if row.difference:
                    raise NexusError(f"step {row.step}: gates and strict float differ first in the {row.difference}")
                if (number + 1) % config.gates.checkpoint_every == 0 or number + 1 == steps:
                    save_state(store, gates, number + 1, history)
        tensors = {name: p.detach().numpy().copy() for name, p in gates.model.named_parameters()}
        identical = first_difference(gates, strict) is None
        accuracy = float((witness_logits(tensors, split.test_tokens).argmax(1) == split.test_labels).mean())
    rows = tuple(StepRow(**row) for row in history)
    return Lockstep(rows, tensors, identical, accuracy, time.perf_counter() - started)


def batch_of(split: DigitsSplit, config: TrainDigitsConfig, step: int) -> tuple[Tensor, Tensor]:
    """Tokens and labels of a step: drawn by (seed, step) alone, so that a resumed training sees the same."""
    rng = np.random.default_rng([config.seed, step])
    chosen = rng.choice(len(split.train_images), config.gates.batch, replace=False)
    images = randomly_shifted(split.train_images[chosen], rng, config.max_shift, config.shift_probability)
    return torch.from_numpy(patches(images)), torch.from_numpy(split.train_labels[chosen])


def _step(
    number: int, gates: Side, strict: Side, tokens: Tensor, labels: Tensor, criterion: nn.Module, seed: int
) -> StepRow:
    found = []
    for side in (gates, strict):
        torch.manual_seed((seed * 1_000_003 + number) % 2**63)  # the same dropout for both
        found.append(side.step(tokens, labels, criterion))
    (loss, norm), (strict_loss, strict_norm) = found
    return StepRow(number + 1, loss, strict_loss, norm, strict_norm, first_difference(gates, strict))


def rate_of(config: TrainDigitsConfig) -> Callable[[int], float]:
    """Learning rate of a step over the largest one."""
    steps = config.gates.steps
    return lambda step: relative_rate(min(step, steps), steps, config.warmup) if steps > 1 else 1.0


def _identity(config: TrainDigitsConfig) -> dict[str, Any]:
    """What must be the same for a training to go on."""
    values = config.resolved()
    gates = {f"gates.{key}": value for key, value in values.pop("gates").items()}
    free = {"out", "cluster", "install", "required_accuracy", "epochs", "batch", "forward"}
    free |= {f"gates.{key}" for key in ("checkpoint_every", "baselines", "formats")}
    return {key: value for key, value in (values | gates).items() if key not in free}
