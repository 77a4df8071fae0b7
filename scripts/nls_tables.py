"""Operators of LIF populations beside published errors: scripts/nls_tables.py configs/nls_tables.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.tables import NlsTablesConfig


def main(config: NlsTablesConfig, out: Path, quick: bool) -> None:
    """One set of tables; executors are imported only now, so that a mistake in the config is told at once."""
    from lava_nexus.lab.nls.run import run_nls_tables

    run_nls_tables(config, out, quick)


if __name__ == "__main__":
    run_command(NlsTablesConfig, main, "Measures operators of LIF populations beside published errors and exact gates.")
