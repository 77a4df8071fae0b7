"""A decoder as one network that runs by itself: `autonomous`, and what a run of it gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.autonomous.build import Build
from lava_nexus.chip.autonomous.network import AutonomousNetwork
from lava_nexus.chip.autonomous.subject import Plan, Table
from lava_nexus.chip.description import Chip, load_chip
from lava_nexus.chip.machine_cores import MachinePlacement, place_machine
from lava_nexus.chip.place import circuit_template
from lava_nexus.circuits import circuit
from lava_nexus.documents import read_json
from lava_nexus.errors import NexusError
from lava_nexus.execute.autonomous import AutonomousRun, AutonomousSession
from lava_nexus.execute.membrane.executor import measured_spikes
from lava_nexus.execute.operands import whole_number
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import FormatLike
from lava_nexus.models.model import Model, load
from lava_nexus.models.stages import Arithmetic, forward_stages
from lava_nexus.populations.catalogue import GATES
from lava_nexus.programs import Program, Value
from lava_nexus.programs.flow import flow_of
from lava_nexus.progress import doing
from lava_nexus.shown import Shown

TINY = Path(__file__).parent / "tiny_decoder"
"""A decoder of characters that comes with the package, trained by `scripts/train_tiny_decoder.py`."""


def token_program(model: Model, length: int) -> tuple[Program, dict[str, Value], dict[str, tuple[Value, Value]]]:
    """One token's whole pass as a program, before which `length` - 1 tokens stand in the caches.

    Returns:
        The program; its inputs that come from tables, by name in the stream; and for each cache its input and the value
        [..., 1, channels] of the token itself.
    """
    w = model.arithmetic.writer("token")
    stream: dict[str, Value] = {}
    caches: dict[str, tuple[Value, Value]] = {}
    for stage in forward_stages(model.spec, 1, length - 1, logits="last", keep=True):
        if stage.name == "rotary":
            continue
        for read in stage.reads.values():
            if read.name not in stream:
                stream[read.name] = w.program.input(read.name, read.shape, read.of(w))
        inputs = {key: stream[read.name] for key, read in stage.reads.items()}
        left = inputs if stage.write is None else stage.write(w, inputs, stage.weights(w, model.source))
        for key, value in left.items():
            name = stage.leaves[key]
            if name.startswith(("key ", "value ")):
                caches[name] = stream[name], value
            else:
                stream[name] = value
    w.program.outputs = {"logits": stream["logits"]}
    held = {before.number for before, _ in caches.values()}
    tables = {name: value for name, value in w.program.inputs.items() if value.number not in held}
    return w.program, tables, caches


def _tables(model: Model, length: int) -> dict[str, NDArray[np.uint64]]:
    """Patterns [positions, ...] of all that depends on the position alone, computed by the stages that do so."""
    forward = model.forward(ReferenceExecutor())
    stream = forward.enter(np.zeros((1, length), np.int64))
    stages = [stage for stage in forward_stages(model.spec, length) if stage.name == "rotary"]
    found, _ = forward.through(stages, stream)
    return {name: array[0].reshape(length, -1).astype(np.uint64) for name, array in found.items() if name != "words"}


def _embedding(model: Model) -> NDArray[np.uint64]:
    """Patterns [vocabulary, width]."""
    forward, spec = model.forward(ReferenceExecutor()), model.spec
    parts = []
    for start in range(0, spec.vocabulary, spec.positions):
        tokens = np.arange(start, min(start + spec.positions, spec.vocabulary))
        parts.append(np.asarray(forward.enter(tokens[None])["words"][0], np.uint64))
    return np.concatenate(parts)


def check_autonomous(model: Model, length: int) -> None:
    """Raises NexusError where a model cannot run by itself."""
    spec, arithmetic, name = model.spec, model.arithmetic, model.source.name
    if not (spec.shape.causal and spec.head) or spec.images is not None:
        raise NexusError(f"model '{name}' has no language-model head, so it generates nothing by itself")
    if not 2 <= length <= spec.positions:
        raise NexusError(f"max_length {length} is not in 2 .. {spec.positions}, the positions of model '{name}'")
    if any(window is not None and window < length for window in spec.windows):
        raise NexusError(f"model '{name}' has layers of sliding windows, which do not run by themselves")
    if any(not np.array_equal(rope.at(1), rope.at(length)) for rope in spec.ropes):
        raise NexusError(f"model '{name}' has frequencies that depend on the length, which do not run by themselves")
    if spec.shape.routing is not None:
        raise NexusError(f"model '{name}' chooses experts by token, which does not run by itself")
    plain = replace(arithmetic, style="neurons", norm_format=None, basis="threshold")
    if plain != Arithmetic(arithmetic.format):
        raise NexusError(
            f"model '{name}' has other arithmetic than gates with sequential sums, which alone runs by itself"
        )
    if arithmetic.nonlinear != GATES:
        raise NexusError(f"model '{name}' has operators of LIF populations, which do not run by themselves")


def built(
    model: Model, length: int, chip: Chip, prompt: int, block: int, style: str = "depth", max_delay: int | None = None
) -> AutonomousNetwork:
    """The network; see `autonomous`."""
    check_autonomous(model, length)
    model = Model(model.spec, model.source, replace(model.arithmetic, style=style))
    with doing("writing a token's program"):
        program, tables, caches = token_program(model, length)
        flow = flow_of(program, {before.number: own.number for before, own in caches.values()})
    with doing("filling tables"):
        by_position = _tables(model, length)
        by_position = {name: by_position[name] for name in tables if name != "words"}
        words = Table(_addresses(flow, tables["words"]), _embedding(model))
    fmt = model.arithmetic.format
    plan = Plan(
        name=f"{model.spec.kind} of {Path(model.source.name).name}",
        flow=flow,
        tokens=words,
        positions=[Table(_addresses(flow, tables[name]), patterns) for name, patterns in by_position.items()],
        caches={name: flow.values[before.number] for name, (before, _) in caches.items()},
        logits=flow.values[program.outputs["logits"].number].ravel().tolist(),
        fmt=fmt,
        ends=tuple(model.spec.ends),
        prompt=prompt,
        block=block,
    )
    compare = circuit("compare_lt", fmt)
    with doing("placing circuits"):
        placed = [circuit_template(one, chip, measured_spikes, max_delay, 0, 256) for one in (*flow.circuits, compare)]
    with doing("building the network"):
        return Build(plan, placed[:-1], placed[-1]).network()


def _addresses(flow: Any, value: Value) -> list[int]:
    return list(map(int, flow.values[value.number].ravel()))


@dataclass(frozen=True, eq=False, repr=False)
class Autonomous(Shown):
    """A decoder as one network that runs by itself.

    Attributes:
        model: whose tokens it gives.
        network: its neurons.
        chip: that it is placed on.
    """

    model: Model
    network: AutonomousNetwork
    chip: Chip

    def _facts(self) -> tuple[str, Mapping[str, Any]]:
        network = self.network
        steps = f"{network.period(0):,} to {network.period(network.length - 1):,}"
        return network.name, {
            "neurons": network.neurons, **network.parts(), "synapses": network.synapses,
            "cores": len(self.placed.places), "chips": self.chips, "steps a token": steps,
        }  # fmt: skip

    @cached_property
    def placed(self) -> MachinePlacement[AutonomousNetwork]:
        """Where every neuron lives."""
        with doing("placing the network"):
            return place_machine(self.network, self.chip)

    @property
    def chips(self) -> int:
        """In use."""
        return int(self.placed.places[:, 0].max()) + 1

    def ports(self) -> dict[str, str]:
        """What each line that crosses the chip's edge carries, by port."""
        bits = self.network.hosts[2].width
        return {
            "go": "in, 1 line: the start spike of a sequence, once",
            "put": "in, 1 line: a spike with each token of the prompt, before the start spike",
            "bits": f"in, {bits} lines: the 1s of the token's number, MSB first, with `put`",
            "zeros": f"in, {bits} lines: its 0s, so that of each bit one of two lines fires",
            "token": f"out, {bits} lines: the 1s of the number of a token that was chosen, MSB first, with `valid`",
            "token_zeros": f"out, {bits} lines: its 0s",
            "valid": "out, 1 line: a spike with each token",
            "done": "out, 1 line: the sequence has ended",
            "nan": "out, 1 line: it has because a logit was NaN",
            "fault": "out, 1 line: control lost a spike or fired one too many; fires from then on",
        }

    def session(self) -> AutonomousSession:
        """The network switched on: sequences follow one another without a reset."""
        return AutonomousSession(self.network)

    def run(self, prompt: Sequence[int]) -> AutonomousRun:
        """One sequence on a network that was just switched on.

        Raises:
            NexusError: a prompt that the network cannot take.
        """
        return self.session().sequence(prompt)


