"""Runs a model as integrate-and-fire logic and writes a report: python scripts/run_block.py configs/digits.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.execution import RunConfig

FLAGS = {"resume": "go on from the last finished layer of a transformer's run that was ended"}


def main(config: RunConfig, out: Path, quick: bool, resume: bool) -> None:
    """One run; the model's own module is imported only now, so that a mistake in the config is told at once."""
    if config.model.kind == "digits":
        from lava_nexus.lab.runs.digits import run_digits

        run_digits(config, out, quick)
    else:
        from lava_nexus.lab.runs.transformer import run_transformer

        run_transformer(config, out, quick, resume)


if __name__ == "__main__":
    run_command(RunConfig, main, "Runs a model as integrate-and-fire logic and writes a report.", flags=FLAGS)
