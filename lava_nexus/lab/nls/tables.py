"""Tables and figures of the operators of LIF populations: measured, drawn, written and printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lava_nexus.crew import standing
from lava_nexus.lab.configs.tables import NlsTablesConfig
from lava_nexus.lab.figures.approximation import Costs, Line, Panel, cost_marks, line_panels
from lava_nexus.lab.nls import errors, gates
from lava_nexus.lab.nls.errors import CHORD_HEADER, DIVISION_HEADER, TREE_HEADER, rms_norm_bound
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.trial import marked, smaller
from lava_nexus.populations import DEFAULT

Rows = Sequence[Sequence[Any]]

_OPERATORS = ("silu", "gelu", "softmax", "rms_norm", "layer_norm")
_BOUND = "bound, as quoted"
_BOUND_COLOUR = 8


def _draw_primitives(division: Rows, chords: Rows, tree: Rows, path: Path) -> Path:
    """Errors of the three primitives, with the paper's bounds."""

    def line(rows: Rows, label: str, i: int, colour: int | None = None) -> Line:
        bound = label == _BOUND
        return Line(label, _column(rows, 0), _column(rows, i), bound, _BOUND_COLOUR if bound else colour)

    def after_comma(title: str) -> str:
        return title.partition(", ")[2]

    divisions = [line(division, after_comma(DIVISION_HEADER[i]), i, colour) for i, colour in ((1, 3), (2, 0), (3, 2))]
    slopes = [
        line(chords, label, i) for i, label in enumerate(("without rounding", "8-bit slopes", "16-bit slopes"), 1)
    ]
    trees = [line(tree, after_comma(TREE_HEADER[i]), i, colour) for i, colour in ((1, 3), (2, 1))]
    panels = [
        Panel("Division, 8 bits", "divisor", "largest error in steps of 1/256", divisions),
        Panel(
            "Chords of exp on [-5, 5]",
            _AXES["K"],
            "largest relative error",
            [*slopes, line(chords, _BOUND, 4)],
            ticks=_column(chords, 0),
        ),
        Panel(
            "Tree of CORDIC steps, n = 8",
            _AXES["d"],
            "largest relative error of the norm",
            [*trees, line(tree, _BOUND, 3)],
            ticks=_column(tree, 0)[::2],
        ),
    ]
    return line_panels("Primitives and the bounds quoted for them", panels, path)


_AXES = {"H": "H, bound of operands", "K": "K, segments", "n": "n, bits of the grid", "d": "d, length of a row"}


def _draw_sweeps(rows: Rows, path: Path) -> Path:
    """Largest error by what an operator is built of, and relative error with the paper's bounds."""
    panels = []
    for swept in ("H", "K", "n", "CORDIC steps", "d"):
        mine = [row for row in rows if row[2] == swept]
        names = [name for name in _OPERATORS if any(row[0] == name for row in mine)]
        lines = [Line(n, *_xy(mine, n, 4), False, _OPERATORS.index(n)) for n in names]
        log = swept in ("K", "d")
        ticks = sorted({row[3] for row in mine})
        shown = ticks[::2] if len(ticks) > 8 else ticks
        panels.append(Panel(f"Largest error by {swept}", _AXES.get(swept, swept), "error", lines, log, ticks=shown))
    bounded = [row for row in rows if row[7] is not None and row[2] == "K"]
    by_size = [row for row in rows if row[7] is not None and row[2] == "d"]
    for title, mine, x, relative in (
        ("Against the bound, by K: SiLU at |x| = 5", [r for r in bounded if r[0] == "silu"], "K", 4),
        ("Against the bound, by K: softmax", [r for r in bounded if r[0] == "softmax"], "K", 6),
        ("Against the bound, by d: softmax", [r for r in by_size if r[0] == "softmax"], "d", 6),
        ("Against the bound, by d: RMSNorm", [r for r in by_size if r[0] == "rms_norm"], "d", 6),
    ):
        if mine:
            name = mine[0][0]
            colour = _OPERATORS.index(name)
            lines = [
                Line("measured", *_xy(mine, name, relative), False, colour),
                Line(_BOUND, *_xy(mine, name, 7), True, _BOUND_COLOUR),
            ]
            if name == "rms_norm":
                sizes = [row[3] for row in mine]
                step = 2.0**-DEFAULT.grid_bits
                doubled = [rms_norm_bound(size, DEFAULT.steps, step, doubled=True) for size in sizes]
                lines.append(Line("bound with 2 eps, in one note", sizes, doubled, True, 6))
            label = "largest error" if relative == 4 else "relative error, largest element"
            panels.append(Panel(title, _AXES[x], label, lines, ticks=sorted({row[3] for row in mine})[::2]))
    return line_panels("What the error of an operator depends on", panels, path)


