"""Then one core: time and power of known loads, with nothing from the host. What is measured is kept as a property."""

from __future__ import annotations

import pytest

pytest.importorskip("lava")


from lava_nexus.execute.loihi2.extension import extension
from lava_nexus.execute.loihi2.first_light import Load, fit_loads

STEPS = 100_000
TIMED_STEPS = 1_000
LOADS = (
    Load(256),
    Load(4000),
    Load(2048, sources=64, fan_out=1),
    Load(2048, sources=64, fan_out=32),
    Load(1024, sources=64, fan_out=256),
)


def test_time_of_a_step_against_neurons_and_synapses(record_property) -> None:
    seconds = [load.run(TIMED_STEPS, extension(), ["time"]).seconds.mean() for load in LOADS]
    fit = fit_loads(LOADS, seconds)
    for name, value in zip(fit.names, fit.values, strict=True):
        record_property(f"nanoseconds a {name}", 1e9 * value)
    record_property("largest miss", fit.residual)
    assert seconds[0] <= seconds[1] and seconds[2] <= seconds[3]
    assert fit["idle update"] >= 0 and fit["synaptic operation"] >= 0


def test_joules_of_a_step_fitted_to_updates_and_synaptic_operations(record_property) -> None:
    dynamic = []
    for load in LOADS:
        found = load.run(STEPS, extension(), ["energy"])
        assert found.joules >= found.static_joules > 0
        dynamic.append((found.joules - found.static_joules) / STEPS)
    fit = fit_loads(LOADS, dynamic)
    for name, value in zip(fit.names, fit.values, strict=True):
        record_property(f"picojoules a {name}", 1e12 * value)
    record_property("largest miss", fit.residual)
    assert fit["synaptic operation"] > 0 and fit["active update"] >= fit["idle update"] >= 0


@pytest.mark.parametrize("load", [LOADS[0], LOADS[4]])
def test_counters_of_the_core_count_what_the_load_is(load: Load) -> None:
    steps = 50
    found = load.run(steps, extension(), ["activity", "memory"])
    assert found.updates == steps * (load.neurons + load.sources)
    assert found.spikes_out == steps * load.sources
    assert abs(found.synops - steps * load.synops) <= load.synops  # the last step's are still on their way
    assert found.memory.sum() > 0
