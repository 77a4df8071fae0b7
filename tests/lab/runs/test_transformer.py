"""A transformer's run: one report, whatever the executor; ended runs go on with the same bits; mistakes are told."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lava_nexus.config import build_config, load_config
from lava_nexus.energy import energy_of
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import FLOAT8_E5M2
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.report import run_counts
from lava_nexus.lab.runs import transformer
from lava_nexus.lab.runs.built import figures_of
from lava_nexus.lab.runs.job import StepStore
from lava_nexus.lab.runs.transformer import run_transformer
from lava_nexus.models.forward import Counts
from lava_nexus.models.model import random_model
from lava_nexus.models.placing import place
from lava_nexus.models.stages import forward_stages
from lava_nexus.models.stream import cached_tokens
from tests.chip.programs import feeds, linear_program

CONFIGS = Path(__file__).parents[3] / "configs"
TINY = {
    "model_type": "llama",
    "hidden_size": 4,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 6,
    "num_hidden_layers": 3,
    "vocab_size": 11,
    "max_position_embeddings": 8,
    "rms_norm_eps": 1e-5,
}


def config(executor: str = "bitsliced", **changes: Any) -> RunConfig:
    model = {"kind": "transformer", "architecture": TINY, "tokens": 3, **changes}
    return build_config(RunConfig, {"model": model, "executor": executor}, "test")


@pytest.mark.parametrize(
    "how, shown",
    [
        ({}, True),
        ({"basis": "nexus"}, True),
        ({"accumulate": "pairwise"}, False),
        ({"accumulate": "exact"}, False),
        ({"accumulate": "exact", "product": "native"}, False),
        ({"nonlinear": "nls"}, True),
        ({"nonlinear": "nls", "linear": "spikes"}, False),
    ],
)
def test_a_picture_of_products_and_sums_is_of_runs_that_form_them(how, shown):
    files = (("spikes.png", "a"), ("synops.png", "b"))
    asked = build_config(RunConfig, {"model": {"kind": "digits"}, "executor": "bitsliced", **how}, "test")
    assert figures_of(asked, True, files) == (files if shown else files[1:])
    assert figures_of(asked, False, files) == (files[:1] if shown else ())


@pytest.mark.parametrize("executor", ["bitsliced", "membrane", "lava", "reference"])
def test_every_executor_gives_the_reference_bits_and_one_report(executor: str, tmp_path: Path) -> None:
    layers = [0, 1] if executor in ("lava", "membrane") else None
    report = run_transformer(config(executor, layers=layers, tokens=2), tmp_path)
    assert report["ulp"]["strict"]["max"] == 0 and report["ulp"]["strict"]["unequal_bits"] == 0
    assert [step["step"] for step in report["steps"]][:2] == ["embedding", "layer 0"]
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert (tmp_path / "spikes.png").stat().st_size > 10_000
    assert not (tmp_path / "steps").exists()
    if executor != "reference":
        assert report["synops"] > report["spikes"] > 10**5 and report["energy"]["joules"] > 0
        assert (tmp_path / "synops.png").exists()


def test_a_run_that_was_ended_goes_on_with_the_same_bits_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_transformer(config(), tmp_path / "whole")
    run, ran = Executor.run_whole, []

    def ended(self: Executor, program: Any, feeds: Any) -> Any:
        if program.name == "layer 1" and self.name == "bitsliced":
            raise KeyboardInterrupt
        return run(self, program, feeds)

    monkeypatch.setattr(Executor, "run_whole", ended)
    with pytest.raises(KeyboardInterrupt):
        run_transformer(config(), tmp_path / "parts")
    assert not (tmp_path / "parts" / "report.json").exists()

    def watched(self: Executor, program: Any, feeds: Any) -> Any:
        ran.append(program.name)
        return run(self, program, feeds)

    monkeypatch.setattr(Executor, "run_whole", watched)
    parts = run_transformer(config(), tmp_path / "parts", resume=True)
    assert "layer 0" not in ran and "layer 1" in ran
    for report in (whole, parts):
        report.pop("wall_seconds")
        for step in report["steps"]:
            step.pop("seconds")
    assert parts == whole


@pytest.mark.parametrize(
    "changes",
    [
        {"accumulate": "exact", "executor": "reference"},
        pytest.param({"weights": "constant", "executor": "reference"}, marks=pytest.mark.wide),
        {"nonlinear": "nls", "linear": "spikes", "executor": "reference"},
        pytest.param(
            {"executor": "membrane", "membrane": {"noise": 0.4}, "format": "float8_e4m3fn"}, marks=pytest.mark.wide
        ),
    ],
)
def test_every_kind_of_run_goes_on(changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = {"kind": "transformer", "architecture": TINY, "tokens": 2, "layers": [0, 2]}
    given = build_config(RunConfig, {"model": model, **changes}, "test")
    whole = run_transformer(given, tmp_path / "whole")
    real, calls = StepStore.save, []

    def ends(self: StepStore, number: int, step: Any) -> None:
        if not calls and number == 2:
            calls.append(number)
            raise KeyboardInterrupt
        real(self, number, step)

    monkeypatch.setattr(StepStore, "save", ends)
    with pytest.raises(KeyboardInterrupt):
        run_transformer(given, tmp_path / "parts")
    parts = run_transformer(given, tmp_path / "parts", resume=True)
    for report in (whole, parts):
        report.pop("wall_seconds")
        for step in report["steps"]:
            step.pop("seconds")
    assert parts == whole
    if "membrane" in changes:
        assert whole["ulp"]["strict"]["unequal_bits"] > 0


def test_what_generation_costs_is_in_the_totals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = {**TINY, "num_hidden_layers": 1}
    asked: dict[str, Any] = {"architecture": short, "generate": 3, "logits": "last", "tokens": 2}
    report = run_transformer(config(**asked), tmp_path / "whole")
    assert report["ulp"]["strict"]["max"] == 0
    assert [step["step"] for step in report["steps"]][-3:] == ["head", "token 1", "token 2"]
    model = random_model(short)
    tokens = np.random.default_rng(0).integers(0, 11, (1, 2))
    stream, single = {}, Counts()
    forward, fresh, new = model.forward(executor_named("bitsliced")), tokens, []
    for _ in range(3):
        stages = forward_stages(model.spec, fresh.shape[1], cached_tokens(stream), logits="last", keep=True)
        stream, counts = forward.through(stages, forward.enter(fresh, held=stream))
        fresh = np.argmax(stream["logits"].view(np.float32)[:, -1], axis=-1)[None]
        new.append(int(fresh[0, 0]))
        single.add(counts)
    assert any(f"Generated greedily: {new};" in note for note in report["notes"])
    spikes, synops = (sum(getattr(tally, of) for tally in single.tallies) for of in ("spikes", "synops"))
    assert (report["spikes"], report["synops"]) == (spikes, synops)
    assert (report["neurons"], report["synapses"], report["depth"]) == (single.neurons, single.synapses, single.depth)
    found = model.generate(tokens[0], 3)
    assert found.tokens.tolist() == [*tokens[0].tolist(), *new]
    assert sum(tally.synops for tally in found.counts.tallies) == synops and found.counts.depth == single.depth

    run = Executor.run_whole

    def ended(self: Executor, program: Any, feeds: Any) -> Any:
        if feeds.get("key", np.zeros((1, 1, 1, 1))).shape[-2] == 3 and self.name == "bitsliced":
            raise KeyboardInterrupt
        return run(self, program, feeds)

    monkeypatch.setattr(Executor, "run_whole", ended)
    with pytest.raises(KeyboardInterrupt):
        run_transformer(config(**asked), tmp_path / "parts")
    monkeypatch.setattr(Executor, "run_whole", run)
    parts = run_transformer(config(**asked), tmp_path / "parts", resume=True)
    for each in (report, parts):
        each.pop("wall_seconds")
        for step in each["steps"]:
            step.pop("seconds")
    assert parts == report


def test_steps_of_another_run_are_not_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lava_nexus.lab.runs.transformer.conclude", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_transformer(config("reference"), tmp_path)
    with pytest.raises(NexusError, match=r"finished step '.*step0000\.npz' is of a run with another config"):
        run_transformer(config("reference", tokens=4), tmp_path, resume=True)
    (tmp_path / "steps" / "step0001.npz").write_bytes(b"PK")
    with pytest.raises(NexusError, match=r"step0001\.npz' cannot be read"):
        run_transformer(config("reference"), tmp_path, resume=True)


def test_what_else_lies_among_the_steps_stays(tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "thesis.txt").write_text("years of work")
    run_transformer(config("reference"), tmp_path)
    assert [path.name for path in (tmp_path / "steps").iterdir()] == ["thesis.txt"]


def test_an_unfinished_run_is_not_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr("lava_nexus.lab.runs.transformer.conclude", lambda *_: 1 / 0)
        run_transformer(config("reference"), tmp_path)
    kept = sorted((tmp_path / "steps").iterdir())
    with pytest.raises(NexusError, match="finished steps of a run that was ended: go on with --resume, or begin anew"):
        run_transformer(config("reference"), tmp_path)
    assert sorted((tmp_path / "steps").iterdir()) == kept
    with monkeypatch.context() as patch, pytest.raises(NexusError, match=r"another package version \(0\.1\.0, not 9"):
        versions = {"python": "3", "lava-nexus": "9.9"}
        patch.setattr("lava_nexus.store.installed_versions", lambda: dict(versions))
        run_transformer(config("reference"), tmp_path, resume=True)
    run_transformer(config("reference"), tmp_path, restart=True)
    assert not (tmp_path / "steps").exists()


@pytest.mark.slow
def test_a_run_that_is_placed_prints_what_a_machine_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The placement is of the very programs that ran: one pass over three tokens, one layer."""
    monkeypatch.setattr(transformer, "place", partial(place, sets=4))
    one = {**TINY, "num_hidden_layers": 1}
    changes = {"format": "float8_e4m3fn", "place": "folded: 64", "energy_model": "loihi2"}
    placed = config(architecture=one).model_copy(update=changes)
    energy = run_transformer(placed, tmp_path / "placed")["energy"]
    alone = run_transformer(placed.model_copy(update={"place": None}), tmp_path / "alone")["energy"]
    assert alone["machine"] is None and energy["work"] == alone["work"]
    assert energy["machine"]["value"] > 10 * energy["work"]["value"] and energy["seconds_per_input"]["value"] > 0
    definition = dict(energy["definition"])
    assert "on" in definition["placement"] and definition["pace"].startswith("one after the other")
    assert energy["shares"]["static"] > 0 and energy["shares"]["updates_inactive"] > 0
    assert "| machine an input" in (tmp_path / "placed" / "report.md").read_text()
    with pytest.raises(NexusError, match="counted no spikes"):
        run_transformer(placed.model_copy(update={"executor": "reference"}), tmp_path / "not counted")
    with pytest.raises(NexusError, match="strategy 'fit: 3' is none of"):
        run_transformer(placed.model_copy(update={"place": "fit: 3"}), tmp_path / "none")


