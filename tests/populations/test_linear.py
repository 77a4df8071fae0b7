import numpy as np
import pytest

from lava_nexus import NexusError
from lava_nexus.execute.populations import run_populations
from lava_nexus.populations.catalogue import spiking_linear


@pytest.mark.parametrize(("steps", "bits"), [(1, 3), (2, 4), (4, 2), (8, 7)])
def test_spike_counts_over_the_steps_give_the_integer_product(steps, bits):
    rng = np.random.default_rng(0)
    weights = rng.integers(-127, 128, (5, 9))
    weights[2] = 0
    op = spiking_linear(weights, steps, bits)
    c = rng.integers(-(1 << bits), 1 << bits, (40, 9))
    c[0], c[1], c[2] = 0, -(1 << bits), (1 << bits) - 1
    result = run_populations(op.network, {"x": c})
    assert (result.outputs["y"] == c @ weights.T).all()
    assert op.network.window == steps + 2 and not op.network.wave
    encoder = result.signal_spikes[op.network.signals(2)]
    levels = (1 << bits) // steps
    assert (encoder == -(-np.abs(c) // levels).sum(axis=0)).all()  # as many spikes as the count needs
    op.out_format.to_patterns(result.outputs["y"])
    assert result.active > 0


@pytest.mark.parametrize(
    ("weights", "steps", "bits", "sentence"),
    [
        ([[128]], 1, 3, "weight 128 of a spiking linear layer is beyond 127"),
        ([[1]], 3, 3, "3 time steps do not divide the 8 levels"),
        ([[1]], 64, 7, "outside 1..32"),
        ([[127] * 1000], 1, 7, "sum 16256000 of 1000 spiking inputs can reach 2"),
    ],
)
def test_what_cannot_be_counted_is_one_sentence(weights, steps, bits, sentence):
    with pytest.raises(NexusError, match=sentence):
        spiking_linear(np.array(weights), steps, bits)
