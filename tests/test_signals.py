"""SIGINT, SIGTERM and SIGHUP: answered at any moment, with nothing left behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.commands import listening

ROOT = Path(__file__).parents[1]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def _start(body: str, folder: Path) -> subprocess.Popen[str]:
    """A program of its own session, which says `ready` when it listens."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(body)],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
        preexec_fn=listening,
    )  # fmt: skip


def _ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


WAITING = """
    from lava_nexus.cli import run_guarded
    import os, time, gc
    def action():
        {body}
        return 0
    run_guarded(action)
"""


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    "body",
    [
        "print('ready', flush=True); time.sleep(60)",
        # an exception inside a callback at a fork is reported by Python and forgotten
        "os.register_at_fork(before=lambda: (print('ready', flush=True), time.sleep(2)));"
        " (os.fork() or os._exit(0)); time.sleep(60)",
        "class A:\n            def __del__(self): print('ready', flush=True); time.sleep(2)\n"
        "        A(); time.sleep(60)",
        "print('ready', flush=True)\n        try: time.sleep(60)\n        except BaseException: pass",
        "print('ready', flush=True)\n        try: time.sleep(60)\n"
        "        except BaseException as error: raise RuntimeError('in __set_name__') from error",
    ],
    ids=["asleep", "at a fork", "in a destructor", "swallowed", "wrapped"],
)
def test_an_ending_signal_is_answered(number: signal.Signals, body: str, tmp_path: Path) -> None:
    process = _start(WAITING.format(body=body), tmp_path)
    _ready(process)
    time.sleep(0.1)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == CODES[number]
    assert said == ("interrupted\n" if number == signal.SIGINT and "pass" not in body else "")


@pytest.mark.parametrize(
    "command",
    [["-m", "lava_nexus"], ["scripts/run_block.py"], ["-c", "from lava_nexus.__main__ import main; main()"]],
    ids=["python -m", "script", "lava-nexus"],
)
@pytest.mark.parametrize("module", ["argparse", "lava_nexus.config"])
def test_ctrl_c_while_a_command_is_imported_is_one_line(command: list[str], module: str, tmp_path: Path) -> None:
    """What the command imports first, and later: the import waits here, so that the signal falls into it."""
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent(f"""
        import sys, time
        class Waits:
            def find_spec(self, name, path=None, target=None):
                if name == {module!r}:
                    print("ready", flush=True)
                    time.sleep(60)
        sys.meta_path.insert(0, Waits())
        """)
    )
    process = subprocess.Popen(
        [sys.executable, *command, "configs/digits.yaml"],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        preexec_fn=listening,
    )  # fmt: skip
    _ready(process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "interrupted\n")


def test_a_command_listens_before_it_imports() -> None:
    """Between Python's start and the handler lies what the package's own first file imports: nothing."""
    code = "import sys; before = set(sys.modules); import lava_nexus; print(*sorted(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) <= {"__future__", "lava_nexus", "lava_nexus.moved"}


def test_what_was_ignored_stays_ignored(tmp_path: Path) -> None:
    """Under nohup a closed terminal ends nothing."""
    body = WAITING.format(body="print('ready', flush=True); time.sleep(0.3)")
    process = _start("import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + textwrap.dedent(body), tmp_path)
    _ready(process)
    process.send_signal(signal.SIGHUP)
    assert process.wait(30) == 0
    process.communicate()


HELD = """
    import signal, time
    from lava_nexus.signals import signals_held
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: (print("answered", flush=True), exit(7)))
    with signals_held(), signals_held():
        print("ready", flush=True)
        time.sleep(0.3)
        print("whole", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_held_signal_waits(number: signal.Signals, tmp_path: Path) -> None:
    process = _start(HELD, tmp_path)
    _ready(process)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == ("whole\nanswered\n", 7)


RUN = """
    from lava_nexus.cli import run_guarded
    def action():
        import numpy as np
        from lava_nexus import FLOAT8_E4M3FN, circuit, executor
        print("ready", flush=True)
        for _ in range(100):
            engine = executor("lava", lanes=2)
            engine.invoke(circuit("add", FLOAT8_E4M3FN), [np.zeros(4, np.uint8)] * 2)
            getattr(engine, "close", lambda: None)()
        return 0
    run_guarded(action)
"""


def _session(leader: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def _mapped(pids: list[int]) -> set[Path]:
    names = set()
    for pid in pids:
        try:
            maps = Path(f"/proc/{pid}/maps").read_text()
        except OSError:
            continue
        names |= {Path("/dev/shm/psm_" + part.split()[0]) for part in maps.split("/dev/shm/psm_")[1:]}
    return names


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("seed", range(int(os.environ.get("SIGNAL_MOMENTS", "3"))))
def test_nothing_stays_whenever_it_comes(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    number = SIGNALS[seed % 3]
    process = _start(RUN, tmp_path)
    _ready(process)
    wait = chance.uniform(0.0, 3.0)
    began = time.monotonic()
    segments: set[Path] = set()
    while time.monotonic() - began < wait:
        segments |= _mapped(_session(process.pid))
        time.sleep(0.02)
    (os.killpg if chance.random() < 0.7 else os.kill)(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == CODES[number], said
    assert said in ("", "interrupted\n")
    deadline = time.monotonic() + 10
    while (left := _session(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left
    assert not [segment for segment in segments if segment.exists()]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("pymp-")]
