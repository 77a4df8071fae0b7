"""The cells of each sweep over a grid: which circuit, under which condition, beside which published one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.formats import format_named
from lava_nexus.lab.configs.robustness import BetaSweep, Circuits, FaultSweep, NoiseSweep, SpreadSweep
from lava_nexus.lab.robustness.logic import logic_circuit
from lava_nexus.lab.robustness.measure import Condition
from lava_nexus.neurons import IDEAL, MEMORYLESS, NeuronModel, NonIdealities

GridSweep = BetaSweep | NoiseSweep | SpreadSweep | FaultSweep


@dataclass(frozen=True)
class Entry:
    """One cell to measure.

    Attributes:
        name: of the circuit, `and` or `add float16`.
        basis: of the circuit.
        model: column of the table, for example the noise model.
        parameter: what the row varies.
        value: its value.
        condition: what it is measured under.
    """

    name: str
    basis: str
    model: str
    parameter: str
    value: float
    condition: Condition

    @property
    def circuit(self) -> Circuit:
        """Built, or taken from the cache."""
        operation, _, fmt = self.name.partition(" ")
        return circuit(operation, format_named(fmt), basis=self.basis) if fmt else logic_circuit(self.name, self.basis)


def names_of(circuits: Circuits) -> list[str]:
    """Names of the circuits, those of least neurons first."""
    return [*circuits.logic, *(f"{op} {fmt}" for op in circuits.operations for fmt in circuits.formats)]


def entries(sweep: GridSweep) -> list[Entry]:
    """All cells of a sweep, circuit by circuit."""
    parameter, conditions = _conditions(sweep)
    return [
        Entry(name, basis, model, parameter, value, condition)
        for name, basis in product(names_of(sweep), sweep.bases)
        for model, value, condition in conditions
    ]


def _conditions(sweep: GridSweep) -> tuple[str, list[tuple[str, float, Condition]]]:
    """(name of the parameter, (model, value, condition) of every cell of one circuit)."""
    if isinstance(sweep, BetaSweep):
        return "beta", list(_beta(sweep))
    if isinstance(sweep, NoiseSweep):
        return "sigma", list(_noise(sweep))
    if isinstance(sweep, SpreadSweep):
        return "delta", list(_spread(sweep))
    return "rate", [(fault, rate, _faulty(fault, rate)) for fault, rate in product(sweep.faults, sweep.rates)]


def _faulty(fault: str, rate: float) -> Condition:
    changed: dict[str, Any] = {fault: rate}
    return Condition(MEMORYLESS, replace(IDEAL, **changed))


def _beta(sweep: BetaSweep) -> Iterator[tuple[str, float, Condition]]:
    for regime, reset, beta in product(sweep.regimes, sweep.resets, sweep.betas):
        streams = sweep.streams if regime == "streaming" else None
        yield f"{regime}, {reset}", beta, Condition(NeuronModel(beta, reset), IDEAL, regime, streams)


def _noise(sweep: NoiseSweep) -> Iterator[tuple[str, float, Condition]]:
    for noise_on, sigma in product(sweep.noise_on, sweep.sigmas):
        yield noise_on, sigma, Condition(NeuronModel(margin=sweep.margin), NonIdealities(sigma, noise_on))


def _spread(sweep: SpreadSweep) -> Iterator[tuple[str, float, Condition]]:
    for shape, unit, fresh, delta in product(sweep.shapes, sweep.units, sweep.fresh, sweep.deltas):
        non = NonIdealities(spread=delta, spread_shape=shape, spread_unit=unit, spread_fresh=fresh)
        yield f"{shape}, of {unit}, {'fresh' if fresh else 'fixed'}", delta, Condition(MEMORYLESS, non)
