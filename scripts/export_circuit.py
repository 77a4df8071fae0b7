"""Writes a circuit as NIR, netx, Verilog and a VCD trace: python scripts/export_circuit.py configs/export.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("export")
