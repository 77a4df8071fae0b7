"""From jobs to checks: names become circuits, and what a format does not have is left out where `all` was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.errors import NexusError
from lava_nexus.formats import number_format_named
from lava_nexus.lab.configs.verification import EVERY_OPERATION, Job, VerifyConfig
from lava_nexus.verify.check import Check
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


def _checks(config: VerifyConfig, job: Job, quick: bool, left_out: Callable[[str], object]) -> Iterator[Check]:
    for name, fmt, to, basis in _combinations(job, quick):
        try:
            yield _check(config, job, name, fmt, to, basis, quick)
        except NexusError as error:
            if isinstance(job.operations, tuple):
                raise
            left_out(f"{name} {fmt}: {error}")


def _combinations(job: Job, quick: bool) -> Iterator[tuple[str, str, str | None, str]]:
    """Operation, format, output format, basis; golden functions belong to no basis, so the first one stands for all."""
    bases = job.bases[:1] if quick or job.check == "correct" else job.bases
    for fmt in job.formats:
        for name in _operations(job):
            for to in job.to or (None,):
                for basis in bases:
                    yield name, fmt, to, basis


def _operations(job: Job) -> list[str]:
    if isinstance(job.operations, tuple):
        return list(job.operations)
    return [
        name
        for name, operation in OPERATIONS.items()
        if (name in REAL_FUNCTIONS or (job.operations == EVERY_OPERATION and job.check == "gates"))
        and "terms" not in operation.options  # sums of any number of terms are asked for by name
        and job.operands in (None, len(operation.operands))
    ]


def _check(config: VerifyConfig, job: Job, name: str, fmt: str, to: str | None, basis: str, quick: bool) -> Check:
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
    )


def _sets(config: VerifyConfig, job: Job, made: Circuit, quick: bool) -> OperandSets:
    if job.inputs == "sample":
        size, corners = (min(most, QUICK_SETS // 2) if quick else most for most in (job.size, job.corners))
        return Sample(made.inputs, config.chunk, size, corners, config.seed)
    bits = sum(port.width for port in made.inputs)
    if bits > MOST_BITS:
        raise NexusError(f"operands of '{made.name}' have {bits} bits, above the {MOST_BITS} of an exhaustive check")
    return Exhaustive(made.inputs, config.chunk, QUICK_SETS if quick else None)
