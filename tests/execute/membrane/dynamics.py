"""A slow oracle with true dynamics: every synapse has its delay line, every neuron is updated every time step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons import NeuronModel, ThresholdNetwork


def run_in_time(
    network: ThresholdNetwork, inputs: NDArray[np.bool_], model: NeuronModel, clear_between_sets: bool = False
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """One operand set a time step into one network; spikes [sets, signals] and potentials [sets, neurons] of each wave.

    Takes bool [sets, n_inputs], strobe first. With `clear_between_sets` the sets are run one after the other, each from
    v = 0 and empty delay lines, for as many steps as the network is deep. Thresholds must be above the margin, so that
    nothing fires before the first set.
    """
    if clear_between_sets:
        runs = [run_in_time(network, inputs[i : i + 1], model) for i in range(len(inputs))]
        return np.concatenate([s for s, _ in runs]), np.concatenate([v for _, v in runs])
    sets, depth = len(inputs), network.depth
    synapses = _synapses(network)
    line = [[0] * network.n_signals for _ in range(network.max_delay + 2)]  # spikes of the last steps, a ring
    after = [0.0] * network.neurons
    spikes = np.zeros((sets, network.n_signals), dtype=np.bool_)
    potentials = np.zeros((sets, network.neurons))
    for now in range(sets + depth):
        emitted = [int(b) for b in inputs[now]] if now < sets else [0] * network.n_inputs
        for k, terms in enumerate(synapses):
            v = model.beta * after[k] + sum(w * line[(now - 1 - delay) % len(line)][s] for s, w, delay in terms)
            theta = float(network.thresholds[k]) - model.margin
            fires = v > theta if model.strict else v >= theta
            after[k] = _after(v, theta, fires, model)
            wave = now - int(network.levels[k])
            emitted.append(int(fires))
            if 0 <= wave < sets:
                spikes[wave, network.n_inputs + k] = fires
                potentials[wave, k] = v
        line[now % len(line)] = emitted
    spikes[:, : network.n_inputs] = inputs
    return spikes, potentials


def _synapses(network: ThresholdNetwork) -> list[list[tuple[int, int, int]]]:
    delays: Any = network.delays.tolist()
    flat = list(zip(network.sources.tolist(), network.weights.tolist(), delays, strict=True))
    return [flat[network.offsets[k] : network.offsets[k + 1]] for k in range(network.neurons)]


def _after(v: float, theta: float, fires: bool, model: NeuronModel) -> float:
    if model.reset == "full":
        return 0.0
    if not fires:
        return v
    return 0.0 if model.reset == "hard" else v - theta
