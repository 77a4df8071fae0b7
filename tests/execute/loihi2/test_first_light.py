"""Every line of `hw_tests` with the stand-in in a chip's place, whose constants the fits must find again."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lava")

import hw_tests.test_2_core as core
import hw_tests.test_3_circuits as circuits
from hw_tests.test_1_neuron import *  # noqa: F403
from lava_nexus.errors import NexusError
from lava_nexus.execute.loihi2.extension import Probes
from lava_nexus.execute.loihi2.first_light import Bench, Load, fit_loads
from tests.execute.loihi2 import install

pytestmark = pytest.mark.wide


@pytest.mark.slow
def test_circuits_that_other_tests_of_the_stand_in_run_too():
    circuits.test_the_chip_gives_the_bits_of_ieee("mul FP8")
    circuits.test_spikes_of_every_neuron_are_those_of_the_simulator("mul FP8", 6)
    circuits.test_the_energy_probe_measures_joules()


@pytest.fixture(autouse=True)
def log(monkeypatch):
    install.adapters.MADE.clear()
    found = install.install(monkeypatch)
    found.joules = None

    def fitted(loads, measured):
        fit = fit_loads(loads, measured)
        unit = install.SECONDS if "execution_time_probe" in found.names() else install.JOULES
        assert fit.values == pytest.approx([unit[name] for name in ("step", "idle", "active", "synop")], rel=0.1)
        assert fit.residual < 0.02 and fit["step"] == fit.values[0]
        return fit

    monkeypatch.setattr(core, "STEPS", 40)
    monkeypatch.setattr(core, "TIMED_STEPS", 40)
    monkeypatch.setattr(core, "fit_loads", fitted)
    return found


def test_one_core(record_property):
    core.test_time_of_a_step_against_neurons_and_synapses(record_property)
    core.test_counters_of_the_core_count_what_the_load_is(core.LOADS[3])


def test_joules(record_property):
    core.test_joules_of_a_step_fitted_to_updates_and_synaptic_operations(record_property)


def test_circuits():
    circuits.test_counters_of_the_chip_count_the_synops_of_the_result("mul FP8")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Load(4, sources=2, fan_out=5), "load of 4 neurons and 2 x 5 synapses"),
        (lambda: Load(4, sources=2), "load of 4 neurons and 2 x 0 synapses"),
        (lambda: fit_loads([Load(4), Load(8)], [1.0, 2.0]), "2 loads do not tell"),
        (lambda: Probes(circuits.extension(), ["power"], 5), "probe 'power' is not one of energy, time"),
        (lambda: Probes(circuits.extension(), ["time", "energy"], 5), "disturb each other"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(make, sentence):
    with pytest.raises(NexusError, match=sentence):
        make()


def test_a_chip_that_keeps_more_is_noticed():
    """The thermometer of residues reads what a decay of a half keeps."""
    bias = np.arange(81)
    bench = Bench(np.full((81, 1), -2), bias, threshold=0, bias_exponent=0, decays=(4095, 2048))
    spikes = bench.run(np.array([[0], [1], [0]]), circuits.extension())
    assert spikes[2].tolist() == [int((i - 128) / 2) + i > 0 for i in bias.tolist()]
