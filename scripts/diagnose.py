"""What to look at first where something is wrong: python scripts/diagnose.py configs/diagnose.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.robustness import DiagnoseConfig


def main(config: DiagnoseConfig, out: Path, quick: bool) -> None:
    """One diagnosis; the executor is imported only now, so that a mistake in the config is told at once."""
    from lava_nexus.lab.robustness.diagnose import run_diagnosis

    run_diagnosis(config, out, quick)


if __name__ == "__main__":
    run_command(DiagnoseConfig, main, "Checks a set-up against known signatures of failure.")