@pytest.mark.wide
@pytest.mark.parametrize("path", sorted([CONFIGS / "block_d256.yaml", *(CONFIGS / "models").glob("*.yaml")]))
def test_configs_that_ship_run(path: Path, tmp_path: Path) -> None:
    report = run_transformer(load_config(RunConfig, path, ["executor=reference"]), tmp_path, quick=True)
    assert report["ulp"]["strict"]["max"] == 0 and len(report["steps"]) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tokens": [1, 11]}, r"token id 11 is not in 0 \.\. 10"),
        ({"tokens": [1, -1]}, r"token id -1 is not in 0 \.\. 10"),
        ({"tokens": 9}, "sequence of 9 tokens is longer than the model's 8 positions"),
        ({"tokens": []}, "0 tokens"),
        ({"token_types": [0, 0, 0]}, "architecture 'llama', which has none"),
        ({"layers": [1, 4]}, "layers 1 to 4 are not a range in the model's 0 to 3"),
        ({"layers": [2, 2]}, "layers 2 to 2 are not a range"),
        ({"generate": 7}, "3 tokens and 7 new ones are more than the model's 8 positions"),
        ({"architecture": {**TINY, "model_type": "mamba"}}, "architecture 'mamba' is not supported; known are bert"),
        ({"architecture": {**TINY, "hidden_act": "mish"}}, "activation 'mish' is not supported; known are silu"),
        ({"architecture": {**TINY, "hidden_size": 0}}, "'hidden_size' is 0, must be an integer of at least 1"),
        ({"architecture": {"model_type": "llama"}}, "key 'num_hidden_layers' is missing"),
        ({"architecture": {**TINY, "num_key_value_heads": 3}}, "2 attention heads do not share 3 key and value heads"),
        ({"architecture": {**TINY, "num_attention_heads": 3}}, "hidden_size 4 does not divide into 3 heads"),
        ({"architecture": {**TINY, "head_dim": 3}}, "RoPE turns 3 of 3 channels"),
        ({"architecture": {**TINY, "rope_scaling": {"rope_type": "mrope"}}}, "rope scaling 'mrope' is not supported"),
        ({"architecture": {**TINY, "rope_scaling": {"type": "llama3"}}}, "rope scaling 'factor' is None"),
        ({"architecture": {**TINY, "quantization_config": {"bits": 4}}}, "'quantization_config' is set"),
        ({"checkpoint": "nowhere", "architecture": None}, "checkpoint 'nowhere' is not a folder"),
    ],
)
def test_mistakes_are_one_sentence(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(NexusError, match=words) as caught:
        run_transformer(config("reference", **changes), tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report.json").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": None}, "must have one of 'checkpoint', 'package' and 'architecture'"),
        ({"checkpoint": "x"}, "must have one of 'checkpoint', 'package' and 'architecture'"),
        ({"text": "hello"}, "'model' is .*'text' needs a 'checkpoint' with a tokenizer"),
        ({"layers": [0]}, "model.layers"),
        ({"generate": 1, "layers": [0, 1]}, "'generate' needs all layers and logits"),
        ({"generate": 1, "logits": "none"}, "'generate' needs all layers and logits"),
        ({"generate": -1}, "'model.generate' is -1"),
        ({"tokens": 0}, "model.tokens"),
        ({"kind": "rnn"}, "must be one of 'digits', 'transformer'"),
    ],
)
def test_mistakes_in_the_config(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NexusError, match=words):
        config(**changes)


def test_counts_and_a_placement_make_the_energy_of_a_machine() -> None:
    program = linear_program(FLOAT8_E5M2, 4, 2)
    placed = place(program, strategy="folded: 4", sets=4)
    ran = run_program(program, feeds(program, 3), MembraneExecutor())
    alone, machine = (run_counts(ran.layers, "loihi2", 3, where)["energy"] for where in (None, placed))
    assert alone.machine is None and machine.work == alone.work
    assert machine.joules == energy_of(ran, "loihi2", placement=placed).joules > 10 * alone.joules


def test_a_placement_is_of_one_pass() -> None:
    model = {"kind": "transformer", "architecture": TINY, "tokens": 3, "generate": 2}
    with pytest.raises(NexusError, match="'place' is of one pass over the tokens, and 'generate' takes a pass for"):
        build_config(RunConfig, {"model": model, "place": "unrolled"}, "test")
