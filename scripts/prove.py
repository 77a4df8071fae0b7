"""Proves circuits equal to SMT-LIB floating point: python scripts/prove.py configs/proofs/basic.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.verification import ProofConfig


def main(config: ProofConfig, out: Path, quick: bool) -> None:
    """One run; the solver is imported only now, so that a mistake in the config is told at once."""
    from lava_nexus.lab.verification.prove import prove

    prove(config, out, quick)


if __name__ == "__main__":
    run_command(ProofConfig, main, "Proves circuits equal to SMT-LIB floating point on all operands.")
