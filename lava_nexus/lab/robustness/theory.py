"""What theory says beside a measurement: gates from margin and noise, circuits from their gates.

A memoryless gate whose potential is v errs with probability e = Q(|v - theta| / s), s the noise it feels. Over the
gates k of a circuit on the operands x, with the potentials of an undisturbed run,

    no flip     P(right) >= mean_x prod_k (1 - e_k(x))        exact for "no gate flips"; equal for one gate
    masked      P(right) ~ mean_x prod_k (1 - e_k(x))^m       m: how often one flip alone makes the output wrong

m is measured by inverting single spikes, drawn in proportion to e_k(x). Both break where flips come together: a second
flip can undo a first one, or be one that only an already wrong circuit makes, whose potentials are not those of the
undisturbed run (a virtual bit outside 0..1 moves the margins of all its readers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.execute.membrane.physics import noise_scales, spread_scales, upper_tail
from lava_nexus.lab.robustness.measure import operands_of
from lava_nexus.neurons import NeuronModel, NonIdealities

_MOST_VALUES = 20_000_000  # potentials held at once
_FEW_BITS = 11


@dataclass(frozen=True)
class Prediction:
    """Shares 0..1 of right operations.

    Attributes:
        no_flip: probability that no gate of the circuit flips.
        masked: with flips that leave the output right taken off.
        harmful: m, the share of single flips that make the output wrong; None where no gate can flip.
        flips: expected number of flips an operation.
    """

    no_flip: float
    masked: float
    harmful: float | None
    flips: float


def predict(
    circuit: Circuit, model: NeuronModel, non: NonIdealities, sets: int, seed: int, injections: int
) -> Prediction:
    """The prediction for memoryless neurons under noise, spread and faults, each set on a copy of its own.

    Args:
        circuit: of any basis.
        model: where thresholds stand.
        non: noise and spread.
        sets: random operand sets over which it is averaged, fewer for very large circuits; all that there are for
            circuits of few plain bits.
        seed: of the operands.
        injections: single flips from which m is estimated.
    """
    sets = max(8, min(sets, _MOST_VALUES // circuit.network.n_signals))
    operands = every_operand(circuit) if exhaustive(circuit) else operands_of(circuit, sets, seed)
    errors = flip_probabilities(circuit, operands, model, non)
    rate = -np.log1p(-np.minimum(errors, 1 - 1e-12)).sum(axis=1)
    flips = float(errors.sum(axis=1).mean())
    if not flips > 1e-9:
        return Prediction(1.0, 1.0, None, flips)
    harmful = _harmful(circuit, operands, errors, injections, seed)
    return Prediction(float(np.exp(-rate).mean()), float(np.exp(-harmful * rate).mean()), harmful, flips)


def exhaustive(circuit: Circuit) -> bool:
    """Whether the operands are few plain bits, which are drawn evenly."""
    plain = all(port.format is None for port in circuit.inputs)
    return plain and sum(port.width for port in circuit.inputs) <= _FEW_BITS


def every_operand(circuit: Circuit) -> list[NDArray[Any]]:
    """All operand sets."""
    ranges = [np.arange(1 << port.width).astype(port.pattern_dtype) for port in circuit.inputs]
    return [operand.ravel() for operand in np.meshgrid(*ranges, indexing="ij")]


def flip_probabilities(
    circuit: Circuit, operands: list[NDArray[Any]], model: NeuronModel, non: NonIdealities
) -> NDArray[np.float64]:
    """float64 [sets, neurons]: probability that a gate of an otherwise undisturbed circuit answers wrongly."""
    network = circuit.network
    quiet = MembraneExecutor(model).membranes(circuit, operands)
    distance = np.abs(quiet.potentials - quiet.thetas)
    variance = np.broadcast_to(noise_scales(network, non) ** 2, distance.shape)
    if non.noise_on == "active":
        # Synapses that carry a spike: the spikes of the sources, summed over each neuron's run of synapses.
        arrived = np.concatenate([np.zeros((len(distance), 1)), np.cumsum(quiet.spikes[:, network.sources], 1)], 1)
        variance = variance * (arrived[:, network.offsets[1:]] - arrived[:, network.offsets[:-1]])
    width = spread_scales(quiet.thetas, non)
    if non.spread and non.spread_shape == "uniform":
        beyond = np.clip((1 - distance / np.maximum(width, 1e-300)) / 2, 0, 0.5)
        return np.asarray(beyond, np.float64)
    variance = variance + width**2
    with np.errstate(divide="ignore"):
        far = np.where(variance > 0, distance / np.sqrt(variance), np.inf)
    fired = quiet.spikes[:, network.n_inputs :]
    faulty = np.where(fired, non.lost + non.stuck_silent, non.spurious + non.stuck_firing)
    return np.asarray(np.minimum(upper_tail(far) + faulty, 1.0), np.float64)


def _harmful(
    circuit: Circuit, operands: list[NDArray[Any]], errors: NDArray[np.float64], injections: int, seed: int
) -> float:
    """Share of single flips, drawn in proportion to their probability, that make the output wrong."""
    rng = np.random.default_rng([seed, injections])
    total = np.cumsum(errors.ravel())
    chosen = np.searchsorted(total, rng.random(injections) * total[-1], side="right")
    which, neuron = np.divmod(np.minimum(chosen, errors.size - 1), errors.shape[1])
    hit = [operand[which] for operand in operands]
    answers = MembraneExecutor().invoke(circuit, hit, flips=neuron)
    return float((answers != circuit.golden(*hit)).mean())
