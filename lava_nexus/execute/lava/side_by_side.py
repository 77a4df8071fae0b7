"""A program of which some layers run as neurons in Lava's time steps, the others in operator Processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import check_feeds, run_program
from lava_nexus.execute.lava.program import run_on_lava
from lava_nexus.execute.tallies import ProgramResult, Tallies
from lava_nexus.programs.excerpt import Segment, port_name, segments
from lava_nexus.programs.program import Program


def run_side_by_side(
    program: Program,
    feeds: Mapping[str, NDArray[Any]],
    neurons: Sequence[str],
    walker: Executor,
    **options: Any,
) -> ProgramResult:
    """The parts of the program one after the other, those of `neurons` walked by `walker`, the others on Lava.

    Args:
        program: what to run.
        feeds: patterns by input name.
        neurons: layers, or their first words.
        walker: runs circuits as neurons in time steps of their own.
        options: of `run_on_lava`, for the other layers.

    Raises:
        NexusError: no layer is called so, or a run that failed.
    """
    check_feeds(program, feeds)
    names = list(dict.fromkeys(node.layer for node in program.nodes))
    for one in neurons:
        if not any(_within(name, one) for name in names):
            raise NexusError(
                f"program '{program.name}' has no layer '{one}' to run as neurons; it has {', '.join(names)}"
            )
    values = {value.number: feeds[name] for name, value in program.inputs.items()}
    layers: dict[str, Tallies] = {name: Tallies() for name in names}
    levels: list[tuple[str, str]] = []
    for own, part in _parts(program, neurons):
        given = {port_name(value): values[value.number] for value in part.inputs}
        whole = replace(part.program, kinds=program.kinds)
        ran = run_program(whole, given, walker) if own else run_on_lava(whole, given, **options)
        of_part = dict.fromkeys(node.layer for node in whole.nodes)
        levels += [(name, walker.level) for name in of_part] if own else ran.levels
        values |= {value.number: ran.outputs[port_name(value)] for value in part.outputs}
        for name, tallies in ran.layers.items():
            layers[name].merge(tallies)
    sets = len(next(iter(feeds.values())))
    outputs = {name: np.broadcast_to(values[v.number], (sets, *v.shape)) for name, v in program.outputs.items()}
    return ProgramResult(outputs, layers, levels=tuple(levels), notes=(_told(neurons, walker),))


def _told(neurons: Sequence[str], walker: Any) -> str:
    timing = walker.timing
    return (
        f"{', '.join(neurons)} ran as Processes of neurons, {timing.taken:,} of Lava's time steps taken and "
        f"{timing.predicted:,} predicted; of the other layers a time step is a batch."
    )


def _parts(program: Program, neurons: Sequence[str]) -> list[tuple[bool, Segment]]:
    """(whether of neurons, part) in order; neighbours of one sort are one part."""
    part_of: dict[str, str] = {}
    own: list[bool] = []
    for node in program.nodes:
        if node.layer not in part_of:
            mine = any(_within(node.layer, one) for one in neurons)
            if not own or own[-1] != mine:
                own.append(mine)
            part_of[node.layer] = f"{program.name}, part {len(own)}"
    return list(zip(own, segments(program, part_of.__getitem__), strict=True))


def _within(layer: str, start: str) -> bool:
    return layer == start or layer.startswith(f"{start}.")
