"""Energy from counts, beside what is published: python scripts/measure_energy.py configs/energy/nexus_table.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.tables import EnergyConfig, EnergyTable


def main(config: EnergyConfig, out: Path, quick: bool) -> None:
    """One table or one map; the executors are imported only now, so that a mistake in the config is told at once."""
    if isinstance(config.measure, EnergyTable):
        from lava_nexus.lab.energy.report import run_energy_table

        run_energy_table(config, config.measure, out, quick)
    else:
        from lava_nexus.lab.energy.precision import run_precision_map

        run_precision_map(config, config.measure, out, quick)


if __name__ == "__main__":
    run_command(
        EnergyConfig, main, "Energy of operators, layers and a block, counted in runs, beside published figures."
    )
