"""Compiled loops on disk: found again by the next process, compiled anew where an entry is damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import numba
from lava_nexus.neurons.compiled import kept

def loop(n):
    total = 0
    for i in range(n):
        total += i
    return total

def over(inner, version):
    def run(n):
        return inner(n) + 1
    return run

now, later = kept(loop, "int64(int64)"), kept(loop)
closed = kept(over(numba.njit(loop), "version 1"))
hits = lambda: sum(sum(one.stats.cache_hits.values()) for one in (now, later, closed))
print(now(10), later(11), closed(10), hits())
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    return file


def _run(program: Path) -> list[str]:
    environment = {
        **os.environ,
        "LAVA_NEXUS_CACHE": str(program.parent / "cache"),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, env=environment, timeout=200)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.rsplit(maxsplit=1)


def test_code_is_kept_and_what_is_damaged_is_compiled_anew(program: Path) -> None:
    first, again = _run(program), _run(program)
    assert first == ["45 55 46", "0"]
    assert again == ["45 55 46", "3"]
    kept = sorted((program.parent / "cache" / "compiled").iterdir())
    assert len(kept) == 3
    whole = kept[0].read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :]
    for damaged in (b"", whole[:middle], flipped):
        for path in kept:
            path.write_bytes(damaged)
        assert _run(program) == first
    assert _run(program) == again  # mended
