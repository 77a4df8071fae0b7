"""One cell of a table: a circuit under one condition, its accuracy and bit error rate over seeds.

When it rules a printed cell out, where it is kept, the report that the cells of a sweep end in, and what theory says
beside a measurement: gates from margin and noise, circuits from their gates.

A memoryless gate whose potential is v errs with probability e = Q(|v - theta| / s), s the noise it feels. Over the
gates k of a circuit on the operands x, with the potentials of an undisturbed run,

    no flip     P(right) >= mean_x prod_k (1 - e_k(x))        exact for "no gate flips"; equal for one gate
    masked      P(right) ~ mean_x prod_k (1 - e_k(x))^m       m: how often one flip alone makes the output wrong

m is measured by inverting single spikes, drawn in proportion to e_k(x). Both break where flips come together: a second
flip can undo a first one, or be one that only an already wrong circuit makes, whose potentials are not those of the
undisturbed run (a virtual bit outside 0..1 moves the margins of all its readers).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.execute.executor import Tally
from lava_nexus.execute.membrane import MembraneExecutor, Regime
from lava_nexus.execute.membrane.physics import noise_scales, spread_scales, upper_tail
from lava_nexus.execute.membrane.simulation import Membranes
from lava_nexus.lab.configs.robustness import RobustnessConfig
from lava_nexus.lab.published import PublishedAccuracy
from lava_nexus.lab.report import Report, columns
from lava_nexus.lab.runs.circuits import random_operand
from lava_nexus.neurons import IDEAL, MEMORYLESS, NeuronModel, NonIdealities, ThresholdNetwork


@dataclass(frozen=True)
class Condition:
    """Under what neurons work.

    Attributes:
        model: leak, reset, threshold.
        nonidealities: noise, spread and faults.
        regime: `reset` between operand sets, or `streaming`.
        streams: copies of the circuit that share the operand sets; None gives each its own.
    """

    model: NeuronModel = MEMORYLESS
    nonidealities: NonIdealities = IDEAL
    regime: Regime = "reset"
    streams: int | None = None

    def executor(self, seed: int) -> MembraneExecutor:
        """A fresh membrane executor."""
        return MembraneExecutor(self.model, self.regime, self.streams, None, self.nonidealities, seed)


@dataclass(frozen=True)
class Accuracy:
    """What a cell shows; accuracies and rates are shares 0..1.

    Attributes:
        accuracy: share of operations whose every output bit is right, mean over seeds.
        deviation: its standard deviation over seeds (n - 1), 0 for one seed.
        bit_error_rate, bit_deviation: the same of wrong output bits.
        trials: operations in all.
        seeds: how many.
        synops, spikes, active: mean an operation.
    """

    accuracy: float
    deviation: float
    bit_error_rate: float
    bit_deviation: float
    trials: int
    seeds: int
    synops: float
    spikes: float
    active: float

    @property
    def standard_error(self) -> float:
        """Of the accuracy: from its deviation over seeds, at least that of so many trials one of which could differ."""
        spread = self.deviation / np.sqrt(self.seeds)
        share = min(max(self.accuracy, 1 / self.trials), 1 - 1 / self.trials)
        return float(max(spread, np.sqrt(share * (1 - share) / self.trials)))


def operands_of(circuit: Circuit, sets: int, seed: int) -> list[NDArray[Any]]:
    """Random operands: N(0, 1) rounded to the port's format, uniform bits where it has none."""
    rng = np.random.default_rng([seed, sets])
    return [random_operand(port, sets, False, rng) for port in circuit.inputs]


