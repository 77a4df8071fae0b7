"""The tutorial of docs/lava.md runs as it stands, and graded and learning Processes of Lava connect."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lava")

from lava.proc.dense.process import Dense, LearningDense
from lava.proc.graded.process import GradedVec
from lava.proc.io.source import RingBuffer as Source
from lava.proc.learning_rules.stdp_learning_rule import STDPLoihi

from lava_nexus.execute.lava import IFPopulation, Monitor, Session
from tests.execute.lava.leftovers import children

ROOT = Path(__file__).parents[3]


def test_the_tutorial_runs_and_leaves_nothing(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "lava.md").read_text(), re.DOTALL)
    (tmp_path / "tutorial.py").write_text(f"if __name__ == '__main__':\n{re.sub('(?m)^', '    ', code)}")
    before, shared = children(), set(os.listdir("/dev/shm"))
    command = [sys.executable, str(tmp_path / "tutorial.py")]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert children() <= before and {n for n in os.listdir("/dev/shm") if "psm_" in n} <= shared


def test_graded_and_learning_processes_connect():
    """GradedVec into a Dense into our neurons; LearningDense from our neurons on."""
    data = np.array([[0, 3, 0, 5, 0, 0]])
    source, graded, dense = (
        Source(data=data),
        GradedVec(shape=(1,), vth=1),
        Dense(weights=np.array([[2]]), num_message_bits=8),
    )
    into, population = Dense(weights=np.array([[1]]), num_message_bits=8), IFPopulation((1,), 7)
    rule = STDPLoihi(learning_rate=1, A_plus=1, A_minus=-1, tau_plus=10, tau_minus=10, t_epoch=2)
    learning = LearningDense(weights=np.array([[1]]), learning_rule=rule)
    source.s_out.connect(into.s_in)
    into.a_out.connect(graded.a_in)
    graded.s_out.connect(dense.s_in)
    dense.a_out.connect(population.a_in)
    population.s_out.connect(learning.s_in)
    monitor = Monitor({"v": population.v, "s": population.s, "learned": learning.a_out}, 6)
    with Session(population) as session:
        session.run(6)
    assert monitor["v"][:, 0].tolist() == [0, 0, 0, 6, 0, 10]
    assert monitor["s"][:, 0].tolist() == [0, 0, 0, 0, 0, 1]
