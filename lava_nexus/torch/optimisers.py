"""Optimiser steps by gates: every operation of the update a circuit, rounded once, in the order written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from lava_nexus.execute.executor import Executor
from lava_nexus.execute.run import DEFAULT_EXECUTOR, executor_named
from lava_nexus.torch.mode import GateMode, Gates


class GateOptimiser(torch.optim.Optimizer, ABC):
    """What SGD and AdamW by gates share: a step inside a `GateMode`.

    Attributes:
        gates: how the update computes; its `tallies` hold the counts.
    """

    def __init__(
        self,
        params: Iterable[Any],
        defaults: dict[str, Any],
        executor: str | Executor,
        basis: str,
        count: bool,
        **options: Any,
    ) -> None:
        super().__init__(params, defaults)
        engine = executor_named(executor, count, **options)
        self.gates = Gates(engine, basis, "sequential", type(self).__name__)

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        changed = self._updated(parameter, parameter.grad, group)
                        parameter.copy_(changed)
        return loss

    @abstractmethod
    def _updated(self, parameter: Tensor, grad: Tensor, group: dict[str, Any]) -> Tensor:
        """The parameter after one step."""


class GateSGD(GateOptimiser):
    """Stochastic gradient descent by gates.

    v = momentum * v + g;  p = p - lr * v, without momentum p = p - lr * g.

    Args:
        params: as for `torch.optim.SGD`.
        lr: learning rate.
        momentum: share of the last step that goes on, 0..1.
        executor, basis, count, options: as for `lava_nexus.torch.convert`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        *,
        executor: str | Executor = DEFAULT_EXECUTOR,
        basis: str = "threshold",
        count: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum}, executor, basis, count, **options)

    def _updated(self, parameter: Tensor, grad: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[parameter]
        with GateMode(self.gates):
            if group["momentum"]:
                state["velocity"] = state["velocity"] * group["momentum"] + grad if state else grad.clone()
                grad = state["velocity"]
            return parameter - grad * group["lr"]


class GateAdamW(GateOptimiser):
    """AdamW by gates.

    m = b1 * m + (1 - b1) * g;  v = b2 * v + ((1 - b2) * g) * g
    p = p * (1 - lr * decay) - (lr / (1 - b1^t)) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)

    Numbers that depend on the step alone are constants, computed in float64 and rounded once.
    Source: Loshchilov and Hutter, 2019, arXiv 1711.05101.

    Args:
        params: as for `torch.optim.AdamW`.
        lr, betas, eps, weight_decay: as there.
        executor, basis, count, options: as for `lava_nexus.torch.convert`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *,
        executor: str | Executor = DEFAULT_EXECUTOR,
        basis: str = "threshold",
        count: bool = False,
        **options: Any,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults, executor, basis, count, **options)

    def _updated(self, parameter: Tensor, grad: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[parameter]
        if not state:
            state.update(step=0, mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter))
        state["step"] += 1
        first, second = group["betas"]
        rate = group["lr"] / (1 - first ** state["step"])
        root = (1 - second ** state["step"]) ** 0.5
        with GateMode(self.gates):
            state["mean"] = state["mean"] * first + grad * (1 - first)
            state["square"] = state["square"] * second + grad * (1 - second) * grad
            kept = parameter * (1 - group["lr"] * group["weight_decay"])
            return kept - state["mean"] * rate / (state["square"].sqrt() / root + group["eps"])
