"""Tables and figures of the study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lava_nexus.documents import read_text
from lava_nexus.errors import NexusError
from lava_nexus.files import write_text
from lava_nexus.lab.configs.study import StudyConfig
from lava_nexus.lab.figures.approximation import Line, Panel, line_panels
from lava_nexus.lab.pages import filled, read_report
from lava_nexus.lab.report import Report, Table

Row = dict[str, Any]
FIGURE = "perplexity_by_share.png"
_LIMIT = 1.0
_STARTED = ("perplexity", "plain", "equal_logits", "largest_difference", "largest_logit", "same_first", "seconds")
_MEASURED = ("perplexity", "change", "kl", "same_first")
_TITLES = {
    "formats": "Formats and sums",
    "operators": "Operators of LIF populations in all layers, published options",
    "options": "One option changed at a time, operator in all layers",
    "layers": "A growing share of layers, from the first",
    "start": "The start of the text by executors, and by plain sums of the same kind",
}
_HEADS = {
    "perplexity": "perplexity",
    "change": "change, %",
    "kl": "KL, nats a token",
    "same_first": "same first word",
    "plain": "plain",
    "equal_logits": "logits with equal bits",
    "largest_difference": "largest difference",
    "largest_logit": "largest logit",
    "seconds": "processor seconds",
}
_NOTES = (
    "Perplexity is a token's, over windows that do not overlap; the first token of a window is not scored. KL is from "
    "the answers of plain FP32 (PyTorch's product) to the run's, over the whole vocabulary; 'same first word' is the "
    "share of tokens whose most likely successor is the same. A dash is NaN: the run left its format's range.",
    "Linear layers are plain float kernels and operators the integers of their populations' programs, held against the "
    "executors by tests (tests/lab/study).",
)


def study_report(
    config: StudyConfig, model: str, shape: tuple[int, ...], rows: Sequence[Row], seconds: float, out: Path, quick: bool
) -> Report:
    """The page of all cases; draws the figure where layers were swept."""
    exact = next(row for row in rows if row["case"] == "kernel float32")["perplexity"]
    for row in (row for row in rows if row["group"] != "start"):
        row["change"] = None if row["perplexity"] is None else 100 * (row["perplexity"] / exact - 1)
    scored = rows[0]["tokens_scored"]
    size = f"{scored:,} scored tokens of '{config.text.name}' ({shape[0]} windows of {shape[1]})"
    title = f"{model} on {size}" + (", a quick run" if quick else "")
    tables = [_table(group, [row for row in rows if row["group"] == group]) for group in _TITLES]
    return Report(
        title=title,
        name="study",
        config=config.resolved(),
        lead=[*_verdict(rows, exact)],
        tables=[table for table in tables if table.rows],
        figures=_figures(rows, f"{model}, {scored:,} tokens", out),
        notes=_NOTES,
        values={"model": model, "tokens": scored, "window": shape[1], "quick": quick, "rows": rows, "seconds": seconds},
    )


def _table(group: str, rows: Sequence[Row]) -> Table:
    measured = _STARTED if group == "start" else _MEASURED
    own = [key for row in rows[:1] for key in row if key not in ("case", "group", "tokens_scored", *_HEADS)]
    header = [*own, *(_HEADS[key] for key in measured)]
    return Table(_TITLES[group], header, [[_shown(row, key) for key in (*own, *measured)] for row in rows])


def _shown(row: Row, key: str) -> Any:
    value = row[key]
    if value is None or not isinstance(value, float):
        return value
    digits = {"perplexity": ".6g", "plain": ".6g", "change": "+.3g", "kl": ".3g", "same_first": ".4f", "share": ".2f"}
    digits |= {"equal_logits": ".4f", "largest_difference": ".2g", "largest_logit": ".3g", "seconds": ".0f"}
    return format(value, digits.get(key, "g"))


def _verdict(rows: Sequence[Row], exact: float) -> list[str]:
    """Whether replaced operators change perplexity by less than 1 %, in sentences."""
    published = [row for row in rows if row["group"] == "operators"]
    if not published:
        return []
    below = [row["operators"] for row in published if row["change"] is not None and row["change"] < _LIMIT]
    above = [row["operators"] for row in published if row["operators"] not in below]
    found = [
        f"Perplexity of plain FP32: {exact:.6g}. With the published options in all layers it grows by less than "
        f"{_LIMIT:g} % for {'; '.join(below) or 'no choice of operators'}, and by more (or to NaN) for "
        f"{'; '.join(above) or 'none'}."
    ]
    whole = [row for row in rows if row["group"] == "layers" and row["share"] == 1.0]
    held = [
        f"{row['operators']} ({row['options']})"
        for row in whole
        if row["change"] is not None and row["change"] < _LIMIT
    ]
    if whole:
        found.append(f"Over all swept options of whole models it holds for {'; '.join(held) or 'none'}.")
    return found


def _figures(rows: Sequence[Row], subject: str, out: Path) -> list[tuple[str, str]]:
    swept = [row for row in rows if row["group"] == "layers"]
    if not swept:
        return []
    panels = []
    for options in dict.fromkeys(row["options"] for row in swept):
        mine = [row for row in swept if row["options"] == options]
        lines = []
        for names in dict.fromkeys(row["operators"] for row in mine):
            line = [row for row in mine if row["operators"] == names]
            lines.append(Line(names, [row["share"] for row in line], [row["change"] for row in line]))
        shares = sorted({row["share"] for row in mine})
        lines.append(Line("1 %", [shares[0], shares[-1]], [_LIMIT, _LIMIT], True, 8))
        panels.append(Panel(f"{options} options", "share of layers", "growth of perplexity, %", lines, log_x=False))
    caption = (
        "Perplexity against the share of layers whose operators are LIF populations; what is not drawn is 0 or NaN."
    )
    line_panels(f"Perplexity by share of layers: {subject}", panels, out / FIGURE, columns=2)
    return [(FIGURE, caption)]


def _kept_as(rows: Sequence[Row]) -> str | None:
    """The part of the page that a report is kept as; None of one that shows nothing."""
    groups = {row["group"] for row in rows}
    if "layers" in groups:
        return "study"
    return "start" if "start" in groups else "exact" if len(rows) > 1 else None


def update_study_page(results: Path, root: Path) -> None:
    """Takes the report of a study into docs/smollm2.md, its JSON beside, its figure into docs/images/.

    A whole study is the page's part "study", one with runs by executors "start", one of formats alone "exact".

    Raises:
        NexusError: the run was a quick one or shows nothing, or the marks are not there.
    """
    report = read_report(results / "study.json")
    part = _kept_as(report["rows"])
    if report["quick"] or part is None:
        raise NexusError(f"'{results}' holds a quick run, or the exact run alone, which is no result: run it whole")
    for key in ("out", "checkpoint"):
        report["config"].pop(key, None)
    docs = root / "docs"
    page = docs / "smollm2.md"
    content = filled(read_text(page, "page"), part, lambda: page_part(report), str(page))
    write_text(docs / f"smollm2_{part}.json", json.dumps(report, indent=1) + "\n")
    _figures(report["rows"], f"{report['model']}, {report['tokens']:,} tokens", docs / "images")
    write_text(page, content)


def page_part(report: dict[str, Any]) -> str:
    """What the page holds of a kept report."""
    rows = report["rows"]
    exact = next(row for row in rows if row["case"] == "kernel float32")["perplexity"]
    tables = [_table(group, [row for row in rows if row["group"] == group]) for group in _TITLES]
    lead = [f"{report['title']}; device: {report['config']['device']}.", *_verdict(rows, exact)]
    return "\n".join([" ".join(lead), "", *(table.markdown() for table in tables if table.rows)])
