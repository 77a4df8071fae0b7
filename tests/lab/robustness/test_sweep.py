"""Sweeps from configs to reports: quick runs of the shipped configs, resumption, and mistakes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.robustness import RobustnessConfig
from lava_nexus.lab.robustness.sweep import run_robustness, small

CONFIGS = Path(__file__).parents[3] / "configs" / "robustness"
TINY = ("trials=60", "seeds=2")


def load(name, *overrides):
    return load_config(RobustnessConfig, CONFIGS / f"{name}.yaml", overrides)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_config_loads_and_has_a_small_form(path):
    config = load_config(RobustnessConfig, path)
    assert small(config).trials <= 200
    assert str(config.out) == f"results/robustness/{path.stem}"


def test_a_beta_scan_from_config_to_report(tmp_path, capsys):
    config = load("beta_scan", *TINY, "sweep.logic=[and, xor]", "sweep.betas=[1.0, 0.1]")
    report = run_robustness(config, tmp_path)
    cells = {(c["circuit"], c["basis"], c["model"], c["value"]): c for c in report["cells"]}
    assert len(cells) == 2 * 2 * 6 * 2
    assert cells["and", "nexus", "reset, soft", 1.0]["accuracy"] == 1.0
    assert cells["and", "nexus", "streaming, soft", 1.0]["accuracy"] < 0.9
    assert cells["and", "nexus", "streaming, full", 1.0]["accuracy"] == 1.0
    assert {v["verdict"] for v in report["published"]} == {"as reset, soft"}
    rows = list(csv.DictReader((tmp_path / "cells.csv").open()))
    assert len(rows) == len(cells) and rows[0]["published_accuracy"] == "1.0"
    assert json.loads((tmp_path / "report.json").read_text())["cells"] == report["cells"]
    text = (tmp_path / "report.md").read_text()
    assert "soft reset: 100.00 % right where membranes are cleared" in text and "## Published beside measured" in text
    assert (tmp_path / "logic.png").stat().st_size > 10_000
    assert "report:" in capsys.readouterr().out


def test_a_noise_sweep_resumes_and_gives_the_same_report(tmp_path):
    settings = ("sweep.operations=[add]", "sweep.formats=[float8_e4m3fn]", "sweep.sigmas=[0.0, 0.2]")
    config = load("fp_noise", *TINY, *settings, "sweep.theory_sets=16", "sweep.injections=50")
    first = run_robustness(config, tmp_path)
    kept = sorted((tmp_path / "cells").iterdir())
    for path in kept[::2]:
        path.unlink()  # as if the sweep had been interrupted
    stamps = {path: path.stat().st_mtime_ns for path in kept[1::2]}
    assert run_robustness(config, tmp_path) == first
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    quiet = [c for c in first["cells"] if c["value"] == 0]
    assert all(c["accuracy"] == 1 and c["bit_error_rate"] == 0 and c["theory_masked"] == 1 for c in quiet)
    assert {p.name for p in tmp_path.glob("*.png")} == {"operators_nexus.png", "operators_threshold.png"}


def test_cures_from_config_to_report(tmp_path):
    config = load(
        "cures",
        *TINY,
        "sweep.formats=[float8_e5m2]",
        "sweep.sigmas=[0.0, 0.2]",
        "sweep.stuck=[0.01]",
        "sweep.bases=[threshold]",
    )
    report = run_robustness(config, tmp_path)
    by = {(c["cure"], c["disturbance"], c["value"]): c for c in report["cells"]}
    assert all(c["accuracy"] == 1 for (_, kind, value), c in by.items() if kind == "sigma" and value == 0)
    assert by["weights as far as limits let", "sigma", 0.2]["accuracy"] > by["none", "sigma", 0.2]["accuracy"]
    plain, vote = by["none", "sigma", 0.0], by["vote of 3", "sigma", 0.0]
    assert 3 < vote["neurons"] / plain["neurons"] < 3.2 and 3 < vote["joules"] / plain["joules"] < 3.3
    assert {"cures_sigma.png", "cures_stuck.png", "trade_off.png"} <= {p.name for p in tmp_path.iterdir()}


def test_the_digits_transformer_under_noise(tmp_path):
    settings = ("sweep.formats=[float8_e5m2]", "sweep.beta_formats=null", "sweep.stuck_formats=null")
    settings += ("sweep.images=1", "sweep.sigmas=[0.0, 0.5]", "sweep.betas=[0.05]", "sweep.stuck=[0.01]")
    report = run_robustness(load("digits", *settings), tmp_path)
    quiet, noisy, leaky, stuck = report["cells"]
    assert quiet["logits_right"] == 1 and quiet["accuracy"] == quiet["undisturbed_accuracy"]
    assert noisy["logits_right"] < 0.5 and stuck["logits_right"] < 0.5
    assert leaky["parameter"] == "beta" and leaky["joules_per_input"] > 0
    assert {"format_noise_energy.png", "leak.png", "stuck.png"} <= {p.name for p in tmp_path.iterdir()}


def test_leaky_lif_on_lava_fires_as_the_membrane_executor(tmp_path):
    pytest.importorskip("lava")
    report = run_robustness(load("lava_beta", "sweep.logic=[xor]", "sweep.betas=[0.7]", "sweep.sets=60"), tmp_path)
    (cell,) = report["cells"]
    assert cell["different_spikes"] == 0 and cell["spikes"] > 60 and cell["accuracy"] < 1


@pytest.mark.parametrize(
    ("name", "override", "sentence"),
    [
        ("fp_noise", "sweep.operations=[ad]", "this operation does not exist; did you mean 'add'?"),
        ("fp_noise", "sweep.formats=[fp8]", "this format does not exist"),
        ("fp_noise", "sweep.sigmas=[-0.1]", "must be greater than or equal to 0"),
        ("fp_noise", "sweep.sigmas=[]", "at least 1 item"),
        ("noise_gates", "sweep.logic=[nand]", "this circuit does not exist; did you mean 'and'?"),
        ("noise_gates", "sweep.kind=nois", "must be one of 'beta'"),
        ("beta_scan", "sweep.betas=[1.5]", "less than or equal to 1"),
        ("beta_scan", "sweep.resets=[none]", "must be 'soft', 'hard' or 'full'"),
        ("cures", "sweep.copies=[4]", "copies 4 is even"),
        ("faults", "sweep.rates=[2]", "less than or equal to 1"),
        ("digits", "sweep.images=500", "less than or equal to 360"),
        ("noise_gates", "sweep.table=noise_gate", "does not exist; did you mean 'noise_gates'?"),
        ("noise_gates", "trials=5", "trials 5 are fewer than seeds 10"),
        ("noise_gates", "sweep.sigma=[0.1]", "key 'sweep.sigma' does not exist; did you mean 'sigmas'?"),
    ],
)
def test_mistakes_are_one_sentence(name, override, sentence):
    with pytest.raises(NexusError) as error:
        load(name, override)
    assert sentence in str(error.value) and "\n" not in str(error.value)
