"""What a token costs of any model, by shape alone, and where that lives on a chip."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.chip.description import Chip, load_chip
from lava_nexus.chip.mapper import Memory, place_program
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.chip.workload import Strategy, Workload
from lava_nexus.errors import NexusError
from lava_nexus.models.model import Model
from lava_nexus.models.spec import ModelSpec
from lava_nexus.models.stages import Arithmetic, Stage, forward_stages, program_of
from lava_nexus.programs import GATES, Program


def token_workload(spec: ModelSpec, arithmetic: Arithmetic, context: int, name: str = "") -> Workload:
    """One token that sees `context` tokens, itself among them: (program, how often) of all that is arithmetic.

    Layers of one shape are one program, final norm and head another. Keys and values of the other tokens come from the
    cache, cos, sin and the rows of tables from the host. A pooler, and a head that reads it, are those of a sequence's
    first token. Weights are inputs of the programs, so that a model of any size is described at once.

    Args:
        spec: the model.
        arithmetic: of its programs.
        context: tokens seen.
        name: for reports; the kind of the model where left out.

    Raises:
        NexusError: a context that the model does not have, or arithmetic that needs the weights themselves.
    """
    if not 1 <= context <= spec.positions:
        raise NexusError(f"context {context} is not in 1 .. {spec.positions}, the positions of the model")
    if arithmetic.weights == "constant" or arithmetic.spikes is not None or arithmetic.nonlinear != GATES:
        raise NexusError(
            "a model is placed by shape alone, with gates whose weights are operands: weights 'constant' and LIF "
            "populations are not placed"
        )
    stages = forward_stages(spec, 1, context - 1, logits="last", keep=True, block=spec.width * max(1, spec.outputs))
    of_step: dict[str, list[Stage]] = {}
    for stage in stages:
        if stage.name != "rotary":
            of_step.setdefault("ending" if stage.step in _ENDING else stage.step, []).append(stage)

    def written(step: str, name: str) -> Program:
        return program_of(of_step[step], arithmetic.of_batch(1), name=name)

    shapes: dict[object, list[str]] = {}
    for layer in range(spec.layers):
        shapes.setdefault(spec.layer_shape(layer), []).append(f"layer {layer}")
    sections = [(written(steps[0], "layer"), len(steps)) for steps in shapes.values()]
    if any(stage.write for stage in of_step["embedding"]):
        sections.insert(0, (written("embedding", "embedding"), 1))
    sections += [(written(step, step), 1) for step in ("pooler",) if step in of_step]
    sections += [(written("ending", "head"), 1)] if "ending" in of_step else []
    return Workload(name or spec.kind, tuple(sections))


_ENDING = ("final norm", "head transform", "head")


def place_model(
    model: Model,
    chip: str | Path | Chip = "loihi2",
    *,
    context: int = 1,
    strategy: Strategy | str = "fit: chips=1",
    max_delay: int | None = None,
    seed: int = 0,
    sets: int = 256,
    memory: Memory | None = None,
) -> ProgramPlacement:
    """A token of a model on chips, by shape alone; see `token_workload`.

    Args:
        model: whose programs are placed.
        chip: name of a chip, a YAML file, or a `Chip`.
        context: tokens that the token sees, itself among them.
        strategy: "unrolled", "folded: k" or "fit: chips=n".
        max_delay: largest synaptic delay; None takes for each circuit the one that needs fewest cores.
        seed: of partitions and operands.
        sets: operand sets that spikes are counted on.
        memory: what is kept on the chip.

    Raises:
        NexusError: what does not fit, or a context that the model does not have.
    """
    workload = token_workload(model.spec, model.arithmetic, context)
    return place_program(workload, load_chip(chip), strategy, max_delay, seed, sets, memory)
