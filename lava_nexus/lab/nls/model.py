"""The digits transformer by fraction of operators replaced, and by time steps and levels of its spike counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lava_nexus.formats import FLOAT32
from lava_nexus.lab.configs.tables import NlsTablesConfig
from lava_nexus.lab.runs.approximation import LayerTap, divergence, softmax_of
from lava_nexus.lab.runs.digits import share_right
from lava_nexus.models.checkpoint import load_checkpoint
from lava_nexus.models.digits import DIGITS, WEIGHTS, digits_program, load_split, patches
from lava_nexus.models.stages import Arithmetic
from lava_nexus.populations import Options
from lava_nexus.programs import GATES, Nonlinear, SpikingLinear

FRACTION_HEADER = ("replaced", "fraction", "operators", "accuracy", "max logit error", "mean logit error", "KL")
COUNT_HEADER = ("time steps T", "levels L", "T L", "accuracy", "max logit error", "mean logit error", "KL")

_NAMES = ("softmax", "silu", "rms_norm")
_NONLINEAR = ("norm", "softmax", "activation")


@dataclass(frozen=True)
class Digits:
    """The model, its inputs and what the exact one answers."""

    images: int
    calibration: int = 32

    def run(self, nonlinear: Nonlinear, spikes: SpikingLinear | None, train: bool = False) -> LayerTap:
        """The model on test images, or on training images that ranges are taken of."""
        split, tap = load_split(), LayerTap()
        tokens = patches(split.train_images[: self.calibration]) if train else split.test_tokens[: self.images]
        program = digits_program(
            load_checkpoint(WEIGHTS, DIGITS.tensors), DIGITS, Arithmetic(FLOAT32, nonlinear=nonlinear, spikes=spikes)
        )
        tap.run(program, {"tokens": FLOAT32.to_patterns(tokens)})
        return tap

    def row(self, exact: LayerTap, changed: LayerTap) -> tuple[float, float, float, float]:
        """Accuracy, largest and mean error of the logits, KL of the answers."""
        a, b = _logits(exact), _logits(changed)
        error = np.abs(a - b)
        right = share_right(b, load_split().test_labels[: self.images])
        return right, float(error.max()), float(error.mean()), divergence(softmax_of(a), softmax_of(b))


def _logits(tap: LayerTap) -> NDArray[np.float64]:
    return tap.left["classifier"][-1][:, 0]


def model_rows(config: NlsTablesConfig) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Rows of `FRACTION_HEADER`, operators replaced from the first layer on, and of `COUNT_HEADER`."""
    digits = Digits(config.images)
    exact, ranges = digits.run(GATES, None), digits.run(GATES, None, train=True).ranges
    by_kind = {name: exact.kinds[name] for name in exact.left}
    sites = {
        "nonlinear": [name for name, kind in by_kind.items() if kind in _NONLINEAR],
        "nonlinear and linear": [name for name, kind in by_kind.items() if kind in (*_NONLINEAR, "linear")],
    }
    fractions = []
    replaced = {name: Options() for name in _NAMES}
    jobs = [(what, names, k) for what, names in sites.items() for k in _counts(len(names), config)]
    for what, names, k in tqdm(jobs, desc="fraction replaced", unit="model"):
        chosen = frozenset(names[:k])
        spikes = SpikingLinear(4, 7, ranges, chosen) if "linear" in what.split() else None
        tap = digits.run(Nonlinear(replaced, chosen), spikes)
        fractions.append((what, k / len(names), k, *digits.row(exact, tap)))
    counts = []
    pairs = [(t, level) for level in (1, 4, 16, 64) for t in (1, 2, 4, 8) if 4 <= t * level <= 256]
    for t, level in tqdm(pairs if config.images > 12 else pairs[:2], desc="time steps", unit="model"):
        spikes = SpikingLinear(t, (t * level).bit_length() - 1, ranges)
        counts.append((t, level, t * level, *digits.row(exact, digits.run(Nonlinear(replaced), spikes))))
    return fractions, counts


def _counts(sites: int, config: NlsTablesConfig) -> Sequence[int]:
    steps = min(sites, 9) if config.images > 12 else 2
    return sorted({round(i * sites / steps) for i in range(steps + 1)})
