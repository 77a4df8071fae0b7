"""A session that leaves a process or a segment of shared memory fails, and says which."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

_LEAVES = """
import subprocess, sys
from multiprocessing import resource_tracker, shared_memory

def test_leaves_what_the_mark_finds():
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    subprocess.run([sys.executable, "-c", code])  # its parent is gone
    segment = shared_memory.SharedMemory(create=True, size=8)
    resource_tracker.unregister(segment._name, "shared_memory")
    segment.close()

def test_leaves_nothing():
    segment = shared_memory.SharedMemory(create=True, size=8)
    segment.close()
    segment.unlink()
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="what is left is read from /proc")
@pytest.mark.parametrize(("workers", "chosen"), [("0", ""), ("2", ""), ("2", "nothing")])
def test_what_is_left_fails_the_session(tmp_path, workers, chosen):
    (tmp_path / "test_leaves.py").write_text(_LEAVES)
    (tmp_path / "conftest.py").write_text(
        "import tests.leftovers\ntests.leftovers._PATIENCE = 1.0\npytest_plugins = ('tests.leftovers',)\n"
    )
    root = str(Path(__file__).parents[1])
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "no:cacheprovider", "-k", chosen, "."]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True, timeout=120
    )
    left = re.findall(r"left by the suite: (process|segment) /?(\w+)", done.stdout)
    for kind, name in left:
        with suppress(OSError):
            os.kill(int(name), signal.SIGKILL) if kind == "process" else Path("/dev/shm", name).unlink()
    assert (done.returncode, sorted(kind for kind, _ in left)) == (
        (0, []) if chosen else (1, ["process", "segment"])
    ), done.stdout + done.stderr
