"""A block of d = 8 placed and run core by core, at several levels: what docs/mapping.md shows of it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.chip import Strategy
from lava_nexus.chip.layout import links_of
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.placed import PlacedRun
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import FLOAT8_E4M3FN, FloatFormat
from lava_nexus.lab.figures.bars import ChipMap, chip_figure
from lava_nexus.lab.markdown import markdown
from lava_nexus.models.placing import place
from lava_nexus.programs import LayerShape, Program, Writer, transformer_layer

FIGURE = "mapping_cores.png"
_FOLDING = 128


def small_block(fmt: FloatFormat, width: int = 8, heads: int = 2, hidden: int = 16, tokens: int = 1) -> Program:
    """A pre-norm block with seeded weights, x [tokens, width] to y."""
    rng = np.random.default_rng(0)
    w = Writer(Program(f"block of d = {width}"), fmt)
    x = w.program.input("x", (tokens, width), fmt)
    sizes = {role: (width, width) for role in ("query", "key", "value", "output")}
    sizes |= {"gate": (hidden, width), "up": (hidden, width), "down": (width, hidden)}
    sizes |= {"attention_norm": (1, width), "feed_forward_norm": (1, width)}
    drawn = {role: (rng.standard_normal(size) / math.sqrt(width)).astype(np.float32) for role, size in sizes.items()}
    weights = {f"{r}.weight": w.constant(a[0] if r.endswith("norm") else a) for r, a in drawn.items()}
    scale = float(np.float32(1 / math.sqrt(width / heads)))
    shape = LayerShape(heads, heads, width // heads, scale, "pre_norm", "rms", 1e-5, "silu", gated=True, causal=False)
    w.program.outputs["y"], _ = transformer_layer(w.inside("block0"), x, weights, shape)
    return w.program


def core_by_core(levels: Sequence[str], images: Path | None, quick: bool = False) -> str:
    """Runs the block at each level and gives the page's tables; draws the chip into `images`.

    Raises:
        NexusError: a bit that differs from the reference's, or levels that differ in a spike.
    """
    program = small_block(FLOAT8_E4M3FN, hidden=2 if quick else 16)
    placed = place(program, strategy=Strategy("folded", _FOLDING))
    x = np.random.default_rng(1).standard_normal((1, 1, 8)).astype(np.float32).astype(FLOAT8_E4M3FN.dtype)
    feeds = {"x": FLOAT8_E4M3FN.to_patterns(x)}
    want = run_program(program, feeds, ReferenceExecutor()).outputs["y"]
    rows: list[dict[str, str]] = []
    runs: list[PlacedRun] = []
    for level in levels:
        began = time.perf_counter()
        ran = placed.run(feeds, level=level, timeout=3600.0)
        if not np.array_equal(ran.outputs["y"], want):
            raise NexusError(f"level '{level}' of {ran.label} gives other bits than the reference")
        if runs and [core.spikes for core in runs[0].cores] != [core.spikes for core in ran.cores]:
            raise NexusError(f"levels {levels[0]} and {level} of {ran.label} differ in spikes of a core")
        runs.append(ran)
        rows.append(_row(ran, time.perf_counter() - began))
    if images is not None:
        _draw(placed, runs[0], images / FIGURE)
    around = [(name, *map(_count, numbers)) for name, numbers in runs[0].around.items()]
    around += [(t.circuit.label, "", _count(t.spikes), _count(t.synops)) for t in runs[0].tallies]
    table = runs[0].table()
    return "\n".join(
        [
            f"A {program.name}, FP8, one token, {placed.strategy}: {placed.neurons:,} neurons on {placed.core_count} "
            f"cores of {placed.chip.title}; {sum(t.invocations for t in runs[0].tallies):,} operations.\n",
            markdown(tuple(rows[0]), [tuple(row.values()) for row in rows]),
            markdown(("what", "neurons", "spikes", "SynOps"), around),
            markdown(tuple(table[0]), [tuple(map(str, row.values())) for row in table]),
        ]
    )


def _row(ran: PlacedRun, seconds: float) -> dict[str, str]:
    steps = {"steps predicted": ran.predicted, "steps taken": ran.taken, "spikes": ran.spikes}
    messages = {"messages between cores": ran.messages, "expected": ran.expected_messages}
    counts = steps | messages | {"from the host": ran.from_outside}
    return {"level": ran.level, **{k: f"{v:,}" for k, v in counts.items()}, "simulated in": f"{seconds:.0f} s"}


def _count(number: Any) -> str:
    return f"{number:,}"


def _draw(placed: ProgramPlacement, ran: PlacedRun, path: Path) -> None:
    most = max(core.sent + core.received for core in ran.cores)
    places = np.array([core.place for core in ran.cores], np.int64)
    loads = [(core.sent + core.received) / most for core in ran.cores]
    title = f"{placed.name}: messages to and from each core, and between them"
    assert placed.machine is not None
    links = links_of(placed.machine)
    chip_figure(ChipMap(places, loads, "messages, % of the busiest core's", placed.chip.mesh, links), title, path)
