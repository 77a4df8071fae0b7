"""The ULP tables as Markdown, CSV, JSON and two figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lava_nexus.lab.figures.ulp import DepthLine, OperationBar, UlpPanel, depth_figure, operation_figure, panel_figure
from lava_nexus.lab.published import PublishedUlp
from lava_nexus.lab.report import Report, Table
from lava_nexus.lab.ulp.comparison import COMPARISONS, TITLES, Distances, UlpRow
from lava_nexus.lab.ulp.methods import Section

_FIELDS = ("max", "mean", "zero_rate", "unequal_bits", "error")
CSV_HEADER = (
    "table",
    "name",
    "part",
    "inputs",
    "results",
    "published_max",
    "published_mean",
    "published_zero_percent",
    "published_error",
    "published_source",
    *(f"{comparison}_{field}" for comparison in COMPARISONS for field in _FIELDS),
)
_MARKDOWN_HEADER = ("", "results", "published", *(TITLES[c] for c in COMPARISONS), "source of the published figures")
_CAPTIONS = {
    "component": "Layers, forward and backward pass as programs of circuits",
    "operation": "Operations",
    "end_to_end": "A whole model and its parts",
    "depth": "Hidden states after so many layers",
    "module": "Operations of a model, on the operands that PyTorch's model met",
}
_MODEL_TABLES = ("end_to_end", "depth", "module")
_NOTES = (
    "A cell is: largest ULP / mean ULP / share of results 0 ULP away. A dash: not printed, or nothing to compare with.",
    "Inputs, weights and gradients are drawn from N(0, 1), rounded to the format; sqrt, rsqrt and log take |N(0, 1)|; "
    "rows of attention weights are positive and sum to 1.",
    "The strict reference evaluates the same program by golden functions, without neurons: it shares the order of "
    "operations, so that 0 ULP is the only right answer.",
    "PyTorch sums in another order and fuses multiply and add, so the distance to it measures both; float64 rounded "
    "once says which of the two is nearer to the true value.",
    "Where a sum cancels, few bits of the result are left and the ULP of a rounding error before it are many: mean and "
    "largest ULP grow with the number of inputs, for PyTorch as for us. The share of 0 ULP does not.",
    "In formats of 16 bits PyTorch computes in FP32 and rounds at the end; ours rounds every operation.",
    "A smaller number of inputs is the beginning of a larger one.",
)
_MODEL_NOTES = (
    "Of models a cell ends with the largest absolute error. Every engine computes its own hidden states from the tokens"
    " on; attention and feed-forward part are run by themselves on numbers from N(0, 1).",
    "PyTorch's model is written as the transformers library has it: weight * (x * rsqrt(mean + eps)), SiLU and softmax"
    " by PyTorch's kernels. Functions differ by an ULP here and there: orders of sums alone do not close the gap.",
)
_MODULE_NOTE = (
    "Operations of a model are given the operands that PyTorch's model met, so that no row carries another's"
    " difference; of causal attention what a token sees is compared. With `accumulate: torch` every product is"
    " PyTorch's in every bit; norms, softmax and SiLU are functions of their own."
)
_PUBLISHED_NOTE = (
    "Published figures are of FP32 and 1,024 inputs and do not say how wide the layers were; sums that cancel put even "
    "PyTorch further from the true value than the largest ULP that they print. The component table's four shares of "
    "0 ULP (37.5, 75.0, 46.9 and 87.5 %) are 12, 24, 15 and 28 in 32."
)


def ulp_report(rows: Sequence[UlpRow], sections: Sequence[Section], config: Mapping[str, Any], folder: Path) -> Report:
    """The report of rows and sections; figures, and the CSV files of sections, go to `folder`."""
    figures = _draw(rows, folder) + [name for section in sections for name in section.figures]
    for section in sections:
        section.write_csv(folder)
    return Report(
        title=f"ULP tables, {config['format']}, {config['executor']} executor",
        name="ulp_tables",
        config=config,
        tables=_tables(rows),
        sections=[section.markdown() for section in sections],
        figures=[(name, name.partition(".")[0].replace("_", " ")) for name in figures],
        notes=_notes(rows),
        values={
            "comparisons": TITLES,
            "rows": [_json_row(r) for r in rows],
            "sections": {section.name: list(section.values) for section in sections},
        },
        data={"ulp_tables.csv": (CSV_HEADER, [_csv_row(r) for r in rows])} if rows else {},
        failure=_failure(rows),
    )


def _failure(rows: Sequence[UlpRow]) -> str:
    """The first row in which the neurons differ from the strict reference."""
    for r in rows:
        strict = r.measured["strict"]
        if strict is not None and strict.ulp.unequal_bits:
            return (
                f"'{r.label}' on {r.inputs} inputs: {strict.ulp.unequal_bits} of {strict.ulp.count} results of the "
                f"neurons differ from the strict reference, by at most {strict.ulp.max} ULP"
            )
    return ""


def _notes(rows: Sequence[UlpRow]) -> list[str]:
    drawn = any(r.table not in _MODEL_TABLES for r in rows)
    notes = [*(_NOTES if drawn else _NOTES[:1] + _NOTES[2:5] if rows else ())]
    if any(r.table in _MODEL_TABLES for r in rows):
        notes += _MODEL_NOTES
    if any(r.table == "module" for r in rows):
        notes.append(_MODULE_NOTE)
    return notes + ([_PUBLISHED_NOTE] if drawn and any(r.published for r in rows) else [])


def _tables(rows: Sequence[UlpRow]) -> list[Table]:
    groups: dict[tuple[str, int], list[UlpRow]] = {}
    for r in rows:
        groups.setdefault((r.table, r.inputs), []).append(r)
    ordered = sorted(groups, key=lambda key: (list(_CAPTIONS).index(key[0]), key[1]))
    return [
        Table(
            f"{_CAPTIONS[table]}: {inputs:,} {'tokens' if table in _MODEL_TABLES else 'random inputs'}",
            _MARKDOWN_HEADER,
            [_markdown_row(r) for r in groups[table, inputs]],
            None,
        )
        for table, inputs in ordered
    ]


def _markdown_row(r: UlpRow) -> list[Any]:
    cells = [_cell(r.measured[c], r.table in _MODEL_TABLES) for c in COMPARISONS]
    return [r.label, _results(r), _printed(r.published), *cells, r.published.source if r.published else None]


def _cell(measured: Distances | None, with_error: bool = False) -> str | None:
    if measured is None:
        return None
    ulp = measured.ulp
    largest = "NaN" if ulp.max == 2**64 - 1 else f"{ulp.max:,}"
    error = "NaN" if measured.error is None else f"{measured.error:.3g}"
    text = f"{largest} / {'NaN' if largest == 'NaN' else f'{ulp.mean:.3g}'} / {percent(ulp.zero_rate)}"
    return f"{text} / {error}" if with_error else text


def percent(share: float) -> str:
    """A share 0..1 in percent; 100 % only where it is all."""
    for digits in (1, 3, 5):
        text = f"{100 * share:.{digits}f}"
        if share == 1 or float(text) < 100:
            return f"{'100' if share == 1 else text} %"
    return "< 100 %"


def _printed(published: PublishedUlp | None) -> str | None:
    if published is None:
        return None
    zero = None if published.zero_percent is None else f"{published.zero_percent:g} %"
    error = () if published.error is None else (f"{published.error:.3g}",)
    values = (published.max, published.mean, zero, *error)
    return " / ".join("-" if value is None else str(value) for value in values)


def _results(r: UlpRow) -> int:
    strict = r.measured["strict"]
    return strict.ulp.count if strict else 0


def _csv_row(r: UlpRow) -> list[Any]:
    p = r.published
    printed = [p.max, p.mean, p.zero_percent, p.error, p.source] if p else [None] * 5
    measured = [None if m is None else m.to_dict()[f] for m in (r.measured[c] for c in COMPARISONS) for f in _FIELDS]
    return [r.table, r.name, r.part, r.inputs, _results(r), *printed, *measured]


def _json_row(r: UlpRow) -> dict[str, Any]:
    measured = {c: None if m is None else m.to_dict() for c, m in r.measured.items()}
    published = vars(r.published) if r.published else None
    head = {"table": r.table, "name": r.name, "part": r.part, "inputs": r.inputs}
    return {**head, "published": published, "measured": measured}


def _draw(rows: Sequence[UlpRow], folder: Path) -> list[str]:
    """Figures of the rows with most inputs."""
    drawn = []
    panels = [_panel(r) for r in _largest(rows, "component") if r.part in ("forward + backward", "forward")]
    together = {panel.name for panel in panels if panel.part != "forward"}
    panels = [p for p in panels if p.part != "forward" or p.name not in together]
    if panels:
        drawn.append(panel_figure(panels, folder / "ulp_components.png").name)
    deep = _largest(rows, "depth")
    if deep:
        drawn.append(_depths(deep, folder / "ulp_depth.png"))
    bars = [
        OperationBar(r.name, _misses(r.measured["exact"]), _misses(r.measured["pytorch_exact"]), _results(r))
        for r in _largest(rows, "operation")
    ]
    if bars:
        drawn.append(operation_figure(bars, folder / "ulp_operations.png").name)
    return drawn


def _depths(rows: Sequence[UlpRow], path: Path) -> str:
    lines = {}
    for comparison in COMPARISONS:
        found = [r.measured[comparison] for r in rows]
        if all(m is None for m in found):
            continue
        lines[TITLES[comparison]] = DepthLine(
            [None if m is None or m.ulp.max == 2**64 - 1 else m.ulp.max for m in found],
            [None if m is None or m.ulp.max == 2**64 - 1 else m.ulp.mean for m in found],
            [None if m is None else 100 * m.ulp.zero_rate for m in found],
        )
    if any(r.published for r in rows):
        printed = [r.published for r in rows]
        lines["published"] = DepthLine(
            *([None if p is None else getattr(p, f) for p in printed] for f in ("max", "mean", "zero_percent"))
        )
    depths = [int(r.name.split()[0]) for r in rows]
    return depth_figure(depths, lines, path, "Hidden states, layer by layer").name


def _largest(rows: Sequence[UlpRow], table: str) -> list[UlpRow]:
    mine = [r for r in rows if r.table == table]
    most = max((r.inputs for r in mine), default=0)
    return [r for r in mine if r.inputs == most]


def _panel(r: UlpRow) -> UlpPanel:
    series = {
        TITLES[c]: (m.histogram, m.ulp.max if m.ulp.max < 2**64 - 1 else -1)
        for c in COMPARISONS
        if c != "strict" and (m := r.measured[c]) is not None
    }
    published = (r.published.max, r.published.zero_percent) if r.published else (None, None)
    strict = r.measured["strict"]
    return UlpPanel(r.name, r.part, _results(r), strict.ulp.unequal_bits if strict else 0, series, *published)


def _misses(measured: Distances | None) -> tuple[float, int] | None:
    return None if measured is None else (1 - measured.ulp.zero_rate, measured.ulp.max)
