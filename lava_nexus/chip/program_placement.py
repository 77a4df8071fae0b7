"""A program on chips: instances, what stands around them, core templates, time steps, traffic."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lava_nexus.chip.description import LIMITS, Chip
from lava_nexus.chip.machine import Machine
from lava_nexus.chip.machine_cores import MachinePlacement
from lava_nexus.chip.packing import CoreTemplate
from lava_nexus.chip.timing import Span
from lava_nexus.chip.workload import Memory
from lava_nexus.documents import parse_json
from lava_nexus.errors import NexusError
from lava_nexus.files import DAMAGED, read_regular, reason, write_text
from lava_nexus.programs.schedule import Schedule
from lava_nexus.shown import Shown

_DIGEST = "sha256"
_LEFT_OUT = ("chip", "schedules", "machine", "runner")


@dataclass(frozen=True)
class CircuitUse:
    """One circuit of a program.

    Attributes:
        label: operation and formats; or what stands around the circuits.
        neurons, relays, synapses: of one instance, for the largest delay that was chosen.
        max_delay: that delay.
        cores: of one instance that shares no core.
        instances: how many there are.
        invocations: operand sets a token, all sections together; 0 for what is no circuit of the program.
        arithmetic: whether it is a circuit of the program.
        spikes, synops: of an operand set, means of a run on random operands; None where not counted. Of what stands
            around the circuits `synops` is of a step, half of the bits taken as set.
        active: neuron updates of an operand set in which a neuron received a spike or fired; None where not counted.
        window: steps that an operand set keeps an instance.
    """

    label: str
    neurons: int
    relays: int
    synapses: int
    max_delay: int
    cores: int
    instances: int
    invocations: int
    arithmetic: bool = True
    spikes: float | None = None
    synops: float | None = None
    active: float | None = None
    window: int = 1


@dataclass(frozen=True)
class TokenTraffic:
    """Messages a token.

    Attributes:
        messages: between the cores of one instance.
        operands: of operands into the cores of instances; any of them may cross chips.
        results: of results out of instances.
        inter_chip_most: messages that could leave a chip: none on one chip, else those of operands and results, because
            the parts of an instance lie together.
        hops_east_west, hops_north_south: of `messages` of circuits, whose instances keep the shape in which the circuit
            was placed by itself.
        native: of `messages` those inside parts of native layers, whose cores have no places of their own.
    """

    messages: int
    operands: int
    results: int
    inter_chip_most: int
    hops_east_west: int = 0
    hops_north_south: int = 0
    native: int = 0


@dataclass(frozen=True)
class InputOutput:
    """Words that the host feeds in and takes, a token.

    Attributes:
        words_in, words_out: by what they are.
        bits: of one word.
        bits_per_step: of all, over the token's time steps.
    """

    words_in: dict[str, int]
    words_out: dict[str, int]
    bits: int
    bits_per_step: float


@dataclass(frozen=True, repr=False)
class ProgramPlacement(Shown):
    """Where a program's circuits live, and what that costs a token.

    Attributes:
        name: of the program.
        chip: what it is placed on.
        strategy: as asked for.
        folding: invocations that share an instance.
        circuits: instances of every circuit, then what stands around them.
        cores: core templates with their counts.
        chips, board, boards: chips in all, and the board that holds them.
        steps: time steps of a token, from its first operands to its last result.
        interval: operand sets that the busiest instance takes a token: least time steps between tokens of independent
            sequences, were its pipeline never idle.
        step: nanoseconds of a step with a wave everywhere, by the chip's model of time; the mean over a token where
            steps in which digits meet limbs last longer.
        traffic: messages a token.
        io: what the host feeds and takes.
        memory: where registers, weights and the cache are.
        schedules: one a section, with how often it runs; not saved.
        machine: every neuron and its core, of a program that is small enough to be built so; not saved.
        runner: what runs it; not saved.
        streamed_step: as `step`, with tokens back to back; None where it is the same.
    """

    name: str
    chip: Chip
    strategy: str
    folding: int
    circuits: tuple[CircuitUse, ...]
    cores: tuple[CoreTemplate, ...]
    chips: int
    board: str
    boards: int
    steps: int
    interval: int
    step: Span
    traffic: TokenTraffic
    io: InputOutput
    memory: Memory = Memory()  # noqa: RUF009
    schedules: tuple[tuple[Schedule, int], ...] = field(default=(), compare=False, repr=False)
    streamed_step: Span | None = None
    machine: MachinePlacement[Machine] | None = field(default=None, compare=False, repr=False)
    runner: Callable[..., Any] | None = field(default=None, compare=False, repr=False)

    def run(self, feeds: Mapping[str, Any], level: str = "vectorised", **options: Any) -> Any:
        """Runs what was placed, core by core, on Lava's CPU simulator; see `execute.placed.run_placed`.

        Args:
            feeds: patterns [batch, *input shape] by input name.
            level: "vectorised" neurons, or "lif".
            options: of `run_placed`.

        Raises:
            NexusError: it was read from a file, which holds no neurons, or a run that failed.
        """
        if self.runner is None:
            raise NexusError(f"placement of program '{self.name}' holds figures, no neurons; place it anew to run it")
        return self.runner(self, feeds, level=level, **options)

    def _facts(self) -> tuple[str, dict[str, Any]]:
        sizes = {"neurons": self.neurons, "cores": self.core_count, "chips": self.chips, "steps a token": self.steps}
        estimated = f"{self.seconds:.3g} s (estimated)"
        return f"{self.name} on {self.chip.name}", {"strategy": self.strategy, **sizes, "latency of a token": estimated}

    @property
    def core_count(self) -> int:
        """Cores in use."""
        return sum(template.count for template in self.cores)

    @property
    def neurons(self) -> int:
        """Neurons of all instances and of what stands around them."""
        return sum(one.neurons * one.instances for one in self.circuits)

    @property
    def synapses(self) -> int:
        """Synapses, likewise."""
        return sum(one.synapses * one.instances for one in self.circuits)

    @property
    def step_ns(self) -> float:
        """As `step`, without its range."""
        return self.step.value

    @property
    def seconds(self) -> float:
        """Latency of a token."""
        return self.steps * self.step_ns * 1e-9

    @property
    def tokens_per_second(self) -> float:
        """Of one sequence, whose tokens wait for one another."""
        return 1 / self.seconds

    @property
    def most_tokens_per_second(self) -> float:
        """Upper bound for independent sequences side by side: the busiest instances never idle."""
        return 1 / (self.interval * (self.streamed_step or self.step).value * 1e-9)

    def utilization(self) -> list[dict[str, tuple[int, int]]]:
        """For each core template (used, max) by limit; `cores[i].count` says how many cores look like that."""
        most = {limit: self.chip.most(limit) for limit in LIMITS}
        most["neurons_stated"] = self.chip.limits.neurons_stated.most
        return [{limit: (template.used[limit], most[limit]) for limit in most} for template in self.cores]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, schedules left out."""
        own = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in _LEFT_OUT}
        data = {key: _plain(value) for key, value in own.items()}
        return {**data, "chip": self.chip.resolved()}

    def save(self, path: str | Path) -> Path:
        """Writes JSON with its own SHA-256, whole or not at all."""
        target, data = Path(path), self.to_dict()
        write_text(target, json.dumps(data | {_DIGEST: _digest(data)}, indent=1) + "\n")
        return target

    @classmethod
    def load(cls, path: str | Path) -> ProgramPlacement:
        """Reads what `save` wrote; schedules are made anew by placing again.

        Raises:
            NexusError: the file is missing, damaged or no placement of a program.
        """
        try:
            data = parse_json(read_regular(Path(path)), "file")
            if data.pop(_DIGEST, None) != _digest(data):
                raise ValueError("it is damaged: its content has another SHA-256")
            data["chip"] = Chip.model_validate_json(json.dumps(data["chip"]))
            data["circuits"] = tuple(CircuitUse(**one) for one in data["circuits"])
            data["cores"] = tuple(
                CoreTemplate(**{**one, "pieces": tuple((name, n) for name, n in one["pieces"])})
                for one in data["cores"]
            )
            data["step"], data["memory"] = Span(**data["step"]), Memory(**data["memory"])
            data["streamed_step"] = data["streamed_step"] and Span(**data["streamed_step"])
            data["traffic"], data["io"] = TokenTraffic(**data["traffic"]), InputOutput(**data["io"])
            return cls(**data)
        except FileNotFoundError:
            raise NexusError(f"placement '{path}' does not exist") from None
        except (*DAMAGED, NexusError) as error:
            raise NexusError(f"file '{path}' holds no placement of a program: {reason(error)}") from error


def _digest(data: dict[str, Any]) -> str:
    """SHA-256 of the values as JSON gives them back."""
    return hashlib.sha256(json.dumps(json.loads(json.dumps(data)), sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
