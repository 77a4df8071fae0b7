"""Text of reports: tables as Markdown and CSV, values with units, the page and the summary of a run of a model."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lava_nexus.execute.sampled import events_told


def standing(report: dict[str, Any]) -> list[str]:
    """Sentences before any figure: a quick run is none, at which level neurons ran, what is counted and what is not."""
    said = []
    if report.get("quick"):
        left_out = "; ".join(report["shrunk"])
        said.append(f"**A quick run, to see that everything works; its figures are no results: {left_out}.**")
    said += [f"Level at which neurons ran: {levels_told(report)}."] if report["levels"] else []
    energy = report.get("energy")
    if isinstance(energy, dict) and energy.get("work") is not None:
        pace = dict(energy["definition"]).get("pace")
        at = f"at the pace {pace}" if pace else "of work alone, for nothing is placed, so that there is no pace"
        events = events_told(report.get("synops"))
        said.append(
            f"Counted: neurons, synapses, depth, time steps{events}. Estimated from constants, within the ranges in "
            f"brackets: energy, {at}."
        )
    return said


def levels_told(report: dict[str, Any]) -> str:
    """Each level, and the layers of all but the most usual one."""
    of = {a["level"]: [b["process"] for b in report["levels"] if b["level"] == a["level"]] for a in report["levels"]}
    usual, *others = sorted(of, key=lambda level: -len(of[level]))
    return "; ".join([usual, *(f"{', '.join(of[level])}: {level}" for level in others)])


def summary_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, value) pairs: the result in a dozen lines."""
    strict, pytorch, energy = report["ulp"]["strict"], report["ulp"]["pytorch"], report["energy"]
    rows = [
        ("executor", report["executor"]),
        ("level", levels_told(report) if report["levels"] else "-"),
        ("inputs", f"{report['inputs']:,}"),
        ("accuracy of the network", _right(report["accuracy"]["network"], report["inputs"])),
        ("accuracy of PyTorch", _right(report["accuracy"]["pytorch"], report["inputs"])),
        ("ULP against the strict reference", _ulp(strict)),
        ("ULP against PyTorch, which differs by processor", _ulp(pytorch)),
        ("error against PyTorch", _error(report.get("error"))),
        ("neurons", _count(report["neurons"])),
        ("synapses", _count(report["synapses"])),
        ("depth", _count(report["depth"])),
        ("time steps", _count(report["time_steps"])),
        ("spikes", _count(report["spikes"])),
        ("SynOps", _count(report["synops"])),
        *_energy_rows(energy, report["inputs"]),
        ("wall time", _seconds(report["wall_seconds"])),
    ]
    return [row for row in rows if row[1] != "-"]


def _energy_rows(energy: dict[str, Any], inputs: int) -> list[tuple[str, str]]:
    """Work, and what a machine takes where a placement says which, on what and at what pace."""
    if energy["joules"] is None:
        return []
    rows = [
        ("work of the run, no machine", joules_in_range(energy["work"])),
        ("work an input", joules_in_range({name: value / inputs for name, value in energy["work"].items()})),
    ]
    if energy["machine"] is None:
        return rows
    rows[0] = ("work of the run", rows[0][1])
    each = {name: value / inputs for name, value in energy["machine"].items()}
    rows += [("machine", joules_in_range(energy["machine"])), ("machine an input", joules_in_range(each))]
    return rows + [(what, text) for what, text in energy["definition"]]


def joules_in_range(span: dict[str, float], unit: str = "J") -> str:
    """A value with its range, where it has one."""
    low, value, high = (with_prefix(span[name], unit) for name in ("low", "value", "high"))
    return value if low == high else f"{value} ({low} to {high})"


def summary_text(report: dict[str, Any]) -> str:
    """The summary for a terminal."""
    rows = summary_rows(report)
    width = max(len(what) for what, _ in rows)
    head = "".join(f"{sentence}\n" for sentence in [report["title"], *standing(report)])
    return head + "".join(f"{what.ljust(width)}  {value}\n" for what, value in rows)


def run_markdown(report: dict[str, Any], tables: Sequence[str]) -> str:
    """The page of a run of a model."""
    parts = [
        f"# {report['title']}\n",
        *(f"{sentence}\n" for sentence in standing(report)),
        markdown(("", "result"), summary_rows(report)),
    ]
    parts += [f"![{figure['caption']}]({figure['file']})\n\n{figure['caption']}\n" for figure in report["figures"]]
    parts.append(_energy(report["energy"]))
    if report["steps"]:
        rows = [list(row.values()) for row in report["steps"]]
        parts.append("## Step by step, against the strict reference\n\n" + markdown(list(report["steps"][0]), rows))
    parts += tables
    if report["circuits"]:
        rows = [list(row.values()) for row in report["circuits"]]
        parts.append("## Circuits\n\n" + markdown(list(report["circuits"][0]), rows))
    return "\n".join(part for part in [*parts, page_end(report)] if part)


def page_end(report: dict[str, Any]) -> str:
    """What every page ends with: levels, notes, config, versions."""
    parts = []
    if report["levels"]:
        rows = [[level["process"], level["level"]] for level in report["levels"]]
        parts.append("## Level at which each part ran\n\n" + markdown(("part", "level"), rows))
    if report["notes"]:
        parts.append("## Notes\n\n" + "".join(f"- {note}\n" for note in report["notes"]))
    parts.append("## Config\n\n```json\n" + json.dumps(report["config"], indent=2) + "\n```\n")
    parts.append("Versions: " + ", ".join(f"{name} {version}" for name, version in report["versions"].items()) + "\n")
    return "\n".join(parts)


