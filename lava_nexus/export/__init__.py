"""A circuit for other tools: NIR graphs, lava-dl netx files, SANA-FE networks, Verilog, VCD traces."""

from lava_nexus.export.interchange import nir_graph as nir_graph
from lava_nexus.export.interchange import write_netx as write_netx
from lava_nexus.export.interchange import write_nir as write_nir
from lava_nexus.export.sanafe import run_sanafe as run_sanafe
from lava_nexus.export.sanafe import write_sanafe as write_sanafe
from lava_nexus.export.verilog import to_verilog as to_verilog
from lava_nexus.export.verilog import write_vcd as write_vcd
