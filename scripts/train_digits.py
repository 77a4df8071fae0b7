"""Trains the digits transformer and writes its weights: python scripts/train_digits.py configs/train_digits.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.config.command_line import run_command
from lava_nexus.models.digits.training_config import TrainDigitsConfig


def main(config: TrainDigitsConfig, out: Path, quick: bool) -> None:
    """One training; PyTorch is imported only now, so that a mistake in the config is told at once."""
    from lava_nexus.models.digits.training import train_digits

    train_digits(config, out, quick)


if __name__ == "__main__":
    run_command(TrainDigitsConfig, main, "Trains the digits transformer and writes its weights.")
