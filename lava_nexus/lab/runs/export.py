"""All files of a circuit that a config asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lava_nexus.circuits import circuit
from lava_nexus.export.netx import write_netx
from lava_nexus.export.nir_graph import write_nir
from lava_nexus.export.trace import write_vcd
from lava_nexus.export.verilog import to_verilog
from lava_nexus.files import write_text
from lava_nexus.formats import format_named
from lava_nexus.lab.configs.places import ExportConfig
from lava_nexus.lab.report import Report, Table, conclude


def export_circuit(config: ExportConfig, out: Path, quick: bool = False) -> list[Path]:
    """Writes the files and a report of what they hold to `out`; returns the paths of the files.

    Raises:
        NexusError: there is no such circuit, or it does not fit a format.
    """
    target = None if config.to is None else format_named(config.to)
    made = circuit(
        config.operation,
        format_named(config.format),
        to=target,
        basis=config.basis,
        max_delay=config.max_delay,
        **config.options,
    )
    stem, rows, paths = made.label.replace(" ", "_").replace(",", ""), [], []
    for kind in config.files:
        network = made.network
        if kind == "nir":
            path = write_nir(network, out / f"{stem}.nir")
        elif kind == "netx":
            found = write_netx(network, out / f"{stem}.net")
            path, network = found.path, found.network
        elif kind == "verilog":
            path = out / f"{stem}.v"
            write_text(path, to_verilog(made))
        else:
            rng = np.random.default_rng(config.seed)
            sets = min(config.operand_sets, 4) if quick else config.operand_sets
            operands = [rng.integers(0, 2**port.width, sets, dtype=np.uint64) for port in made.inputs]
            patterns = [words.astype(port.pattern_dtype) for words, port in zip(operands, made.inputs, strict=True)]
            path = write_vcd(made, patterns, out / f"{stem}.vcd")
        rows.append((kind, path.name, network.neurons, network.relays, network.depth, path.stat().st_size))
        paths.append(path)
    header = ("file of", "name", "neurons", "of them relays", "depth", "bytes")
    table = Table("", header, rows, "files.csv")
    conclude(Report(title=f"Files of {made.label}", config={**config.resolved(), "quick": quick}, tables=[table]), out)
    return paths
