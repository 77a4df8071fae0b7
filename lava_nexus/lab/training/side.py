"""A model in training, what each of its modules gave in the last step, and where two of them differ."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.model import GateTraining, TrainDigitsConfig
from lava_nexus.torch import GateAdamW, convert
from lava_nexus.torch.tensors import patterns_there

Bits = dict[str, Tensor]
"""Patterns of float32 tensors, as int32, by name."""


@dataclass
class Side:
    """A model in training.

    Attributes:
        name: "gates" or "strict".
        model: as it computes; its parameters are those that are trained.
        optimiser, schedule: of its own.
        outputs: what each of its modules gave in the last step, in the order in which they ended, by dotted name.
        gradients: of these, where there is one.
        seconds: of the last step's forward pass.
    """

    name: str
    model: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LambdaLR
    outputs: Bits = field(default_factory=dict)
    gradients: Bits = field(default_factory=dict)
    seconds: float = 0.0

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
                self.outputs[path] = bits(output).clone()
                if output.requires_grad:
                    output.register_hook(keep_gradient)

        def keep_gradient(gradient: Tensor) -> None:
            self.gradients[path] = bits(gradient).clone()

        return keep

    def step(self, tokens: Tensor, labels: Tensor, criterion: nn.Module) -> tuple[float, float]:
        """One update; returns (loss, gradient norm).

        Raises:
            NexusError: the loss is not finite.
        """
        self.outputs.clear()
        self.gradients.clear()
        self.model.train()
        began = time.perf_counter()
        loss = criterion(self.model(tokens), labels)
        finite, self.seconds = math.isfinite(loss.item()), time.perf_counter() - began
        if not finite:
            raise NexusError(f"training diverged: the loss of the {self.name} model is {loss.item()}")
        self.optimiser.zero_grad()
        loss.backward()
        squares = [float((p.grad.double() ** 2).sum()) for p in self.model.parameters() if p.grad is not None]
        self.optimiser.step()
        self.schedule.step()
        return loss.item(), math.sqrt(sum(squares))

    def last(self) -> dict[str, Bits]:
        """What the last step gave, by what it is: outputs and gradients of modules, those of parameters, parameters."""
        named = dict(self.model.named_parameters())
        of_parameters = {name: bits(p.grad) for name, p in named.items() if p.grad is not None}
        parameters = {name: bits(parameter) for name, parameter in named.items()}
        return {
            "output of": self.outputs,
            "gradient at": self.gradients,
            "gradient of parameter": of_parameters,
            "parameter": parameters,
        }


def bits(tensor: Tensor) -> Tensor:
    """Patterns of a float32 tensor, where it is."""
    return patterns_there(tensor)


def unequal_values(a: Side, b: Side) -> dict[str, tuple[int, int]]:
    """(values compared, values whose bits differ) of the last step of two trainings, by what they are."""
    found = {}
    for (kind, mine), theirs in zip(a.last().items(), b.last().values(), strict=True):
        assert mine.keys() == theirs.keys()
        unequal = sum(int((ours != theirs[name]).sum()) for name, ours in mine.items())
        found[kind] = sum(ours.numel() for ours in mine.values()), unequal
    return found


def first_difference(a: Side, b: Side) -> str | None:
    """The first value of the last step in which two trainings differ, the parameters last; None if in none."""
    for (kind, mine), theirs in zip(a.last().items(), b.last().values(), strict=True):
        for name, ours in mine.items():
            unequal = torch.nonzero(ours != theirs[name])
            if len(unequal):
                place = tuple(unequal[0].tolist())
                values = (tensor[place].view(torch.float32).item() for tensor in (ours, theirs[name]))
                shown = f"{next(values)!r} by {a.name}, {next(values)!r} by {b.name}"
                return f"{kind} '{name}' at {list(place)}: {shown}"
    return None
