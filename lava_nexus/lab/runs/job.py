"""What is to be run of a transformer, step by step: embedding, layers, what ends it; each finished step is kept.

A run that was ended goes on from the steps that are kept, with the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import BankTally, Executor, Tallies, Tally
from lava_nexus.execute.sampled import SampledTally
from lava_nexus.execute.tallies import TotalTally
from lava_nexus.models.forward import Counts, Forward, Tokens
from lava_nexus.models.generation import GREEDY, Sampling, why_stop
from lava_nexus.models.model import Model
from lava_nexus.models.stages import Logits, Stage, forward_stages
from lava_nexus.models.stream import joined
from lava_nexus.populations import Operator
from lava_nexus.store import Store

Unit = Circuit | Operator | NativePart

_APART = ("circuit", "signal_spikes")
_TALLIES: dict[str, type[Tally]] = {kind.__name__: kind for kind in (Tally, BankTally, TotalTally, SampledTally)}


@dataclass
class Step:
    """A finished step.

    Attributes:
        name: for reports, for example "layer 3".
        seconds: that it took, the reference left out.
        counts: of the step alone.
        arrays: patterns that the next step, or the report, needs, by name.
    """

    name: str
    seconds: float
    counts: Counts
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


class StepStore(Store):
    """The steps of one run in a folder, numbered from 0."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """`identity` is what the bits depend on beside the package: JSON values by what they are called."""
        super().__init__(folder, "step", identity)

    def save(self, number: int, step: Step) -> None:
        """Writes a step, whole or not at all."""
        arrays = {f"array {name}": array for name, array in step.arrays.items()}
        rows: list[dict[str, Any]] = []
        for layer, tallies in step.counts.layers.items():
            for tally in tallies:
                counted = {f.name: getattr(tally, f.name) for f in fields(tally) if f.name not in _APART}
                if tally.signal_spikes is not None:
                    arrays[f"spikes {len(rows)}"] = np.asarray(tally.signal_spikes)
                kind, label = type(tally).__name__, tally.circuit.label
                rows.append({"layer": layer, "digest": tally.circuit.digest, "of": label, "kind": kind, **counted})
        counts = step.counts
        values = {
            "name": step.name,
            "seconds": step.seconds,
            "layers": list(counts.layers),
            "sizes": [counts.neurons, counts.synapses, counts.depth],
            "tallies": rows,
            "alarms": counts.alarms,
        }
        self.put(number, values, arrays)

    def load(self, invoked: Callable[[str, list[Step]], Iterable[Unit]]) -> list[Step]:
        """The steps from the first on that are there.

        Args:
            invoked: the circuits and operators of a step, by its name and the steps before it.

        Raises:
            NexusError: they are of another run, or cannot be read.
        """
        found: list[Step] = []
        known: dict[str, Unit] = {}
        while (piece := self.get(len(found))) is not None:
            values, path = piece.values, self.path(len(found))
            if any(row["digest"] not in known for row in values["tallies"]):
                known |= {unit.digest: unit for unit in invoked(values["name"], found)}
            found.append(_step(values, piece.arrays, known, path))
        return found


def _step(header: dict[str, Any], arrays: dict[str, NDArray[Any]], known: Mapping[str, Unit], path: Path) -> Step:
    neurons, synapses, depth = header["sizes"]
    layers = {layer: Tallies() for layer in header["layers"]}
    counts = Counts(layers, neurons, synapses, depth, list(header["alarms"]))
    for number, row in enumerate(header["tallies"]):
        layer, digest, label, kind = (row.pop(key) for key in ("layer", "digest", "of", "kind"))
        if digest not in known:
            raise NexusError(f"finished step '{path}' counted another '{label}'; begin anew with --restart")
        counts.layers[layer].add(
            _TALLIES[kind](known[digest], signal_spikes=arrays.pop(f"spikes {number}", None), **row)
        )
    plain = {name.partition(" ")[2]: array for name, array in arrays.items()}
    return Step(header["name"], header["seconds"], counts, plain)


Patterns = NDArray[Any]

_OF_A_TOKEN = ("key ", "value ", "logits")
"""What is kept of a pass over one generated token."""


@dataclass(frozen=True)
class Job:
    """What is to be run.

    Attributes:
        model: with its weights.
        tokens: [1, tokens].
        token_types: of each token, or None.
        layers: first, and behind the last.
        logits: of which tokens.
        generate: most tokens to be generated after those given; all but the first take a pass with a cache.
        sampling: how they are taken from logits.
    """

    model: Model
    tokens: Tokens
    token_types: Tokens | None
    layers: tuple[int, int]
    logits: Logits
    generate: int = 0
    sampling: Sampling = GREEDY

    @cached_property
    def steps(self) -> dict[str, list[Stage]]:
        """Stages of every step by its name, in order: "embedding", "layer 0", ..., "head", "token 1", ..."""
        spec, tokens = self.model.spec, self.tokens.shape[1]
        found: dict[str, list[Stage]] = {}
        for stage in forward_stages(spec, tokens, layers=self.layers, logits=self.logits, keep=self.generate > 1):
            found.setdefault(stage.step, []).append(stage)
        passes = {f"token {n}": forward_stages(spec, 1, tokens + n - 1, keep=True) for n in range(1, self.generate)}
        return found | passes


def generated(job: Job, steps: list[Step]) -> list[int]:
    """The tokens that follow, each taken from a step's last logits."""
    values = job.model.arithmetic.format.from_patterns
    logits = [step.arrays["logits"] for step in steps if "logits" in step.arrays]
    return [job.sampling.choose(values(each)[0, -1], number) for number, each in enumerate(logits[: job.generate])]


