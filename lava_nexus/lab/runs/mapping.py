"""The report of a mapping: strategies side by side, one of them in full, the trade-off curve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.chip.checker import MOST_OPERATIONS, check_schedule
from lava_nexus.chip.description import LIMITS, Chip, Limit, load_chip
from lava_nexus.chip.layout import MOST_CORES, Layout, layout
from lava_nexus.chip.mapper import Mapper
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.chip.timing import Coefficient
from lava_nexus.chip.workload import Memory, Strategy
from lava_nexus.config import did_you_mean
from lava_nexus.crew import standing
from lava_nexus.errors import NexusError
from lava_nexus.execute.membrane.executor import measured_spikes
from lava_nexus.execute.native.activity import measured_activity
from lava_nexus.lab.configs.places import MapBlockConfig
from lava_nexus.lab.energy.token import token_energies, token_tables, with_activity
from lava_nexus.lab.figures.bars import ChipMap, chip_figure, chips_figure
from lava_nexus.lab.markdown import shown, with_prefix
from lava_nexus.lab.published import published
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.runs.autonomous_map import autonomous_map
from lava_nexus.lab.runs.built import model_of_sizes, narrowed
from lava_nexus.lab.spread import spread
from lava_nexus.lab.trial import marked, smaller, unless_quick
from lava_nexus.models.placing import token_workload

STRATEGY_HEADER = (
    *("strategy", "folding", "circuit instances", "neurons", "of them arithmetic", "synapses", "cores", "chips"),
    *("board", "boards", "time steps a token", "step", "latency a token", "tokens/s", "tokens/s interleaved, at most"),
)
CURVE_HEADER = ("folding", "cores", "chips", "neurons", "steps", "step_ns", "seconds", "interleaved_seconds")
CIRCUIT_HEADER = (
    *("circuit", "neurons", "of them relays", "synapses", "largest delay", "cores", "instances", "invocations a token"),
)
CORE_HEADER = ("cores like this", "holds", *LIMITS, "neurons_stated")
_QUICK = {"d_model": 16, "heads": 2, "kv_heads": 1, "head_dim": 8, "hidden": 32, "layers": 1, "vocabulary": 0}


@dataclass(frozen=True)
class _Mapping:
    """What was mapped.

    Attributes:
        config: what was asked for.
        mapper: places at any folding.
        placed: a placement for each strategy.
        curve: placements from one instance of each circuit to no sharing at all.
        drawn: every core of the first one, where they are few enough.
    """

    config: MapBlockConfig
    mapper: Mapper
    placed: list[ProgramPlacement]
    curve: list[ProgramPlacement]
    drawn: Layout | None


@marked
def run_map_block(config: MapBlockConfig, out: Path, quick: bool = False) -> dict[str, Any]:
    """Maps what the config names, writes report.json, report.md, CSV tables and figures to `out`; returns the JSON.

    Raises:
        NexusError: a chip, strategy or published figure that does not exist, or what does not fit.
    """
    chip = load_chip(config.chip)
    _check(config, chip)
    config = smaller(config, _small(config)) if quick else config
    if config.form == "autonomous":
        return conclude(autonomous_map(config, chip), out)
    strategies = [Strategy.of(text) for text in config.strategies]
    mapper = _mapper(config, chip)
    with standing(config.cluster) as cluster:
        circuits = spread(cluster, Mapper.template, mapper, mapper.circuits, "placing", "circuits")
        native = spread(cluster, Mapper.native, mapper, mapper.parts, "placing", "native layers")
        mapper.adopt(dict(zip(mapper.circuits, circuits, strict=True)), dict(zip(mapper.parts, native, strict=True)))
        placed = [mapper.place(strategy) for strategy in strategies]
        placed = with_activity(placed, mapper, config.sets, config.seed)
        curve = spread(cluster, Mapper.folded, mapper, _foldings(mapper, config.curve), "folding", "foldings")
    drawn = layout(mapper, placed[0], config.seed) if placed[0].core_count <= MOST_CORES else None
    return conclude(_report(_Mapping(config, mapper, placed, curve, drawn), quick, out), out)


def _small(config: MapBlockConfig) -> MapBlockConfig:
    """A tiny block by the same path."""
    shape = config.shape and config.shape.model_copy(update=_QUICK)
    keys = config.architecture and {**narrowed(config.architecture), "num_hidden_layers": 1, "vocab_size": 32}
    strategies = tuple("fit: chips=8" if text.startswith("fit") else text for text in config.strategies)
    return config.model_copy(
        update={"shape": shape, "context": min(config.context, 4), "format": "float8_e4m3fn", "curve": 4, "sets": 16}
        | {"strategies": strategies, "architecture": keys}
    )


def _check(config: MapBlockConfig, chip: Chip) -> None:
    shape = config.shape
    if shape and shape.heads % shape.kv_heads:
        raise NexusError(f"shape has {shape.heads} heads, which its {shape.kv_heads} kv_heads do not divide")
    if shape and shape.rotary and shape.head_dim % 2:
        raise NexusError(f"shape has an odd head_dim of {shape.head_dim}, whose pairs cannot be rotated")
    sizes = published("sizes")
    if config.published is not None and config.published not in sizes:
        raise NexusError(f"published '{config.published}' does not exist{did_you_mean(config.published, sizes)}")
    most = chip.limits.largest_delay.most
    if config.max_delay is not None and config.max_delay > most:
        raise NexusError(f"'max_delay' is {config.max_delay}, above the {most} that a synapse of {chip.name} holds")


def _mapper(config: MapBlockConfig, chip: Chip) -> Mapper:
    workload = token_workload(model_of_sizes(config), config.context, config.name)
    memory = Memory(**config.memory.model_dump())
    return Mapper(
        workload, chip, measured_spikes, max_delay=config.max_delay, seed=config.seed, sets=config.sets, memory=memory,
        activities=measured_activity,
    ).at_pace(config.pace)  # fmt: skip


def _foldings(mapper: Mapper, points: int) -> list[int]:
    """From one instance of each circuit to one for each invocation, evenly on a logarithmic scale."""
    ends = np.geomspace(mapper.most_folding, 1, points)
    return sorted({round(float(k)) for k in ends}, reverse=True)


def _check_schedules(placed: ProgramPlacement) -> dict[str, Any]:
    """Runs the schedule checker where the operations can be written out."""
    sizes = [schedule.invocations for schedule, _ in placed.schedules]
    for schedule, _ in placed.schedules:
        if schedule.invocations <= MOST_OPERATIONS:
            check_schedule(schedule)
    return {"operations": sizes, "checked": [size <= MOST_OPERATIONS for size in sizes]}


_MOVED = ("messages", "inter_chip", "hops_east_west", "hops_north_south")
_LOADS = (
    "Every core in use: the time that it needs in a busy step, as a share of what the slowest core needs; lines are "
    "the messages a token over the links of the mesh, between parts of an instance and from multipliers to adders, the "
    "wider the more; what shares a router crosses none."
)
_CHIPS = "Chips against time a token, from one instance of each circuit to no sharing at all."


def _draw(found: _Mapping, out: Path) -> list[tuple[str, str]]:
    """Draws; returns file and caption of each figure."""
    chip, first, name = found.mapper.chip, found.placed[0], found.config.name
    figures = {}
    if found.drawn is not None:
        times = [chip.timing.core(one.load).value for one in first.cores]
        load = [times[t] / max(times) for t in found.drawn.template.tolist()]
        title = f"{name}, {first.strategy}, on {chip.title}"
        drawn = ChipMap(
            found.drawn.places, load, "time in a busy step, % of the slowest core's", chip.mesh, found.drawn.links
        )
        chip_figure(drawn, title, out / "chip.png")
        figures["chip.png"] = _LOADS
    boards, ways = {name: board.chips for name, board in chip.boards.items()}, [*found.curve, *found.placed]
    if len({way.chips for way in ways}) > 1:
        chips_figure(ways, boards, f"{name}: chips against time a token", out / "chips.png")
        figures["chips.png"] = _CHIPS
    return list(figures.items())


def _report(found: _Mapping, quick: bool, out: Path) -> Report:
    config, mapper, drawn, first = found.config, found.mapper, found.drawn, found.placed[0]
    printed = unless_quick(published("sizes").get(config.published or ""))
    schedule, rows, chip = _check_schedules(first), [_row(one) for one in found.placed], mapper.chip.resolved()
    energies = token_energies(found.placed, config.energy_model)
    values: dict[str, Any] = {
        "energy": [{one.placed.pace.name: one.to_dict() for one in pair if one.placed} for pair in energies],
        "weights": mapper.workload.words("weights"),
        "invocations": {circuit.label: count for circuit, count in mapper.circuits.values()},
        "neurons_an_instance_each": sum(circuit.neurons * count for circuit, count in mapper.circuits.values()),
        "published_neurons": printed.neurons if printed else None,
        "published_source": printed.source if printed else None,
        "strategies": [{key: value for key, value in one.to_dict().items() if key != "chip"} for one in found.placed],
        "rows": rows,
        "curve": [_curve_row(one) for one in found.curve],
        "layout": None if drawn is None else {name: getattr(drawn, name) for name in _MOVED},
        "schedule": schedule,
        "chip": chip,
    }
    circuits = [[getattr(one, key) for key in _CIRCUIT_KEYS] for one in first.circuits]
    return Report(
        title=f"{config.name} on {mapper.chip.title}",
        config={**config.resolved(), "quick": quick},
        tables=[
            Table("", ("", *(row[0] for row in rows)), _transposed(rows), None),
            *token_tables(found.placed, energies),
            Table("Counts", _COUNT, _counts(values), None, printed=False),
            Table(f"Circuits, {first.strategy}", CIRCUIT_HEADER, circuits, None, printed=False),
            Table(f"Core templates, {first.strategy}", CORE_HEADER, _core_rows(first), "cores.csv", _most(chip), False),
            Table("Traffic, input and output a token", _COUNT, _flows(first, drawn), None, _checked(schedule), False),
            Table("Chip", ("what", "value", "source", "confidence", "note"), _sources(chip), None, printed=False),
        ],
        figures=_draw(found, out),
        values=values,
        data={"strategies.csv": (STRATEGY_HEADER, rows), "curve.csv": (CURVE_HEADER, values["curve"])},
    )


def _row(one: ProgramPlacement) -> list[Any]:
    return [
        *(one.strategy, one.folding, sum(c.instances for c in one.circuits if c.arithmetic), one.neurons),
        *(sum(c.neurons * c.instances for c in one.circuits if c.arithmetic), one.synapses, one.core_count, one.chips),
        *(one.board, one.boards, one.steps, with_prefix(one.step_ns * 1e-9, "s"), with_prefix(one.seconds, "s")),
        *(one.tokens_per_second, one.most_tokens_per_second),
    ]


def _curve_row(one: ProgramPlacement) -> list[Any]:
    gap = one.interval * one.step_ns * 1e-9
    return [one.folding, one.core_count, one.chips, one.neurons, one.steps, one.step_ns, one.seconds, gap]


def _transposed(rows: list[list[Any]]) -> list[list[Any]]:
    return [[name, *(shown(row[i]) for row in rows)] for i, name in enumerate(STRATEGY_HEADER)][1:]


def _core_rows(placed: ProgramPlacement) -> list[list[Any]]:
    rows = []
    for core in placed.cores:
        holds = "; ".join(f"{n} x {name}" if n > 1 else name for name, n in core.pieces)
        rows.append([core.count, holds, *(core.used[limit] for limit in CORE_HEADER[2:])])
    return rows


_CIRCUIT_KEYS = ("label", "neurons", "relays", "synapses", "max_delay", "cores", "instances", "invocations")
_COUNT = ("what", "count")


def _largest(chip: dict[str, Any], name: str) -> int:
    return Limit.model_validate(chip["limits"][name]).most


def _most(chip: dict[str, Any]) -> str:
    return "Largest use allowed: " + ", ".join(f"{name} {_largest(chip, name):,}" for name in CORE_HEADER[2:]) + "."


def _counts(values: dict[str, Any]) -> list[tuple[str, int]]:
    rows = [("weights", values["weights"])]
    rows.append(("neurons with an instance for every invocation, largest delay 62", values["neurons_an_instance_each"]))
    if values["published_neurons"]:
        rows.append((f"neurons as published ({values['published_source']})", values["published_neurons"]))
    return rows + [(f"invocations a token: {name}", count) for name, count in values["invocations"].items()]


def _flows(placed: ProgramPlacement, drawn: Layout | None) -> list[tuple[str, float]]:
    traffic, io = placed.traffic, placed.io
    rows: list[tuple[str, float]] = [
        ("messages between the cores of one instance", traffic.messages),
        ("messages of operands into instances", traffic.operands),
        ("messages of results out of instances", traffic.results),
        ("messages that could leave a chip", traffic.inter_chip_most),
    ]
    if drawn is not None:
        rows += [(f"laid out: {name.replace('_', ' ')}", getattr(drawn, name)) for name in _MOVED]
    rows += [(f"words in: {what}", count) for what, count in io.words_in.items()]
    rows += [(f"words out: {what}", count) for what, count in io.words_out.items()]
    return [*rows, ("bits in and out a time step", round(io.bits_per_step, 1))]


def _checked(schedule: dict[str, Any]) -> str:
    words = "written out and checked" if all(schedule["checked"]) else "too long to be written out and checked"
    return f"Schedule of {sum(schedule['operations']):,} operations: {words}."


def _sources(chip: dict[str, Any]) -> list[list[Any]]:
    mesh = chip["mesh"]
    rows = [["mesh", f"{mesh['columns']} x {mesh['rows']} x {mesh['cores_per_router']}", mesh]]
    rows += [[name, str(_largest(chip, name)), entry] for name, entry in chip["limits"].items()]
    rows += [[name, _ranged(entry), entry] for name, entry in chip["timing"].items() if isinstance(entry, dict)]
    rows += [[f"{name}, chips", str(entry["chips"]), entry] for name, entry in chip["boards"].items()]
    return [[name, value, entry["source"], entry["confidence"], entry["note"]] for name, value, entry in rows]


def _ranged(entry: dict[str, Any]) -> str:
    """A coefficient with its range."""
    span = Coefficient.model_validate(entry).span
    return f"{span.value:g}" if span.known else f"{span.value:g} ({span.low:g} .. {span.high:g})"
