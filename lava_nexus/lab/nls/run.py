"""Tables of the operators of LIF populations: measured, drawn, written and printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lava_nexus import files
from lava_nexus.lab.configs.tables import NlsTablesConfig
from lava_nexus.lab.markdown import comma_separated, markdown
from lava_nexus.lab.nls import errors, figures, gates, model, primitives
from lava_nexus.lab.report import SCHEMA_VERSION, Table, installed_versions

_NOTES = (
    "Errors are those of the integer programs, which the neurons equal bit for bit; spikes and SynOps are counted "
    "on the neurons, vectorised.",
    "On the grid: against the exact value rounded down to the grid of the results, as the published figures are.",
    "Operands are rounded to fixed point, and slopes to 8 bits; the published figures are of a float program that "
    "does neither.",
    "Bounds are drawn as quoted second-hand from theorem 5.1, with Delta = 2^-n. Those of softmax and RMSNorm are "
    "relative: they are set against the largest element of each row, because on a grid of 2^-n no bound holds for "
    "elements near 0.",
    "The tree's bound holds where n is the last shift (k = 0..n); the published code takes n steps (k = 0..n-1), "
    "whose last shift is n - 1, and exceeds it.",
    "Against gates: one row of operands, an instance of its circuit for every invocation; the streamed schedule, "
    "one update a neuron per operand set. `with conversions` includes the circuits that turn FP32 into fixed "
    "point and back.",
    "Fractions: layers are replaced from the first one on; linear layers with T = 4 and L = 32.",
)


def run_nls_tables(config: NlsTablesConfig, out: Path, quick: bool = False) -> list[Table]:
    """Measures what the config names, writes report, tables and figures to `out`, prints the tables; returns them."""
    config = config.quick() if quick else config
    tables: list[Table] = []
    drawn: list[str] = []
    if "errors" in config.sections:
        tables.append(Table("Errors beside published ones", errors.ERROR_HEADER, errors.error_rows(config)))
    if "primitives" in config.sections:
        rows = primitives.division_rows(), primitives.chord_rows(), primitives.tree_rows(config)
        headers = (primitives.DIVISION_HEADER, primitives.CHORD_HEADER, primitives.TREE_HEADER)
        titles = ("Division by divisor", "Chords of exp", "Tree of CORDIC steps")
        tables += [Table(t, h, r) for t, h, r in zip(titles, headers, rows, strict=True)]
        drawn.append(figures.primitives(*rows, out / "primitives.png").name)
    if "sweeps" in config.sections:
        tables.append(Table("Sweeps", errors.SWEEP_HEADER, errors.sweep_rows(config)))
        drawn.append(figures.sweeps(tables[-1].rows, out / "sweeps.png").name)
    if "gates" in config.sections:
        tables.append(Table("Against exact gates", gates.GATE_HEADER, gates.gate_rows(config)))
        drawn.append(figures.costs(tables[-1].rows, out / "gates.png").name)
    if "model" in config.sections:
        fractions, counts = model.model_rows(config)
        tables.append(Table("Digits by fraction replaced", model.FRACTION_HEADER, fractions))
        tables.append(Table("Digits by time steps and levels", model.COUNT_HEADER, counts))
        drawn.append(figures.model(fractions, counts, out / "model.png").name)
    _write(config, tables, drawn, out)
    return tables


def _write(config: NlsTablesConfig, tables: Sequence[Table], drawn: Sequence[str], out: Path) -> None:
    for table in tables:
        files.write_text(out / table.file, comma_separated(table.header, table.rows))
    report: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "config": config.resolved(),
        "tables": [{"title": t.title, "header": list(t.header), "rows": [list(r) for r in t.rows]} for t in tables],
        "figures": list(drawn),
        "notes": list(_NOTES),
        "versions": installed_versions(),
    }
    files.write_text(out / "nls_tables.json", json.dumps(report, indent=2, allow_nan=False) + "\n")
    parts = [f"## {t.title}\n\n{markdown(t.header, t.rows)}" for t in tables]
    pictures = [f"![{name}]({name})\n" for name in drawn]
    notes = "## Notes\n\n" + "".join(f"- {note}\n" for note in _NOTES)
    head = "# Operators of LIF populations\n"
    files.write_text(out / "nls_tables.md", "\n".join([head, *parts, *pictures, notes]))
    print("\n".join(part for t, part in zip(tables, parts, strict=True) if t.title != "Sweeps"))
    print(f"report: {out / 'nls_tables.md'}")
