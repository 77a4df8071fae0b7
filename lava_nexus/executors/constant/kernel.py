"""The compiled loop over weights: specialise the network, evaluate every neuron left for every operand, count."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np

from lava_nexus.disk_cache import source_digest
from lava_nexus.neurons import propagation

NEURONS, SYNAPSES, SPIKES, SYNOPS, ACTIVE, DEPTH, FIELDS = range(7)
"""What is counted: sums over all weights, but the largest depth."""

_VERSION = source_digest(__file__, propagation.__file__)


def _kernel(propagate: Any, version: str) -> Any:
    def run(  # type: ignore[no-untyped-def]
        n_inputs,  # noqa: ANN001
        offsets,  # noqa: ANN001
        sources,  # noqa: ANN001
        weights,  # noqa: ANN001
        thresholds,  # noqa: ANN001
        outputs,  # noqa: ANN001
        varying,  # noqa: ANN001
        constant,  # noqa: ANN001
        patterns,  # noqa: ANN001
        operands,  # noqa: ANN001
        columns,  # noqa: ANN001
        results,  # noqa: ANN001
        totals,  # noqa: ANN001
    ) -> None:
        """Products of rows of operands [rows, lanes] with patterns [n], a specialised network for each pattern.

        Pattern i meets row columns[i]. `varying` and `constant` are the signals of the two ports, MSB first; results
        are [n, lanes].
        """
        assert version
        n_signals, lanes = n_inputs + len(thresholds), operands.shape[1]
        value = np.full(n_signals, -1, np.int8)
        stands, live = np.zeros(n_signals, np.int32), np.zeros(n_signals, np.uint8)
        left_sources, left_weights = np.zeros_like(sources), np.zeros_like(weights)
        counts, left = np.zeros(len(thresholds), np.int32), np.zeros(len(thresholds), np.int32)
        level, inner = np.zeros(n_signals, np.int32), np.zeros(n_signals, np.uint8)
        fan_out = np.zeros(n_signals, np.int64)
        spikes = np.zeros((n_signals, lanes), np.uint8)
        spikes[0] = 1
        sums, woken = np.zeros(lanes, np.int32), np.zeros(lanes, np.uint8)
        for one in range(len(patterns)):
            value[0] = 1
            for i in range(len(constant)):
                value[constant[i]] = np.int8((patterns[one] >> np.uint64(len(constant) - 1 - i)) & np.uint64(1))
            for i in range(len(varying)):
                value[varying[i]] = -1
                for lane in range(lanes):
                    bit = (operands[columns[one], lane] >> np.uint64(len(varying) - 1 - i)) & np.uint64(1)
                    spikes[varying[i], lane] = np.uint8(bit)
            propagate(
                n_inputs, offsets, sources, weights, thresholds, outputs,
                value, stands, left_sources, left_weights, counts, left, live,
            )  # fmt: skip
            fan_out[:], inner[:], level[:] = 0, 0, 0
            depth = 1
            for k in range(len(thresholds)):
                signal = n_inputs + k
                if not (live[signal] and counts[k]):
                    continue
                totals[NEURONS] += 1
                totals[SYNAPSES] += counts[k]
                if left[k] < 1:  # it fires on silence: a synapse of the strobe
                    totals[SYNAPSES] += 1
                    totals[SYNOPS] += lanes
                sums[:], woken[:] = 0, 0
                for s in range(offsets[k], offsets[k] + counts[k]):
                    source, weight = left_sources[s], left_weights[s]
                    fan_out[source] += 1
                    inner[source] = 1
                    level[signal] = max(level[signal], level[source] + 1)
                    for lane in range(lanes):
                        sums[lane] += weight * spikes[source, lane]
                        woken[lane] |= spikes[source, lane]
                fired = 0
                for lane in range(lanes):
                    fires = np.uint8(sums[lane] >= left[k])
                    spikes[signal, lane] = fires
                    fired += fires
                    totals[ACTIVE] += 1 if left[k] < 1 else woken[lane] | fires
                totals[SPIKES] += fired
                depth = max(depth, level[signal])
            for i in range(len(outputs)):  # what is read inside, or no neuron, leaves through a neuron of its own
                if value[outputs[i]] < 0 and (inner[stands[outputs[i]]] or stands[outputs[i]] < n_inputs):
                    depth = max(depth, level[stands[outputs[i]]] + 1)
            for i in range(len(outputs)):
                signal, seen = outputs[i], False
                for j in range(i):
                    same = value[outputs[j]] == value[signal]
                    seen |= same and (value[signal] >= 0 or stands[outputs[j]] == stands[signal])
                if seen:
                    continue
                if value[signal] >= 0:
                    totals[NEURONS] += 1
                    if value[signal]:
                        totals[SYNAPSES] += 1
                        totals[SPIKES] += lanes
                        totals[SYNOPS] += lanes
                        totals[ACTIVE] += lanes
                elif inner[stands[signal]] or stands[signal] < n_inputs:
                    totals[NEURONS] += 1
                    totals[SYNAPSES] += 1
                    fan_out[stands[signal]] += 1
                    fired = 0
                    for lane in range(lanes):
                        fired += spikes[stands[signal], lane]
                    totals[SPIKES] += fired
                    totals[ACTIVE] += fired
            for signal in range(1, n_signals):
                if fan_out[signal]:
                    fired = 0
                    for lane in range(lanes):
                        fired += spikes[signal, lane]
                    totals[SYNOPS] += fired * fan_out[signal]
            totals[DEPTH] = max(totals[DEPTH], depth)
            for lane in range(lanes):
                word = np.uint64(0)
                for i in range(len(outputs)):
                    signal = outputs[i]
                    bit = spikes[stands[signal], lane] if value[signal] < 0 else np.uint8(value[signal])
                    word = (word << np.uint64(1)) | np.uint64(bit)
                results[one, lane] = word

    return run


@lru_cache(maxsize=1)
def kernel() -> Any:
    """The compiled function, from numba's cache where there is one."""
    compiled = numba.njit(nogil=True)(propagation.propagate)
    try:
        return numba.njit(nogil=True, cache=True)(_kernel(compiled, _VERSION))
    except RuntimeError:  # no directory for numba's cache can be written
        return numba.njit(nogil=True)(_kernel(compiled, _VERSION))
