"""What papers print, as data with their source; figures that only ever stand beside measured ones.

`published("ulp")` reads `ulp.yaml` of this folder into typed rows. Nothing measured here belongs in these files, and
what a paper does not print is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, overload

from lava_nexus.documents import read_yaml

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Figure:
    """One printed figure.

    Attributes:
        value: as printed, or the bound.
        std: the deviation printed with it, or None.
        sign: "", or "<" or ">" where a bound is printed.
    """

    value: float
    std: float | None = None
    sign: str = ""

    def __str__(self) -> str:
        text = f"{self.sign}{' ' if self.sign else ''}{self.value:,.6g}"
        return text if self.std is None else f"{text} ± {self.std:.6g}"


@dataclass(frozen=True)
class PublishedRow:
    """One row of a table.

    Attributes:
        key: what the row is of: words and numbers.
        figures: by column.
        source: paper and place in it.
    """

    key: dict[str, Any]
    figures: dict[str, Figure]
    source: str

    def __getitem__(self, column: str) -> Figure | None:
        """The figure of a column, None where none is printed."""
        return self.figures.get(column)


@dataclass(frozen=True)
class PublishedUlp:
    """What a paper prints of one layer or operation, in FP32; None where it prints nothing.

    Attributes:
        max, mean: ULP.
        zero_percent: share of results 0 ULP away, 0..100.
        source: paper and place in it.
        error: largest absolute error.
    """

    max: int | None
    mean: float | None
    zero_percent: float | None
    source: str
    error: float | None = None


@dataclass(frozen=True)
class PublishedNeurons:
    """What a paper prints of one operation in one format, or of one model.

    Attributes:
        neurons: of it.
        source: paper and place in it.
    """

    neurons: int
    source: str


@dataclass(frozen=True)
class PublishedError:
    """Largest and mean error that are printed, and where."""

    max: float
    mean: float
    source: str


@dataclass(frozen=True)
class PublishedAccuracy:
    """One cell of a robustness table; shares 0..1.

    Attributes:
        accuracy: mean.
        deviation: as printed; what over is not stated.
        source: paper and table.
    """

    accuracy: float
    deviation: float
    source: str


@dataclass(frozen=True)
class PublishedEnergyRow:
    """One row as printed.

    Attributes:
        subject: what of ours stands beside it.
        group, component: as the table says.
        neurons, spikes: IF neurons and active spikes.
        loihi_nj, gpu_nj: nanojoules; None where the table has a dash.
        saving: GPU over Loihi as printed.
        macs: multiply-accumulates of the row, 0 for rows that are none.
        parts: subjects of the rows that make it up, `times` of each.
    """

    subject: str
    group: str
    component: str
    neurons: float
    spikes: float
    loihi_nj: float
    gpu_nj: float | None
    saving: str | None
    macs: int = 0
    parts: tuple[str, ...] = ()
    times: int = 1


@dataclass(frozen=True)
class PublishedSystem:
    """Counts an FP32 multiply-accumulate of a system that others built.

    Attributes:
        system: name.
        spikes, evaluations: of neurons.
        spikes_nj, synops_nj, total_nj: the three accountings, in nanojoules.
        source: where the figures are from.
    """

    system: str
    spikes: float
    evaluations: float
    spikes_nj: float
    synops_nj: float
    total_nj: float
    source: str


@dataclass(frozen=True)
class PublishedEnergy:
    """The table, its source, and the energy that it charges a spike with."""

    source: str
    spike_pj: float
    rows: tuple[PublishedEnergyRow, ...]
    systems: tuple[PublishedSystem, ...]

    def row(self, subject: str) -> PublishedEnergyRow:
        """The row of a subject."""
        return next(row for row in self.rows if row.subject == subject)

    def recomputed_nj(self, row: PublishedEnergyRow) -> float:
        """Printed spikes times the printed energy of a spike."""
        return row.spikes * self.spike_pj / 1000

    def ratio(self, row: PublishedEnergyRow) -> float:
        """Recomputed over printed."""
        return self.recomputed_nj(row) / row.loihi_nj


UlpRows = dict[tuple[str, str], PublishedUlp]
NeuronRows = dict[str, dict[tuple[str, str], PublishedNeurons]]
AccuracyTables = dict[str, dict[tuple[str, float], PublishedAccuracy]]


@overload
def published(name: Literal["ulp"]) -> UlpRows: ...
@overload
def published(name: Literal["models"]) -> dict[str, tuple[PublishedRow, ...]]: ...
@overload
def published(name: Literal["neurons"]) -> NeuronRows: ...
@overload
def published(name: Literal["sizes"]) -> dict[str, PublishedNeurons]: ...
@overload
def published(name: Literal["nls"]) -> dict[tuple[str, int], PublishedError]: ...
@overload
def published(name: Literal["robustness"]) -> AccuracyTables: ...
@overload
def published(name: Literal["energy"]) -> PublishedEnergy: ...
@overload
def published(name: Literal["tasks"]) -> dict[str, Any]: ...
@cache
def published(name: str) -> Any:
    """The figures of a file.

    | name | rows |
    | --- | --- |
    | ulp | by (layer or operation, part): "forward + backward", "forward", "grad x", ..., "" for an operation |
    | models | by table, in the order of print: encodings, methods and whole models |
    | neurons | by short name of the paper, then by (operation, format) |
    | sizes | neurons of blocks and whole models, by model |
    | nls | errors of operators of LIF populations, by (operator, size) |
    | robustness | by table, then by (circuit, parameter) |
    | energy | the table of energies, with what it charges a spike, and systems of others |
    | tasks | the tables of language models as they are laid out |
    """
    return _READERS[name](read_yaml(_FOLDER / f"{name}.yaml"))


def published_row(table: str, **key: Any) -> PublishedRow | None:
    """The row of a table of `models` whose key has these entries, None where there is none."""
    return next((r for r in published("models")[table] if all(r.key.get(k) == v for k, v in key.items())), None)


def _source(data: dict[str, Any], row: dict[str, Any]) -> str:
    return f"{data['sources'][row['source']]}, {row['where']}"


def _ulp(data: dict[str, Any]) -> UlpRows:
    return {
        (row["row"], row["part"]): PublishedUlp(
            row.get("max"), row.get("mean"), row.get("zero_percent"), _source(data, row), row.get("error")
        )
        for row in data["rows"]
    }


def _models(data: dict[str, Any]) -> dict[str, tuple[PublishedRow, ...]]:
    tables = {name: table for name, table in data.items() if name != "source"}
    return {
        name: tuple(_row(row, f"{data['source']}, {table['where']}") for row in table["rows"])
        for name, table in tables.items()
    }


def _row(row: dict[str, Any], source: str) -> PublishedRow:
    figures = {name: _figure(value) for name, value in row.items() if isinstance(value, dict)}
    return PublishedRow({k: v for k, v in row.items() if k not in figures}, figures, source)


def _figure(value: dict[str, float]) -> Figure:
    for key, sign in (("gt", ">"), ("lt", "<")):
        if key in value:
            return Figure(float(value[key]), sign=sign)
    return Figure(float(value["value"]), value.get("std"))


def _neurons(data: dict[str, Any]) -> NeuronRows:
    found: NeuronRows = {}
    for row in data["rows"]:
        of_paper = found.setdefault(row["source"], {})
        of_paper[row["operation"], row["format"]] = PublishedNeurons(row["neurons"], _source(data, row))
    return found


def _nls(data: dict[str, Any]) -> dict[tuple[str, int], PublishedError]:
    return {
        (row["operator"], row["size"]): PublishedError(row["max"], row["mean"], data["sources"][row["source"]])
        for row in data["operator_errors"]
    }


def _robustness(data: dict[str, Any]) -> AccuracyTables:
    return {
        table: {
            (name, float(at)): PublishedAccuracy(value / 100, deviation / 100, f"{data['source']}, {entry['label']}")
            for name, at, value, deviation in entry["rows"]
        }
        for table, entry in data["tables"].items()
    }


def _energy(data: dict[str, Any]) -> PublishedEnergy:
    rows = tuple(PublishedEnergyRow(**{**row, "parts": tuple(row.get("parts", ()))}) for row in data["rows"])
    systems = tuple(PublishedSystem(**one) for one in data["systems"])
    return PublishedEnergy(data["source"], data["spike_pj"], rows, systems)


_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "ulp": _ulp,
    "models": _models,
    "neurons": _neurons,
    "sizes": lambda data: {row["model"]: PublishedNeurons(row["neurons"], _source(data, row)) for row in data["rows"]},
    "nls": _nls,
    "robustness": _robustness,
    "energy": _energy,
    "tasks": dict,
}
