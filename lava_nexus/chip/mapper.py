"""Programs to chips: instances by a strategy, schedules, what stands around the circuits, core templates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil, sqrt
from typing import Literal

from lava_nexus.chip import memory as words
from lava_nexus.chip.description import Chip
from lava_nexus.chip.machine import fits_machine
from lava_nexus.chip.native import Activities, Activity, NativeTemplate, native_template
from lava_nexus.chip.packing import CoreTemplate, Piece, circuit_pieces, level, pack, spread
from lava_nexus.chip.pairs import pair_template
from lava_nexus.chip.place import Spikes, circuit_template
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.populations import population_template
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.chip.scheduler import schedule_program
from lava_nexus.chip.surroundings import handover, surroundings
from lava_nexus.chip.timing import Interconnect, Load, Span
from lava_nexus.chip.uses import around_uses, built_placement, circuit_use, input_output, native_use, token_traffic
from lava_nexus.chip.workload import Memory, Strategy, Workload
from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.populations.native.core import NativeCore
from lava_nexus.populations.native.pair_core import PairCore
from lava_nexus.populations.network import PopulationNetwork
from lava_nexus.programs.program import Program

_HALVINGS = 8
_Packing = Callable[[Sequence[Piece], Chip], list[CoreTemplate]]


def place_program(
    subject: Program | Workload, chip: Chip, spikes: Spikes, strategy: Strategy | str = "unrolled", *,
    max_delay: int | None = None, seed: int = 0, sets: int = 256, memory: Memory | None = None,
) -> ProgramPlacement:  # fmt: skip
    """A program, or the programs of a token, on chips by one strategy; see `Mapper`."""
    mapper = Mapper(subject, chip, spikes, max_delay=max_delay, seed=seed, sets=sets, memory=memory)
    return mapper.place(Strategy.of(strategy))


_TEMPLATES = {NativeCore: native_template, PairCore: pair_template, PopulationNetwork: population_template}


class Mapper:
    """One workload on one chip, at any folding; circuits are placed once.

    Args:
        subject: a program, or the programs of a token.
        chip: onto what.
        spikes: counts those of a circuit as it is placed.
        max_delay: largest synaptic delay; None takes for each circuit the one that needs fewest cores.
        seed: of partitions and operands.
        sets: operand sets that spikes are counted on.
        memory: what is kept on the chip; None for registers alone, by neurons with states beside native layers.
        activities: counts what parts of native layers do; None where there are none.

    Attributes:
        workload: what a token costs.
        circuits: (circuit, invocations a token) by digest.
        parts: (part of native layers, invocations a token) by digest.

    Raises:
        NexusError: the subject invokes no circuit, or native layers whose activity nobody counts.
    """

    def __init__(
        self,
        subject: Program | Workload,
        chip: Chip,
        spikes: Spikes,
        max_delay: int | None = None,
        seed: int = 0,
        sets: int = 256,
        memory: Memory | None = None,
        activities: Activities | None = None,
    ) -> None:
        self.workload = subject if isinstance(subject, Workload) else Workload.of(subject)
        self.chip = chip
        self.memory = memory or Memory(words="neurons" if self.workload.layers else "gates")
        self._built_memory = memory or Memory()
        invoked, self._activities = self.workload.invocations, activities
        self._pace: Literal["single", "streamed"] = "single"
        self.circuits = {digest: (one, n) for digest, (one, n) in invoked.items() if isinstance(one, Circuit)}
        self.parts = {digest: (one, n) for digest, (one, n) in invoked.items() if isinstance(one, NativePart)}
        if not self.circuits:
            raise NexusError(f"program '{self.workload.name}' invokes no circuit, so that there is nothing to place")
        if self.parts and activities is None:
            raise NexusError(f"program '{self.workload.name}' has native layers, whose activity nobody counts here")
        self._spikes, self._max_delay, self._seed, self._sets = spikes, max_delay, seed, sets
        self._placed: dict[str, Placement] = {}
        self._native, self._activity = dict[str, NativeTemplate](), dict[str, Activity]()
        self._found: dict[int, ProgramPlacement] = {}

    def at_pace(self, pace: Literal["single", "streamed"]) -> Mapper:
        """The same with instances beside native layers dealt for fewest steps of a token, or from one to the next."""
        self._pace = pace
        return self

    @property
    def most_folding(self) -> int:
        """The folding at which every circuit has one instance."""
        if self.parts and self._pace == "single":
            return ceil(self._unrolled * max(sqrt(count / one.neurons) for one, count in self.circuits.values()))
        return max(count for _, count in self.circuits.values())

    def template(self, digest: str) -> Placement:
        """One instance of a circuit on cores."""
        if digest not in self._placed:
            circuit, _ = self.circuits[digest]
            self._placed[digest] = circuit_template(
                circuit, self.chip, self._spikes, self._max_delay, self._seed, self._sets
            )
        return self._placed[digest]

    def native(self, digest: str) -> NativeTemplate:
        """One instance of a part of native layers on cores."""
        if digest not in self._native:
            part, _ = self.parts[digest]
            made = _TEMPLATES[type(part.network)]
            self._native[digest] = made(part, self.chip, self._active(digest))
        return self._native[digest]

    def _active(self, digest: str) -> Activity:
        """What a part of native layers does."""
        if digest not in self._activity:
            assert self._activities is not None
            self._activity[digest] = self._activities(self.parts[digest][0], self._sets, self._seed)
        return self._activity[digest]

    def adopt(self, placed: dict[str, Placement], native: dict[str, NativeTemplate]) -> None:
        """Takes instances that another mapper of the same workload placed."""
        self._placed, self._native = self._placed | placed, self._native | native

    def _instances(self, folding: int) -> dict[str, int]:
        """Of each circuit; a native layer's neurons between the gates are those of its weights.

        Beside native layers gates wait for one another in turn: steps of a token are fewest for so many neurons where
        instances go as the root of invocations / neurons, steps between tokens where all are equally busy.
        """
        if not self.parts:
            return {digest: -(-count // folding) for digest, (_, count) in self.circuits.items()}
        layers: dict[str, int] = self.workload.layers
        found: dict[str, int] = {}
        for digest, (what, count) in self.workload.invocations.items():
            rooted = sqrt(count / what.neurons) * self._unrolled
            wanted = (rooted if self._pace == "single" else count) / folding
            found[digest] = layers[digest] if _own(what) else max(1, min(count, ceil(wanted)))
        return found

    @property
    def _unrolled(self) -> float:
        """By what the roots are multiplied where every invocation has an instance."""
        return max(sqrt(n * one.neurons) for one, n in self.workload.invocations.values() if not _own(one))

    def place(self, strategy: Strategy) -> ProgramPlacement:
        """By a strategy.

        Raises:
            NexusError: it does not fit, however it is folded.
        """
        if strategy.kind != "fit":
            return self._built(replace(self._evened(self.folded(strategy.number), spread), strategy=str(strategy)))
        placed = self._fit(strategy)
        built = self._built(placed)
        return built if built.chips <= strategy.number else placed

    def _evened(self, placed: ProgramPlacement, how: _Packing) -> ProgramPlacement:
        """With neurons spread over cores, where there are native layers."""
        return self._place(placed.folding, how) if self.parts else placed

    def folded(self, folding: int) -> ProgramPlacement:
        """With ceil(invocations / folding) instances of each circuit."""
        if folding not in self._found:
            self._found[folding] = self._place(folding)
        return self._found[folding]

    def _fit(self, strategy: Strategy) -> ProgramPlacement:
        # Very long schedules need long sequencers, so that the deepest folding is not always the smallest.
        deep = {max(1, self.most_folding >> halvings) for halvings in range(_HALVINGS)}
        fewest = min((self.folded(folding) for folding in deep), key=lambda one: (one.core_count, -one.folding))
        low, high = 1, fewest.folding
        if fewest.chips > strategy.number:
            room = strategy.number * self.chip.cores
            raise NexusError(
                f"program '{self.workload.name}' needs {fewest.core_count} cores of {self.chip.name} even when folded "
                f"by {fewest.folding}, {fewest.core_count - room} more than the {room} of chips={strategy.number}; the "
                f"smallest change that fits is chips={fewest.chips}"
            )
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.folded(middle).chips <= strategy.number else (middle + 1, high)
        return replace(self._evened(self.folded(high), level), strategy=str(strategy))

    def _place(self, folding: int, packed: _Packing = pack) -> ProgramPlacement:
        instances = self._instances(folding)
        by_words = self.memory.words == "neurons"
        handed = words.HANDOVER if by_words else handover()
        schedules = tuple(
            (schedule_program(program, instances, handed), times) for program, times in self.workload.sections
        )
        surround = words.word_memory if by_words else surroundings
        around = surround(self.workload, schedules, instances, self.memory, self.chip)
        pieces: list[Piece] = [piece for piece, _ in around]
        uses = []
        for digest, (circuit, count) in self.circuits.items():
            placed = self.template(digest)
            pieces += circuit_pieces(circuit.label, placed, instances[digest])
            uses.append(circuit_use(circuit, placed, instances[digest], count))
        for digest, (part, count) in self.parts.items():
            pieces += [replace(p, count=p.count * instances[digest]) for p in self.native(digest).pieces]
            uses.append(native_use(part, self.native(digest), instances[digest], count))
        templates = tuple(packed(pieces, self.chip))
        cores = sum(template.count for template in templates)
        chips = -(-cores // self.chip.cores)
        board, boards = self.chip.board_for(chips)
        steps = sum(schedule.steps * times for schedule, times in schedules)
        interval = self._interval(instances)
        circuits = [(self.template(digest), count) for digest, (_, count) in self.circuits.items()]
        natives = [(self.native(digest), count) for digest, (_, count) in self.parts.items()]
        traffic = token_traffic(circuits, natives, chips)
        quiet = self._step(templates, cores, (traffic.messages + traffic.operands + traffic.results) / max(1, steps))
        return ProgramPlacement(
            name=self.workload.name,
            chip=self.chip,
            strategy=f"folded: {folding}",
            folding=folding,
            circuits=(*uses, *around_uses(around)),
            cores=templates,
            chips=chips,
            board=board,
            boards=boards,
            steps=steps,
            interval=interval,
            step=self._with_bursts(quiet, steps, one_by_one=True),
            streamed_step=self._with_bursts(quiet, interval, one_by_one=False),
            traffic=traffic,
            io=input_output(self.workload, self.memory, steps),
            memory=self.memory,
            schedules=schedules,
        )

    def _built(self, placed: ProgramPlacement) -> ProgramPlacement:
        """With every neuron on its core, where they are few and the program runs once a token.

        Words are kept by gates then, beside native layers too where nothing else was asked for.
        """
        (program, times), *others = self.workload.sections
        if others or times > 1 or self._built_memory != Memory():
            return placed
        schedule, _ = placed.schedules[0]
        if self.memory != Memory():
            schedule = schedule_program(program, self._instances(placed.folding), handover())
        if not fits_machine(schedule):
            return placed
        digests = [pool.circuit.digest for pool in schedule.pools]
        parts = [self.template(one) if one in self.circuits else self._active(one) for one in digests]
        built = built_placement(placed, schedule, parts, self._seed)
        if not built.machine:
            return placed
        messages = (placed.traffic.messages + placed.traffic.operands + placed.traffic.results) / max(1, schedule.steps)
        quiet = self._step(built.cores, built.core_count, messages)
        token, streamed = ((schedule.steps, True), (built.interval, False))
        return replace(built, step=self._with_bursts(quiet, *token), streamed_step=self._with_bursts(quiet, *streamed))

    def _interval(self, instances: dict[str, int]) -> int:
        """Steps that the busiest instance needs a token."""
        waves = [-(-count // instances[digest]) for digest, (_, count) in self.circuits.items()]
        windows = [-(-count // instances[d]) * part.network.window for d, (part, count) in self.parts.items()]
        return max([*waves, *windows])

    def _with_bursts(self, quiet: Span, steps: int, one_by_one: bool) -> Span:
        """The mean of a token's steps: most of them quiet, and those in which an activation's digits meet limbs.

        What such digits take in the fullest core of a layer is added, layer after layer, or of the fullest layer where
        all layers have tokens of their own.
        """
        bursts = [
            self.chip.timing.core(Load(0.0, *self.native(digest).burst)) * (count if one_by_one else 1)
            for digest, (_, count) in self.parts.items()
        ]
        if not bursts:
            return quiet
        return quiet + (Span.total(bursts) if one_by_one else Span.largest(bursts)) * (1 / max(1, steps))

    def _step(self, templates: Sequence[CoreTemplate], cores: int, messages: float) -> Span:
        """Nanoseconds of a step with a wave everywhere; over the busiest link go all messages of it at most."""
        mesh, fed = self.chip.mesh, "host" in (self.memory.weights, self.memory.cache)
        tiles = min(mesh.routers, -(-min(cores, self.chip.cores) // mesh.cores_per_router))
        shared = Interconnect(tiles, mesh.routers, Span(0.0, 0.0, messages), fed)
        return self.chip.timing.step([template.load for template in templates], shared)


def _own(what: Circuit | NativePart) -> bool:
    """Whether its synapses are the weights of one layer, or its neurons hold what is one layer's."""
    return isinstance(what, NativePart) and not isinstance(what.network, PopulationNetwork)
