"""What a token of any model costs, by shape alone, and `place`: a circuit, a program or a model onto a chip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

from lava_nexus.chip.description import Chip, load_chip
from lava_nexus.chip.mapper import Mapper
from lava_nexus.chip.place import place_circuit
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.chip.workload import WEIGHT, Strategy, Workload
from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native_sample import sampled_layer
from lava_nexus.errors import NexusError
from lava_nexus.execute.membrane.executor import measured_spikes
from lava_nexus.execute.native.activity import measured_activity
from lava_nexus.execute.operands import whole_number
from lava_nexus.execute.placed import run_placed
from lava_nexus.models.model import Model
from lava_nexus.models.stages import Arithmetic, Stage, forward_stages, program_of
from lava_nexus.populations.catalogue import GATES
from lava_nexus.programs import Contract, Program
from lava_nexus.programs.product import Native


def token_workload(model: Model, context: int, name: str = "") -> Workload:
    """One token that sees `context` tokens, itself among them: (program, how often) of all that is arithmetic.

    Layers of one shape are one program, final norm and head another. Keys and values of the other tokens come from the
    cache, cos, sin and the rows of tables from the host. A pooler, and a head that reads it, are those of a sequence's
    first token. Weights are inputs of the programs, so that a model of any size is described at once.

    Args:
        model: whose token it is.
        context: tokens seen; of a model of images all tokens of an image are computed, whatever it says.
        name: for reports; the kind of the model where left out.

    Raises:
        NexusError: a context that the model does not have, or arithmetic that needs the weights themselves.
    """
    spec, arithmetic = model.spec, model.arithmetic
    if not 1 <= context <= spec.positions:
        raise NexusError(f"context {context} is not in 1 .. {spec.positions}, the positions of the model")
    _check_placed(arithmetic)
    how: dict[str, Any] = {"logits": "last", "block": spec.width * max(1, spec.outputs)}
    if spec.images is None:
        stages = forward_stages(spec, 1, context - 1, keep=True, **how)
    else:
        stages = forward_stages(spec, spec.positions, **how)
    of_step: dict[str, list[Stage]] = {}
    for stage in stages:
        if stage.name != "rotary":
            of_step.setdefault("ending" if stage.step in _ENDING else stage.step, []).append(stage)

    def written(step: str, name: str) -> Program:
        return _written(of_step[step], arithmetic, name)

    shapes: dict[object, list[str]] = {}
    for layer in range(spec.layers):
        shapes.setdefault((spec.layer_shape(layer), spec.rope_of[layer]), []).append(f"layer {layer}")
    sections = [(written(steps[0], "layer"), len(steps)) for steps in shapes.values()]
    if any(stage.write for stage in of_step["embedding"]):
        sections.insert(0, (written("embedding", "embedding"), 1))
    sections += [(written(step, step), 1) for step in ("pooler",) if step in of_step]
    sections += [(written("ending", "head"), 1)] if "ending" in of_step else []
    return Workload(name or spec.kind, tuple(sections))


def pass_workload(model: Model, steps: Mapping[str, Sequence[Stage]], name: str = "") -> Workload:
    """One pass over all tokens of a sequence: (program, how often) of the stages of each step.

    Layers of one shape are one program. Weights are inputs of the programs, as in `token_workload`.

    Raises:
        NexusError: arithmetic that needs the weights themselves.
    """
    spec, arithmetic = model.spec, model.arithmetic
    _check_placed(arithmetic)
    alike: dict[object, list[str]] = {}
    for step, stages in steps.items():
        if any(stage.write for stage in stages):
            layer = int(step.removeprefix("layer ")) if step.startswith("layer ") else None
            shape = step if layer is None else (spec.layer_shape(layer), spec.rope_of[layer])
            alike.setdefault(shape, []).append(step)
    names = ((names[0], len(names)) for names in alike.values())
    sections = tuple(
        (_written([stage for stage in steps[first] if stage.write], arithmetic, first), times) for first, times in names
    )
    return Workload(name or spec.kind, sections)


def _check_placed(arithmetic: Arithmetic) -> None:
    if (
        arithmetic.weights == "constant"
        or arithmetic.product not in (None, Native.name)
        or arithmetic.spikes is not None
        or arithmetic.nonlinear != GATES
    ):
        raise NexusError(
            "a model is placed by shape alone, with gates whose weights are operands or with native layers: weights "
            "'constant', another product and LIF populations are not placed"
        )


def _written(stages: Sequence[Stage], arithmetic: Arithmetic, name: str) -> Program:
    program = program_of(list(stages), arithmetic.of_batch(1), name=name)
    return with_native_layers(program, arithmetic.basis) if arithmetic.product == Native.name else program


def with_native_layers(program: Program, basis: str) -> Program:
    """The program with every product of weights in synapses, by a sample of its sums: its weights are inputs.

    Raises:
        NexusError: what one layer asks for is beyond the chip's synapses or states.
    """
    weights = {v.number for name, v in program.inputs.items() if name.startswith(WEIGHT)}
    for i, node in enumerate(program.nodes):
        if isinstance(node, Contract) and node.operands[1].number in weights:
            outputs, inputs = node.operands[1].shape
            layer = sampled_layer(node.operands[1].float_format, outputs, inputs, basis)
            program.nodes[i] = replace(node, product=Native(layer), operands=node.operands[:2])
    return program


_ENDING = ("final norm", "head transform", "head")


@overload
def place(
    subject: Circuit, chip: str | Path | Chip = ..., *, max_delay: int | None = ..., chips: int | None = ...,
    seed: int = ..., sets: int = ...,
) -> Placement: ...  # fmt: skip
@overload
def place(
    subject: Program | Workload | Model, chip: str | Path | Chip = ..., *, context: int | None = ...,
    strategy: Strategy | str | None = ..., max_delay: int | None = ..., seed: int = ..., sets: int = ...,
) -> ProgramPlacement: ...  # fmt: skip
def place(
    subject: Circuit | Program | Workload | Model,
    chip: str | Path | Chip = "loihi2",
    *,
    context: int | None = None,
    strategy: Strategy | str | None = None,
    max_delay: int | None = None,
    chips: int | None = None,
    seed: int = 0,
    sets: int = 256,
) -> Placement | ProgramPlacement:
    """Where every neuron lives: under all limits of a core, with few spikes between cores and few hops.

    >>> nexus.place(nexus.circuit("mul", "float16")).chips
    1
    What comes back runs, too, core by core: `placed.run(...)` of a circuit takes values, of a small program patterns.

    >>> nexus.place(nexus.load("Qwen3-0.6B"), context=128, strategy="fit: chips=8").steps

    Args:
        subject: a circuit; a program, or the programs of a token, whose circuits are instantiated by a strategy; or a
            model, of which a token is placed by shape alone, no weight being read.
        chip: name of a chip, a YAML file, or a `Chip`.
        context: of a model: tokens that the token sees, itself among them (1 where left out).
        strategy: of all but a circuit: "unrolled" (the default), "folded: k" or "fit: chips=n".
        max_delay: largest synaptic delay; None takes the one that needs fewest cores. Delay memory is shared by the
            neurons of a core, so that longer delays leave room for fewer neurons and shorter ones cost relays.
        chips: of a circuit: most chips it may use; None for as many as it needs.
        seed: of the partition and of the operands.
        sets: operand sets that the spikes are counted on.

    Raises:
        NexusError: what is asked for does not fit: the limit, by how much, and the smallest change that would fit; or
            the subject is nothing that can be placed.
    """
    if isinstance(subject, Model):
        subject = token_workload(subject, 1 if context is None else context)
    elif context is not None:
        raise NexusError(f"context {context} is for models; a circuit or a program is placed as it is")
    if not isinstance(chip, str | Path | Chip):
        raise NexusError(f"chip {chip!r} is no name, path or Chip")
    described = load_chip(chip)
    seed = whole_number("seed", seed, least=0)
    max_delay = None if max_delay is None else whole_number("max_delay", max_delay, least=None)
    chips = None if chips is None else whole_number("chips", chips, least=None)
    if whole_number("sets", sets, least=None) < 1:
        raise NexusError(f"placement with spikes counted on {sets} operand sets is below 1")
    if isinstance(subject, Circuit):
        if strategy is not None:
            raise NexusError(f"circuit '{subject.label}' has no strategy: it is placed once")
        placed = place_circuit(
            subject, described, measured_spikes, max_delay=max_delay, chips=chips, seed=seed, sets=sets
        )
        return replace(placed, runner=run_placed)
    if not isinstance(subject, Program | Workload):
        raise _nothing_to_place(subject)
    if chips is not None:
        raise NexusError(f"program '{subject.name}' takes its chips by strategy='fit: chips={chips}'")
    mapper = Mapper(subject, described, measured_spikes, max_delay, seed, sets, activities=measured_activity)
    return replace(mapper.place(Strategy.of(strategy or "unrolled")), runner=run_placed)


def _nothing_to_place(subject: object) -> NexusError:
    if isinstance(subject, str):
        return NexusError(
            f"place takes a circuit, not the name '{subject}': give lava_nexus.circuit('{subject}', a format), for "
            "example of lava_nexus.FLOAT32"
        )
    return NexusError(f"place takes a circuit, a program or a token's programs, not {type(subject).__name__}")
