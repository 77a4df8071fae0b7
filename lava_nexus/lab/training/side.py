"""One of two trainings that run side by side: model, optimiser, what its last step gave, and its state on disk."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.model import GateTraining, TrainDigitsConfig
from lava_nexus.store import Store, processor
from lava_nexus.torch import GateAdamW, convert

Bits = NDArray[np.uint32]


@dataclass
class Side:
    """A model in training.

    Attributes:
        name: "gates" or "strict".
        model: as it computes; its parameters are those that are trained.
        optimiser, schedule: of its own.
        outputs: what each of its modules gave in the last step, in the order in which they ended, by dotted name.
    """

    name: str
    model: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LambdaLR
    outputs: dict[str, Bits] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        name: str,
        model: nn.Module,
        executor: str,
        config: TrainDigitsConfig,
        rate: Callable[[int], float],
        **options: Any,
    ) -> Side:
        """The model converted to an executor, and an optimiser of its parameters."""
        gates: GateTraining = config.gates
        converted = convert(
            model,
            executor=executor,
            accumulate=gates.accumulate,
            format=None if gates.format == "float32" else gates.format,
            backward=gates.backward,
            **options,
        )
        parameters = list(converted.parameters())
        settings: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
        if gates.optimiser == "gates":
            optimiser: torch.optim.Optimizer = GateAdamW(parameters, **settings, executor=executor, **options)
        else:
            optimiser = torch.optim.AdamW(parameters, **settings, foreach=False)
        side = cls(name, converted, optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, rate))
        for path, module in converted.named_modules():
            module.register_forward_hook(side._keeper(path or "model"))
        return side

    def _keeper(self, path: str) -> Callable[[nn.Module, Any, Any], None]:
        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                self.outputs[path] = bits(output)

        return keep

    def step(self, tokens: Tensor, labels: Tensor, criterion: nn.Module) -> tuple[float, float]:
        """One update; returns (loss, gradient norm).

        Raises:
            NexusError: the loss is not finite.
        """
        self.outputs.clear()
        self.model.train()
        loss = criterion(self.model(tokens), labels)
        if not math.isfinite(loss.item()):
            raise NexusError(f"training diverged: the loss of the {self.name} model is {loss.item()}")
        self.optimiser.zero_grad()
        loss.backward()
        squares = [float((p.grad.double() ** 2).sum()) for p in self.model.parameters() if p.grad is not None]
        self.optimiser.step()
        self.schedule.step()
        return loss.item(), math.sqrt(sum(squares))

    def parameters(self) -> dict[str, Bits]:
        """Patterns of every parameter by name."""
        return {name: bits(parameter) for name, parameter in self.model.named_parameters()}


def bits(tensor: Tensor) -> Bits:
    """Patterns of a float32 tensor."""
    return np.array(tensor.detach().contiguous().numpy()).view(np.uint32)


def first_difference(a: Side, b: Side) -> str | None:
    """The first output of the last step, else the first parameter, in which two trainings differ; None if in none."""
    for kind, mine, theirs in (("output of", a.outputs, b.outputs), ("parameter", a.parameters(), b.parameters())):
        for name, ours in mine.items():
            other = theirs[name]
            unequal = np.argwhere(ours != other)
            if len(unequal):
                place = tuple(int(i) for i in unequal[0])
                values = (array[place].view(np.float32).item() for array in (ours, other))
                shown = f"{next(values)!r} by {a.name}, {next(values)!r} by {b.name}"
                return f"{kind} '{name}' at {list(place)}: {shown}"
    return None


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
