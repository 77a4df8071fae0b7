"""Tables of the operators of LIF populations: measured, drawn, written and printed."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.configs.tables import NlsTablesConfig
from lava_nexus.lab.nls import errors, figures, gates, primitives
from lava_nexus.lab.report import Report, Table, conclude

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


_CAPTIONS = {
    "primitives.png": "Largest errors of the primitives, beside their bounds.",
    "sweeps.png": "Errors by what the operators are built of.",
    "gates.png": "Costs of operators beside those of exact gates.",
    "model.png": "The digits transformer by fraction replaced and by time steps.",
}


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
        tables.append(Table("Sweeps", errors.SWEEP_HEADER, errors.sweep_rows(config), printed=False))
        drawn.append(figures.sweeps(tables[-1].rows, out / "sweeps.png").name)
    if "gates" in config.sections:
        tables.append(Table("Against exact gates", gates.GATE_HEADER, gates.gate_rows(config)))
        drawn.append(figures.costs(tables[-1].rows, out / "gates.png").name)
    if "model" in config.sections:
        fractions, counts = gates.model_rows(config)
        tables.append(Table("Digits by fraction replaced", gates.FRACTION_HEADER, fractions))
        tables.append(Table("Digits by time steps and levels", gates.COUNT_HEADER, counts))
        drawn.append(figures.model(fractions, counts, out / "model.png").name)
    found = Report(
        title="Operators of LIF populations",
        name="nls_tables",
        config=config.resolved(),
        tables=tables,
        figures=[(name, _CAPTIONS[name]) for name in drawn],
        notes=_NOTES,
    )
    conclude(found, out)
    return tables
