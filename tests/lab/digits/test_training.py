"""Training gives the same bytes twice, writes where it is told and installs only what is good enough."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.model import TrainDigitsConfig
from lava_nexus.lab.training import train_digits as training

FEW_STEPS = {"epochs": 2, "batch": 256}


@pytest.fixture(autouse=True)
def installed(tmp_path, monkeypatch):
    """Stands for the file that comes with the package."""
    path = tmp_path / "package" / "digits.safetensors"
    monkeypatch.setattr(training, "WEIGHTS", path)
    return path


def test_same_bytes_twice_whatever_the_generator_held(tmp_path):
    config = TrainDigitsConfig(**FEW_STEPS, install=False)
    torch.manual_seed(1)
    training.train_digits(config, tmp_path / "a")
    torch.manual_seed(2)
    drawn = torch.rand(4)
    torch.manual_seed(2)
    training.train_digits(config, tmp_path / "b")
    assert (tmp_path / "a/digits.safetensors").read_bytes() == (tmp_path / "b/digits.safetensors").read_bytes()
    assert torch.equal(torch.rand(4), drawn), "training must leave the caller's generator alone"
    other = TrainDigitsConfig(**FEW_STEPS, install=False, seed=1)
    training.train_digits(other, tmp_path / "c")
    assert (tmp_path / "a/digits.safetensors").read_bytes() != (tmp_path / "c/digits.safetensors").read_bytes()


def test_training_learns_and_tells_it(tmp_path, installed):
    config = TrainDigitsConfig(epochs=3, required_accuracy=0.4, out=tmp_path)
    report = training.train_digits(config, tmp_path)
    assert report["losses"][0] > report["losses"][-1] and report["accuracy"]["test"] > 0.4
    assert json.loads((tmp_path / "training.json").read_text()) == report
    assert installed.read_bytes() == (tmp_path / "digits.safetensors").read_bytes()


def test_weights_below_the_required_accuracy_are_not_installed(tmp_path, installed):
    with pytest.raises(NexusError, match=r"required_accuracy 0\.97"):
        training.train_digits(TrainDigitsConfig(epochs=1, batch=2000), tmp_path)
    assert (tmp_path / "digits.safetensors").exists() and not installed.exists()


def test_quick_is_never_installed(tmp_path, installed):
    report = training.train_digits(TrainDigitsConfig(batch=2000, required_accuracy=0.0), tmp_path, quick=True)
    assert len(report["losses"]) == training.QUICK_EPOCHS and report["quick"] and report["installed"] is None
    assert not installed.exists()


def test_divergence_is_one_sentence_and_nothing_is_written(tmp_path):
    config = TrainDigitsConfig(**FEW_STEPS, learning_rate=1e12)
    with pytest.raises(NexusError, match=r"training diverged: the loss is (nan|inf) in epoch \d.*learning_rate"):
        training.train_digits(config, tmp_path)
    assert not (tmp_path / "digits.safetensors").exists()


@pytest.mark.parametrize("steps", [1, 2, 10])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.999])
def test_learning_rate_stays_within_its_largest(steps, warmup):
    rates = [training.relative_rate(step, steps, warmup) for step in range(steps + 1)]
    assert all(0 < rate <= 1 for rate in rates[:-1]) and rates[-1] == pytest.approx(0, abs=1e-12)


def test_shipped_config_is_the_default():
    path = Path(__file__).parents[3] / "configs" / "train_digits.yaml"
    assert load_config(TrainDigitsConfig, path) == TrainDigitsConfig()
