"""Runs one linear layer as Lava's LIF neurons: python scripts/run_linear_lif.py configs/linear_lif.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.digits import LinearLifConfig


def main(config: LinearLifConfig, out: Path, quick: bool) -> None:
    """One run; the work is imported only now, so that a mistake in the config is told at once."""
    from lava_nexus.lab.runs.linear_lif import run_linear_lif

    run_linear_lif(config, out, quick)


if __name__ == "__main__":
    run_command(LinearLifConfig, main, "Runs one linear layer of the digits transformer as LIF neurons in Lava.")
