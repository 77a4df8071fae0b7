"""What a run of a transformer takes on so many workers, by its shape and measured rates: time, bytes moved, memory.

    wall = command + cluster + sum over programs of (own work here + slowest tile + tiles given + bytes / rate)

Rates are processor seconds measured by `benchmarks/cluster_rates.py`, kept in rates.yaml; nothing runs here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import resources
from math import ceil, prod
from pathlib import Path
from typing import Any

from pydantic import Field

from lava_nexus.chip.workload import WEIGHT
from lava_nexus.circuits import Circuit
from lava_nexus.config import Config, build_config, load_config
from lava_nexus.documents import parse_yaml
from lava_nexus.errors import NexusError
from lava_nexus.execute.shares import shares
from lava_nexus.lab.configs.execution import RunConfig, TransformerModel
from lava_nexus.lab.runs.transformer import job_of
from lava_nexus.models.placing import pass_workload
from lava_nexus.programs.program import Apply, Contract, Node, Program, Reduce
from lava_nexus.programs.summation import Extent

_WORD = 64
_COUNT_BYTES = 8


class Engine(Config):
    """Rates of an executor, one thread; seconds of a processor.

    Attributes:
        invoke: of an invocation, however few its operand sets.
        node: of a node of a program that is walked.
        neuron: of a neuron and an operand set, for circuits that were not measured.
        sets: of an operand set, by circuit and format.
        sums: by how much sums with weights take longer than their products and additions by themselves.
        lanes: operand sets that an invocation takes the time of at least.
        share: operand sets below which another thread is not used.
    """

    invoke: float = Field(gt=0)
    node: float = Field(ge=0)
    neuron: float = Field(gt=0)
    sets: dict[str, float]
    sums: float = Field(gt=0)
    lanes: int = Field(ge=1)
    share: int = Field(ge=1)

    def seconds(self, circuit: Circuit, sets: int, invokes: int, threads: int) -> float:
        """Of so many operand sets in so many invocations, each on at most so many threads."""
        each = self.sets.get(name_of(circuit), self.neuron * circuit.neurons)
        lanes = ceil(sets / invokes)
        own = max(ceil(lanes / max(1, min(threads, lanes // self.share))), self.lanes)
        return invokes * (self.invoke + own * each)


class Rates(Config):
    """What was measured, and where.

    Attributes:
        processor, when: of the measurement.
        engines: by executor.
        command: seconds of a command around its work: start, imports, report.
        cluster, worker: seconds until a local cluster is there, and more for each worker behind the first; others
            are there before.
        first: seconds of a worker's first tile: imports, circuits read from disk.
        tile: seconds of the scheduler and its client to give a tile out and take what it gives.
        bytes: a second through the scheduler.
        read: weights a second and thread, made of seeded random numbers or read from a checkpoint.
        memory: bytes of a worker that has done nothing yet.
    """

    processor: str
    when: str
    engines: dict[str, Engine]
    command: float = Field(ge=0)
    cluster: float = Field(ge=0)
    worker: float = Field(ge=0)
    first: float = Field(ge=0)
    tile: float = Field(ge=0)
    bytes: float = Field(gt=0)
    read: dict[str, float]
    memory: float = Field(ge=0)

    @classmethod
    def of(cls, path: Path | None = None) -> Rates:
        """Of a file; None for those that come with the package."""
        if path is not None:
            return load_config(cls, path)
        text = (resources.files("lava_nexus.lab") / "rates.yaml").read_text(encoding="utf-8")
        return build_config(cls, parse_yaml(text, "rates"), "rates")


def name_of(circuit: Circuit) -> str:
    """Operation and format, as rates name it."""
    return f"{circuit.name} {circuit.output.format} {circuit.basis}"


@dataclass(frozen=True)
class Plan:
    """A run on workers.

    Attributes:
        workers, threads: how many, and threads of each.
        multiply_accumulates: of linear layers.
        start: seconds of command, cluster and the workers' first tiles.
        tiles: seconds of linear layers at the slowest worker, the reference's among them.
        here: seconds of all else, which runs at the client, the reference's among them.
        weights: seconds in which workers read their weights, once.
        moved: seconds of the scheduler: tiles given and taken.
        sent, returned: bytes from the client to workers, and back.
        read: bytes of weights that all workers read together.
        memory: bytes of the fullest worker.
    """

    workers: int
    threads: int
    multiply_accumulates: int
    start: float
    tiles: float
    here: float
    weights: float
    moved: float
    sent: int
    returned: int
    read: int
    memory: int

    @property
    def wall(self) -> float:
        """Seconds of the whole command."""
        return self.start + self.tiles + self.here + self.weights + self.moved

    def to_dict(self) -> dict[str, Any]:
        """Values for JSON."""
        return {**asdict(self), "wall": self.wall}


def planned(
    config: RunConfig, workers: int, threads: int, rates: Rates, processors: int | None = None, quick: bool = False
) -> Plan:
    """What a config's run takes on so many workers.

    Args:
        config: of a transformer.
        workers: that form tiles; 0 for none, all in the command's own process.
        threads: of each.
        rates: measured.
        processors: of the one machine that all workers and the client share; None for a machine each.
        quick: as the command has it.

    Raises:
        NexusError: no transformer, an executor without rates, or arithmetic that is placed by no shape alone.
    """
    if not isinstance(config.model, TransformerModel):
        raise NexusError(f"model '{config.model.kind}' is not spread over workers: a plan is of a transformer's run")
    names = [config.executor, *(["reference"] if config.executor != "reference" else [])]
    for name in names:
        if name not in rates.engines:
            raise NexusError(f"no rates of executor '{name}' are kept, only of {', '.join(rates.engines)}")
    job = job_of(config, quick)
    work = _Work(rates, max(1, workers), threads, processors)
    for program, times in pass_workload(job.model, job.steps).sections:
        for number, name in enumerate(names):
            work.add(program, times, rates.engines[name], first=number == 0, spread=workers > 0)
    kind = "random" if config.model.checkpoint is None else "checkpoint"
    return work.plan(workers, threads, rates.read[kind], quick)


class _Work:
    """What adds up, program by program."""

    def __init__(self, rates: Rates, workers: int, threads: int, processors: int | None) -> None:
        self._rates, self._workers = rates, workers
        at_once = workers * threads if processors is None else min(processors, workers * threads)
        self._each, self._local = at_once / workers, processors is not None
        self._own = threads if processors is None else processors
        self.tiles = self.here = self.given = 0.0
        self.sent = self.returned = self.read = self.macs = self.held = self.values = self.largest = 0

    def add(self, program: Program, times: int, engine: Engine, first: bool, spread: bool) -> None:
        weights = {value.number for name, value in program.inputs.items() if name.startswith(WEIGHT)}
        self.here += times * len(program.nodes) * engine.node
        for node in program.nodes:
            linear = isinstance(node, Contract) and node.operands[1].number in weights
            if linear and spread:
                assert isinstance(node, Contract)
                self._spread(node, times, engine, first)
                continue
            if linear:
                self.macs += times * prod(node.result.shape) * node.operands[0].shape[-1] if first else 0
                self._weights(node, times, 1)
            self.here += times * work_seconds(node, engine, self._own) * (engine.sums if linear else 1.0)

    def _weights(self, node: Node, times: int, parts: int) -> None:
        columns, length = node.operands[1].shape[-2:]
        size = node.operands[1].float_format.bits // 8
        most = max(s.stop - s.start for s in shares(columns, parts, _WORD))
        self.read += times * columns * length * size
        self.held += times * most * length * size
        self.values += times * most * length
        self.largest = max(self.largest, most * length * 4)

    def _spread(self, node: Contract, times: int, engine: Engine, first: bool) -> None:
        rows, length = prod(node.result.shape[:-1]), node.operands[0].shape[-1]
        columns = node.result.shape[-1]
        cut = [s.stop - s.start for s in shares(columns, self._workers, _WORD)]
        extent = Extent(rows * max(cut), max(cut), length, len(node.operands) > 2)
        found = _sum_seconds(node, extent, engine, max(1, int(self._each)))
        # Fewer processors than workers: they take turns.
        self.tiles += times * engine.sums * sum(found) / min(1.0, self._each)
        size, out = node.operands[0].float_format.bits // 8, node.result.float_format.bits // 8
        counted = sum(circuit.network.n_signals * _COUNT_BYTES for circuit, _ in node.product.invocations(extent))
        self.given += times * len(cut)
        self.sent += times * len(cut) * rows * length * size
        self.returned += times * (rows * columns * out + (len(cut) * counted if first else 0))
        if first:
            self.macs += times * rows * columns * length
            self._weights(node, times, self._workers)

    def plan(self, workers: int, threads: int, read: float, quick: bool) -> Plan:
        rates, spread = self._rates, workers > 0
        own = rates.cluster + rates.worker * (workers - 1) if self._local else 0.0
        start = rates.command + (own + rates.first if spread else 0.0)
        weights = self.values / read / min(1.0, self._each)
        moved = self.given * rates.tile + (self.sent + self.returned) / rates.bytes
        memory = int(rates.memory + (self.held if spread else 0) + 2 * self.largest)
        return Plan(
            workers, threads, self.macs, start, self.tiles, self.here, weights, moved, self.sent, self.returned,
            self.read, memory,
        )  # fmt: skip


def work_seconds(node: Node, engine: Engine, threads: int) -> float:
    """Of what a node invokes, one after the other."""
    return sum(_seconds(node, engine, threads))


def _seconds(node: Node, engine: Engine, threads: int) -> Iterator[float]:
    """Of what a node invokes, one after the other."""
    if isinstance(node, Contract | Reduce):
        yield from _sum_seconds(node, node.extent, engine, threads)
    elif isinstance(node, Apply):
        for circuit, sets in node.invocations():
            yield engine.seconds(circuit, sets, 1, threads)


def _sum_seconds(node: Contract | Reduce, extent: Extent, engine: Engine, threads: int) -> Iterator[float]:
    """Of sums: products many terms at a time, additions a step of the order at a time."""
    order = node.how.order
    steps = extent.length if order is None or order.tree is None else len(order.steps)
    for circuit, sets in node.how.invocations(extent):
        terms = max(1, _TOGETHER // max(1, extent.sums)) if circuit.name == "mul" else 1
        yield engine.seconds(circuit, sets, max(1, min(sets, ceil(steps / terms))), threads)


_TOGETHER = 1 << 18
"""Operand sets of products that are formed at once, see `execute.sums`."""
