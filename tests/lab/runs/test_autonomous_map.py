"""Steps and pieces of a decoder that runs by itself, by shape alone, beside networks that are built."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import lava_nexus as nexus
from lava_nexus.chip.autonomous.neurons import PARTS
from lava_nexus.chip.autonomous.plan import allocated, lifetimes, sections
from lava_nexus.chip.autonomous.sizes import token_steps, words_alive
from lava_nexus.chip.description import load_chip
from lava_nexus.circuits import circuit
from lava_nexus.config import load_config
from lava_nexus.lab.configs.places import MapBlockConfig
from lava_nexus.lab.runs.autonomous_cores import in_formats
from lava_nexus.lab.runs.autonomous_map import BLOCK, pieces_of, sized
from lava_nexus.lab.runs.mapping import run_map_block
from lava_nexus.models.autonomous import token_program
from lava_nexus.models.model import Model
from lava_nexus.models.placing import token_workload
from lava_nexus.programs.flow import Flow, flow_of

CONFIG = Path(__file__).parents[3] / "configs" / "autonomous" / "map_qwen3_0.6b.yaml"
LENGTH = 12


def model(kind: str, width: int, hidden: int, layers: int) -> Model:
    keys: dict[str, Any] = {
        "model_type": kind, "hidden_size": width, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
        "intermediate_size": hidden, "num_hidden_layers": layers, "vocab_size": 20, "max_position_embeddings": LENGTH,
        "rms_norm_eps": 1e-2, "eos_token_id": 0,
    }  # fmt: skip
    made = nexus.random_model(keys, format="float8_e5m2", norm_format="float8_e5m2")
    return Model(made.spec, made.source, replace(made.arithmetic, style="depth"))


def flow(of: Model) -> tuple[Flow, list[int]]:
    program, _, caches = token_program(of, LENGTH)
    made = flow_of(program, {before.number: own.number for before, own in caches.values()})
    return made, made.values[program.outputs["logits"].number].ravel().tolist()


SHAPES = [("llama", 8, 16, 1), ("llama", 16, 32, 2), ("qwen3", 16, 48, 1), ("llama", 48, 96, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_operand_sets_are_those_of_the_flow_and_steps_lie_between_the_bounds(shape: tuple[str, int, int, int]) -> None:
    of = model(*shape)
    workload, (made, _) = token_workload(of, LENGTH), flow(of)
    counted = Counter(made.circuits[one.circuit].digest for one in made.invocations)
    assert counted == {digest: count for digest, (_, count) in workload.invocations.items()}
    units = [[number] for number in range(len(made.circuits))]
    found = sections(made, [one.depth for one in made.circuits], units, BLOCK)
    comparator = circuit("compare_lt", of.arithmetic.format, style="depth").depth
    arithmetic = sum(one.length for one in found)
    bounds = token_steps(workload, LENGTH, BLOCK, comparator)
    around = 4 + 7 + 4 + 19 * (comparator + 7) + 2 + 1
    assert bounds.least <= arithmetic + around <= bounds.most
    if shape[1] == 48:
        assert bounds.most < 1.15 * (arithmetic + around) < 1.5 * bounds.least


def test_words_that_are_needed_at_once_are_not_shared() -> None:
    made, logits = flow(model("llama", 16, 32, 1))
    units = [[number] for number in range(len(made.circuits))]
    alive = lifetimes(sections(made, [one.depth for one in made.circuits], units, BLOCK), dict.fromkeys(logits, 0))
    words = allocated(alive, made.bits)
    held: dict[object, int] = {}
    for address, one in sorted(alive.items(), key=lambda item: item[1].born):
        assert held.get(words[address], -1) <= one.born
        held[words[address]] = one.last
    assert len(held) < 0.5 * len(alive)


def test_pieces_of_one_network_say_what_another_takes() -> None:
    chip = load_chip("loihi2")
    sample = nexus.autonomous(model("llama", 8, 300, 1), max_length=LENGTH, prompt=1)
    pieces = pieces_of(sample)
    for shape in (("llama", 16, 32, 2),):
        of = model(*shape)
        built = nexus.autonomous(of, max_length=LENGTH, prompt=1)
        found, parts = sized(of, token_workload(of, LENGTH), LENGTH, pieces, chip), built.network.parts()
        assert found.steps.least <= built.network.period(LENGTH - 1) <= found.steps.most
        assert found.neurons["arithmetic"] == parts["arithmetic"]
        assert sum(found.neurons.values()) > 0.9 * built.network.neurons
        assert sum(found.neurons.values()) < 4 * built.network.neurons
        assert words_alive(token_workload(of, LENGTH)) > of.spec.width
        assert found.neurons.keys() == set(PARTS)


@pytest.mark.wide
def test_a_mapping_by_itself_stands_beside_shared_instances(tmp_path: Path) -> None:
    config = load_config(MapBlockConfig, CONFIG, ["form=autonomous", "format=float8_e5m2", "norm_format=float8_e5m2"])
    report = run_map_block(config.model_copy(update={"strategies": ("folded: 1000",)}), tmp_path, quick=True)
    table = next(table for table in report["tables"] if table["file"] == "autonomous_energy.csv")
    assert table["header"][1] == "by itself" and len(table["header"]) == 4
    assert [row[0] for row in table["rows"]][:3] == ["placement", "time steps", "seconds"]
    assert report["steps"][0] <= report["steps"][1]


def test_formats_stand_side_by_side() -> None:
    table = in_formats("Now", 4, ("float8_e5m2",))
    assert "float8_e5m2" in table and "steps a token" in table and "machine a token" in table
