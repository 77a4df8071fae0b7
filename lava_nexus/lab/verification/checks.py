"""Circuits held against their references as a config asks: interruptible, gone on from, ending in a table.

Names of jobs become circuits; what a format does not have is left out where `all` was asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.crew import Crew, crew
from lava_nexus.errors import NexusError
from lava_nexus.execute.run import executor_named
from lava_nexus.files import in_checkout
from lava_nexus.formats import number_format_named
from lava_nexus.lab.configs.verification import EVERY_OPERATION, VerifyConfig, VerifyJob
from lava_nexus.lab.report import Report, Table, columns, conclude
from lava_nexus.lab.trial import marked, shrunk
from lava_nexus.progress import Work, track
from lava_nexus.store import processors
from lava_nexus.verify import certificates, records
from lava_nexus.verify.check import Check, Progress
from lava_nexus.verify.correct import Outcome
from lava_nexus.verify.real_functions import FUNCTIONS as REAL_FUNCTIONS
from lava_nexus.verify.sets import MOST_BITS, Exhaustive, OperandSets, Sample

QUICK_SETS = 1 << 14
QUICK_CHECKS = 3
QUICK_NEURONS = 700
"""Networks above take long to lower: a quick run leaves their gates out."""


def plan(config: VerifyConfig, quick: bool, left_out: Callable[[str], object]) -> Iterator[Check]:
    """The checks of a config in order.

    Args:
        config: jobs.
        quick: a small part of each job: three small networks of one basis, few operand sets.
        left_out: called with a sentence for each circuit that `all` or `functions` does not stand for.

    Raises:
        NexusError: an operation named in the config does not exist for a format, or cannot be checked as asked.
    """
    for job in config.jobs:
        checks = _checks(config, job, quick, left_out)
        yield from islice((small for check in checks for small in _small(check)), QUICK_CHECKS) if quick else checks


def _small(check: Check) -> Iterator[Check]:
    """The check, without its gates where they are many."""
    if check.neural and check.circuit.neurons > QUICK_NEURONS:
        check = replace(check, gates=False, direct=False)
    if check.neural or check.correct:
        yield check


def _checks(config: VerifyConfig, job: VerifyJob, quick: bool, left_out: Callable[[str], object]) -> Iterator[Check]:
    for name, fmt, to, basis in _combinations(job, quick):
        try:
            yield _check(config, job, name, fmt, to, basis, quick)
        except NexusError as error:
            if isinstance(job.operations, tuple):
                raise
            left_out(f"{name} {fmt}: {error}")


def _combinations(job: VerifyJob, quick: bool) -> Iterator[tuple[str, str, str | None, str]]:
    """Operation, format, output format, basis; golden functions belong to no basis, so the first one stands for all."""
    bases = job.bases[:1] if quick or job.check == "correct" else job.bases
    for fmt in job.formats:
        for name in _operations(job):
            for to in job.to or (None,):
                for basis in bases:
                    yield name, fmt, to, basis


def _operations(job: VerifyJob) -> list[str]:
    if isinstance(job.operations, tuple):
        return list(job.operations)
    return [
        name
        for name, operation in OPERATIONS.items()
        if (name in REAL_FUNCTIONS or (job.operations == EVERY_OPERATION and job.check == "gates"))
        and "terms" not in operation.options  # sums of any number of terms are asked for by name
        and job.operands in (None, len(operation.operands))
    ]


def _check(config: VerifyConfig, job: VerifyJob, name: str, fmt: str, to: str | None, basis: str, quick: bool) -> Check:
    if job.check != "gates" and name not in REAL_FUNCTIONS:
        raise NexusError(f"correct rounding of '{name}' is not known; it is for {', '.join(REAL_FUNCTIONS)}")
    options: dict[str, Any] = dict(job.options)
    target = None if to is None else number_format_named(to)
    made = circuit(name, number_format_named(fmt), to=target, basis=basis, **options)
    return Check(
        circuit=made,
        operation=name,
        format=fmt,
        to=to,
        options=options,
        sets=_sets(config, job, made, quick),
        gates=job.check in ("gates", "both"),
        correct=job.check in ("correct", "both"),
        direct=job.check == "direct",
        executor=config.executor,
    )


def _sets(config: VerifyConfig, job: VerifyJob, made: Circuit, quick: bool) -> OperandSets:
    if job.inputs == "sample":
        size, corners = (min(most, QUICK_SETS // 2) if quick else most for most in (job.size, job.corners))
        return Sample(made.inputs, config.sets_at_a_time(job), size, corners, config.seed)
    bits = sum(port.width for port in made.inputs)
    if bits > MOST_BITS:
        raise NexusError(f"operands of '{made.name}' have {bits} bits, above the {MOST_BITS} of an exhaustive check")
    return Exhaustive(made.inputs, config.sets_at_a_time(job), QUICK_SETS if quick else None)


_SAVE_SECONDS = 2.0


@marked
def verify(config: VerifyConfig, out: Path, quick: bool = False) -> list[tuple[Check, Outcome]]:
    """Runs every check, writes and prints the table; what an earlier run left in `out` is not done again.

    Raises:
        NexusError: the config asks for what there is not, or, after the table, neurons differ from their reference.
    """
    if config.executor == "cuda" and config.cluster is None:
        executor_named("cuda", count=False)  # none there is told before anything is made
    left_out: list[str] = []
    planned = plan(config, quick, left_out.append)
    shrunk(f"at most {QUICK_CHECKS} small circuits a job, {QUICK_SETS:,} operand sets each")
    checks = list(track(planned, "circuits to be checked", "circuits"))
    threads = config.threads or processors()
    found: list[tuple[Check, Outcome]] = []
    total = sum(check.sets.sets for check in checks)
    with crew(config.cluster, threads) as workers, Work("checking", total, "operand sets") as bar:
        for number, check in enumerate(checks, start=1):
            bar.note(f"{number}/{len(checks)} {check.name}")
            found.append((check, run_check(check, out / "progress", workers, bar.update)))
    conclude(
        report(found, left_out, {**config.resolved(), "quick": quick}, config.certify and not quick and in_checkout()),
        out,
    )
    return found


def run_check(check: Check, folder: Path, workers: Crew, tell: Callable[[int], Any] = lambda sets: None) -> Outcome:
    """Runs a check from where its progress ends; whatever ends it, progress is kept."""
    progress = Progress.of(check, folder)
    tell(progress.outcome.sets)
    if progress.done == check.sets.chunks:
        return progress.outcome
    began = saved = time.perf_counter()
    before = progress.outcome.seconds
    check.prepare()
    try:
        for part in workers.map(Check.chunk, check, range(progress.done, check.sets.chunks)):
            progress.outcome.add(part)
            progress.done += 1
            progress.outcome.seconds = before + time.perf_counter() - began
            tell(part.sets)
            if time.perf_counter() - saved > _SAVE_SECONDS:
                progress.save()
                saved = time.perf_counter()
    finally:
        progress.save()
    return progress.outcome


THE_REST = "The rest: results that are finite, not zero and no limit of the function (as 1 is of tanh)."
Found = Sequence[tuple[Check, Outcome]]


def _checked(check: Check, outcome: Outcome) -> dict[str, Any]:
    """A row; `mismatches` is None where only the golden function was checked."""
    return {
        "operation": check.operation,
        "format": check.format,
        "to": check.to or check.format,
        "basis": check.circuit.basis if check.neural else None,
        "inputs tried": outcome.sets,
        "mismatches": outcome.mismatches,
        "how checked": check.how,
        "digest": check.circuit.digest[:12] if check.neural else None,
        "seconds": round(outcome.seconds, 2),
    }


def _roundings(found: Found) -> list[dict[str, Any]]:
    """A row for each check that asked for correct rounding."""
    return [
        {
            "operation": check.operation,
            "format": check.format,
            "of": f"gates, {check.circuit.basis}" if check.direct else "golden",
            "inputs tried": outcome.sets,
            "not correctly rounded": r.wrong,
            "correct %": 100 * (1 - r.wrong / outcome.sets),
            "correct % of the rest": 100 * (1 - r.wrong_counted / r.counted) if r.counted else None,
            "max ULP": r.max_ulp,
            "neighbours in order": r.neighbours - r.against_order,
            "against order": r.against_order,
            "by multiple precision": r.by_precision,
        }
        for check, outcome in found
        if (r := outcome.rounding) is not None and outcome.sets
    ]


def report(found: Found, left_out: Sequence[str], config: dict[str, Any], certify: bool = False) -> Report:
    """Both tables; with `certify` what was shown in full is certified first."""
    listed, roundings = [_checked(*one) for one in found], _roundings(found)
    tables = [Table.of("", listed, "verification.csv")]
    if roundings:
        shown = [{k: f"{v:.6f}" if isinstance(v, float) else v for k, v in row.items()} for row in roundings]
        tables.append(Table.of("", shown, None, THE_REST))
    results = [
        {**row, "digest": check.circuit.digest, "found": outcome.to_dict()}
        for row, (check, outcome) in zip(listed, found, strict=True)
    ]
    return Report(
        title="Verification",
        name="verification",
        config=config,
        tables=tables,
        lead=[*(_certified(found) if certify else ()), *(f"left out: {sentence}" for sentence in left_out)],
        values={"results": results, "left_out": list(left_out)},
        data={"rounding.csv": columns(roundings)} if roundings else {},
        failure=_failure(found),
    )


def _certified(found: Found) -> list[str]:
    kept = certificates.certify(found) + records.certify(found)
    return [f"Certificates written: {kept}; records of samples: {records.record(found)}."]


def _failure(found: Found) -> str:
    """The first circuit that differs from its reference."""
    wrong = [(check, outcome) for check, outcome in found if outcome.mismatches]
    if not wrong:
        return ""
    check, outcome = wrong[0]
    result = check.circuit.output.width
    widths = (*(port.width for port in check.circuit.inputs), result, result)
    return (
        f"{len(wrong)} of {len(found)} circuits differ from their reference; {check.name}: {outcome.mismatches:,} "
        f"of {outcome.sets:,} operand sets, first {outcome.examples[0].text(widths)}"
    )
