"""Where Lava finds the models of our Processes: beside the Process, and in no other way than its own."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lava")

from lava.magma.compiler.compiler_graphs import ProcGroupDiGraphs
from lava.proc.lif.process import LIF

from lava_nexus.execute.lava import And, Encoder, LevelRunConfig, Network
from lava_nexus.execute.lava.processes.operators import OPERATORS, Layer
from lava_nexus.execute.lava.processes.populations import Division
from lava_nexus.formats import FLOAT8_E4M3FN
from lava_nexus.programs import Program, Writer
from lava_nexus.programs.excerpt import segments
from tests.networks import random_network


def layer(kind: str) -> Layer:
    w = Writer(Program("one"), FLOAT8_E4M3FN).inside("layer")
    x = w.program.input("x", (2,), FLOAT8_E4M3FN)
    w.program.outputs["y"] = w.apply("add", x, x)
    return OPERATORS.get(kind, Layer)(segments(w.program)[0], batch=1)


PROCESSES = {
    "And": (And, ["AndVectorised", "AndLif"]),
    "Network": (lambda: Network(random_network(1)), ["NetworkVectorised", "NetworkLif"]),
    "Division": (Division, ["DivisionVectorised", "DivisionLif"]),
    "Encoder": (lambda: Encoder(random_network(1).inputs, 4), ["EncoderModel"]),
    "Softmax": (lambda: layer("softmax"), ["SoftmaxModel"]),
    "Layer": (lambda: layer("other"), ["LayerModel"]),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PROCESSES)
def test_lavas_own_search_finds_each_model_once(name):
    make, models = PROCESSES[name]
    found = ProcGroupDiGraphs._find_proc_models(make())
    assert [model.__name__ for model in found] == models
    assert {model.implements_process.__name__ for model in found} == {name}


@pytest.mark.parametrize("level", ["vectorised", "lif"])
@pytest.mark.parametrize("name", PROCESSES)
def test_a_run_looks_beside_the_process_alone(name, level, monkeypatch):
    make, models = PROCESSES[name]
    monkeypatch.setattr(ProcGroupDiGraphs, "_find_proc_models", lambda proc: pytest.fail(f"{proc} searched for"))
    process = make()
    (model,) = ProcGroupDiGraphs._map_proc_to_model([process], LevelRunConfig("vectorised"), []).values()
    assert model.__name__ == models[0]
    assert LevelRunConfig(level).exception_proc_model_map[process].__name__ == models[-1 if level == "lif" else 0]


def test_lavas_processes_are_left_to_lava():
    neurons = LIF(shape=(2,), bias_mant=np.ones(2, np.int64))
    run_config = LevelRunConfig("lif")
    assert neurons not in run_config.exception_proc_model_map
    (model,) = ProcGroupDiGraphs._map_proc_to_model([neurons], run_config, []).values()
    assert "fixed_pt" in model.tags
