"""Options of the membrane executor in a run's config."""

from __future__ import annotations

import pytest

from lava_nexus.config import build_config
from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.execution import MembraneOptions, RunConfig
from lava_nexus.neurons import IDEAL, MEMORYLESS, NeuronModel, NonIdealities

RUN = {"model": {"kind": "digits"}}


def test_defaults_are_ideal_neurons():
    options = MembraneOptions().executor_options(3)
    assert options == {
        "model": MEMORYLESS,
        "regime": "reset",
        "streams": None,
        "nonidealities": IDEAL,
        "seed": 3,
    }


def test_every_option_reaches_the_executor():
    values = {"beta": 0.5, "reset": "hard", "noise": 0.1, "noise_on": "active", "lost": 0.01, "streams": 4}
    options = build_config(RunConfig, {**RUN, "executor": "membrane", "membrane": values}, "test").membrane
    found = options.executor_options(0)
    assert found["model"] == NeuronModel(0.5, "hard") and found["streams"] == 4
    assert found["nonidealities"] == NonIdealities(0.1, "active", lost=0.01)


def test_options_that_nobody_reads_are_a_mistake():
    with pytest.raises(NexusError, match="executor is bitsliced, not membrane"):
        build_config(RunConfig, {**RUN, "membrane": {"noise": 0.1}}, "test")
