"""The tutorials of docs/lava.md run as they stand, and graded and learning Processes of Lava connect."""

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

import lava_nexus as nexus
from lava_nexus.errors import NexusError
from lava_nexus.execute.lava import Decoder, IFPopulation, Monitor, Populations, Session, SpikeEncoder
from lava_nexus.neurons import Port
from tests.execute.lava.leftovers import children

ROOT = Path(__file__).parents[3]


TUTORIALS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "lava.md").read_text(), re.DOTALL)


@pytest.mark.wide
@pytest.mark.parametrize("code", TUTORIALS, ids=["gates", "softmax", "chain"])
def test_the_tutorials_run_and_leave_nothing(tmp_path, code):
    noting = "    from tests.leftovers import note_segments\n    note_segments()\n"
    (tmp_path / "tutorial.py").write_text(f"if __name__ == '__main__':\n{noting}{re.sub('(?m)^', '    ', code)}")
    (segments := tmp_path / "segments").touch()
    before = children()
    command = [sys.executable, str(tmp_path / "tutorial.py")]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LAVA_NEXUS_SUITE_SEGMENTS": str(segments)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    made = segments.read_text().split()
    assert made and not [name for name in made if Path("/dev/shm", name.lstrip("/")).exists()]
    assert children() <= before


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


def test_encoders_of_spikes_say_what_they_cannot_take():
    network = nexus.circuit("neg", nexus.FLOAT8_E4M3FN).network
    for options, says in (
        ({"window": 0}, "window of an encoder of spikes 0 is below 1"),
        ({"unit": 0.5, "operands": (Port("n", (1, 2)),)}, "has the unit 0.5"),
    ):
        with pytest.raises(NexusError, match=says):
            SpikeEncoder(**{"operands": network.inputs, **options})
    with pytest.raises(NexusError, match="takes a network of populations, or an operator of them"):
        Populations(network)


@pytest.mark.parametrize(
    ("format", "says"),
    [(nexus.FLOAT8_E4M3FN, "holds 17"), (nexus.INT8, None), (None, "beyond 4 bits")],
    ids=["float", "integer", "bits"],
)
def test_numbers_of_spikes_are_exact_or_refused(format, says):
    """17 in E4M3, which has no 17; in INT8; in 4 bits."""
    port = Port("n", tuple(range(1, 5 if format is None else format.bits + 1)), format)
    source, encoder, decoder = Source(data=np.array([[0, 9, 8, 0]])), SpikeEncoder([port], 2), Decoder([port], 2)
    dense = Dense(weights=np.array([[1]]), num_message_bits=8)
    source.s_out.connect(dense.s_in)
    dense.a_out.reshape((1, 1)).connect(encoder.a_in)
    encoder.s_out.connect(decoder.a_in)
    with Session(encoder) as session:
        if says:
            with pytest.raises(NexusError, match=says):
                session.run(6)
        else:
            session.run(6)
            assert decoder.take_values()[0].tolist() == [0, 17]
