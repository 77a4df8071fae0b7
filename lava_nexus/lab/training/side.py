"""One of two trainings that run side by side: a model, its optimiser, and what its last step gave."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.digits import GateTraining, TrainDigitsConfig
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
    for kind, mine, theirs in (
        ("output of", a.outputs, b.outputs),
        ("parameter", a.parameters(), b.parameters()),
    ):
        for name, ours in mine.items():
            other = theirs[name]
            unequal = np.argwhere(ours != other)
            if len(unequal):
                place = tuple(int(i) for i in unequal[0])
                values = (array[place].view(np.float32).item() for array in (ours, other))
                shown = f"{next(values)!r} by {a.name}, {next(values)!r} by {b.name}"
                return f"{kind} '{name}' at {list(place)}: {shown}"
    return None
