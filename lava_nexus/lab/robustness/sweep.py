"""Sweeps of robustness: one from its config, every finished cell kept, a report at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lava_nexus.lab.configs.robustness import CureSweep, DigitsSweep, LavaSweep, NoiseSweep, RobustnessConfig
from lava_nexus.lab.report import Report, conclude
from lava_nexus.lab.robustness.cure_table import run_cures
from lava_nexus.lab.robustness.digits import run_digits_sweep
from lava_nexus.lab.robustness.grid_report import run_grid
from lava_nexus.lab.robustness.lava_beta import run_lava_sweep

_QUICK_TRIALS, _QUICK_SEEDS, _QUICK_VALUES = 200, 2, 3
_RUNNERS: dict[type, Callable[[RobustnessConfig, Path], Report]] = {
    CureSweep: run_cures,
    DigitsSweep: run_digits_sweep,
    LavaSweep: run_lava_sweep,
}


def run_robustness(config: RobustnessConfig, out: Path, quick: bool = False) -> dict[str, Any]:
    """Runs the sweep, writes report.md, report.json, cells.csv and figures to `out`; returns the values of the JSON.

    Raises:
        NexusError: something that the sweep names does not exist or does not fit.
    """
    config = small(config) if quick else config
    return conclude(_RUNNERS.get(type(config.sweep), run_grid)(config, out), out)


def small(config: RobustnessConfig) -> RobustnessConfig:
    """The same path in seconds: few trials and values, the smallest formats."""
    sweep = config.sweep
    update: dict[str, Any] = {}
    for name in ("betas", "sigmas", "deltas", "rates", "stuck"):
        values: Sequence[float] = getattr(sweep, name, ())
        if len(values) > _QUICK_VALUES:
            update[name] = (values[0], values[len(values) // 2], values[-1])
    formats = getattr(sweep, "formats", ())
    if formats:
        update["formats"] = formats[:1] if isinstance(sweep, DigitsSweep) else formats[:2]
        if isinstance(sweep, DigitsSweep):
            update |= {"images": 1, "beta_formats": None, "stuck_formats": None}
            update |= {"sigmas": sweep.sigmas[:2], "betas": sweep.betas[:1], "stuck": sweep.stuck[:1]}
    if isinstance(sweep, NoiseSweep):
        update |= {"theory_sets": min(sweep.theory_sets, 64), "injections": 200}
    if isinstance(sweep, LavaSweep):
        update |= {"logic": sweep.logic[:2], "sets": min(sweep.sets, 40)}
        update["betas"] = update.get("betas", sweep.betas)[:2]
    trials, seeds = min(config.trials, _QUICK_TRIALS), min(config.seeds, _QUICK_SEEDS)
    return config.model_copy(
        update={"sweep": sweep.model_copy(update=update), "trials": trials, "seeds": min(seeds, trials)}
    )
