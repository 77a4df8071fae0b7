"""Programs to chips: instances by a strategy, schedules, what stands around the circuits, core templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lava_nexus.chip.description import Chip
from lava_nexus.chip.packing import CoreTemplate, Piece, circuit_pieces, pack
from lava_nexus.chip.place import Spikes, circuit_template
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.program_placement import CircuitUse, InputOutput, ProgramPlacement, TokenTraffic
from lava_nexus.chip.scheduler import schedule_program
from lava_nexus.chip.surroundings import handover, surroundings
from lava_nexus.chip.timing import Interconnect, Span
from lava_nexus.chip.workload import Memory, Strategy, Workload, word_bits
from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.programs.program import Program

_HALVINGS = 8


def place_program(
    subject: Program | Workload,
    chip: Chip,
    spikes: Spikes,
    strategy: Strategy | str = "unrolled",
    *,
    max_delay: int | None = None,
    seed: int = 0,
    sets: int = 256,
    memory: Memory | None = None,
) -> ProgramPlacement:
    """A program, or the programs of a token, on chips by one strategy; see `Mapper`."""
    mapper = Mapper(subject, chip, spikes, max_delay=max_delay, seed=seed, sets=sets, memory=memory)
    return mapper.place(Strategy.of(strategy))


class Mapper:
    """One workload on one chip, at any folding; circuits are placed once.

    Args:
        subject: a program, or the programs of a token.
        chip: onto what.
        spikes: counts those of a circuit as it is placed.
        max_delay: largest synaptic delay; None takes for each circuit the one that needs fewest cores.
        seed: of partitions and operands.
        sets: operand sets that spikes are counted on.
        memory: what is kept on the chip; None for registers alone.

    Attributes:
        workload: what a token costs.
        circuits: (circuit, invocations a token) by digest.

    Raises:
        NexusError: the subject invokes no circuit.
    """

    def __init__(
        self,
        subject: Program | Workload,
        chip: Chip,
        spikes: Spikes,
        *,
        max_delay: int | None = None,
        seed: int = 0,
        sets: int = 256,
        memory: Memory | None = None,
    ) -> None:
        self.workload = subject if isinstance(subject, Workload) else Workload.of(subject)
        self.chip = chip
        self.memory = memory or Memory()
        self.circuits = self.workload.invocations
        if not self.circuits:
            raise NexusError(f"program '{self.workload.name}' invokes no circuit, so that there is nothing to place")
        self._spikes, self._max_delay, self._seed, self._sets = spikes, max_delay, seed, sets
        self._placed: dict[str, Placement] = {}
        self._found: dict[int, ProgramPlacement] = {}

    @property
    def most_folding(self) -> int:
        """The folding at which every circuit has one instance."""
        return max(count for _, count in self.circuits.values())

    def template(self, digest: str) -> Placement:
        """One instance of a circuit on cores."""
        if digest not in self._placed:
            circuit, _ = self.circuits[digest]
            self._placed[digest] = circuit_template(
                circuit, self.chip, self._spikes, self._max_delay, self._seed, self._sets
            )
        return self._placed[digest]

    def place(self, strategy: Strategy) -> ProgramPlacement:
        """By a strategy.

        Raises:
            NexusError: it does not fit, however it is folded.
        """
        if strategy.kind == "fit":
            return self._fit(strategy)
        return replace(self.folded(strategy.number), strategy=str(strategy))

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
        return replace(self.folded(high), strategy=str(strategy))

    def _place(self, folding: int) -> ProgramPlacement:
        instances = {digest: -(-count // folding) for digest, (_, count) in self.circuits.items()}
        schedules = tuple(
            (schedule_program(program, instances, handover()), times) for program, times in self.workload.sections
        )
        around = surroundings(self.workload, schedules, instances, self.memory, self.chip)
        pieces: list[Piece] = [piece for piece, _ in around]
        uses = []
        for digest, (circuit, count) in self.circuits.items():
            placed = self.template(digest)
            pieces += circuit_pieces(circuit.label, placed, instances[digest])
            uses.append(_use(circuit, placed, instances[digest], count))
        templates = tuple(pack(pieces, self.chip))
        cores = sum(template.count for template in templates)
        chips = -(-cores // self.chip.cores)
        board, boards = self.chip.board_for(chips)
        steps = sum(schedule.steps * times for schedule, times in schedules)
        traffic = self._traffic(chips)
        return ProgramPlacement(
            name=self.workload.name,
            chip=self.chip,
            strategy=f"folded: {folding}",
            folding=folding,
            circuits=(*uses, *_around_uses(around)),
            cores=templates,
            chips=chips,
            board=board,
            boards=boards,
            steps=steps,
            interval=max(-(-count // instances[digest]) for digest, (_, count) in self.circuits.items()),
            step=self._step(templates, cores, (traffic.messages + traffic.operands + traffic.results) / max(1, steps)),
            traffic=traffic,
            io=self._io(steps),
            memory=self.memory,
            schedules=schedules,
        )

    def _step(self, templates: Sequence[CoreTemplate], cores: int, messages: float) -> Span:
        """Nanoseconds of a step with a wave everywhere; over the busiest link go all messages of it at most."""
        mesh, fed = self.chip.mesh, "host" in (self.memory.weights, self.memory.cache)
        tiles = min(mesh.routers, -(-min(cores, self.chip.cores) // mesh.cores_per_router))
        shared = Interconnect(tiles, mesh.routers, Span(0.0, 0.0, messages), fed)
        return self.chip.timing.step([template.load for template in templates], shared)

    def _traffic(self, chips: int) -> TokenTraffic:
        messages = operands = results = 0.0
        for digest, (_, count) in self.circuits.items():
            placed = self.template(digest)
            found, share = placed.traffic, count / placed.sets
            messages += found.messages * share
            operands += found.from_outside * share
            leaving = [s for port in placed.network.outputs for s in port.signals]
            results += float(placed.spikes[leaving].sum()) * share
        crossing = 0 if chips == 1 else round(operands + results)
        return TokenTraffic(round(messages), round(operands), round(results), crossing)

    def _io(self, steps: int) -> InputOutput:
        words = {"weights": self.memory.weights, "cache": self.memory.cache}
        words_in = {what: self.workload.words(what) for what, where in words.items() if where == "host"}
        words_in["inputs"] = self.workload.words("inputs")
        words_out = {"outputs": self.workload.words("outputs")}
        bits = word_bits(self.workload)
        total = bits * (sum(words_in.values()) + sum(words_out.values()))
        return InputOutput(words_in, words_out, bits, total / max(1, steps))


def _use(circuit: Circuit, placed: Placement, instances: int, invocations: int) -> CircuitUse:
    network = placed.network
    return CircuitUse(
        label=circuit.label,
        neurons=network.neurons,
        relays=network.relays,
        synapses=network.synapses,
        max_delay=network.max_delay,
        cores=len(placed.places),
        instances=instances,
        invocations=invocations,
        spikes=int(placed.spikes[network.n_inputs :].sum()) / placed.sets,
        synops=float(placed.synops_per_set.sum()),
    )


def _around_uses(around: list[tuple[Piece, int]]) -> list[CircuitUse]:
    return [
        CircuitUse(piece.name, piece.neurons, 0, synapses, 0, 1, piece.count, 0, arithmetic=False, synops=piece.synops)
        for piece, synapses in around
        if piece.count
    ]
