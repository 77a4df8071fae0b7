"""What a pass over all inputs showed of each function: python scripts/function_table.py configs/function_table.yaml."""

from __future__ import annotations

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.verification.functions import FunctionTableConfig, function_table

if __name__ == "__main__":
    run_command(FunctionTableConfig, function_table, "The table of functions, from their certificates.")
