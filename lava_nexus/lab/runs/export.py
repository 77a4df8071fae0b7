"""The files of one circuit for other tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lava_nexus.circuits import circuit
from lava_nexus.export.interchange import write_netx, write_nir
from lava_nexus.export.sanafe import MISSING
from lava_nexus.export.verilog import to_verilog, write_vcd
from lava_nexus.files import write_text
from lava_nexus.formats import format_named
from lava_nexus.lab.configs.places import ExportConfig
from lava_nexus.lab.energy.sanafe import exported
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.trial import marked, shrunk


@marked
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
    tables: list[Table] = []
    rng = np.random.default_rng(config.seed)
    sets = min(config.operand_sets, 4) if quick else config.operand_sets
    shrunk(f"{sets} of {config.operand_sets} operand sets")
    operands = [rng.integers(0, 2**p.width, sets, dtype=np.uint64).astype(p.pattern_dtype) for p in made.inputs]
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
        elif kind == "vcd":
            path = write_vcd(made, operands, out / f"{stem}.vcd")
        else:
            path = out / f"{stem}_sanafe.yaml"
            network, tables = exported(made, operands, path)
        rows.append((kind, path.name, network.neurons, network.relays, network.depth, path.stat().st_size))
        paths.append(path)
    header = ("file of", "name", "neurons", "of them relays", "depth", "bytes")
    tables = [Table("", header, rows, "files.csv"), *tables]
    notes = [MISSING] if "sanafe" in config.files and len(tables) == 1 else []
    resolved = {**config.resolved(), "quick": quick}
    conclude(Report(title=f"Files of {made.label}", config=resolved, tables=tables, notes=notes), out)
    return paths
