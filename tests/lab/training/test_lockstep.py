"""Training by gates: bit for bit the strict one, resumed to the same bits, a divergence named, mistakes told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.model import GateTraining, TrainDigitsConfig
from lava_nexus.lab.training import lockstep as sides
from lava_nexus.lab.training.lockstep import store_of, train_in_lockstep
from lava_nexus.lab.training.report import Trainings, train_by_gates

CONFIG = Path(__file__).parents[3] / "configs" / "train_gates.yaml"


def _config(**gates: Any) -> TrainDigitsConfig:
    values = {"steps": 3, "batch": 2, "checkpoint_every": 1, "format": "float8_e5m2", **gates}
    return TrainDigitsConfig(forward="gates", dropout=0.1, gates=GateTraining(**values))


def _same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return all(np.array_equal(a[name].view(np.uint32), b[name].view(np.uint32)) for name in a)


def test_gates_and_strict_float_are_one_training(tmp_path: Path) -> None:
    found = train_in_lockstep(_config(format="float32", steps=1), tmp_path)
    assert found.identical
    (row,) = found.rows
    assert row.difference is None and row.loss_gates == row.loss_strict and row.norm_gates == row.norm_strict > 0


def test_resuming_gives_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = _config(optimiser="gates", steps=2)
    whole = train_in_lockstep(config, tmp_path / "whole")
    step, taken = sides.Side.step, []

    def interrupted(self: sides.Side, *args: Any) -> tuple[float, float]:
        taken.append(self.name)
        if len(taken) > 3:  # both sides of one step, and half of the second
            raise KeyboardInterrupt
        return step(self, *args)

    monkeypatch.setattr(sides.Side, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_in_lockstep(config, tmp_path / "parts")
    monkeypatch.setattr(sides.Side, "step", step)
    rest = train_in_lockstep(config, tmp_path / "parts", resume=True)
    assert [row.step for row in rest.rows] == [1, 2]
    assert rest.rows == whole.rows and _same(rest.tensors, whole.tensors)


def test_a_training_whose_worker_was_ended_goes_on_at_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, step, taken = _config(steps=2), sides.Side.step, []
    whole = train_in_lockstep(config, tmp_path / "whole")
    trainings = Trainings(config, tmp_path / "parts", torch.get_num_threads())
    with pytest.raises(NexusError, match="holds no state to resume from"):
        trainings.begin(resume=True, restart=False)
    trainings.begin(resume=False, restart=False)

    def counted(self: sides.Side, *args: Any) -> tuple[float, float]:
        taken.append(self.name)
        if len(taken) == 3:  # behind one step of both sides
            raise KeyboardInterrupt
        return step(self, *args)

    monkeypatch.setattr(sides.Side, "step", counted)
    with pytest.raises(KeyboardInterrupt):
        trainings.piece((0, config.gates.format))
    found = trainings.piece((0, config.gates.format))
    assert isinstance(found, sides.Lockstep) and len(taken) == 5, "it began anew"
    assert found.rows == whole.rows and _same(found.tensors, whole.tensors)


def test_torchs_optimiser_resumes_too(tmp_path: Path) -> None:
    whole = train_in_lockstep(_config(), tmp_path / "whole")
    config = _config()
    (tmp_path / "parts").mkdir()
    stopped = config.model_copy(update={"gates": config.gates.model_copy(update={"checkpoint_every": 2})})
    with pytest.MonkeyPatch.context() as patch:
        calls = []
        step = sides.Side.step

        def failing(self: sides.Side, *args: Any) -> tuple[float, float]:
            calls.append(1)
            if len(calls) > 4:
                raise KeyboardInterrupt
            return step(self, *args)

        patch.setattr(sides.Side, "step", failing)
        with pytest.raises(KeyboardInterrupt):
            train_in_lockstep(stopped, tmp_path / "parts")
    rest = train_in_lockstep(stopped, tmp_path / "parts", resume=True)
    assert _same(rest.tensors, whole.tensors)


def test_a_divergence_names_the_first_value_that_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = sides.Side.step

    def nudged(self: sides.Side, *args: Any) -> tuple[float, float]:
        if self.name == "gates":
            with torch.no_grad():
                self.model.final_norm.weight[3] += 0.5
        return step(self, *args)

    monkeypatch.setattr(sides.Side, "step", nudged)
    with pytest.raises(
        NexusError, match=r"step 1: gates and strict float differ first in the output of 'final_norm' at \["
    ):
        train_in_lockstep(_config(), tmp_path)


def test_mistakes_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NexusError, match=r"holds no state to resume from"):
        train_in_lockstep(_config(), tmp_path, resume=True)
    train_in_lockstep(_config(steps=1), tmp_path)
    with pytest.raises(NexusError, match=r"is of a run with another gates\.batch \(2, not 4\)"):
        train_in_lockstep(_config(steps=1, batch=4), tmp_path, resume=True)
    with pytest.raises(NexusError, match=r"holds 1 finished state of a run that was ended: go on with --resume"):
        train_in_lockstep(_config(steps=1), tmp_path)
    store = store_of(_config(steps=1), tmp_path)
    store.put(0, {"step": 1, "history": []}, {"parameter.positions": np.zeros((2, 2), np.float32)})
    with pytest.raises(NexusError, match="parameter 'positions' is of shape"):
        train_in_lockstep(_config(steps=1), tmp_path, resume=True)
    store.path(0).write_bytes(b"nothing")
    with pytest.raises(NexusError, match="cannot be read"):
        train_in_lockstep(_config(steps=1), tmp_path, resume=True)
    with pytest.raises(NexusError, match="the loss of the gates model is nan"):
        bad = _config().model_copy(update={"learning_rate": 1e30})
        train_in_lockstep(bad, tmp_path / "diverged")


def test_the_report_is_written(tmp_path: Path) -> None:
    config = load_config(TrainDigitsConfig, CONFIG, ["gates.format=float8_e5m2"])
    report = train_by_gates(config, tmp_path, quick=True)
    assert report["identical_parameters"] and [step["step"] for step in report["steps"]] == [1, 2]
    assert json.loads((tmp_path / "gate_training.json").read_text())["steps"] == report["steps"]
    assert "equal in every bit" in (tmp_path / "gate_training.md").read_text()
    assert (tmp_path / "training.png").stat().st_size > 5000
