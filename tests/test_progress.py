"""What is going on is said: on a terminal, in lines where asked, else not at all; never by a forked child."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lava_nexus import progress

ROOT = Path(__file__).parents[1]
SLOW = """
import time
from lava_nexus import progress
progress._LONG, progress._SOON, progress._AGAIN, progress._TICK = 0.1, 0.0, 0.2, 0.02
with progress.doing("building exp float32"):
    for layer in progress.track(range(4), "block", "layers"):
        time.sleep(0.2)
    progress.say("42")
"""


def _piped(asked: str | None, code: str = SLOW) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if key != "LAVA_NEXUS_PROGRESS"}
    given = {} if asked is None else {"LAVA_NEXUS_PROGRESS": asked}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env={**plain, **given}, check=True
    )


def _on_terminal(code: str) -> str:
    """What a terminal of stderr gets."""
    master, end = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=end, stdout=subprocess.DEVNULL)
    os.close(end)
    text = b""
    while process.poll() is None or select.select([master], [], [], 0)[0]:
        if select.select([master], [], [], 0.05)[0]:
            try:
                text += os.read(master, 65536)
            except OSError:  # the other end is closed
                break
    os.close(master)
    assert process.wait() == 0
    return text.decode()


def test_without_a_terminal_nothing_is_said_unless_asked() -> None:
    assert [_piped(asked).stderr for asked in (None, "0")] == ["", ""]
    said = _piped("1")
    assert said.stdout == "42\n"
    lines = said.stderr.splitlines()
    assert any(line.startswith("building exp float32, ") for line in lines)
    assert any(line.startswith("block: ") and "/4 layers [" in line and "<" in line for line in lines)


def test_a_terminal_shows_one_line_of_all_and_is_left_clean() -> None:
    shown = _on_terminal(SLOW)
    assert "building exp float32, 0 s > block: 2/4 layers [" in shown
    assert "\n" not in shown and shown.endswith("\r")
    assert _on_terminal(f"import os; os.environ['LAVA_NEXUS_PROGRESS'] = '0'\n{SLOW}") == ""


def test_a_broken_block_ends_its_line() -> None:
    with pytest.raises(ZeroDivisionError), progress.doing("dividing"):
        _ = 1 / 0
    assert not progress._VOICE._works


def test_a_child_is_silent() -> None:
    forked = "if os.fork():\n    os.wait(); os._exit(0)\n"
    code = "import os\n" + SLOW.replace("with progress.doing", forked + "with progress.doing")
    assert _piped("1", code).stderr == ""


def test_parts_done_before_give_no_false_time_left() -> None:
    work = progress.Work("training", 400, "steps", initial=100)
    work._since = 0.0
    assert work.line(10.0) == "training: 100/400 steps [00:10<?]"
    work.update(100)
    work.note("loss 0.5")
    assert work.line(10.0) == "training: 200/400 steps [00:10<00:20, loss 0.5]"


def test_the_first_parts_give_no_time_left() -> None:
    work = progress.Work("checking", 10_000, "sets")
    work._since = 0.0
    work.update(49)
    assert work.line(60.0) == "checking: 49/10000 sets [01:00<?]"
    work.update(51)
    assert work.line(60.0) == "checking: 100/10000 sets [01:00<1:39:00]"


def test_saying_costs_little() -> None:
    began = time.perf_counter()
    for _ in range(1000):
        with progress.doing("nothing"):
            pass
    assert time.perf_counter() - began < 1
