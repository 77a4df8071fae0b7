"""lava-dl's bootstrap network: counts against its spikes' bounds, equal runs for equal seeds, and its table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lava_nexus.lab.configs.ulp_tables import DigitsBaselines, UlpTablesConfig
from lava_nexus.lab.training.baselines import bootstrap_digits
from lava_nexus.lab.ulp.sections import digits_section

pytest.importorskip("lava.lib.dl")


def test_a_short_training_learns_and_is_repeated_bit_for_bit() -> None:
    state = np.random.get_state()[1].copy()
    first, again = (bootstrap_digits(hidden=12, steps=6, epochs=2, seed=5, images=50) for _ in range(2))
    assert {**vars(first), "seconds": 0} == {**vars(again), "seconds": 0}
    assert np.array_equal(np.random.get_state()[1], state)
    assert (first.neurons, first.synapses) == (64 + 12 + 10, 64 * 12 + 12 * 10)
    assert 0.3 < first.accuracy <= 1  # one in ten by chance
    assert 0 < first.spikes <= (64 + 12) * 6
    assert 10 * first.spikes <= first.synops <= 12 * first.spikes
    assert bootstrap_digits(hidden=12, steps=6, epochs=1, seed=6, images=50).synops != first.synops


def test_the_table_has_both(tmp_path: Path) -> None:
    config = UlpTablesConfig(executor="reference", format="float16", components=(), operations=())
    section = digits_section(DigitsBaselines(images=3, hidden=4, steps=(4,), epochs=1), config)
    ours, pytorch, spiking, ann = section.values
    assert ours["network"] == "digits transformer by gates, float16, 0 results unequal to the strict reference"
    assert ours["accuracy, %"] == pytorch["accuracy, %"] == 100
    assert ours["SynOps"] is None and ours["neurons"] > 1e6
    assert spiking["time steps"] == 4 and spiking["SynOps"] > 0 and ann["accuracy, %"] <= 100
    assert "perceptron of 64 input and 4 hidden" in section.markdown()
