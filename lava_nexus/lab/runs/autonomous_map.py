"""A large model as a decoder that runs by itself: chips, seconds and joules a token by shape alone, beside host-fed.

Steps are those of `chip.autonomous.sizes`. A step of the sequencer, a word of a cache and a register are as large as in
a network of the same circuits that is built, placed and run here: one layer, narrow but for a feed-forward layer
wider than a page of the sequencer. Circuits, their operands and what watches them are that network's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.autonomous.neurons import PAGE_STEPS, PARTS, SLICE
from lava_nexus.chip.autonomous.sizes import Steps, token_steps, words_alive
from lava_nexus.chip.description import Chip, demand
from lava_nexus.chip.mapper import Mapper
from lava_nexus.chip.timing import Interconnect, Load
from lava_nexus.chip.workload import Memory, Strategy, Where, Workload
from lava_nexus.circuits import circuit
from lava_nexus.energy import EnergyModel, EnergyReport, energy_of, load_energy_model
from lava_nexus.energy.counts import energy_of_counts
from lava_nexus.energy.machine import CircuitCounts, Machine, Pace, Routing, Site, Subject
from lava_nexus.execute.membrane.executor import measured_spikes
from lava_nexus.lab.configs.places import MapBlockConfig
from lava_nexus.lab.energy.token import TABLES, energy_rows, with_activity
from lava_nexus.lab.report import Report, Table
from lava_nexus.lab.runs.built import model_of_sizes
from lava_nexus.models.autonomous import Autonomous, autonomous
from lava_nexus.models.model import Model, random_model
from lava_nexus.models.placing import token_workload
from lava_nexus.progress import doing

BLOCK = 8
_NARROW = {
    "hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "num_hidden_layers": 1,
    "intermediate_size": PAGE_STEPS + 76, "vocab_size": 32, "max_position_embeddings": 16, "eos_token_id": 0,
}  # fmt: skip
_LIMITS = ("neurons", "synapse_words", "axons_in", "axons_out")
NOTE = (
    "by itself: pieces are as large as those of a built network, the table of tokens as its synapses say, cores filled "
    "without waste, messages between cores left out"
)


@dataclass(frozen=True)
class Pieces:
    """What pieces of a kind take.

    Attributes:
        parts: float [parts]; neurons of each part.
        cores: share of a core.
    """

    parts: NDArray[np.float64]
    cores: float

    def times(self, number: float) -> Pieces:
        """So many."""
        return Pieces(self.parts * number, self.cores * number)

    def __add__(self, other: Pieces) -> Pieces:
        return Pieces(self.parts + other.parts, self.cores + other.cores)


def sample_of(model: Model, config: MapBlockConfig, chip: Chip) -> Autonomous:
    """A network of the same circuits."""
    keys = _NARROW | {"model_type": model.spec.kind, "rms_norm_eps": 1e-2}
    how: Any = {"format": config.format, "norm_format": config.format}
    with doing("building a network of the same circuits"):
        return autonomous(random_model(keys, seed=config.seed, **how), max_length=16, prompt=1, chip=chip, block=BLOCK)


def pieces_of(made: Autonomous) -> dict[str, Pieces]:
    """Of the sample: a `step` where its pages are heaviest, a mean `cached` word and `register`, what is there once."""
    network, chip = made.network, made.chip
    count, piece = len(network.pieces), network.piece
    use = demand(network, piece, np.zeros(network.neurons, np.int64), count, chip)
    share = np.max([use.used(name) / getattr(chip.limits, name).most for name in _LIMITS], axis=0)
    parts = np.stack([np.bincount(piece[network.part == i], minlength=count) for i in range(len(PARTS))], axis=1)
    names = [name for name, _ in network.pieces]
    kinds = np.array([kind for _, kind in network.pieces])
    cached = np.array([any(name.startswith(f"{key}, ") for key in network.cached) for name in names])
    held = np.array([name.startswith("registers of") for name in names])
    page, once = kinds == "sequencer", np.isin(kinds, ("circuit", "operands", "checks", "control"))
    steps = np.maximum(1, np.bincount(piece[network.chain - network.n_inputs], minlength=count))
    heaviest = int(np.argmax(np.where(page & (steps >= SLICE), parts.sum(axis=1) / steps, 0)))

    def mean(which: NDArray[np.bool_], number: int) -> Pieces:
        return Pieces(parts[which].sum(axis=0) / number, float(share[which].sum()) / number)

    words = sum(array[..., 0].size for array in network.cached.values())
    return {
        "step": Pieces(parts[heaviest] / steps[heaviest], float(share[heaviest] / steps[heaviest])),
        "cached": mean(cached, words),
        "register": mean(held, _words(made, np.flatnonzero(held))),
        "fixed": mean(once, 1),
    }


def _words(made: Autonomous, pieces: NDArray[np.int64]) -> int:
    """Words of banks: cells that feed themselves, by their bits."""
    network = made.network
    own = network.sources == network.targets + network.n_inputs
    cells = np.isin(network.piece[network.targets[own]], pieces).sum()
    return max(1, int(cells) // made.model.arithmetic.format.bits)


@dataclass(frozen=True)
class Sized:
    """A model in this form: steps of the token at the last position, neurons by part, cores, kept bits."""

    steps: Steps
    neurons: dict[str, int]
    cores: int
    bits: int


def sized(model: Model, workload: Workload, length: int, pieces: dict[str, Pieces], chip: Chip) -> Sized:
    """The counts of a model of any size.

    Args:
        model: whose shape it is.
        workload: a token of it.
        length: positions.
        pieces: of a network of the same circuits.
        chip: that it is placed on.
    """
    spec, fmt = model.spec, model.arithmetic.format
    steps = token_steps(workload, length, BLOCK, circuit("compare_lt", fmt, style="depth").depth)
    shape = spec.layer_shape(0)
    cached = 2 * spec.layers * length * shape.kv_heads * shape.head_dim
    registers = words_alive(workload)
    synapses = spec.vocabulary * spec.width * fmt.bits / 2
    table = np.zeros(len(PARTS))
    table[PARTS.index("memory")] = spec.width * (2 * fmt.bits + 1)
    table[PARTS.index("selection")] = spec.vocabulary
    limits = chip.limits
    words = synapses / limits.synapses_per_word.most
    tables = Pieces(table, max(words / limits.synapse_words.most, table.sum() / limits.neurons.most))
    every = pieces["fixed"] + pieces["step"].times(steps.most) + pieces["cached"].times(cached)
    every += pieces["register"].times(registers) + tables
    neurons = {part: int(np.ceil(number)) for part, number in zip(PARTS, every.parts, strict=True)}
    return Sized(steps, neurons, int(np.ceil(every.cores)), fmt.bits * (cached + registers + spec.width))


def energy_of_sized(one: Sized, made: Autonomous, workload: Workload, constants: EnergyModel) -> EnergyReport:
    """Joules of a token: the sample's spikes an operand set, and half of all kept bits set in every step."""
    network, chip = made.network, made.chip
    run = made.run([1])
    sample = token_workload(made.model, network.length)
    each = {name: sum(n for _, n in w.invocations.values()) for name, w in (("own", workload), ("sample", sample))}
    scale = each["own"] / (each["sample"] * run.passed)
    cells = np.concatenate([array.ravel() for array in network.cached.values()])
    fan_out = np.bincount(network.sources, minlength=network.n_signals)[cells].mean()
    steps, set_bits = one.steps.most, one.bits / 2
    kept = {"memory": (1.0, 1.0), "selection": (0.0, float(fan_out) - 1)}
    counts = []
    for part, number in one.neurons.items():
        fired, reached = kept.get(part, (0.0, 0.0))
        moving = part in ("arithmetic", "control")
        spikes = run.spikes[part] * scale if moving else fired * set_bits * steps
        synops = run.synops[part] * scale if moving else reached * set_bits * steps
        active = run.active[part] * scale if moving else reached * set_bits * steps
        counts.append(CircuitCounts(part, spikes, synops, number * steps, min(active, number * steps)))
    neurons, per_chip = sum(one.neurons.values()), chip.cores_usable.most
    load = Load(neurons / one.cores, sum(c.synops for c in counts) / steps / one.cores)
    tiles = min(chip.mesh.routers, -(-one.cores // chip.mesh.cores_per_router))
    machine = Machine(
        Site(chip.title, neurons, one.cores, -(-one.cores // per_chip), "on chip"),
        Pace("single", steps, chip.timing.step([load], Interconnect(tiles, chip.mesh.routers))),
        Routing(0, 0, 0),
        words=1,
        notes=(NOTE,),
    )
    delays = tuple(sorted({int(placed.network.max_delay) for _, placed in network.copies}))
    relays = sum(placed.network.relays for _, placed in network.copies)
    subject = Subject(len(network.copies), neurons, relays, delays)
    return energy_of_counts(counts, constants, 1, machine, subject)


def autonomous_map(config: MapBlockConfig, chip: Chip) -> Report:
    """Maps a model as one network that runs by itself, and its strategies on shared instances, host-fed and not.

    Raises:
        NexusError: a model that cannot run by itself, or what does not fit.
    """
    model = model_of_sizes(config)
    workload = token_workload(model, config.context, config.name)
    plain = replace(model.arithmetic, style="depth")
    by_itself = token_workload(Model(model.spec, model.source, plain), config.context, config.name)
    made = sample_of(model, config, chip)
    one = sized(model, by_itself, config.context, pieces_of(made), chip)
    constants = load_energy_model(config.energy_model)
    reports = {"by itself": energy_of_sized(one, made, by_itself, constants)}
    ways: dict[str, Where] = {"on the chips": "chip", "fed by the host": "host"}
    for fed, where in ways.items():
        memory = Memory("chip", where, where)
        mapper = Mapper(workload, chip, measured_spikes, seed=config.seed, sets=config.sets, memory=memory)
        placed = with_activity(
            [mapper.place(Strategy.of(text)) for text in config.strategies], mapper, config.sets, config.seed
        )
        reports |= {f"{p.strategy}, {fed}": energy_of(p, constants, pace="single") for p in placed}
    rows = [
        ["placement", *(dict(report.definition)["placement"] for report in reports.values())],
        *energy_rows(list(reports.values())),
    ]
    counts = [(part, f"{number:,}") for part, number in one.neurons.items()]
    counts += [("steps, at least", f"{one.steps.least:,}"), ("steps, at most", f"{one.steps.most:,}")]
    name = config.name.partition(",")[0]
    return Report(
        title=f"{name}: a token by itself, and on shared instances",
        config=config.resolved(),
        lead=[f"{name}, position {config.context}, as one network that runs by itself."],
        levels=[],
        tables=[
            Table(f"{name}: neurons and steps by itself", ("what", "number"), counts, "by_itself.csv"),
            Table(f"{name}: joules and seconds a token", ("", *reports), rows, f"autonomous_{TABLES[0]}"),
        ],
        notes=[NOTE],
        values={"neurons": one.neurons, "steps": [one.steps.least, one.steps.most], "cores": one.cores},
    )
