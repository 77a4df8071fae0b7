"""A token of every architecture by shape alone costs what a cached pass over it invokes, and lies on chips."""

from __future__ import annotations

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.errors import NexusError
from lava_nexus.execute.run import executor_named
from lava_nexus.models.architectures import ARCHITECTURES
from lava_nexus.models.forward import Counts
from lava_nexus.models.model import Model, random_model
from lava_nexus.models.placing import pass_workload, place, token_workload
from lava_nexus.models.stages import Stage, forward_stages
from tests.models.test_forward import MORE, SIZES


def model_of(kind: str) -> Model:
    return random_model({"model_type": kind, **SIZES, **MORE[kind]}, format="float8_e4m3fn")


@pytest.mark.parametrize("kind", [kind for kind in ARCHITECTURES if kind != "vit"])
def test_a_token_costs_what_a_pass_with_a_cache_invokes(kind: str) -> None:
    model, context = model_of(kind), 4
    spec, forward = model.spec, model.forward(executor_named("reference"))
    held, _ = forward.through(
        forward_stages(spec, context - 1, logits="none", keep=True), forward.enter(np.array([[3, 1, 4]]))
    )
    counts = Counts()
    stages = forward_stages(spec, 1, context - 1, logits="last", keep=True)
    for done in forward.run(stages, forward.enter(np.array([[1]]), held=held)):
        if done.stage.name != "rotary":
            counts.add(done.counts)
    ran = {tally.circuit.digest: tally.invocations for tally in counts.tallies}
    workload = token_workload(model, context)
    assert {digest: count for digest, (_, count) in workload.invocations.items()} == ran
    tables = {name for name, _ in spec.embedding_tensors.values() if "norm" not in name.lower()} - {
        name for name, _ in spec.head_tensors.values()
    }
    assert workload.words("weights") == sum(int(np.prod(s)) for name, s in spec.tensors.items() if name not in tables)
    seen = [min(context - 1, (window or context) - 1) for window in spec.windows]
    assert workload.words("cache") == sum(2 * spec.shape.kv_heads * keys * spec.shape.head_dim for keys in seen)


@pytest.mark.parametrize("kind", ["qwen3", "bert", "phi"])
def test_a_pass_costs_what_a_run_of_a_sequence_invokes(kind: str) -> None:
    model, tokens = model_of(kind), np.array([[3, 1, 4, 1]])
    counts = model(tokens, executor="reference").counts
    steps: dict[str, list[Stage]] = {}
    for stage in forward_stages(model.spec, 4):
        steps.setdefault(stage.step, []).append(stage)
    workload = pass_workload(model, steps)
    ran = {tally.circuit.digest: tally.invocations for tally in counts.tallies}
    assert {digest: count for digest, (_, count) in workload.invocations.items()} == ran
    assert len(workload.sections) < len([stages for stages in steps.values() if any(s.write for s in stages)]) + 1


@pytest.mark.parametrize("head", ["ViTModel", "ViTForImageClassification"])
def test_an_image_costs_what_a_pass_over_it_invokes(head: str) -> None:
    config = {"model_type": "vit", **SIZES, "image_size": 4, "patch_size": 2, "architectures": [head]}
    model = random_model(config, format="float8_e4m3fn")
    counts = model(np.zeros((3, 4, 4)), "reference").counts
    ran = {tally.circuit.digest: tally.invocations for tally in counts.tallies}
    assert {digest: n for digest, (_, n) in token_workload(model, 1).invocations.items()} == ran


@pytest.mark.parametrize("kind", ["bert", "phi"])
def test_models_lie_on_chips(kind: str) -> None:
    placed = place(model_of(kind), context=2, strategy="folded: 64", sets=4)
    assert isinstance(placed, ProgramPlacement)
    assert placed.steps > 1000 and placed.io.words_in["weights"] > 0


def test_what_is_not_placed_is_told() -> None:
    model = model_of("llama")
    with pytest.raises(NexusError, match=r"context 10 is not in 1 \.\. 9, the positions of the model"):
        place(model, context=10)
    with pytest.raises(NexusError, match="context 2 is for models"):
        place(nexus.circuit("neg", nexus.FLOAT16), context=2)  # type: ignore[call-overload]
    with pytest.raises(NexusError, match="takes its chips by strategy"):
        place(model, chips=1)  # type: ignore[call-overload]
    assert place(nexus.circuit("neg", nexus.FLOAT16), sets=4).chips == 1


def test_a_model_without_gates_asks_for_no_weights_of_one() -> None:
    """The block of NEXUS is up, SiLU, down; a checkpoint of it needs no `gate_proj`."""
    assert not any("gate" in name for name in model_of("nexus_block").spec.tensors)
