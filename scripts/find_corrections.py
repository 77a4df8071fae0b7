"""Finds the inputs that rounding="correct" has a neuron each for: see configs/corrections.yaml."""

from __future__ import annotations

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.verification.functions import CorrectionsConfig, find_corrections

if __name__ == "__main__":
    run_command(CorrectionsConfig, find_corrections, "Finds the inputs that the precise programs of functions miss.")
