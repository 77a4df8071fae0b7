"""Loss curves from files, and whether a training diverged."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lava_nexus.errors import NexusError


def read_losses(path: Path) -> list[float]:
    """Losses in order, from JSON (a list, or an object with a list `losses`), CSV with a column `loss`, or lines.

    Raises:
        NexusError: no such file, or one that holds no losses.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise NexusError(f"loss curve '{path}' cannot be read: {(reason or str(error)).lower()}") from None
    try:
        losses = [float(value) for value in _values(text)]
    except (ValueError, TypeError, KeyError):
        losses = []
    if not losses:
        raise NexusError(
            f"loss curve '{path}' holds no list of numbers: JSON 'losses', a column 'loss', or a line each"
        )
    return losses


def _values(text: str) -> list[Any]:
    if text.lstrip()[:1] in "{[":
        data = json.loads(text)
        return list(data["losses"] if isinstance(data, dict) else data)
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and "loss" in lines[0].split(","):
        return [row["loss"] for row in csv.DictReader(lines)]
    return lines


def divergence(losses: Sequence[float], rise: float) -> str:
    """What is wrong with a loss curve, in words; empty where nothing is.

    A loss that is NaN or infinite; one that ends above where it began; one that ends above `rise` times its minimum.
    """
    for step, loss in enumerate(losses, start=1):
        if not math.isfinite(loss):
            return f"the loss is {loss} at step {step}"
    least = min(losses)
    if len(losses) > 1 and losses[-1] > losses[0]:
        return f"the loss ends at {losses[-1]:.4g}, above the {losses[0]:.4g} at which it began"
    if losses[-1] > rise * least > 0:
        return f"the loss ends at {losses[-1]:.4g}, {losses[-1] / least:.3g} times its minimum {least:.4g}"
    return ""
