"""A token of a placed program: joules and seconds, work beside machine, by share and with their ranges.

The page on mapping shows those of kept runs of `scripts/map_block.py`, in docs/mapping.json.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lava_nexus import files
from lava_nexus.chip.mapper import Mapper
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.chip.timing import Span
from lava_nexus.documents import read_json, read_text
from lava_nexus.energy import EnergyReport, energy_of, gpu_record, load_energy_model, measured_systems
from lava_nexus.errors import NexusError
from lava_nexus.execute.membrane.executor import measured_tally
from lava_nexus.lab.markdown import PREFIXES, SHARES, joules_in_range, markdown, three_digits, with_prefix
from lava_nexus.lab.pages import filled
from lava_nexus.lab.published import published
from lava_nexus.lab.report import Table
from lava_nexus.lab.trial import trial

TABLES = ("energy.csv", "energy_interleaved.csv")


def with_activity(placed: Sequence[ProgramPlacement], mapper: Mapper, sets: int, seed: int) -> list[ProgramPlacement]:
    """The placements with active updates of an operand set of each circuit, counted on the circuit as it is placed."""
    active = []
    for digest, (circuit, _) in mapper.circuits.items():
        tally = measured_tally(mapper.template(digest).as_placed(circuit), sets, seed)
        active.append(None if tally.active is None else tally.active / sets)
    around = len(placed[0].circuits) - len(active)
    assert all(one.arithmetic for one in placed[0].circuits[: len(active)]) and around >= 0
    return [
        replace(
            one,
            circuits=(
                *(replace(use, active=count) for use, count in zip(one.circuits, active, strict=False)),
                *one.circuits[len(active) :],
            ),
        )
        for one in placed
    ]


def token_energies(placed: Sequence[ProgramPlacement], model: str) -> list[tuple[EnergyReport, EnergyReport]]:
    """(one token after the other, tokens of many sequences interleaved) of each placement."""
    constants = load_energy_model(model)
    return [(energy_of(one, constants, pace="single"), energy_of(one, constants, pace="streamed")) for one in placed]


def token_tables(
    placed: Sequence[ProgramPlacement], energies: Sequence[tuple[EnergyReport, EnergyReport]]
) -> list[Table]:
    """Joules and seconds, a table a pace and a column a placement; below, what was measured elsewhere."""
    header = ("", *(one.strategy for one in placed))
    notes = " ".join([f"Constants: {energies[0][0].model.title}.", *_notes(energies)])
    single = [
        ["network", *(dict(one.definition)["network"] for one, _ in energies)],
        ["placement", *(dict(one.definition)["placement"] for one, _ in energies)],
        *energy_rows([one for one, _ in energies]),
    ]
    streamed = energy_rows([other for _, other in energies])
    return [
        Table("Joules and seconds a token, one after the other", header, single, "energy.csv", notes),
        Table(
            "Joules and seconds a token, many sequences interleaved, at best",
            header,
            streamed,
            "energy_interleaved.csv",
            " ".join(_beside()),
        ),
    ]


def energy_rows(reports: Sequence[EnergyReport]) -> list[list[Any]]:
    """Steps, seconds and joules by share, a column a report."""
    return [
        ["time steps", *(f"{_placed(one).pace.steps:,}" for one in reports)],
        ["seconds", *(_seconds(one.seconds) for one in reports)],
        ["work", *(_joules(one.work) for one in reports)],
        ["machine", *(_joules(one.machine) for one in reports)],
        *(
            [f"of it {words}", *(_joules(one.spans[name]) for one in reports)]
            for name, words in SHARES.items()
            if any(one.spans[name].high for one in reports)
        ),
    ]


def _placed(report: EnergyReport) -> Any:
    assert report.placed is not None
    return report.placed


def _notes(energies: Sequence[tuple[EnergyReport, EnergyReport]]) -> list[str]:
    return [f"{note[:1].upper()}{note[1:]}." for note in energies[0][0].notes[1:]]


def _beside() -> list[str]:
    """What was measured elsewhere, and what the paper prints."""
    if trial() is not None:
        return []
    found, record, printed = [], gpu_record(), published("energy").row("block")
    if record is not None:
        each = [
            f"{with_prefix(row.joules_a_token, 'J')} at batch {batch:,}"
            for batch in record.batches
            if (row := record.row(batch))
        ]
        found.append(f"Measured for a token of the block of d = 256 in FP32 on {record}: {' and '.join(each)}.")
    if printed.gpu_nj:
        found.append(f"Printed for a GPU: {with_prefix(printed.gpu_nj * 1e-9, 'J')}.")
    found += [
        f"A whole system was reported to take {one.nanojoules_a_mac:g} nJ a multiply-accumulate ({one.name}; "
        f"{one.source}, {one.confidence})."
        for one in measured_systems()
    ]
    return found


def _joules(span: Span | None) -> str:
    return "-" if span is None else joules_in_range({"low": span.low, "value": span.value, "high": span.high})


def _seconds(span: Span | None) -> str:
    return "-" if span is None else joules_in_range({"low": span.low, "value": span.value, "high": span.high}, "s")


def update_mapping_page(results: Path, root: Path) -> None:
    """Takes the tables of a run into docs/mapping.json and docs/mapping.md, beside those of runs of other names.

    Args:
        results: folder of the run, with report.json.
        root: of the repository.

    Raises:
        NexusError: there is no report of a mapping, or it is a trial's.
    """
    source = results / "report.json"
    if not source.is_file():
        raise NexusError(f"{source} does not exist; `scripts/map_block.py configs/map_block_d256.yaml` writes it")
    values = read_json(source, "report")
    tables = [table for table in values["tables"] if table["file"] in TABLES]
    if values["config"]["quick"] or len(tables) != len(TABLES):
        raise NexusError(f"{source} is of a trial with --quick or of no mapping; the page shows whole runs")
    target = root / "docs" / "mapping.json"
    kept = read_json(target, "report") if target.is_file() else {}
    kept[values["config"]["name"]] = {"title": values["title"], "tables": tables}
    files.write_text(target, json.dumps(kept, indent=1) + "\n")
    page = root / "docs" / "mapping.md"
    files.write_text(page, filled_mapping(read_text(page, "page"), kept))


def filled_mapping(page: str, kept: dict[str, Any]) -> str:
    """The page with the kept tables between its marks."""
    return filled(page, "mapping", lambda: _tables(kept), "docs/mapping.md")


def _tables(kept: dict[str, Any]) -> str:
    parts = [
        f"**{run['title']}: {table['title'][:1].lower()}{table['title'][1:]}**\n\n"
        + markdown(table["header"], table["rows"])
        for run in kept.values()
        for table in run["tables"]
    ]
    return "\n".join(parts).rstrip()


def mapping_summary(kept: dict[str, Any]) -> str:
    """Of the first run's first placement five lines, beside the measured GPU; a row of a table of each other run."""
    said, others = [], []
    for number, run in enumerate(kept.values()):
        table = run["tables"][0]
        first = {row[0]: row[1] for row in table["rows"]}
        where = f"{run['title']}, {table['header'][1]}"
        if number:
            streamed = next(row[1] for row in run["tables"][1]["rows"] if row[0] == "machine")
            others.append((where, first["placement"], first["seconds"], first["machine"], first["work"], streamed))
            continue
        said += [
            f"As gates on the machine that exists, one token after the other ({where}): {first['network']}; "
            f"{first['placement']}.",
            f"That takes {first['seconds']} a token: {first['time steps']} time steps.",
            f"It takes {first['machine']} a token; {first['work']} of it are work, SynOps and active updates, which no "
            "placement avoids.",
            *_times_the_gpu(first["machine"]),
        ]
    header = ("placed", "on", "one after the other, a token", "joules", "of them work", "streamed at best, joules")
    lines = "".join(f"- {sentence}\n" for sentence in said)
    return f"{lines}\n{markdown(header, others)}".rstrip() if others else lines.rstrip()


def _times_the_gpu(shown: str) -> list[str]:
    """A sentence a batch: how often the GPU's joules a token go into those of the machine, as they are shown."""
    value, unit = shown.split()[:2]
    joules, record = float(value.replace(",", "")) * PREFIXES[unit[:-1]], gpu_record()
    rows = [row for batch in (record.batches if record else ()) if record and (row := record.row(batch))]
    said = []
    for row in rows:
        times, each = three_digits(joules / row.joules_a_token), with_prefix(row.joules_a_token, "J")
        said.append(
            f"That is {times} times the {each} at batch {row.batch:,} of one GPU, measured on the same block at "
            f"{row.tokens_a_second:,.0f} tokens a second."
        )
    return said
