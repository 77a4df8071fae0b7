from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("lava")

from lava.proc.sparse.process import DelaySparse

import lava_nexus as nexus
from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativeLayer
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.lava import spike_trains
from lava_nexus.execute.lava.processes.stateful import StatefulNeurons
from lava_nexus.execute.loihi2.chip_run import run_on_chip
from lava_nexus.execute.loihi2.executor import Loihi2Executor
from lava_nexus.execute.loihi2.extension import extension
from lava_nexus.execute.native.layer import native_sums
from lava_nexus.execute.native.pairs import pair_sums
from lava_nexus.execute.run import executor_named
from lava_nexus.populations.native.limbs import Limbs
from lava_nexus.populations.native.pairs import Pairs
from lava_nexus.programs import Program, Writer, linear
from lava_nexus.programs.native import PairLayer
from tests.execute.loihi2.install import install
from tests.execute.loihi2.stand_in import adapters
from tests.execute.loihi2.vectors import LARGER_VECTORS, VECTORS


@pytest.fixture
def log(monkeypatch):
    adapters.MADE.clear()
    return install(monkeypatch)


def test_without_the_extension_one_sentence_says_what_is_missing():
    with pytest.raises(NexusError, match="needs a Loihi 2 system and Intel's extension.*INRC"):
        nexus.run(nexus.circuit("add", nexus.FLOAT8_E4M3FN), 1.0, 2.0, executor="loihi2")


def test_an_extension_that_lacks_a_part_is_named(log, monkeypatch):
    monkeypatch.delattr(sys.modules["lava.proc.embedded_io.spike"], "NxToPyAdapter")
    with pytest.raises(NexusError, match="lacks a part: cannot import name 'NxToPyAdapter'"):
        Loihi2Executor()


@pytest.mark.parametrize("name", VECTORS | LARGER_VECTORS)
def test_vectors_of_the_chip_hold_without_one(name):
    one = (VECTORS | LARGER_VECTORS)[name]
    assert one.agrees(nexus.run(one.circuit, *one.values, executor="membrane").value)


def test_calls_come_in_order_with_the_values_of_the_placement_and_results_come_back(log):
    one = VECTORS["add FP8"]
    x = [values.reshape(4, 4) for values in one.values]
    ran = nexus.run(one.circuit, *x, executor="loihi2")
    placed = nexus.place(one.circuit, max_delay=0)
    assert log.names() == ["Loihi2HwCfg", "Profiler.init", "energy_probe", "compile", "run", "energy"]
    steps = 16 + placed.network.depth + 16
    assert log.values("energy_probe") == log.values("run") == [steps]
    (compiled,) = log.values("compile")
    mesh, (chip, column, row, slot) = placed.chip.mesh, placed.places[0].tolist()
    core = (row * mesh.columns + column) * mesh.cores_per_router + slot
    assert compiled["partitioning"]["core0"] == {"chip": chip, "core": core}
    on_chip = {type(p).__name__: p for p, model in log.selected.items() if model in log.chip_models.values()}
    assert set(on_chip) == {"LIF", "Sparse"}
    assert {p.name for p in log.selected if p.name in compiled["partitioning"]} == set(compiled["partitioning"])
    made = [
        ("PyToNxAdapter", (placed.network.n_inputs,)),
        ("NxToPyAdapter", (placed.network.neurons,)),
        ("NxToPyAdapter", (1,)),
    ]
    assert made == adapters.MADE

    whole = Circuit("add", one.circuit.basis, placed.network, one.circuit.golden)
    expected = nexus.run(whole, *x, executor="membrane")
    assert one.agrees(ran.value.ravel()) and ran.value.shape == (4, 4)
    assert (ran.spikes, ran.synops) == (expected.spikes, expected.synops)
    assert np.array_equal(ran.neuron_spikes, expected.neuron_spikes)
    assert ran.measured_joules == log.joules and expected.measured_joules is None
    assert (ran.executor, ran.level) == ("loihi2", "LIF on Loihi 2")


@pytest.mark.wide
def test_spikes_read_back_core_by_core_are_those_of_the_simulator(log):
    one = VECTORS["mul FP8"]
    executor = Loihi2Executor(max_delay=6, energy=False)
    placed = executor.placement(one.circuit)
    halves = np.arange(placed.network.neurons) % 2
    places = np.array([placed.places[0], [0, 3, 1, 2]])
    ran = run_on_chip(replace(placed, assignment=halves, places=places), one.operands, extension(), probes=())
    whole = Circuit("mul", one.circuit.basis, placed.network, one.circuit.golden)
    expected = spike_trains(whole, one.operands)[:, placed.network.n_inputs :]
    assert np.array_equal(ran.spikes, expected)
    assert ran.measured.joules is None
    where = log.values("compile")[0]["partitioning"]
    assert where["core1"] == {"chip": 0, "core": (1 * placed.chip.mesh.columns + 3) * 4 + 2}
    assert {type(p).__name__ for p in log.selected if p.name in where} >= {"LIF", "DelaySparse"}


