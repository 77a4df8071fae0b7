"""Runs a model as integrate-and-fire logic and writes a report: python scripts/run_block.py configs/digits.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.config.command_line import run_command
from lava_nexus.config.run import RunConfig


def main(config: RunConfig, out: Path, quick: bool) -> None:
    """One run; the model's own module is imported only now, so that a mistake in the config is told at once."""
    from lava_nexus.models.digits.run import run_digits

    run_digits(config, out, quick)


if __name__ == "__main__":
    run_command(RunConfig, main, "Runs a model as integrate-and-fire logic and writes a report.")
