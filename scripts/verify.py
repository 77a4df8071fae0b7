"""Holds circuits against their references, by exhaustion or sample: python scripts/verify.py configs/verify/*.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.verification import VerifyConfig


def main(config: VerifyConfig, out: Path, quick: bool) -> None:
    """One verification; the executor is imported only now, so that a mistake in the config is told at once."""
    from lava_nexus.lab.verification.run import verify

    verify(config, out, quick)


if __name__ == "__main__":
    run_command(VerifyConfig, main, "Holds circuits against their references on all or many operand sets.")
