"""Runs the jobs of a config: interruptible, resumable, ending in a table."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lava_nexus.errors import NexusError
from lava_nexus.verification import certificates, rounding_certificates, samples, table
from lava_nexus.verification.config import VerifyConfig
from lava_nexus.verification.outcome import Outcome
from lava_nexus.verification.plan import plan
from lava_nexus.verification.progress import Progress
from lava_nexus.verification.task import Task

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
    table.write(found, left_out, {**config.resolved(), "quick": quick}, out)
    print(table.text(found, left_out))
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
