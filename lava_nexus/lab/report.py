"""The one report: a page for people, JSON for programs, CSV for spreadsheets; of a run of a model, its summary too."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus import files
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.energy import EnergyReport, energy_of, energy_of_tallies, load_energy_model
from lava_nexus.errors import NexusError
from lava_nexus.execute.sampled import Estimate
from lava_nexus.execute.tallies import Tallies, Tally
from lava_nexus.formats import UlpSummary
from lava_nexus.lab.markdown import Csv as Csv
from lava_nexus.lab.markdown import Table as Table
from lava_nexus.lab.markdown import columns as columns
from lava_nexus.lab.markdown import comma_separated, page_end, run_markdown, standing, summary_text
from lava_nexus.lab.trial import MARK, trial
from lava_nexus.lab.web import html_page
from lava_nexus.progress import say
from lava_nexus.store import installed_versions

SCHEMA_VERSION = 2
CIRCUIT_HEADER = ("circuit", "basis", "neurons", "synapses", "depth", "invocations", "spikes", "synops")
LAYER_HEADER = ("layer", "circuit", "synops")
_SIZES = ("neurons", "depth", "spikes", "synops")
STEP_HEADER = ("step", "max ULP", "mean ULP", "unequal bits", "values", *_SIZES, "seconds")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an experiment found.

    Attributes:
        title: first line of the page.
        config: the resolved config.
        name: of the page and of the JSON file, without ending.
        lead: sentences that come first, on the terminal too.
        levels: (process or layer, level at which it ran: "LIF", "vectorised neurons", "word logic", "reference").
        tables: in order.
        sections: Markdown after the tables, on the terminal too.
        figures: (file name in the folder of the report, caption).
        notes: sentences that a reader needs beside the numbers.
        values: further JSON values.
        data: further CSV files, name to header and rows.
        failure: what the experiment found to be wrong, in one sentence, which it then ends with; empty for nothing.
        trial: what a quick run left out; None for a whole one.
        versions: of Python and of packages.
    """

    title: str
    config: Mapping[str, Any]
    name: str = "report"
    lead: Sequence[str] = ()
    levels: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    sections: Sequence[str] = ()
    figures: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Csv] = field(default_factory=dict)
    failure: str = ""
    trial: tuple[str, ...] | None = field(default_factory=trial)
    versions: dict[str, str] = field(default_factory=installed_versions)

    @property
    def headline(self) -> str:
        """The title, that of a quick run marked."""
        return self.title if self.trial is None else f"{MARK}: {self.title}"

    @property
    def standing(self) -> list[str]:
        """What a reader must know before any figure: a quick run, the level at which neurons ran, what is estimated."""
        return standing(_finite(self.to_dict()))

    @property
    def files(self) -> dict[str, Csv]:
        """Header and rows of each CSV file."""
        return {**self.data, **{table.file: (table.header, table.rows) for table in self.tables if table.file}}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the JSON file."""
        return {
            "schema_version": SCHEMA_VERSION,
            "title": self.headline,
            "quick": self.trial is not None,
            "shrunk": list(self.trial or ()),
            "config": dict(self.config),
            "levels": [{"process": process, "level": level} for process, level in self.levels],
            "tables": [table.to_dict() for table in self.tables if table.file],
            "figures": [{"file": name, "caption": caption} for name, caption in self.figures],
            "findings": list(self.lead),
            "notes": list(self.notes),
            **self._own(),
            **self.values,
            "versions": self.versions,
        }

    def _own(self) -> dict[str, Any]:
        """What a kind of report adds to the JSON."""
        return {}

    def markdown(self) -> str:
        """The page."""
        parts = [f"# {self.headline}\n", *(f"{sentence}\n" for sentence in [*self.standing, *self.lead])]
        parts += [f"![{caption}]({name})\n\n{caption}\n" for name, caption in self.figures]
        parts += [*(table.markdown() for table in self.tables), *self.sections]
        return "\n".join([*parts, page_end(_finite(self.to_dict()))])

    def text(self) -> str:
        """What the terminal shows."""
        return "\n".join(
            [*self.standing, *self.lead, *(table.markdown() for table in self.tables if table.printed), *self.sections]
        )


@dataclass(frozen=True, kw_only=True)
class Run(Report):
    """The report of a run of a model; None where something was not counted or has no witness.

    Attributes:
        executor: its name.
        inputs: inputs answered.
        accuracy_network, accuracy_pytorch: share 0..1 of right answers, None without labels.
        ulp_strict: against the strict reference.
        ulp_pytorch: against PyTorch, None without it.
        error_pytorch: the largest error against it, and that over the largest value.
        neurons, synapses: of every circuit of the program, as laid out on a chip.
        depth, time_steps: of one input, and of the run.
        spikes, synops: over the run; `Estimate`s where a sample was counted.
        energy: from the counts.
        wall_seconds: of the run, compilation included.
        circuits: rows of `CIRCUIT_HEADER`.
        layers: rows of `LAYER_HEADER`: SynOps by layer and circuit.
        steps: rows of `STEP_HEADER`: programs that ran one after the other, against the strict reference.
    """

    executor: str
    inputs: int
    ulp_strict: UlpSummary | None
    neurons: int
    synapses: int
    depth: int
    time_steps: int
    spikes: int | None
    synops: int | None
    energy: EnergyReport | None
    wall_seconds: float
    ulp_pytorch: UlpSummary | None = None
    error_pytorch: tuple[float, float] | None = None
    accuracy_network: float | None = None
    accuracy_pytorch: float | None = None
    circuits: Sequence[Sequence[Any]] = ()
    layers: Sequence[tuple[str, str, int]] = ()
    steps: Sequence[Sequence[Any]] = ()

    @property
    def _counted(self) -> dict[str, Csv]:
        return {
            "circuits": (CIRCUIT_HEADER, self.circuits),
            "layers": (LAYER_HEADER, self.layers),
            "steps": (STEP_HEADER, self.steps),
        }

    @property
    def files(self) -> dict[str, Csv]:
        """Those of circuits, layers and steps too."""
        return {f"{name}.csv": table for name, table in self._counted.items() if table[1]} | super().files

    def _own(self) -> dict[str, Any]:
        energy = self.energy.to_dict() if self.energy else {"joules": None, "joules_per_input": None}
        plain = ("neurons", "synapses", "depth", "time_steps", "spikes", "synops")
        return {
            "executor": self.executor,
            "inputs": self.inputs,
            "accuracy": {"network": self.accuracy_network, "pytorch": self.accuracy_pytorch},
            "ulp": {"strict": _ulp(self.ulp_strict), "pytorch": _ulp(self.ulp_pytorch)},
            "error": self.error_pytorch and dict(zip(("absolute", "relative"), self.error_pytorch, strict=True)),
            **{name: getattr(self, name) for name in plain},
            "energy": energy,
            "wall_seconds": self.wall_seconds,
            **{
                name: [dict(zip(head, row, strict=True)) for row in rows]
                for name, (head, rows) in self._counted.items()
            },
        }

    def markdown(self) -> str:
        """The page: a summary first."""
        return run_markdown(_finite(self.to_dict()), [table.markdown() for table in self.tables])

    def text(self) -> str:
        """The summary."""
        return summary_text(_finite(self.to_dict()))


def run_counts(
    layers: Mapping[str, Tallies], energy_model: str, inputs: int = 1, placement: ProgramPlacement | None = None
) -> dict[str, Any]:
    """The fields of `Run` that are made of counts by layer: spikes, SynOps, energy, circuits and layers."""
    tallies = Tallies().merge(*layers.values())
    counted = [(layer, tally) for layer, of_layer in layers.items() for tally in of_layer if tally.synops is not None]
    return {
        "spikes": tallies.spikes if layers else None,
        "synops": tallies.synops if layers else None,
        "energy": _energy(tallies, energy_model, inputs, placement),
        "circuits": sorted(map(_circuit_row, tallies), key=lambda row: (-(row[7] or 0), row[0])),
        "layers": [(layer, tally.circuit.label, tally.synops) for layer, tally in counted],
    }


def _energy(tallies: Tallies, model: str, inputs: int, placement: ProgramPlacement | None) -> EnergyReport | None:
    if placement is None:
        return energy_of_tallies(tallies, load_energy_model(model), inputs)
    return energy_of(tallies, model, placement=placement, inputs=inputs)


def _circuit_row(tally: Tally) -> tuple[Any, ...]:
    made = tally.circuit
    sizes = (made.label, made.basis, made.neurons, made.synapses, made.depth)
    return (*sizes, tally.invocations, tally.spikes, tally.synops)


def write_report(report: Report, folder: Path) -> dict[str, Any]:
    """Writes the page, the JSON and a CSV a table, each whole or not at all; returns the JSON values.

    The JSON is strict: a number that is not finite becomes null.
    """
    values: dict[str, Any] = _finite(report.to_dict())
    for file, (header, rows) in report.files.items():
        files.write_text(folder / file, comma_separated(header, rows))
    page = report.markdown()
    files.write_text(folder / f"{report.name}.md", page)
    files.write_text(folder / f"{report.name}.html", html_page(page, folder))
    text = json.dumps(values, indent=2, allow_nan=False, default=Estimate.to_dict)
    files.write_text(folder / f"{report.name}.json", text + "\n")
    return values


def conclude(report: Report, folder: Path) -> dict[str, Any]:
    """Ends an experiment: writes the report, prints what the terminal shows of it; returns the JSON values.

    Raises:
        NexusError: the report's failure, when all is written and printed.
    """
    values = write_report(report, folder)
    say(report.text())
    say(f"report: {folder / report.name}.html (and .md, .json)")
    if report.failure:
        raise NexusError(report.failure)
    return values


def _ulp(summary: UlpSummary | None) -> dict[str, float | int | None]:
    if summary is None:
        return {"max": None, "mean": None, "zero_rate": None, "unequal_bits": None, "count": None}
    return dict(summary.as_dict())


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
