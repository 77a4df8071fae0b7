"""Synapses into neurons with equations of their own, as Lava's Sparse and DelaySparse, weights of one sign each.

Lava keeps all magnitudes up to 255 where a matrix has one sign (lava-nc 0.10.0, lava/proc/sparse/models.py), and one
synapse between the same two neurons: limbs of one weight, which differ in their delays, are matrices of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, identity, kron  # type: ignore[import-untyped]

from lava_nexus.execute.lava.fixed.process import FixedDelaySparse, FixedSparse
from lava_nexus.execute.lava.population_lif import MESSAGE_BITS
from lava_nexus.neurons.split import Subnetwork

Integers = NDArray[np.int64]


def graded_synapses(
    part: Subnetwork, channel: Integers, channels: int, targets: Integers, lanes: int, graded: bool
) -> list[Any]:
    """Matrices from a port, lane by lane.

    Args:
        part: the neurons of a core.
        channel: int64 [signals]; the port's channel of each signal, -1 for those that come another way.
        channels: that the port has.
        targets: int64; neurons that the matrices lead to, in this order.
        lanes: copies.
        graded: whether the port carries payloads.
    """
    row = np.full(part.neurons, -1)
    row[targets] = np.arange(len(targets))
    mine = np.flatnonzero((channel[part.sources] >= 0) & (row[part.targets] >= 0))
    rows, columns = row[part.targets[mine]], channel[part.sources[mine]]
    weights, delays = part.weights[mine].astype(np.int64), part.delays[mine].astype(np.int64)
    each, shape = identity(lanes, dtype=np.int64), (len(targets), channels)
    how = {"num_message_bits": MESSAGE_BITS if graded else 0}
    found = []
    for key in np.unique(_layers(rows, columns, weights)):
        here = _layers(rows, columns, weights) == key
        place = rows[here], columns[here]
        matrix = csr_matrix(kron(each, csr_matrix((weights[here], place), shape=shape)))
        if not delays[here].any():
            found.append(FixedSparse(weights=matrix, **how))
            continue
        late = csr_matrix(kron(each, csr_matrix((delays[here], place), shape=shape)))
        found.append(FixedDelaySparse(weights=matrix, delays=late, **how))
    return found


def _layers(rows: Integers, columns: Integers, weights: Integers) -> Integers:
    """Of each synapse a number, alike for those of one sign that share no two neurons."""
    order = np.lexsort((weights > 0, columns, rows))
    keys = np.stack([rows, columns, (weights > 0).astype(np.int64)])[:, order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    start = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    found = np.zeros(len(order), np.int64)
    found[order] = 2 * (np.arange(len(order)) - start) + keys[2]
    return found
