"""Multipliers with constant weights run on the chip that the label names."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lava")

from lava_nexus.circuits import bank as banks
from lava_nexus.circuits import circuit
from lava_nexus.circuits.bank import Bank
from lava_nexus.errors import NexusError
from lava_nexus.execute.loihi2.executor import Loihi2Executor
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.formats import FLOAT8_E4M3FN
from tests.execute.loihi2.install import install


def test_products_with_constant_weights_are_computed_on_the_chip(monkeypatch: pytest.MonkeyPatch) -> None:
    log = install(monkeypatch)
    bank = Bank.of(circuit("mul", FLOAT8_E4M3FN), FLOAT8_E4M3FN.to_patterns(np.array([[1.5, -3.0], [1.5, 0.5]])))
    x = FLOAT8_E4M3FN.to_patterns(np.array([[1.0, 2.5, -0.5], [3.0, np.nan, 0.25]]))
    chip, membrane = Loihi2Executor(), MembraneExecutor(threads=1)
    found = chip.invoke_bank(bank, x, slice(0, 2), slice(0, 2))
    want = membrane.invoke_bank(bank, x, slice(0, 2), slice(0, 2))
    np.testing.assert_array_equal(found, want)
    assert log.names().count("run") == 3  # a circuit for each of 1.5, -3 and 0.5
    (on_chip,), (simulated,) = chip.tallies, membrane.tallies
    assert on_chip.invocations == simulated.invocations == 3
    assert on_chip.spikes > simulated.spikes > 0  # the chip's networks have relays in place of delays
    monkeypatch.setattr(banks, "MOST_RUN", 2)
    monkeypatch.setattr(banks, "_SAMPLE", 1)
    with pytest.raises(NexusError, match="executor 'loihi2' would run a sample of 1 of 4 circuits, but"):
        chip.invoke_bank(Bank.of(bank.general, bank.weights), x, slice(0, 2), slice(0, 2))
