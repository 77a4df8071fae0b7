"""No run of the suite leaves a process or a segment of shared memory: looked at once, when all workers are done.

What a session starts carries a mark in its environment, which children of children inherit, too, and those whose parent
is gone. Segments are noted where they are made, in forks as well, in a file that all workers of a session share.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Generator
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import pytest

from tests.execute.lava.leftovers import children

_MARK, _SEGMENTS = "LAVA_NEXUS_SUITE", "LAVA_NEXUS_SUITE_SEGMENTS"
_PATIENCE = 20.0  # seconds in which what is ending may end


def pytest_configure(config: pytest.Config) -> None:
    """Marks what is started from here on; a worker has the mark of its controller."""
    if not _worker(config):
        os.environ[_MARK] = secrets.token_hex(8)
        handle, os.environ[_SEGMENTS] = tempfile.mkstemp(prefix="lava_nexus_segments_")
        os.close(handle)
    note_segments()


def note_segments() -> None:
    """From here on each segment that this process or a fork of it makes is noted in the session's file."""
    made = shared_memory.SharedMemory.__init__

    def noted(self: Any, *arguments: Any, **options: Any) -> None:
        made(self, *arguments, **options)
        path = os.environ.get(_SEGMENTS, "")
        if (options.get("create") or True in arguments[1:2]) and Path(path).is_file():
            with open(path, "a") as file:
                file.write(f"{self.name}\n")

    shared_memory.SharedMemory.__init__ = noted  # type: ignore[method-assign]


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, None]:
    """Fails a session that left something, once xdist has ended its workers."""
    yield
    if _worker(session.config):
        return
    noted = Path(os.environ.pop(_SEGMENTS))
    found = left_behind(os.environ.pop(_MARK), noted.read_text().split())
    noted.unlink()
    if found:
        print("\n" + "\n".join(f"left by the suite: {one}" for one in found))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def left_behind(mark: str, segments: list[str]) -> list[str]:
    """Processes and segments that are still there after some patience, by name."""
    until = time.monotonic() + _PATIENCE
    while True:
        left = [f"segment {name} of shared memory" for name in segments if Path("/dev/shm", name.lstrip("/")).exists()]
        left += [f"process {pid}: {_command(pid)}" for pid in sorted(children() | _marked(mark))]
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.2)


def _marked(mark: str) -> set[int]:
    """Processes that began with the mark, wherever they belong now; zombies and this one left out."""
    found, sign = set(), f"{_MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            marked = sign in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if marked and int(entry.name) != os.getpid() and "resource_tracker" not in _command(int(entry.name)):
            found.add(int(entry.name))
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
