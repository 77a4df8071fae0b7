"""A population network as Lava's fixed-point neurons: LIF for bits, GradedReluVec and GradedVec for graded spikes.

LIF: u = a_in << 6 (du = 4095 clears it), spike where v > 0 (vth = 0), which is a_in >= 1. dv = 4095 leaves
trunc(|v| / 4096) of a negative potential for one step, and nothing for two: operand sets enter every second step or
less often. GradedReluVec: v = a_in, sends v where v > 0; GradedVec: where |v| > 0. A weight beyond 8 bits is several
synapses with exponents (`Projection.digits`), a shifted sum a matrix of its own with an exponent below zero. A matrix
has one sign, so that all magnitudes up to 255 are kept. Source:
lava-nc 0.10.0, lava/proc/{lif,graded,sparse}/models.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from lava.proc.graded.process import GradedReluVec, GradedVec
from lava.proc.lif.process import LIF
from lava.proc.sparse.process import DelaySparse, Sparse
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, identity, kron  # type: ignore[import-untyped]

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.fixed.process import (
    FixedDelaySparse,
    FixedGradedReluVec,
    FixedGradedVec,
    FixedLIF,
    FixedSparse,
)
from lava_nexus.execute.lava.lif import DECAY
from lava_nexus.execute.lava.processes.stateful import StatefulNeurons
from lava_nexus.populations.network import Population, PopulationNetwork
from lava_nexus.populations.stateful import StatefulNeuron

LEAST_WINDOW = 2
MESSAGE_BITS = 24
INPUT = "input"


class GradedKinds(NamedTuple):
    """Processes that a network is made of, beside neurons with equations of their own."""

    lif: Any
    graded: Any
    signed: Any
    sparse: Any
    delay_sparse: Any


SIMULATED = GradedKinds(FixedLIF, FixedGradedReluVec, FixedGradedVec, FixedSparse, FixedDelaySparse)
"""On a CPU: in fixed point under every run configuration."""
CHIP = GradedKinds(LIF, GradedReluVec, GradedVec, Sparse, DelaySparse)
"""Lava's own, which an extension for a chip has models of."""

_Key = tuple[str, str, int, int, int]
_Synapses = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Rows, columns, weights, delays."""


@dataclass(frozen=True)
class Places:
    """Where the signals of a network are among the Processes.

    Attributes:
        kind: for each population "input", its payload, or where it has an equation of its own that one's number.
        start: for each population its first channel among those of its kind.
        size: channels of each kind.
    """

    kind: list[str]
    start: list[int]
    size: dict[str, int]

    @classmethod
    def of(cls, network: PopulationNetwork) -> Places:
        """Populations of one kind side by side."""
        kinds: list[str] = []
        starts: list[int] = []
        sizes: dict[str, int] = {}
        equations: list[StatefulNeuron] = []
        for i, population in enumerate(network.populations):
            kind = INPUT if i < network.n_sources else _kind(population, equations)
            kinds.append(kind)
            starts.append(sizes.get(kind, 0))
            sizes[kind] = starts[-1] + population.size
        return cls(kinds, starts, sizes)

    def signals(self, network: PopulationNetwork, kind: str) -> NDArray[np.int64]:
        """Signals of the channels of a kind, in order."""
        mine = [i for i, k in enumerate(self.kind) if k == kind]
        return np.concatenate([np.arange(network.offsets[i], network.offsets[i + 1]) for i in mine])


def _kind(population: Population, equations: list[StatefulNeuron]) -> str:
    """Neurons of one equation are one Process; `equations` are those seen so far."""
    if population.neuron is None:
        return population.payload
    if population.neuron not in equations:
        equations.append(population.neuron)
    return f"{population.neuron.name}_{equations.index(population.neuron)}"


def check_lif(network: PopulationNetwork) -> None:
    """Raises NexusError where the network has no form in Lava's neurons, naming the population."""
    neurons = network.populations[network.n_sources :]
    recurrent = any(p.source >= p.target for p in network.projections)
    if recurrent or not all(p.memoryless for p in neurons if p.neuron is None):
        raise NexusError(
            "a network with memory or recurrent edges has no form in Lava's memoryless neurons; run it vectorised"
        )
    for population in neurons:
        if population.neuron is None and population.threshold != 1:
            raise NexusError(f"population '{population.name}': threshold {population.threshold} is not 1, as in Lava")


