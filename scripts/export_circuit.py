"""Writes a circuit as NIR, netx, Verilog and a VCD trace: python scripts/export_circuit.py configs/export.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.places import ExportConfig


def main(config: ExportConfig, out: Path, quick: bool) -> None:
    """One circuit; h5py, nir and vcd are imported only now."""
    from lava_nexus.lab.runs.export import export_circuit

    export_circuit(config, out, quick)


if __name__ == "__main__":
    run_command(ExportConfig, main, "Writes a circuit for other tools.")
