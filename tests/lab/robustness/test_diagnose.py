"""The diagnosis finds what was put in, and nothing where nothing is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lava_nexus.config import build_config, load_config
from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.robustness import DiagnoseConfig
from lava_nexus.lab.robustness.diagnose import divergence, read_losses, run_diagnosis


def diagnose(tmp_path, **values):
    values = {"format": "float8_e4m3fn", "trials": 600, "operations": ["add"], **values}
    return run_diagnosis(build_config(DiagnoseConfig, values, "test"), tmp_path)


@pytest.mark.parametrize(
    ("membrane", "first"),
    [
        ({"reset": "soft", "beta": 0.9, "regime": "streaming", "streams": 4}, "membrane memory"),
        ({"margin": 0.05}, "threshold"),
        ({"stuck_silent": 0.3}, "stuck neurons"),
        ({"lost": 0.2}, "spikes lost or made up"),
        ({"spread": 0.6}, "threshold spread"),
    ],
)
def test_the_cause_that_was_put_in_is_named(tmp_path, membrane, first, capsys):
    findings = diagnose(tmp_path, membrane=membrane)
    failing = [f for f in findings if not f.well and f.check.startswith("gate")]
    assert failing and all(f.first.startswith(f"{first}, which accounts for ") for f in failing)
    assert f"look first at {first}" in capsys.readouterr().out
    stored = json.loads((tmp_path / "diagnosis.json").read_text())
    assert [f["well"] for f in stored["findings"]] == [f.well for f in findings]


def test_noise_that_is_too_large_for_an_operation(tmp_path):
    findings = diagnose(tmp_path, format="float16", membrane={"noise": 0.3})
    assert [f.well for f in findings] == [True, True, True, False]
    assert findings[-1].first.startswith("noise, which accounts for 100 %")


def test_nothing_is_wrong_with_ideal_neurons(tmp_path):
    path = tmp_path / "training.json"
    path.write_text(json.dumps({"losses": [2.0, 1.0, 0.5]}))
    findings = diagnose(tmp_path, losses=str(path))
    assert all(f.well for f in findings) and len(findings) == 5
    assert "Nothing is wrong" in (tmp_path / "diagnosis.md").read_text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"losses": [1.0, NaN]}', "the loss is nan at step 2"),
        ("[1.0, 0.5, 4.0]", "ends at 4, above the 1 at which it began"),
        ("10\n1\n3\n", "ends at 3, 3 times its minimum 1"),
        ("step,loss\n1,5.0\n2,inf\n", "the loss is inf at step 2"),
        ("5.0\n4.0\n3.9\n", ""),
    ],
)
def test_loss_curves(tmp_path, text, sentence):
    path = tmp_path / "losses"
    path.write_text(text)
    found = divergence(read_losses(path), 2.0)
    assert (sentence in found) if sentence else found == ""


def test_a_diverged_training_is_a_finding(tmp_path):
    path = tmp_path / "losses.csv"
    path.write_text("epoch,loss\n1,1.0\n2,9.0\n")
    finding = diagnose(tmp_path, losses=str(path))[-1]
    assert not finding.well and "the learning rate" in finding.first and "above the 1" in finding.first


@pytest.mark.parametrize("text", [None, "", "no numbers\n", '{"loss": [1]}', "{", "[]"])
def test_a_loss_curve_that_is_none(tmp_path, text):
    path = tmp_path / "losses"
    if text is not None:
        path.write_text(text)
    with pytest.raises(NexusError, match=r"loss curve '.*losses' (does not exist|holds no list of numbers)"):
        diagnose(tmp_path, losses=str(path))


def test_the_shipped_config_loads_and_mistakes_are_told():
    path = Path(__file__).parents[3] / "configs" / "diagnose.yaml"
    assert load_config(DiagnoseConfig, path).membrane.reset == "soft"
    for override, sentence in (
        ("membrane.beta=2", "must be less than or equal to 1"),
        ("membrane.streams=null", "regime 'streaming' needs streams"),
        ("membrane.stuck_silent=0.7", "exceed 1 together"),
        ("membrane.noize=1", "did you mean 'noise'?"),
        ("gates=[nor]", "did you mean 'or'?"),
    ):
        with pytest.raises(NexusError) as error:
            load_config(DiagnoseConfig, path, [override, "membrane.stuck_firing=0.7"][: 1 + ("stuck" in override)])
        assert sentence in str(error.value)
