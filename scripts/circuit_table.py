"""Counts what every circuit is made of and does: python scripts/circuit_table.py configs/circuit_table.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.tables import CircuitTableConfig


def main(config: CircuitTableConfig, out: Path, quick: bool) -> None:
    """One table; the executors are imported only now, so that a mistake in the config is told at once."""
    from lava_nexus.lab.tables.circuit_table import run_circuit_table

    run_circuit_table(config, out, quick)


if __name__ == "__main__":
    run_command(CircuitTableConfig, main, "Counts what circuits are made of and what they do, beside published counts.")