def neurons(network: PopulationNetwork, lanes: int, kinds: GradedKinds = SIMULATED, phase: int = 0) -> dict[str, Any]:
    """One Process for each payload that occurs, and for each equation, whose states are anew from step `phase` on."""
    size = {kind: n * lanes for kind, n in Places.of(network).size.items()}
    made: dict[str, Any] = {}
    if "bit" in size:
        made["bit"] = kinds.lif(shape=(size["bit"],), du=DECAY, dv=DECAY, vth=0, bias_mant=0, bias_exp=0)
    if "graded" in size:
        made["graded"] = kinds.graded(shape=(size["graded"],), vth=0)
    if "signed" in size:
        made["signed"] = kinds.signed(shape=(size["signed"],), vth=0)
    for kind, population in zip(Places.of(network).kind, network.populations, strict=True):
        if population.neuron is not None:
            window = max(LEAST_WINDOW, network.window)
            made.setdefault(kind, StatefulNeurons(population.neuron, (size[kind],), window, phase=phase))
    return made


def synapses(network: PopulationNetwork, lanes: int, kinds: GradedKinds = SIMULATED) -> list[tuple[str, str, Any]]:
    """(kind of the source, kind of the target, Sparse or DelaySparse) for all projections."""
    places = Places.of(network)
    entries: dict[_Key, list[_Synapses]] = {}
    slots: dict[tuple[int, str, int, int], int] = {}
    for p in network.projections:
        source, target = places.kind[p.source], places.kind[p.target]
        for exponent, mask, sizes in p.digits:
            for sign in (1, -1):
                chosen = mask & (np.sign(p.weights) == sign)
                if not chosen.any():
                    continue
                slot = 0
                if p.shift:  # sums that are shifted on their own must not share a matrix
                    taken = (p.target, source, sign, exponent - p.shift)
                    slot = slots[taken] = slots.get(taken, -1) + 1
                elif p.delay:  # limbs of one weight are synapses between the same neurons, with delays of their own
                    slot = -p.delay
                rows, columns = places.start[p.target] + p.rows[chosen], places.start[p.source] + p.columns[chosen]
                found = rows, columns, sign * sizes[chosen], np.full(len(rows), p.delay)
                entries.setdefault((source, target, sign, exponent - p.shift, slot), []).append(found)
    return [(key[0], key[1], _matrix(key, e, places, lanes, kinds)) for key, e in entries.items()]


def selection(network: PopulationNetwork, lanes: int) -> list[tuple[str, Any]]:
    """(kind, Sparse) that pick the outputs' signals, those of each read-out and of its negative part in order."""
    places = Places.of(network)
    numbers = [n for o in network.outputs for n in (o.population, o.negative) if n is not None]
    width = sum(network.populations[n].size for n in numbers)
    found: dict[str, tuple[list[int], list[int]]] = {}
    row = 0
    for n in numbers:
        rows, columns = found.setdefault(places.kind[n], ([], []))
        size = network.populations[n].size
        rows += range(row, row + size)
        columns += range(places.start[n], places.start[n] + size)
        row += size
    each = identity(lanes, dtype=np.int64)
    return [
        (
            kind,
            FixedSparse(
                weights=csr_matrix(
                    kron(each, coo_matrix((np.ones(len(rows), np.int64), (rows, columns)), (width, places.size[kind])))
                ),
                num_message_bits=MESSAGE_BITS,
            ),
        )
        for kind, (rows, columns) in found.items()
    ]


def _matrix(key: _Key, entries: list[_Synapses], places: Places, lanes: int, kinds: GradedKinds) -> Any:
    source, target, _, exponent, _ = key
    rows, columns, values, late = (np.concatenate(part) for part in zip(*entries, strict=True))
    place = (rows, columns)
    shape = (places.size[target], places.size[source])
    each = identity(lanes, dtype=np.int64)
    weights = csr_matrix((values, place), shape)
    if weights.nnz != len(values):
        raise NexusError("population network has two synapses of one exponent between the same two neurons")
    how = {"weight_exp": exponent, "num_message_bits": 0 if source == "bit" else MESSAGE_BITS}
    if not late.any():
        return kinds.sparse(weights=csr_matrix(kron(each, weights)), **how)
    delays = csr_matrix(kron(each, csr_matrix((late, place), shape)))
    return kinds.delay_sparse(weights=csr_matrix(kron(each, weights)), delays=delays, **how)
