"""Where a training is, on disk: parameters and optimiser as safetensors, what happened so far as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lava_nexus.errors import NexusError
from lava_nexus.files import write_text
from lava_nexus.lab.training.side import Side
from lava_nexus.models.checkpoint import save_checkpoint

STATE, HISTORY = "state.safetensors", "history.json"


def save_state(folder: Path, side: Side, step: int, config: dict[str, Any], history: list[dict[str, Any]]) -> None:
    """Writes both files; the JSON last, so that it never speaks of a state that is not there."""
    write_text(folder / HISTORY, json.dumps({"step": -1}))
    tensors = {f"parameter.{name}": p.detach().numpy().copy() for name, p in side.model.named_parameters()}
    for number, state in side.optimiser.state_dict()["state"].items():
        for key, value in state.items():
            tensors[f"optimiser.{number}.{key}"] = np.asarray(value, np.float32).reshape(np.shape(value) or (1,))
    save_checkpoint(folder / STATE, tensors, {"step": str(step)})
    values = {"step": step, "config": config, "history": history}
    write_text(folder / HISTORY, json.dumps(values) + "\n")


def load_state(folder: Path, sides: list[Side], config: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    """Puts every side where a training stopped; returns (steps done, what happened).

    Raises:
        NexusError: there is no state, one of another config, or one of another shape.
    """
    try:
        kept = json.loads((folder / HISTORY).read_text(encoding="utf-8"))
        if kept["step"] < 0:
            raise NexusError(f"state in '{folder}' was being written when the training stopped: start without resume")
    except FileNotFoundError:
        raise NexusError(f"folder '{folder}' holds no '{HISTORY}' to resume from") from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise NexusError(f"file '{folder / HISTORY}' is no history of a training: {type(error).__name__}") from error
    differing = sorted(key for key in config if kept["config"].get(key) != config[key])
    if differing:
        key = differing[0]
        raise NexusError(
            f"state in '{folder}' is of a training with {key} {kept['config'].get(key)}, not {config[key]}, "
            "so that it cannot be resumed"
        )
    tensors = _read(folder / STATE)
    for side in sides:
        _restore(side, tensors, folder / STATE, kept["step"])
    return kept["step"], kept["history"]


def _read(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise NexusError(f"state '{path}' cannot be read: {' '.join(str(error).split())}") from error


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
