"""Trains the digits transformer: python scripts/train_digits.py configs/train_digits.yaml [--forward gates]."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.digits import TrainDigitsConfig


def main(config: TrainDigitsConfig, out: Path, quick: bool, resume: bool) -> None:
    """One training; PyTorch is imported only now, so that a mistake in the config is told at once."""
    if config.forward == "gates":
        from lava_nexus.lab.training.report import train_by_gates

        train_by_gates(config, out, quick, resume)
    else:
        from lava_nexus.lab.training.train_digits import train_digits

        train_digits(config, out, quick)


if __name__ == "__main__":
    run_command(
        TrainDigitsConfig,
        main,
        "Trains the digits transformer: by PyTorch, which makes its weights, or by gates beside strict float.",
        flags={"resume": "a training by gates goes on from its last state in the folder of results"},
        choices={"forward": ("torch", "gates")},
    )
