"""ULP tables of layers and operations beside published: python scripts/ulp_tables.py configs/ulp_components.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.ulp_tables import UlpTablesConfig


def main(config: UlpTablesConfig, out: Path, quick: bool) -> None:
    """One set of tables; PyTorch is imported only now, so that a mistake in the config is told at once."""
    from lava_nexus.lab.ulp.run import run_ulp_tables

    run_ulp_tables(config, out, quick)


if __name__ == "__main__":
    run_command(
        UlpTablesConfig, main, "Measures ULP of layers and operations and writes them beside published figures."
    )
