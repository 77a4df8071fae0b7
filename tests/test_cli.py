"""`lava-nexus`: every command has its experiment, its config and its help; mistakes are one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lava_nexus.cli import _dispatch
from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.lab import experiments
from lava_nexus.lab.commands import OTHERS
from lava_nexus.lab.experiments import EXPERIMENTS, Experiment
from tests.commands import ended

ROOT = Path(__file__).parents[1]
MAKERS = {
    "build_site.py",
    "gpu_page.py",
    "run_autonomous_cores.py",
    "run_cores.py",
    "train_tiny_decoder.py",
    "word_programs.py",
}
"""Scripts that make what ships, pages of docs/, a decoder and word programs: of use in a checkout alone."""


@pytest.mark.parametrize("one", EXPERIMENTS, ids=lambda one: one.command)
def test_every_experiment_reads_its_example(one: Experiment) -> None:
    assert load_config(one.config, ROOT / one.example).resolved()
    assert callable(experiments._named(f"lava_nexus.lab.{one.run_name}"))


def test_every_script_is_a_command() -> None:
    commands = {one.command for one in EXPERIMENTS} | set(OTHERS)
    jobs = [path for path in (ROOT / "scripts").glob("*.py") if path.name not in MAKERS]
    called = {path.read_text().split('main("')[1].split('"')[0] for path in jobs}
    assert called == commands - {"demo", "plan", "report"}


def test_an_unknown_experiment_is_told() -> None:
    with pytest.raises(NexusError, match="experiment 'rum' does not exist; did you mean 'run'"):
        experiments.find("rum")


@pytest.mark.parametrize("command", [*(one.command for one in EXPERIMENTS), *OTHERS])
def test_every_command_has_help(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setenv("COLUMNS", "60")  # usage is cut into lines, which argparse does in another way
    with pytest.raises(SystemExit, match="0"):
        _dispatch([command, "--help"])
    assert f"lava-nexus {command}" in capsys.readouterr().out


def test_help_teaches() -> None:
    done = ended()
    assert done.returncode == 0 and all(f"  {one.command} " in done.stdout for one in EXPERIMENTS)
    assert "--resume" in ended("evaluate", "--help").stdout and "--resume" not in ended("verify", "--help").stdout
    assert "--forward {torch,gates}" in ended("train", "--help").stdout


def test_a_mistyped_command_is_one_sentence() -> None:
    command = [sys.executable, "-m", "lava_nexus", "evaluat", "x.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (2, "error: command 'evaluat' does not exist; did you mean 'evaluate'?\n")


def test_the_command_line_loads_nothing_heavy() -> None:
    code = (
        "import sys, lava_nexus.cli; print([m for m in ('torch', 'lava', 'matplotlib', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_a_command_and_its_script_are_the_same(tmp_path: Path) -> None:
    given = (str(ROOT / "configs/export.yaml"), "--set", "files=[verilog]", "--out")
    page = ended("export", *given, str(tmp_path / "a"))
    assert page.returncode == 0, page.stderr
    script = [sys.executable, "scripts/export_circuit.py", *given, str(tmp_path / "b")]
    done = subprocess.run(script, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    written = [(tmp_path / name / "add_float8_e4m3fn.v").read_text() for name in "ab"]
    assert written[0] == written[1] and "module" in written[0]
    same = ended("compare", str(ROOT / "docs" / "digits.json"), str(ROOT / "docs" / "digits.json"))
    assert (same.returncode, same.stdout) == (0, "no differences\n")