def measure(circuit: Circuit, condition: Condition, trials: int, seeds: int, seed: int) -> Accuracy:
    """Runs `trials` operations, shared out over `seeds` seeds beginning with `seed`."""
    each = [trials // seeds + (i < trials % seeds) for i in range(seeds)]
    accuracy, bits = [], []
    total: Tally | None = None
    for i, sets in enumerate(each):
        executor = condition.executor(seed + i)
        operands = operands_of(circuit, sets, seed + i)
        right, wrong_bits = compare(executor.invoke(circuit, operands), circuit.golden(*operands))
        accuracy.append(right)
        bits.append(wrong_bits / circuit.output.width)
        (tally,) = executor.tallies
        if total is None:
            total = tally
        else:
            total.add(tally)
    assert total is not None
    return Accuracy(
        accuracy=float(np.average(accuracy, weights=each)),
        deviation=float(np.std(accuracy, ddof=1)) if seeds > 1 else 0.0,
        bit_error_rate=float(np.average(bits, weights=each)),
        bit_deviation=float(np.std(bits, ddof=1)) if seeds > 1 else 0.0,
        trials=trials,
        seeds=seeds,
        synops=(total.synops or 0) / trials,
        spikes=(total.spikes or 0) / trials,
        active=(total.active or 0) / trials,
    )


def compare(found: NDArray[Any], expected: NDArray[Any]) -> tuple[float, float]:
    """(share of patterns that are equal, mean number of bits in which two patterns differ)."""
    difference = np.bitwise_xor(found.astype(np.uint64), expected.astype(np.uint64))
    wrong = np.unpackbits(difference.view(np.uint8)).sum() / max(len(difference), 1)
    return float((difference == 0).mean()), float(wrong)


DEVIATIONS = 3.0
"""Standard deviations beyond which a model excludes a printed cell."""
_ROUNDING = 0.0005  # half of the last digit printed, 0.1 percent


def deviations(printed: PublishedAccuracy, measured: Accuracy) -> float:
    """Standard deviations between the two: |difference| less rounding, over both uncertainties."""
    apart = max(0.0, abs(printed.accuracy - measured.accuracy) - _ROUNDING)
    return apart / math.hypot(printed.deviation, measured.standard_error)


def verdict(
    printed: PublishedAccuracy, by_model: Mapping[str, Accuracy], others: Mapping[str, Accuracy] | None = None
) -> str:
    """`inconsistent` only where every model excludes the printed cell; else the models that agree with it.

    `others` are of circuits that are not the published ones; where one of these agrees, that is said beside it.
    """
    apart = {model: deviations(printed, measured) for model, measured in by_model.items()}
    agree = [model for model, distance in apart.items() if distance <= DEVIATIONS]
    if agree:
        return "as " + ", ".join(agree)
    nearest = min(apart, key=lambda model: apart[model])
    share = 100 * by_model[nearest].accuracy
    other = [model for model, found in (others or {}).items() if deviations(printed, found) <= DEVIATIONS]
    beside = f"; other circuits agree: {', '.join(other)}" if other else ""
    return f"inconsistent: nearest is {nearest}, {share:.2f} %, {apart[nearest]:.1f} s.d. away{beside}"


def sweep_report(config: RobustnessConfig, records: Sequence[dict[str, Any]], **fields: Any) -> Report:
    """The report of any sweep: its cells, all with the same keys, and further fields of `Report`."""
    values = {"cells": list(records), **fields.pop("values", {})}
    data = {"cells.csv": columns(records)}
    return Report(title=config.title, config=config.resolved(), values=values, data=data, **fields)


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
        variance = variance * _by_neuron(network, quiet.spikes[:, network.sources])
    width = spread_scales(quiet.thetas, non)
    if non.spread and non.spread_shape == "uniform":
        beyond = np.clip((1 - distance / np.maximum(width, 1e-300)) / 2, 0, 0.5)
        return np.asarray(beyond, np.float64)
    variance = variance + width**2
    with np.errstate(divide="ignore"):
        far = np.where(variance > 0, distance / np.sqrt(variance), np.inf)
    fired = quiet.spikes[:, network.n_inputs :]
    faulty = np.where(fired, non.lost + non.stuck_silent, non.spurious + non.stuck_firing)
    if non.repeated or non.flipped:
        faulty = faulty + _faults_of_synapses(network, quiet, non)
    return np.asarray(np.minimum(upper_tail(far) + faulty, 1.0), np.float64)


def _by_neuron(network: ThresholdNetwork, of_synapses: NDArray[Any]) -> NDArray[np.float64]:
    """float64 [sets, neurons]: what [sets, synapses] adds up to over each neuron's run of synapses."""
    total = np.concatenate([np.zeros((len(of_synapses), 1)), np.cumsum(of_synapses, 1)], 1)
    return np.asarray(total[:, network.offsets[1:]] - total[:, network.offsets[:-1]])


def _faults_of_synapses(network: ThresholdNetwork, quiet: Membranes, non: NonIdealities) -> NDArray[np.float64]:
    """float64 [sets, neurons]: expected single faults of synapses that move a neuron across its threshold."""
    reached = quiet.spikes[:, network.sources]
    above = (quiet.potentials - quiet.thetas)[:, network.targets]
    fired = quiet.spikes[:, network.n_inputs + network.targets]
    stored = network.weights.astype(np.int64) & 255
    changes: list[tuple[Any, Any]] = []
    if non.repeated:
        changes.append((non.repeated * (network.sources >= network.n_inputs), network.weights))
    for bit in range(8 if non.flipped else 0):
        flipped = stored ^ (1 << bit)
        changes.append((non.flipped / 8, np.where(flipped > 127, flipped - 256, flipped) - network.weights))
    wrong = np.zeros(reached.shape)
    for chance, change in changes:
        wrong += chance * (reached & ((above + change >= 0) != fired))
    return _by_neuron(network, wrong)


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
