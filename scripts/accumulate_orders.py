"""Orders of accumulation against PyTorch and float64, and what each costs: scripts/accumulate_orders.py CONFIG."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.tables import AccumulateConfig


def main(config: AccumulateConfig, out: Path, quick: bool) -> None:
    """One table and figure; PyTorch is imported only now, so that a mistake in the config is told at once."""
    from lava_nexus.lab.tables.accumulate import run_accumulate_orders

    run_accumulate_orders(config, out, quick)


if __name__ == "__main__":
    run_command(AccumulateConfig, main, "Measures orders of accumulation: ULP, neurons, SynOps and energy.")
