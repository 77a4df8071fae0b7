"""What the parts of a native layer do in a run of their own: what `lava_nexus.chip` needs to place them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.native import Activity
from lava_nexus.circuits.native import NativeLayer, NativePart
from lava_nexus.execute.populations import run_populations
from lava_nexus.populations.native.core import NativeCore
from lava_nexus.populations.native.pair_core import PairCore
from lava_nexus.populations.network import PopulationNetwork
from lava_nexus.programs.native import PairLayer

_CODE = "code"  # what a sum is whatever its digits: 0 for ordinary numbers


def measured_activity(part: NativePart, sets: int, seed: int = 0) -> Activity:
    """What a part of a native layer does over `sets` rows of N(0, 1), or operand sets of random bits and payloads."""
    network, rng = part.network, np.random.default_rng(seed)
    if isinstance(network, NativeCore):
        from lava_nexus.execute.native.digits import sums_by_digits  # numba, which few programs need

        limbs = network.limbs
        values = rng.standard_normal((sets, limbs.inputs)).astype(np.float32).astype(limbs.activation.dtype)
        layer = NativeLayer(limbs)
        layer.__dict__["network"] = network
        sums = sums_by_digits(layer, limbs.activation.to_patterns(values))
        assert sums.tally.signal_spikes is not None
        fixed = sums.active["front end"]
        return Activity(sets, sums.tally.signal_spikes, {False: fixed, True: sum(sums.active.values()) - fixed})
    if isinstance(network, PairCore):
        from lava_nexus.execute.native.pair_digits import pair_sums_by_digits

        pairs = network.pairs
        shapes = ((pairs.left, (sets, 1, pairs.inputs)), (pairs.right, (sets, pairs.outputs, pairs.inputs)))
        x, y = (f.to_patterns(rng.standard_normal(shape).astype(np.float32).astype(f.dtype)) for f, shape in shapes)
        sums = pair_sums_by_digits(PairLayer(pairs, network.fresh), x, y)
        assert sums.tally.signal_spikes is not None
        return Activity(sets, sums.tally.signal_spikes, {False: sum(sums.active.values())})
    assert isinstance(network, PopulationNetwork)
    feeds = {p.name: _payloads(p.size, p.payload, p.most, sets, rng) for p in network.inputs[1:]}
    for name in feeds:
        feeds[name] *= _fires(name, sets, seed)[:, None]
    ran = run_populations(network, feeds)
    return Activity(sets, ran.signal_spikes, {False: ran.active})


def _payloads(size: int, payload: str, most: int | None, sets: int, rng: np.random.Generator) -> NDArray[np.int64]:
    top = 1 if payload == "bit" or most is None else most
    return rng.integers(-top if payload == "signed" else 0, top + 1, (sets, size))


def _fires(name: str, sets: int, seed: int) -> NDArray[np.int64]:
    """Of the two neurons of a sum one sends; the code of an ordinary sum is 0."""
    negative = np.random.default_rng(seed).integers(0, 2, sets)
    if name == _CODE:
        return np.zeros(sets, np.int64)
    return negative if name.startswith("minus") else 1 - negative if name.startswith("plus") else negative | 1
