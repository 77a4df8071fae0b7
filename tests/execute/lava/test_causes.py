"""The first cause of a run that cannot be, named in a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.actors import Actor, Actors, _sentence, _trace

ROOT = Path(__file__).parents[3]


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_an_exception_that_cannot_tell_itself_is_named() -> None:
    assert _sentence(MuteError()) == "MuteError: its text cannot be had (RuntimeError)"
    try:
        raise MuteError
    except MuteError:
        assert "test_an_exception_that_cannot_tell_itself_is_named" in _trace()


class MuteBuilder:
    def build(self) -> None:
        raise MuteError


def test_a_child_whose_exception_cannot_tell_itself_is_blamed() -> None:
    actor = Actor("Mute", MuteBuilder())
    actor.start()
    actor.join(20)
    actor.listen()
    assert str(actor.blame()) == "Lava Process Mute failed: MuteError: its text cannot be had (RuntimeError)"
    actor.end(grace=0.0)


def test_a_child_that_cannot_be_forked_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    actors = Actors()
    monkeypatch.setattr(os, "fork", refused)
    with pytest.raises(NexusError, match="runtime service cannot be started, after 0 others: resource temporarily"):
        actors.build_actor(None, MuteBuilder())
    with pytest.raises(NexusError, match="Lava's server of shared memory cannot be started: resource temporarily"):
        actors.start()
    actors.end(grace=0.0)
    actors.free()


FEW_FILES = """
    import resource
    import numpy as np
    from lava_nexus import FLOAT8_E4M3FN, NexusError, circuit, executor
    import multiprocessing.managers, multiprocessing.resource_tracker, ctypes
    adder, engine = circuit("add", FLOAT8_E4M3FN), executor("lava", lanes=2)
    import lava.magma.runtime.runtime
    resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
    try:
        engine.invoke(adder, [np.zeros(4, np.uint8)] * 2)
    except NexusError as error:
        print(error)
"""


def test_too_few_files_are_named() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FEW_FILES)],
        cwd=ROOT, capture_output=True, text=True, timeout=200, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert "too many open files" in done.stdout.lower(), done.stdout + done.stderr
    assert "NoneType" not in done.stdout + done.stderr