def autonomous(
    model: Model,
    *,
    max_length: int,
    chips: int | None = None,
    chip: str | Path | Chip = "loihi2",
    prompt: int = 8,
    block: int = 8,
    style: str = "depth",
) -> Autonomous:
    """The model as one network in which only token ids cross the chip's edge.

    Embedding, positions, layers, caches, norms, head, the choice of the largest logit and the sequencer that starts all
    of it are memoryless threshold neurons; the weights are their synapses. The host puts a prompt and a start spike,
    and takes tokens until the network stops: at an end token, at `max_length` positions, or where a logit is NaN.
    cos and sin of RoPE, which depend on the position alone, are a table of what their circuits answer.

    >>> tiny, characters = nexus.tiny_decoder()
    >>> nexus.autonomous(tiny, max_length=72).run([characters.index(c) for c in "Now"])

    Args:
        model: a causal one of gates with sequential sums, its weights in memory.
        max_length: positions of the cache.
        chips: most chips that it may use; None for as many as it needs.
        chip: name of a chip, a YAML file, or a `Chip`.
        prompt: most tokens of a prompt.
        block: positions that attention does together; a token skips those behind it.
        style: what circuits are built for: "depth", since sums wait for themselves, "neurons" or "energy".

    Raises:
        NexusError: a model that cannot run by itself, or more chips than asked for.
    """
    described = load_chip(chip)
    length = whole_number("max_length", max_length, least=2)
    slots = whole_number("prompt", prompt, least=1)
    network = built(model, length, described, min(slots, length), whole_number("block", block, least=1), style)
    made = Autonomous(model, network, described)
    if chips is not None and made.chips > whole_number("chips", chips, least=1):
        raise NexusError(
            f"model '{network.name}' needs {made.chips} chips of {described.name} with {length} positions, "
            f"{made.chips - chips} more than chips={chips}"
        )
    return made


def tiny_decoder(format: FormatLike = "bfloat16") -> tuple[Model, tuple[str, ...]]:
    """The decoder that comes with the package, in one format throughout, and its characters by token.

    Raises:
        NexusError: a format that a model cannot have.
    """
    return load(TINY, format=format, norm_format=format), tuple(read_json(TINY / "characters.json"))
