"""What is to be run of a transformer, and its steps: embedding, layers, what ends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.execute.interpret import ProgramResult
from lava_nexus.execute.programs import ProgramRunner
from lava_nexus.lab.runs.steps import Step
from lava_nexus.models.forward import Cache, Counts, Forward, Stream, Tokens
from lava_nexus.models.model import Model
from lava_nexus.populations import Operator
from lava_nexus.programs import Program

Patterns = NDArray[Any]


@dataclass(frozen=True)
class Job:
    """What is to be run.

    Attributes:
        model: with its weights.
        tokens: [1, tokens].
        token_types: of each token, or None.
        layers: first, and behind the last.
        logits: of which tokens.
        generate: tokens to be generated greedily after those given; all but the first take a pass with a cache.
    """

    model: Model
    tokens: Tokens
    token_types: Tokens | None
    layers: tuple[int, int]
    logits: str
    generate: int = 0

    @property
    def steps(self) -> list[str]:
        """Names of the steps, in order."""
        spec, (first, behind) = self.model.spec, self.layers
        last = behind == spec.layers
        names = ["embedding", *(f"layer {layer}" for layer in range(first, behind))]
        names += ["pooler"] if last and spec.pooler else []
        if last and spec.head and self.logits != "none":
            names += ["head"] if spec.head.pooled else [self.ending, "head"]
        return [*names, *(f"token {number}" for number in range(1, self.generate))]

    @property
    def ending(self) -> str:
        """Name of the step in front of the head."""
        return "head transform" if self.model.spec.transform_tensors else "final norm"


def stream_of(steps: list[Step], prefix: str) -> Stream:
    """What the next step starts from."""
    if not steps:
        return Stream(np.zeros(0))
    hidden = next(step.arrays[prefix + "hidden"] for step in reversed(steps) if prefix + "hidden" in step.arrays)
    angles = {name: steps[0].arrays[prefix + name] for name in ("cos", "sin") if prefix + name in steps[0].arrays}
    return Stream(hidden, angles)


def cache_of(steps: list[Step], prefix: str) -> Cache:
    """Keys and values that the steps gave."""
    found: dict[int, dict[str, list[Patterns]]] = {}
    for step in steps:
        for name, array in step.arrays.items():
            what, _, layer = name.removeprefix(prefix).partition(" ")
            if name.startswith(prefix) and what in ("key", "value"):
                found.setdefault(int(layer), {}).setdefault(what, []).append(array)
    return Cache({n: {what: np.concatenate(parts, axis=-2) for what, parts in of.items()} for n, of in found.items()})


def generated(job: Job, steps: list[Step]) -> list[int]:
    """The tokens that follow, the largest of each step's last logits, the first of equals."""
    values = job.model.arithmetic.format.from_patterns
    logits = [step.arrays["logits"] for step in steps if "logits" in step.arrays]
    return [int(np.argmax(values(each)[0, -1])) for each in logits[: job.generate]]


def advance(
    job: Job, forward: Forward, name: str, steps: list[Step], prefix: str = ""
) -> tuple[dict[str, Patterns], Counts]:
    """The step after these, on the arrays that bear the prefix: (its arrays, its counts)."""
    stream = stream_of(steps, prefix)
    if name == "embedding":
        begun = forward.begin(job.tokens, job.token_types)
        return {"hidden": begun.hidden, **begun.angles}, begun.counts
    if name == job.ending:
        stream.hidden = stream.hidden[:, -1:] if job.logits == "last" else stream.hidden
        return {"hidden": forward.normed(stream)}, stream.counts
    if name == "head":
        read = steps[-1].arrays.get(f"{prefix}pooled", stream.hidden)
        return {"logits": np.concatenate(list(forward.logits(read, stream.counts)), axis=-1)}, stream.counts
    if name == "pooler":
        return {"pooled": forward.pooled(stream)}, stream.counts
    if name.startswith("token"):
        return _token(job, forward, steps, prefix)
    layer, cache = int(name.partition(" ")[2]), Cache() if job.generate > 1 else None
    forward.layer(stream, layer, cache)
    return {"hidden": stream.hidden, **_new(cache, layer, stream.hidden.shape[1])}, stream.counts


def _token(job: Job, forward: Forward, steps: list[Step], prefix: str) -> tuple[dict[str, Patterns], Counts]:
    """The pass over the token generated last, with keys and values from the cache."""
    cache = cache_of(steps, prefix)
    stream = forward.begin(np.array([generated(job, steps)[-1:]]), past=cache.tokens)
    arrays: dict[str, Patterns] = {}
    for layer in range(job.model.spec.layers):
        forward.layer(stream, layer, cache)
        arrays |= _new(cache, layer, 1)
    normed = forward.normed(stream)
    return arrays | {"logits": np.concatenate(list(forward.logits(normed, stream.counts)), axis=-1)}, stream.counts


def _new(cache: Cache | None, layer: int, tokens: int) -> dict[str, Patterns]:
    """Keys and values of the last tokens, by name and layer."""
    if cache is None:
        return {}
    return {f"{what} {layer}": array[..., -tokens:, :] for what, array in cache.layers[layer].items()}


def through(job: Job, model: Model, runner: ProgramRunner) -> dict[str, Patterns]:
    """All steps of a model on a runner, nothing generated; the arrays of the last one."""
    job = replace(job, generate=0)
    forward, steps = model.forward(runner), list[Step]()
    for name in job.steps:
        arrays, counts = advance(job, forward, name, steps)
        steps.append(Step(name, 0.0, counts, arrays))
    return steps[-1].arrays


@dataclass
class _Listing(ProgramRunner):
    """A runner that computes nothing and notes what programs invoke."""

    found: list[Circuit | Operator] = field(default_factory=list)

    def run(self, program: Program, feeds: Mapping[str, Patterns]) -> ProgramResult:
        """Patterns of zeros."""
        self.found += [circuit for _, circuit, _ in program.invocations()]
        self.found += [operator for _, operator, _ in program.operators()]
        batch = max(len(patterns) for patterns in feeds.values())
        empty = {
            name: np.zeros((batch, *value.shape), value.format.pattern_dtype) for name, value in program.outputs.items()
        }
        return ProgramResult(empty, {})


def invoked(job: Job, name: str, steps: list[Step]) -> list[Circuit | Operator]:
    """Circuits and operators that the step after these invokes; its weights are read, nothing runs."""
    listing = _Listing()
    advance(job, job.model.forward(listing), name, steps)
    return listing.found
