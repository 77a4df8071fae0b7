"""A circuit for other tools: NIR graphs, lava-dl netx files, Verilog, VCD traces of its spikes."""

from lava_nexus.export.netx import write_netx
from lava_nexus.export.nir_graph import nir_graph, write_nir
from lava_nexus.export.trace import write_vcd
from lava_nexus.export.verilog import to_verilog

__all__ = ["nir_graph", "to_verilog", "write_netx", "write_nir", "write_vcd"]
