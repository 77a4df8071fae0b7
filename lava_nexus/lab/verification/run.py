"""Runs the jobs of a config: interruptible, resumable, ending in a table.

The table that a verification ends in: Markdown for people, CSV for spreadsheets, JSON for programs.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lava_nexus.errors import NexusError
from lava_nexus.files import write_text
from lava_nexus.lab.configs.verification import VerifyConfig
from lava_nexus.lab.markdown import comma_separated, markdown
from lava_nexus.lab.report import installed_versions
from lava_nexus.verify import certificates
from lava_nexus.verify import records as rounding_certificates
from lava_nexus.verify import records as samples
from lava_nexus.verify.outcome import Outcome
from lava_nexus.verify.plan import plan
from lava_nexus.verify.task import Progress, Task

_SAVE_SECONDS = 2.0


def verify(config: VerifyConfig, out: Path, quick: bool = False) -> list[tuple[Task, Outcome]]:
    """Checks every task, writes and prints the table; what an earlier run left in `out` is not done again.

    Raises:
        NexusError: the config asks for what there is not, or, after the table, neurons differ from their reference.
    """
    left_out: list[str] = []
    planned = plan(config, quick, left_out.append)
    tasks = list(tqdm(planned, desc="building circuits", unit=" circuits", mininterval=0.5, leave=False))
    threads = config.threads or len(os.sched_getaffinity(0))
    found: list[tuple[Task, Outcome]] = []
    total = sum(task.sets.sets for task in tasks)
    with ThreadPoolExecutor(threads) as pool, tqdm(total=total, unit=" sets", unit_scale=True, mininterval=0.5) as bar:
        for number, task in enumerate(tasks, start=1):
            bar.set_description(f"{number}/{len(tasks)} {task.name}", refresh=False)
            found.append((task, run_task(task, out / "progress", pool, 2 * threads, bar.update)))
    write(found, left_out, {**config.resolved(), "quick": quick}, out)
    print(text(found, left_out))
    if config.certify and not quick:
        print(f"certificates: {certificates.certify(found) + rounding_certificates.certify(found)}")
        print(f"records of samples: {samples.record(found)}")
    print(f"table: {out / 'verification.md'}")
    _raise_first(found)
    return found


def run_task(
    task: Task, folder: Path, pool: ThreadPoolExecutor, ahead: int, tell: Callable[[int], Any] = lambda sets: None
) -> Outcome:
    """Checks a task from where its progress ends, `ahead` chunks at a time; whatever ends it, progress is kept."""
    progress = Progress.of(task, folder)
    tell(progress.outcome.sets)
    if progress.done == task.sets.chunks:
        return progress.outcome
    began = saved = time.perf_counter()
    before, pending, next_chunk = progress.outcome.seconds, deque[Future[Outcome]](), progress.done
    task.prepare()
    try:
        while progress.done < task.sets.chunks:
            while next_chunk < task.sets.chunks and len(pending) < ahead:
                pending.append(pool.submit(task.check, next_chunk))
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


def _raise_first(found: list[tuple[Task, Outcome]]) -> None:
    wrong = [(task, outcome) for task, outcome in found if outcome.mismatches]
    if wrong:
        task, outcome = wrong[0]
        widths = (*(port.width for port in task.circuit.inputs), task.circuit.output.width, task.circuit.output.width)
        raise NexusError(
            f"{len(wrong)} of {len(found)} circuits differ from their reference; {task.name}: {outcome.mismatches:,} "
            f"of {outcome.sets:,} operand sets, first {outcome.examples[0].text(widths)}"
        )


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
Found = Sequence[tuple[Task, Outcome]]


def rows(found: Found) -> list[tuple[Any, ...]]:
    """Rows of `HEADER`; `mismatches` is None where only the golden function was checked."""
    return [
        (
            task.operation,
            task.format,
            task.to or task.format,
            task.circuit.basis if task.neural else None,
            outcome.sets,
            outcome.mismatches,
            task.how,
            task.circuit.digest[:12] if task.neural else None,
            round(outcome.seconds, 2),
        )
        for task, outcome in found
    ]


def rounding_rows(found: Found) -> list[tuple[Any, ...]]:
    """Rows of `ROUNDING_HEADER` for the tasks that asked for correct rounding."""
    return [
        (
            task.operation,
            task.format,
            f"gates, {task.circuit.basis}" if task.direct else "golden",
            outcome.sets,
            r.wrong,
            100 * (1 - r.wrong / outcome.sets),
            100 * (1 - r.wrong_counted / r.counted) if r.counted else None,
            r.max_ulp,
            r.neighbours - r.against_order,
            r.against_order,
            r.by_precision,
        )
        for task, outcome in found
        if (r := outcome.rounding) is not None and outcome.sets
    ]


def text(found: Found, left_out: Sequence[str] = ()) -> str:
    """Both tables as Markdown."""
    parts = [markdown(HEADER, rows(found))]
    roundings = rounding_rows(found)
    if roundings:
        shown = [[f"{v:.6f}" if isinstance(v, float) else v for v in row] for row in roundings]
        parts.append(f"{markdown(ROUNDING_HEADER, shown)}\n{_REST}\n")
    parts += ["".join(f"- left out: {sentence}\n" for sentence in left_out)] if left_out else []
    return "\n".join(parts)


def write(found: Found, left_out: Sequence[str], config: dict[str, Any], folder: Path) -> None:
    """Writes verification.md, .csv and .json, and rounding.csv where it was asked for."""
    write_text(folder / "verification.md", f"# Verification\n\n{text(found, left_out)}")
    write_text(folder / "verification.csv", comma_separated(HEADER, rows(found)))
    if rounding_rows(found):
        write_text(folder / "rounding.csv", comma_separated(ROUNDING_HEADER, rounding_rows(found)))
    results = [
        {**dict(zip(HEADER, row, strict=True)), "digest": task.circuit.digest, "found": outcome.to_dict()}
        for row, (task, outcome) in zip(rows(found), found, strict=True)
    ]
    values = {"config": config, "results": results, "left_out": list(left_out), "versions": installed_versions()}
    write_text(folder / "verification.json", json.dumps(values, indent=2, allow_nan=False) + "\n")
