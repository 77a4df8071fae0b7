"""The runner: whatever a model does, one clear error, no child and no shared memory left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lava")

from lava.magma.runtime.message_infrastructure.shared_memory_manager import SharedMemoryManager
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.session import Session, run
from tests.execute.lava.faulty.process import Faulty
from tests.execute.lava.leftovers import children, shared_memory

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch):
    """After every test: no child, no file of shared memory."""
    before, made = children(), []
    create = SharedMemoryManager.create_shared_memory

    def noted(manager, size):
        made.append(create(manager, size))
        return made[-1]

    monkeypatch.setattr(SharedMemoryManager, "create_shared_memory", noted)
    yield
    assert children() <= before
    assert not [memory.name for memory in made if Path("/dev/shm", memory.name).exists()]


def graph(fault: str, step: int = 3) -> tuple[Faulty, Sink]:
    source, faulty, sink = Source(data=np.arange(40).reshape(4, 10)), Faulty(fault, step), Sink(shape=(4,), buffer=10)
    source.s_out.connect(faulty.a_in)
    faulty.s_out.connect(sink.a_in)
    return faulty, sink


def test_several_runs_of_one_session():
    faulty, sink = graph("none")
    with Session(faulty, timeout=30) as session:
        session.run(4)
        assert faulty.steps_done.get() == 4
        session.run(6)
        assert session.steps == 10
        assert np.array_equal(sink.data.get(), np.arange(40).reshape(4, 10))
        assert session.processes == len(children()) == 5  # three models, runtime service, shared memory
    assert session.closed
    with pytest.raises(NexusError, match="session is closed"):
        session.run(1)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("build", "Lava Process Faulty failed: ValueError: cannot be built"),
        ("raise", "Lava Process Faulty failed: weight 300 is above 127"),
        ("odd", "Lava Process Faulty failed: TwoArgumentsError: first line and second"),
        ("die", "Lava Process Faulty ended unasked, exit code 7"),
    ],
)
def test_a_failing_model(fault, sentence, capfd):
    start = time.monotonic()
    with pytest.raises(NexusError) as caught:
        run(graph(fault)[0], 10, timeout=60)
    assert str(caught.value) == sentence
    assert time.monotonic() - start < 10
    assert capfd.readouterr() == ("", "")


def test_the_models_traceback_is_kept_for_the_developer():
    with pytest.raises(NexusError) as caught:
        run(graph("raise")[0], 10)
    assert "in run_spk" in str(caught.value.__cause__)


def test_a_failure_in_a_later_run():
    session = Session(graph("raise", step=7)[0])
    session.run(6)
    with pytest.raises(NexusError, match="weight 300"):
        session.run(1)
    assert session.closed


def test_a_timeout(capfd):
    with pytest.raises(
        NexusError, match=r"still working after the timeout of 1\.5 s: Faulty is in run_spk \(models\.py"
    ):
        run(graph("hang")[0], 10, timeout=1.5)
    assert capfd.readouterr() == ("", "")


def test_a_model_that_forgets_to_send_leaves_one_that_waits():
    with pytest.raises(
        NexusError, match=r"after the timeout of 3 s: \w+ waits for a message in run_\w+ \(\w+\.py, line"
    ):
        run(graph("forget")[0], 10, timeout=3)


def test_a_child_killed_between_runs():
    with Session(graph("none")[0]) as session:
        session.run(2)
        os.kill(max(children()), signal.SIGKILL)
        with pytest.raises(NexusError, match=r"Lava Process .* ended unasked, exit code -9"):
            session.run(2)


def test_an_exception_in_the_callers_code_ends_the_session():
    with pytest.raises(ZeroDivisionError), Session(graph("none")[0]):
        raise ZeroDivisionError


def test_a_graph_is_started_once():
    faulty, _ = graph("none")
    run(faulty, 1)
    with pytest.raises(NexusError, match="was started before"):
        run(faulty, 1)


def test_user_mistakes():
    with pytest.raises(NexusError, match="level 'fast' is not one of vectorised, lif"):
        run(graph("none")[0], 1, level="fast")  # type: ignore[arg-type]
    with pytest.raises(NexusError, match="number of steps 0 is below 1"):
        run(graph("none")[0], 0)


SCRIPT = """
    from tests.execute.lava.test_runner import graph
    from lava_nexus.execute.lava.session import run
    import signal
    import sys
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start with it ignored
    try:
        faulty = graph("hang")[0]
        print("running", flush=True)
        run(faulty, 10)
    except KeyboardInterrupt:
        sys.exit("interrupted")
"""


def start_script() -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT)]
    pipe = subprocess.PIPE
    script = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, stdout=pipe, stderr=pipe,
        start_new_session=True,
    )  # fmt: skip
    assert script.stdout is not None
    assert script.stdout.readline() == "running\n"
    deadline = time.monotonic() + 20
    while len(children(script.pid)) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    return script


def test_ctrl_c():
    script = start_script()
    family = children(script.pid)
    shared = shared_memory(family)
    time.sleep(0.2)
    os.killpg(script.pid, signal.SIGINT)  # as a terminal does: to parent and children alike
    _, said = script.communicate(timeout=20)
    assert said == "interrupted\n"
    assert (len(family), len(shared) > 5) == (5, True)
    assert not any(Path(f"/proc/{pid}").exists() for pid in family)
    assert not any(file.exists() for file in shared)


def test_killed_parent_takes_its_children_along():
    script = start_script()
    family = children(script.pid)
    left = {Path(f"/proc/{pid}") for pid in family} | shared_memory(family)
    script.kill()
    script.communicate(timeout=20)
    deadline = time.monotonic() + 10
    while (still := [path for path in left if path.exists()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not still
