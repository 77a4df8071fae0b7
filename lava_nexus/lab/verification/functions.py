"""Functions on all their inputs: those that a precise program misses, and the table of what certificates show.

`rounding="correct"` has a neuron for each input that is missed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.circuits.functions import function, tabulated
from lava_nexus.circuits.operations import PRECISE
from lava_nexus.crew import crew
from lava_nexus.documents import read_text
from lava_nexus.errors import NexusError
from lava_nexus.files import in_checkout, write_text
from lava_nexus.formats import FLOAT32
from lava_nexus.lab import pages
from lava_nexus.lab.configs.verification import DEFAULT_CHUNK, CorrectionsConfig, FunctionTableConfig
from lava_nexus.lab.markdown import markdown
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.trial import marked, shrunk
from lava_nexus.lab.verification.checks import QUICK_SETS, THE_REST, run_check
from lava_nexus.progress import Work, say
from lava_nexus.verify import certificates, records
from lava_nexus.verify.check import Check
from lava_nexus.verify.correct import MOST_MISSES, Outcome
from lava_nexus.verify.records import RoundingCertificate, SampleRecord
from lava_nexus.verify.sets import Exhaustive


@marked
def find_corrections(config: CorrectionsConfig, out: Path, quick: bool = False) -> None:
    """Holds each precise program against correct rounding on every input and writes down which it misses.

    Raises:
        NexusError: a program misses more inputs than can have a neuron each.
    """
    for name in config.operations:
        golden = function.golden(PRECISE[name])(FLOAT32)
        made = circuit(name, FLOAT32)
        sets = Exhaustive(made.inputs, DEFAULT_CHUNK, QUICK_SETS if quick else None)
        shrunk(f"{sets.sets:,} of {2 ** made.inputs[0].width:,} inputs")
        check = Check(replace(made, golden=golden), f"{name}", "float32", None, {}, sets, gates=False, correct=True)
        with crew(config.cluster, config.threads) as workers, Work(name, sets.sets, "inputs") as bar:
            outcome = run_check(check, out / "progress", workers, bar.update)
        text = _text(name, outcome, golden.digest)
        write_text(out / f"{name}_float32.json", text)
        if config.store and not quick and in_checkout():
            write_text(tabulated.corrections_file(name, FLOAT32), text)
        assert outcome.rounding is not None
        say(f"{name} float32: misses {outcome.rounding.wrong:,} of {outcome.sets:,} inputs")


def _text(name: str, outcome: Outcome, digest: str) -> str:
    rounding = outcome.rounding
    if rounding is None or rounding.misses is None:
        raise NexusError(f"the precise program of {name} misses more than {MOST_MISSES:,} inputs")
    rows = ",\n".join(f'  ["{p:#010x}", "{got:#010x}", "{right:#010x}"]' for p, got, right in sorted(rounding.misses))
    head = json.dumps({"program": digest, "inputs": outcome.sets})[:-1]
    return f'{head}, "missed": [\n{rows}\n]}}\n'


HEADER = (
    *("function", "format", "rounding", "neurons", "depth", "inputs"),
    *("correct %", "correct % of the rest", "max ULP", "neighbours", "out of order", "gates against golden"),
)
SAMPLE_HEADER = ("function", "format", "operands", "golden: not correctly rounded", "max ULP", "gates against golden")


@marked
def function_table(config: FunctionTableConfig, out: Path, quick: bool = False) -> None:
    """Writes the table of functions, and puts it into the pages.

    Args:
        config: the pages.
        out: folder.
        quick: two rows of functions, and no page is changed.

    Raises:
        NexusError: a page is not there or has no place for it.
    """
    missing = [page for page in (*config.pages, *config.sample_pages) if not page.is_file()]
    if missing:
        raise NexusError(f"page '{missing[0]}' does not exist")
    listed = [one for one in records.load() if one.holds][: 2 if quick else None]
    shrunk(f"{len(listed)} functions")
    table = rows(listed)
    sampled = sample_rows([one for one in records.load_samples() if one.holds])
    found = Report(
        title="Functions",
        name="functions",
        config=config.resolved(),
        tables=[
            Table("", HEADER, [_shown(row) for row in table], None, THE_REST),
            Table("On samples", SAMPLE_HEADER, sampled, "samples.csv"),
        ],
        values={"functions": [dict(zip(HEADER, row, strict=True)) for row in table]},
        data={"functions.csv": (HEADER, table)},
    )
    if not quick:
        _fill(config.pages, "functions", found.tables[0].markdown())
        _fill(config.sample_pages, "samples", markdown(SAMPLE_HEADER, sampled))
    conclude(found, out)


def _fill(listed: tuple[Path, ...], part: str, text: str) -> None:
    for page in listed:
        write_text(page, pages.filled(read_text(page, "page"), part, lambda: text, str(page)))


def sample_rows(kept: list[SampleRecord]) -> list[tuple[Any, ...]]:
    """Rows of `SAMPLE_HEADER`, one a function and format; "not run" where today's program or network has no record."""
    of: dict[tuple[str, str], dict[str, SampleRecord]] = {}
    for one in kept:
        of.setdefault((one.operation, one.format), {})[one.basis] = one
    return [(name, fmt, *_sampled(found)) for (name, fmt), found in of.items()]


def _sampled(found: dict[str, SampleRecord]) -> tuple[Any, ...]:
    golden, gates = found.get(""), found.get("threshold")
    if gates is not None and gates.circuit().digest != gates.network:
        gates = None
    operands = max(one.sets for one in found.values())
    rounding = ("not run", "not run") if golden is None else (golden.wrong, golden.max_ulp)
    return operands, *rounding, "not run" if gates is None else f"{gates.mismatches} mismatches"


def rows(listed: list[RoundingCertificate]) -> list[tuple[Any, ...]]:
    """Rows of `HEADER`."""
    proven = {one.network: one.sets for one in certificates.load()}
    return [_row(one, one.circuit(), proven) for one in listed]


def _row(one: RoundingCertificate, built: Circuit, proven: dict[str, int]) -> tuple[Any, ...]:
    return (
        one.operation,
        one.format,
        one.options.get("rounding", "faithful"),
        built.neurons,
        built.depth,
        one.sets,
        100 * one.correct,
        100 * one.correct_counted,
        one.max_ulp,
        one.neighbours,
        one.against_order,
        "every input" if proven.get(built.digest) == one.sets else "sampled",
    )


def _shown(row: tuple[Any, ...]) -> list[Any]:
    return [f"{value:.4f}" if isinstance(value, float) else value for value in row]
