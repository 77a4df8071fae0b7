"""The ULP tables: layers forward and backward, and single operations, by neurons, reference, PyTorch and float64."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import circuit
from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.config import did_you_mean
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.run import executor_named
from lava_nexus.lab.configs.ulp_tables import UlpTablesConfig
from lava_nexus.lab.report import conclude
from lava_nexus.lab.trial import marked, smaller
from lava_nexus.lab.ulp.comparison import Answers, UlpRow, joined, row
from lava_nexus.lab.ulp.components import Feeds, component_feeds, component_program, fused_multiply_add, random_values
from lava_nexus.lab.ulp.report import ulp_report
from lava_nexus.lab.ulp.sections import sections, small

Values = NDArray[Any]

TOGETHER = "forward + backward"
# Where a negative operand has no result, |N(0, 1)| is drawn.
_POSITIVE = ("sqrt", "rsqrt", "log")


@marked
def run_ulp_tables(config: UlpTablesConfig, out: Path, quick: bool = False) -> list[UlpRow]:
    """Measures every row, writes ulp_tables.{md,csv,json} and figures to `out`, prints the tables; returns the rows.

    With `quick` the tables of `small`.

    Raises:
        NexusError: an operation that does not exist or gives a bit, or, after the report is written, a row in which the
            neurons differ from the strict reference.
    """
    if quick:
        config = smaller(config, small(config))
    names = _operations(config)
    rows = [r for name in config.components for r in _component_rows(name, config)]
    rows += [r for name in names for r in _operation_rows(name, config)]
    if config.model is not None:
        from lava_nexus.lab.ulp.models import model_rows

        rows += model_rows(config.model, config)
    conclude(ulp_report(rows, sections(config, out), config.resolved(), out), out)
    return rows


def _component_rows(name: str, config: UlpTablesConfig) -> list[UlpRow]:
    """A row for each part and number of inputs; the smaller numbers are the first problems of the largest."""
    from lava_nexus.lab.ulp.witness import component_in_torch

    fmt, each = config.float_format, config.tokens * config.width
    problems = {ceil(n / each): ceil(n / each) * each for n in config.inputs}
    feeds = component_feeds(name, config, max(problems))
    eps = float(np.float32(config.eps).astype(fmt.dtype))  # as the program rounds it
    pytorch, double = (component_in_torch(name, feeds, eps, fmt, double=wide) or {} for wide in (False, True))
    ours, strict = _by_program(name, config, feeds)
    parts = {
        part: Answers.of(patterns, strict[part], pytorch.get(part), double.get(part), fmt)
        for part, patterns in ours.items()
    }
    found = []
    for count, inputs in problems.items():
        heads = {part: answers.head(count) for part, answers in parts.items()}
        if len(heads) > 1:
            found.append(row("component", name, TOGETHER, inputs, joined(list(heads.values())), fmt))
        found += [row("component", name, part, inputs, answers, fmt) for part, answers in heads.items()]
    return found


def _by_program(name: str, config: UlpTablesConfig, feeds: Feeds) -> tuple[Feeds, Feeds]:
    """Patterns by part: by neurons, and by the reference on the same program."""
    program = component_program(name, config)
    patterns = {key: config.float_format.to_patterns(values) for key, values in feeds.items()}
    ours = run_program(program, patterns, executor_named(config.executor, count=False))
    return ours.outputs, run_program(program, patterns, ReferenceExecutor()).outputs


def _operations(config: UlpTablesConfig) -> list[str]:
    from lava_nexus.lab.ulp.witness import IN_TORCH

    if config.operations is None:
        return [name for name in OPERATIONS if name in IN_TORCH or name == "fma"]
    for name in config.operations:
        if name not in OPERATIONS:
            raise NexusError(f"'operations' names '{name}', which does not exist{did_you_mean(name, OPERATIONS)}")
        if OPERATIONS[name].predicate:
            raise NexusError(f"'operations' names '{name}', whose result is a bit and has no ULP")
    return list(config.operations)


def _operation_rows(name: str, config: UlpTablesConfig) -> list[UlpRow]:
    """A row for each number of inputs."""
    from lava_nexus.lab.ulp.witness import operation_in_torch

    fmt = config.float_format
    unit = circuit(name, fmt, basis=config.basis)
    operands = [random_values(config.seed, f"{name} {port.name}", (max(config.inputs),), fmt) for port in unit.inputs]
    if name in _POSITIVE:
        operands = [abs(operand) for operand in operands]
    patterns = [fmt.to_patterns(operand) for operand in operands]
    double = fused_multiply_add(*operands) if name == "fma" else operation_in_torch(name, operands, fmt, double=True)
    answers = Answers.of(
        executor_named(config.executor, count=False).invoke(unit, patterns),
        ReferenceExecutor().invoke(unit, patterns),
        operation_in_torch(name, operands, fmt),
        double,
        fmt,
    )
    return [row("operation", name, "", n, answers.head(n), fmt) for n in config.inputs]