def _energy(energy: dict[str, Any]) -> str:
    if energy["joules"] is None:
        return ""
    total = energy["joules"] or 1.0
    shares = [(SHARES[k], with_prefix(v, "J"), f"{100 * v / total:.1f} %") for k, v in energy["shares"].items()]
    shares.append((energy["kind"], with_prefix(energy["joules"], "J"), "100 %"))
    constants = [(c["meaning"] or name, _constant(c), c["source"]) for name, c in energy["constants"].items()]
    notes = "".join(f"- {note}\n" for note in energy["notes"])
    return (
        "## Energy\n\n"
        + markdown(("of", ""), energy["definition"])
        + "\n"
        + markdown(("share", "energy", f"of {energy['kind']}"), shares)
        + f"\n{notes}\n"
        + markdown(("constant", "value", "source"), constants)
    )


SHARES = {
    "synops": "SynOps",
    "updates_active": "neuron updates, active",
    "spikes": "spikes by themselves",
    "updates_inactive": "neuron updates, idle",
    "routing": "routing",
    "input_output": "input and output",
    "surroundings": "registers, selectors, sequencer, tables",
    "static": "static power",
}
"""Shares of an energy, in words."""


def _constant(values: dict[str, Any]) -> str:
    low, high = (values["value"] if values.get(end) is None else values[end] for end in ("low", "high"))
    ranged = "" if low == high else f" ({low:g} to {high:g})"
    return f"{values['value']:g} {values['unit']}{ranged}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def _right(share: float | None, inputs: int) -> str:
    """With the inputs that it is of, for few are no result."""
    return "-" if share is None else f"{percent(share)} %, {round(share * inputs):,} of {inputs:,}"


def _error(found: dict[str, float] | None) -> str:
    """Unlike ULP, it does not grow where a value is near 0."""
    return "-" if not found else f"at most {found['absolute']:.3g}, {found['relative']:.3g} of the largest value"


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _ulp(summary: dict[str, Any]) -> str:
    if summary["max"] is None:
        return "-"
    count = summary["count"]
    away = round((1.0 - summary["zero_rate"]) * count)
    rate = "100 %" if not away else f"all but {away:,}" if away < count / 100 else _percent(summary["zero_rate"])
    return f"max {summary['max']:,}, mean {summary['mean']:.4g}, 0 ULP on {rate} of {count:,} values"


def markdown(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; columns of numbers are set to the right, None is shown as a dash."""
    listed = [list(row) for row in rows]
    numeric = [
        bool(listed) and all(isinstance(row[i], int | float) or row[i] is None for row in listed)
        for i in range(len(header))
    ]
    cells = [[str(word).replace("|", "\\|") for word in header]]
    cells += [[shown(value).replace("|", "\\|") for value in row] for row in listed]
    width = [max(3, *(len(row[i]) for row in cells)) for i in range(len(header))]
    rule = ["-" * (w - 1) + ":" if right else "-" * w for w, right in zip(width, numeric, strict=True)]
    aligned = [
        [cell.rjust(w) if right else cell.ljust(w) for cell, w, right in zip(row, width, numeric, strict=True)]
        for row in cells
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in (aligned[0], rule, *aligned[1:]))


def comma_separated(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV table with full precision; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


PREFIXES = {"G": 1e9, "M": 1e6, "k": 1e3, "": 1.0, "m": 1e-3, "µ": 1e-6, "n": 1e-9, "p": 1e-12}  # the largest first


def with_prefix(value: float, unit: str) -> str:
    """A value with an SI prefix, three significant digits: 0.0123 J is `12.3 mJ`; whole seconds have none."""
    for prefix, factor in PREFIXES.items():
        if abs(value) >= factor * 0.9995 and (factor <= 1 or unit != "s"):
            return f"{three_digits(value / factor)} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def percent(share: float) -> str:
    """A share in percent: two decimals, and never 100 where something was wrong."""
    text = f"{100 * share:.2f}"
    return text if share == 1 or text != "100.00" else f"{100 * share:.4f}"


def three_digits(value: float) -> str:
    """Three significant digits, thousands set apart: 5,934.2 is `5,930`, 0.00099882 is `0.000999`."""
    return f"{float(f'{value:.3g}'):,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def shown(value: Any) -> str:
    """A value as tables show it: None a dash, thousands apart, four digits of a fraction."""
    if value is None or isinstance(value, bool):
        return {None: "-", True: "yes", False: "no"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


Csv = tuple[Sequence[str], Sequence[Sequence[Any]]]


def columns(records: Iterable[Mapping[str, Any]]) -> Csv:
    """Header and rows of records, a column for each of their keys; None where a record has none."""
    listed = list(records)
    names = list(dict.fromkeys(name for record in listed for name in record))
    return names, [[record.get(name) for name in names] for record in listed]


@dataclass(frozen=True)
class Table:
    """A table of a report.

    Attributes:
        title: of its section; empty for none.
        header, rows: of it; None is a dash.
        file: name of the CSV file; empty for one made of the title, None for a table that only the page has.
        text: sentences below it.
        printed: whether the terminal shows it.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    file: str | None = ""
    text: str = ""
    printed: bool = True

    def __post_init__(self) -> None:
        if self.file == "":
            words = "".join(c if c.isalnum() else " " for c in self.title.lower()).split()
            object.__setattr__(self, "file", "_".join(words) + ".csv")

    @classmethod
    def of(cls, title: str, records: Iterable[Mapping[str, Any]], file: str | None = "", text: str = "") -> Table:
        """Of records with the same keys."""
        return cls(title, *columns(records), file, text)

    def markdown(self) -> str:
        """Its section."""
        head = f"## {self.title}\n\n" if self.title else ""
        return head + markdown(self.header, self.rows) + (f"\n{self.text}\n" if self.text else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"title": self.title, "file": self.file, "header": [*self.header], "rows": [[*row] for row in self.rows]}
