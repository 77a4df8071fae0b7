"""Circuits held against their references as a config asks: interruptible, gone on from, ending in a table."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lava_nexus.lab.configs.verification import VerifyConfig
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.verification.plan import plan
from lava_nexus.verify import certificates, records
from lava_nexus.verify.check import Check, Progress
from lava_nexus.verify.outcome import Outcome

_SAVE_SECONDS = 2.0


def verify(config: VerifyConfig, out: Path, quick: bool = False) -> list[tuple[Check, Outcome]]:
    """Runs every check, writes and prints the table; what an earlier run left in `out` is not done again.

    Raises:
        NexusError: the config asks for what there is not, or, after the table, neurons differ from their reference.
    """
    left_out: list[str] = []
    planned = plan(config, quick, left_out.append)
    checks = list(tqdm(planned, desc="building circuits", unit=" circuits", mininterval=0.5, leave=False))
    threads = config.threads or len(os.sched_getaffinity(0))
    found: list[tuple[Check, Outcome]] = []
    total = sum(check.sets.sets for check in checks)
    with ThreadPoolExecutor(threads) as pool, tqdm(total=total, unit=" sets", unit_scale=True, mininterval=0.5) as bar:
        for number, check in enumerate(checks, start=1):
            bar.set_description(f"{number}/{len(checks)} {check.name}", refresh=False)
            found.append((check, run_check(check, out / "progress", pool, 2 * threads, bar.update)))
    conclude(report(found, left_out, {**config.resolved(), "quick": quick}, config.certify and not quick), out)
    return found


def run_check(
    check: Check, folder: Path, pool: ThreadPoolExecutor, ahead: int, tell: Callable[[int], Any] = lambda sets: None
) -> Outcome:
    """Runs a check from where its progress ends, `ahead` chunks at a time; whatever ends it, progress is kept."""
    progress = Progress.of(check, folder)
    tell(progress.outcome.sets)
    if progress.done == check.sets.chunks:
        return progress.outcome
    began = saved = time.perf_counter()
    before, pending, next_chunk = progress.outcome.seconds, deque[Future[Outcome]](), progress.done
    check.prepare()
    try:
        while progress.done < check.sets.chunks:
            while next_chunk < check.sets.chunks and len(pending) < ahead:
                pending.append(pool.submit(check.chunk, next_chunk))
                next_chunk += 1
            part = pending.popleft().result()
            progress.outcome.add(part)
            progress.done += 1
            progress.outcome.seconds = before + time.perf_counter() - began
            tell(part.sets)
            if time.perf_counter() - saved > _SAVE_SECONDS:
                progress.save()
                saved = time.perf_counter()
    finally:
        for future in pending:
            future.cancel()
        progress.save()
    return progress.outcome


HEADER = ("operation", "format", "to", "basis", "inputs tried", "mismatches", "how checked", "digest", "seconds")
ROUNDING_HEADER = (
    "operation",
    "format",
    "of",
    "inputs tried",
    "not correctly rounded",
    "correct %",
    "correct % of the rest",
    "max ULP",
    "neighbours in order",
    "against order",
    "by multiple precision",
)
_REST = "The rest: results that are finite, not zero and no limit of the function (as 1 is of tanh)."
Found = Sequence[tuple[Check, Outcome]]


def rows(found: Found) -> list[tuple[Any, ...]]:
    """Rows of `HEADER`; `mismatches` is None where only the golden function was checked."""
    return [
        (
            check.operation,
            check.format,
            check.to or check.format,
            check.circuit.basis if check.neural else None,
            outcome.sets,
            outcome.mismatches,
            check.how,
            check.circuit.digest[:12] if check.neural else None,
            round(outcome.seconds, 2),
        )
        for check, outcome in found
    ]


def rounding_rows(found: Found) -> list[tuple[Any, ...]]:
    """Rows of `ROUNDING_HEADER` for the checks that asked for correct rounding."""
    return [
        (
            check.operation,
            check.format,
            f"gates, {check.circuit.basis}" if check.direct else "golden",
            outcome.sets,
            r.wrong,
            100 * (1 - r.wrong / outcome.sets),
            100 * (1 - r.wrong_counted / r.counted) if r.counted else None,
            r.max_ulp,
            r.neighbours - r.against_order,
            r.against_order,
            r.by_precision,
        )
        for check, outcome in found
        if (r := outcome.rounding) is not None and outcome.sets
    ]


def report(found: Found, left_out: Sequence[str], config: dict[str, Any], certify: bool = False) -> Report:
    """Both tables; with `certify` what was shown in full is certified first."""
    listed = rows(found)
    tables = [Table("", HEADER, listed, "verification.csv")]
    roundings = rounding_rows(found)
    if roundings:
        shown = [[f"{v:.6f}" if isinstance(v, float) else v for v in row] for row in roundings]
        tables.append(Table("", ROUNDING_HEADER, shown, None, _REST))
    results = [
        {**dict(zip(HEADER, row, strict=True)), "digest": check.circuit.digest, "found": outcome.to_dict()}
        for row, (check, outcome) in zip(listed, found, strict=True)
    ]
    return Report(
        title="Verification",
        name="verification",
        config=config,
        tables=tables,
        lead=[*(_certified(found) if certify else ()), *(f"left out: {sentence}" for sentence in left_out)],
        values={"results": results, "left_out": list(left_out)},
        data={"rounding.csv": (ROUNDING_HEADER, roundings)} if roundings else {},
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