def stopped(job: Job, steps: list[Step]) -> str | None:
    """Why nothing is generated behind these steps; None where more may follow."""
    logits = [step.arrays["logits"] for step in steps if "logits" in step.arrays]
    if not job.generate or not logits:
        return None
    counts = Counts(alarms=[alarm for step in steps for alarm in step.counts.alarms])
    last = job.model.arithmetic.format.from_patterns(logits[-1])[0, -1]
    return why_stop(generated(job, steps)[-1], last, counts, job.model.spec.ends)


def advance(
    job: Job, forward: Forward, name: str, steps: list[Step], prefix: str = ""
) -> tuple[dict[str, Patterns], Counts]:
    """The step after these, on the arrays that bear the prefix: (its arrays, its counts)."""
    stream: dict[str, Patterns] = {}
    for step in steps:
        stream = joined(stream, _without(prefix, step.arrays))
    if name == "embedding":
        stream = dict(forward.enter(job.tokens, job.token_types))
    elif name.startswith("token"):
        stream = dict(forward.enter(np.array([generated(job, steps)[-1:]]), held=stream))
    left, counts = dict[str, Patterns](), Counts()
    for done in forward.run(job.steps[name], stream):
        left = joined(left, done.left)
        counts.add(done.counts)
    if name.startswith("token"):
        left = {key: array for key, array in left.items() if key.startswith(_OF_A_TOKEN)}
    return left, counts


def _without(prefix: str, arrays: Mapping[str, Patterns]) -> dict[str, Patterns]:
    """Those whose names bear the prefix, by the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def through(job: Job, model: Model, executor: Executor) -> Mapping[str, Patterns]:
    """A whole pass of a model on an executor, nothing generated; the stream behind it."""
    stages = [stage for of_step in replace(job, generate=0).steps.values() for stage in of_step]
    forward = model.forward(executor)
    return forward.through(stages, forward.enter(job.tokens, job.token_types))[0]


def invoked(job: Job, name: str) -> list[Unit]:
    """Circuits and operators that a step invokes; its weights are read, nothing runs."""
    found: list[Unit] = []
    for stage in job.steps[name]:
        if stage.write is not None:
            program = stage.program(job.model.arithmetic.of_batch(1), job.model.source)
            found += [circuit for _, circuit, _ in program.invocations()]
            found += [operator for _, operator, _ in program.operators()]
    return found