def _draw_costs(rows: Rows, path: Path) -> Path:
    """Populations against exact gates, for one row of the largest size."""
    largest = max(row[1] for row in rows)
    mine = [row for row in rows if row[1] in (1, largest)]
    operators = list(dict.fromkeys((row[0], row[1]) for row in mine))
    ways = list(dict.fromkeys(row[2] for row in mine))
    found = {(row[0], row[2]): row for row in mine}
    quantities = {"neurons": 3, "spikes": 5, "SynOps": 6, "work in joules": 7, "time steps": 8, "largest error": 9}
    assert max(quantities.values()) < len(gates.GATE_HEADER)
    panels = [
        Costs(title, [[found[name, way][i] if (name, way) in found else None for way in ways] for name, _ in operators])
        for title, i in quantities.items()
    ]
    names = [name if size == 1 else f"{name} {size}" for name, size in operators]
    return cost_marks("One row of operands: LIF populations against exact FP32 gates", names, ways, panels, path)


def _draw_model(fractions: Rows, counts: Rows, path: Path) -> Path:
    """Error of the digits transformer by fraction of operators replaced, and by time steps and levels."""

    def lines(rows: Rows, key: str, x: int, y: int) -> list[Line]:
        """A line for each value of the first column, labelled by `key`."""
        found = []
        for value in dict.fromkeys(_column(rows, 0)):
            mine = [row for row in rows if row[0] == value]
            found.append(Line(key.format(value), _column(mine, x), _column(mine, y)))
        return found

    counts = sorted(counts, key=lambda row: row[0])
    by_fraction = (
        ("Error", "largest error of a logit", 4, False),
        ("Accuracy", "accuracy", 3, False),
        ("KL of the answers", "KL in nats", 6, True),
    )
    by_count = (
        ("levels L of a spike", 1, "largest error of a logit", 4),
        ("T L, steps times levels", 2, "largest error of a logit", 4),
        ("T L, steps times levels", 2, "accuracy", 3),
    )
    panels = [
        Panel(
            f"{name} by fraction replaced",
            "fraction of operators",
            label,
            lines(fractions, "{}", 1, y),
            log_x=False,
            log_y=log,
            share=label == "accuracy",
        )
        for name, label, y, log in by_fraction
    ]
    panels += [
        Panel(
            "All linear layers by spike counts",
            x_label,
            label,
            lines(counts, "T = {}", x, y),
            log_y=label != "accuracy",
            share=label == "accuracy",
            ticks=sorted(set(_column(counts, x))),
        )
        for x_label, x, label, y in by_count
    ]
    return line_panels("Digits transformer, layers replaced from the first one on", panels, path)


def _column(rows: Rows, i: int) -> list[Any]:
    return [row[i] for row in rows]


def _xy(rows: Rows, name: str, y: int) -> tuple[list[Any], list[Any]]:
    mine = [row for row in rows if row[0] == name]
    return [row[3] for row in mine], [row[y] for row in mine]


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


@marked
def run_nls_tables(config: NlsTablesConfig, out: Path, quick: bool = False) -> list[Table]:
    """Measures what the config names, writes report, tables and figures to `out`, prints the tables; returns them."""
    config = smaller(config, config.quick()) if quick else config
    with standing(config.cluster) as cluster:
        tables, drawn = _sections(config.model_copy(update={"cluster": cluster}), out)
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


def _sections(config: NlsTablesConfig, out: Path) -> tuple[list[Table], list[str]]:
    """(tables, names of figures)."""
    tables: list[Table] = []
    drawn: list[str] = []
    if "errors" in config.sections:
        tables.append(Table("Errors beside published ones", errors.ERROR_HEADER, errors.error_rows(config)))
    if "primitives" in config.sections:
        rows = errors.division_rows(), errors.chord_rows(), errors.tree_rows(config)
        headers = (DIVISION_HEADER, CHORD_HEADER, TREE_HEADER)
        titles = ("Division by divisor", "Chords of exp", "Tree of CORDIC steps")
        tables += [Table(t, h, r) for t, h, r in zip(titles, headers, rows, strict=True)]
        drawn.append(_draw_primitives(*rows, out / "primitives.png").name)
    if "sweeps" in config.sections:
        tables.append(Table("Sweeps", errors.SWEEP_HEADER, errors.sweep_rows(config), printed=False))
        drawn.append(_draw_sweeps(tables[-1].rows, out / "sweeps.png").name)
    if "gates" in config.sections:
        tables.append(Table("Against exact gates", gates.GATE_HEADER, gates.gate_rows(config)))
        drawn.append(_draw_costs(tables[-1].rows, out / "gates.png").name)
    if "model" in config.sections:
        fractions, counts = gates.model_rows(config)
        tables.append(Table("Digits by fraction replaced", gates.FRACTION_HEADER, fractions))
        tables.append(Table("Digits by time steps and levels", gates.COUNT_HEADER, counts))
        drawn.append(_draw_model(fractions, counts, out / "model.png").name)
    return tables, drawn
