"""The ULP tables as Markdown, CSV, JSON and two figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lava_nexus.lab.figures.ulp import depth_figure, operation_figure, panel_figure
from lava_nexus.lab.published import PublishedUlp
from lava_nexus.lab.report import Report, Table, columns
from lava_nexus.lab.ulp.comparison import COMPARISONS, NOT_A_NUMBER, TITLES, Ran, UlpRow
from lava_nexus.lab.ulp.methods import Section

_FIELDS = ("max", "mean", "zero_rate", "unequal_bits", "error", "relative")
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


def ulp_report(
    rows: Sequence[UlpRow], sections: Sequence[Section], config: Mapping[str, Any], folder: Path, ran: Ran | None = None
) -> Report:
    """The report of rows and sections, and of how a whole model ran; figures go to `folder`."""
    figures = _draw(rows, folder) + [name for section in sections for name in section.figures]
    name = (config.get("model") or {}).get("name")
    of_model = f" of {name}" if name else ""
    data = {f"{section.name}.csv": columns(section.values) for section in sections}
    return Report(
        title=f"ULP tables{of_model}, {config['format']}, {config['executor']} executor",
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
            "ran": None if ran is None else vars(ran),
        },
        data=data | ({"ulp_tables.csv": columns(map(_csv_row, rows))} if rows else {}),
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
    found = [r.measured[c] for c in COMPARISONS]
    cells = [cell(None if m is None else m.to_dict(), r.table in _MODEL_TABLES) for m in found]
    return [r.label, r.results, printed(r.published), *cells, r.published.source if r.published else None]


def cell(measured: Mapping[str, Any] | None, with_error: bool = False) -> str | None:
    """Distances as `Distances.to_dict` gives them: largest ULP / mean / share of 0 ULP, with the largest error."""
    if measured is None:
        return None
    largest = "NaN" if measured["max"] == NOT_A_NUMBER else f"{measured['max']:,}"
    error = "NaN" if measured["error"] is None else f"{measured['error']:.3g}"
    mean = "NaN" if largest == "NaN" else f"{measured['mean']:.3g}"
    text = f"{largest} / {mean} / {percent(measured['zero_rate'])}"
    return f"{text} / {error}" if with_error else text


def percent(share: float) -> str:
    """A share 0..1 in percent; 100 % only where it is all."""
    for digits in (1, 3, 5):
        text = f"{100 * share:.{digits}f}"
        if share == 1 or float(text) < 100:
            return f"{'100' if share == 1 else text} %"
    return "< 100 %"


def printed(published: PublishedUlp | None) -> str | None:
    """A published row: largest ULP / mean / share of 0 ULP, and the largest error where it is printed."""
    if published is None:
        return None
    zero = None if published.zero_percent is None else f"{published.zero_percent:g} %"
    error = () if published.error is None else (f"{published.error:.3g}",)
    values = (published.max, published.mean, zero, *error)
    return " / ".join("-" if value is None else str(value) for value in values)


def _csv_row(r: UlpRow) -> dict[str, Any]:
    found = {"table": r.table, "name": r.name, "part": r.part, "inputs": r.inputs, "results": r.results}
    for field in ("max", "mean", "zero_percent", "error", "source"):
        found[f"published_{field}"] = r.published and getattr(r.published, field)
    for comparison, measured in r.measured.items():
        found |= {f"{comparison}_{field}": measured and measured.to_dict()[field] for field in _FIELDS}
    return found


def _json_row(r: UlpRow) -> dict[str, Any]:
    measured = {c: None if m is None else m.to_dict() for c, m in r.measured.items()}
    published = vars(r.published) if r.published else None
    head = {"table": r.table, "name": r.name, "part": r.part, "inputs": r.inputs}
    return {**head, "published": published, "measured": measured}


def _draw(rows: Sequence[UlpRow], folder: Path) -> list[str]:
    """Figures of the rows with most inputs."""
    layers = [r for r in _largest(rows, "component") if r.part in ("forward + backward", "forward")]
    together = {r.name for r in layers if r.part != "forward"}
    layers = [r for r in layers if r.part != "forward" or r.name not in together]
    depths, operations = _largest(rows, "depth"), _largest(rows, "operation")
    drawn = []
    if layers:
        drawn.append(panel_figure(layers, folder / "ulp_components.png").name)
    if depths:
        drawn.append(depth_figure(depths, folder / "ulp_depth.png", "Hidden states, layer by layer").name)
    if operations:
        drawn.append(operation_figure(operations, folder / "ulp_operations.png").name)
    return drawn


def _largest(rows: Sequence[UlpRow], table: str) -> list[UlpRow]:
    mine = [r for r in rows if r.table == table]
    most = max((r.inputs for r in mine), default=0)
    return [r for r in mine if r.inputs == most]