def test_what_has_no_model_for_the_chip_does_not_run_on_the_host_unnoticed(log):
    del log.chip_models[DelaySparse]
    one = VECTORS["add FP8"]
    with pytest.raises(NexusError, match=r"\(DelaySparse\) has no model for Loihi 2.*max_delay=0"):
        Loihi2Executor(max_delay=None).invoke(one.circuit, one.operands)
    assert "run" not in log.names()


def test_adapters_that_take_too_long_end_in_an_error(log, monkeypatch):
    monkeypatch.setattr(adapters, "DELAY", 12)
    one = VECTORS["add FP8"]
    with pytest.raises(NexusError, match="adapters took 24 time steps, more than the 16"):
        Loihi2Executor().invoke(one.circuit, one.operands)


@pytest.mark.wide
def test_a_program_of_several_circuits_adds_up_its_joules(log):
    fmt = nexus.FLOAT8_E4M3FN
    weights, x = np.array([[1.5, -0.25]]), np.array([[[2.0, 3.0]]])
    w = Writer(Program("tiny"), fmt)
    w.program.outputs["y"] = linear(w.inside("layer"), w.program.input("x", (1, 2), fmt), w.constant(weights))
    runner = executor_named("loihi2", count=False)
    found = run_program(w.program, {"x": fmt.to_patterns(x)}, runner)
    assert fmt.from_patterns(found.outputs["y"]).astype(float).item() == 2.25
    runs = len(log.values("run"))
    assert runs >= 2 and log.values("energy_probe") == log.values("run")
    assert runner.measured_joules == pytest.approx(runs * log.joules)


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGER_VECTORS)
def test_float32_over_several_cores(log, name):
    one = LARGER_VECTORS[name]
    executor = Loihi2Executor()
    assert len(executor.placement(one.circuit).cores) > 1
    assert one.agrees(one.format.from_patterns(executor.invoke(one.circuit, one.operands)))


def native_layer():
    """A layer of two sums of three FP8 terms, one weight 0, and rows with zeros, an infinity and NaN among them."""
    fmt = nexus.FLOAT8_E5M2
    weights = fmt.to_patterns(np.array([[1.5, -0.25, 0.0], [-3.0, 0.5, 2.0]]))
    rows = fmt.to_patterns(np.array([[2.0, 3.0, -1.0], [-0.0, 0.0, 0.5], [-0.125, 7.0, 1.0]]))
    rows[1, 2], rows[2, 0] = fmt.exponent_mask, fmt.canonical_nan
    return NativeLayer(Limbs(fmt, fmt, fmt, weights, "here")), rows


@pytest.mark.wide
def test_native_layers_have_the_bits_spikes_and_synops_of_the_stepper(log):
    layer, rows = native_layer()
    chip, steps = Loihi2Executor(max_delay=6), executor_named("membrane")
    assert np.array_equal(native_sums(layer, rows, chip), native_sums(layer, rows, steps))
    ours, theirs = ({t.circuit.label: (t.spikes, t.synops) for t in one.tallies} for one in (chip, steps))
    assert {label: ours[label] for label in (layer.core.label, layer.bits.label)} == {
        label: theirs[label] for label in (layer.core.label, layer.bits.label)
    }
    on_chip = {type(p).__name__ for p, model in log.selected.items() if model in log.chip_models.values()}
    assert on_chip >= {"StatefulNeurons", "GradedVec", "GradedReluVec", "Sparse", "DelaySparse", "LIF"}
    assert chip.measured_joules == pytest.approx(len(log.values("energy")) * log.joules)


def test_neurons_whose_program_the_extension_lacks_are_named(log):
    del log.chip_models[StatefulNeurons]
    layer, rows = native_layer()
    with pytest.raises(NexusError, match=r"Lava Process steps \(StatefulNeurons\) has no model for Loihi 2"):
        native_sums(layer, rows, Loihi2Executor(max_delay=6))


def test_what_product_neurons_hold_is_refused_in_one_sentence(log):
    fmt = nexus.FLOAT8_E5M2
    layer, x = PairLayer(Pairs(fmt, fmt, fmt, 2, 1, "scores")), np.zeros((1, 1, 2), np.uint8)
    with pytest.raises(NexusError, match="layer 'scores': executor 'loihi2' .* clears what product neurons hold"):
        pair_sums(layer, x, x, Loihi2Executor())
    assert "run" not in log.names()
