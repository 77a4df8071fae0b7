"""Circuits and what is placed for other tools: NIR, netx, SANA-FE, Verilog, VCD; networks read and kept."""

from lava_nexus.export.interchange import nir_graph as nir_graph
from lava_nexus.export.interchange import write_netx as write_netx
from lava_nexus.export.interchange import write_nir as write_nir
from lava_nexus.export.nir_reader import read_nir as read_nir
from lava_nexus.export.sanafe import run_sanafe as run_sanafe
from lava_nexus.export.sanafe import write_sanafe as write_sanafe
from lava_nexus.export.spiking import SpikingNetwork as SpikingNetwork
from lava_nexus.export.spiking import load_network as load_network
from lava_nexus.export.spiking import save_network as save_network
from lava_nexus.export.verilog import to_verilog as to_verilog
from lava_nexus.export.verilog import write_vcd as write_vcd
