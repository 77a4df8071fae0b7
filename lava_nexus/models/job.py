"""What is to be run of a transformer, and its steps: embedding, layers, what ends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.executors.programs import ProgramRunner
from lava_nexus.models.forward import Counts, Forward, Stream, Tokens
from lava_nexus.models.model import Model
from lava_nexus.models.steps import Step

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
    """

    model: Model
    tokens: Tokens
    token_types: Tokens | None
    layers: tuple[int, int]
    logits: str

    @property
    def steps(self) -> list[str]:
        """Names of the steps, in order."""
        spec, (first, behind) = self.model.spec, self.layers
        last = behind == spec.layers
        names = ["embedding", *(f"layer {layer}" for layer in range(first, behind))]
        names += ["final norm", "head"] if last and spec.head and self.logits != "none" else []
        return [*names, "pooler"] if last and spec.pooler else names


def stream_of(steps: list[Step], prefix: str) -> Stream:
    """What the next step starts from."""
    if not steps:
        return Stream(np.zeros(0))
    hidden = next(step.arrays[prefix + "hidden"] for step in reversed(steps) if prefix + "hidden" in step.arrays)
    angles = {name: steps[0].arrays[prefix + name] for name in ("cos", "sin") if prefix + name in steps[0].arrays}
    return Stream(hidden, angles)


def advance(job: Job, forward: Forward, name: str, stream: Stream) -> tuple[dict[str, Patterns], Counts]:
    """One step: (its arrays, its counts)."""
    if name == "embedding":
        begun = forward.begin(job.tokens, job.token_types)
        return {"hidden": begun.hidden, **begun.angles}, begun.counts
    if name == "final norm":
        stream.hidden = stream.hidden[:, -1:] if job.logits == "last" else stream.hidden
        return {"hidden": forward.normed(stream)}, stream.counts
    if name == "head":
        return {"logits": np.concatenate(list(forward.logits(stream.hidden, stream.counts)), axis=-1)}, stream.counts
    if name == "pooler":
        return {"pooled": forward.pooled(stream)}, stream.counts
    forward.layer(stream, int(name.partition(" ")[2]))
    return {"hidden": stream.hidden}, stream.counts


def through(job: Job, model: Model, runner: ProgramRunner) -> dict[str, Patterns]:
    """All steps of a model on a runner; the arrays of the last one."""
    forward, steps = model.forward(runner), list[Step]()
    for name in job.steps:
        arrays, counts = advance(job, forward, name, stream_of(steps, ""))
        steps.append(Step(name, 0.0, counts, arrays))
    return steps[-1].arrays
