"""Where a training is, on disk: parameters, optimiser, and what happened so far, in one piece."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_nexus.errors import NexusError
from lava_nexus.lab.training.side import Side
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
