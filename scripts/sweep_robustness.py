"""Leak, noise, spread, faults and cures: python scripts/sweep_robustness.py configs/robustness/*.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.robustness import RobustnessConfig


def main(config: RobustnessConfig, out: Path, quick: bool) -> None:
    """One sweep; the executor is imported only now, so that a mistake in the config is told at once."""
    from lava_nexus.lab.robustness.sweep import run_robustness

    run_robustness(config, out, quick)


if __name__ == "__main__":
    run_command(RobustnessConfig, main, "Measures what breaks circuits, beside published tables, and what cures cost.")
