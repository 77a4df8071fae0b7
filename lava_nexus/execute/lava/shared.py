"""Memory that the host and a model's child process both see: operands go in by it, results and counts come out.

Lava's own ways are slow (`Var.get` sends one element a message) or bound to one message a step (Injector, Extractor).
Anonymous shared memory is inherited by fork, has no name in the file system and goes with its last user.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.bank import Bank
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import BankTally, Tallies, Tally
from lava_nexus.execute.operands import whole_number
from lava_nexus.neurons import Port
from lava_nexus.populations import Operator
from lava_nexus.programs.program import Program

# A circuit's counts: two sums, whether spikes and whether active updates were counted, then spikes of each signal; of a
# bank, which has too many circuits for that, the sums that its tally keeps.
_INVOCATIONS, _ACTIVE, _SPIKES_COUNTED, _ACTIVE_COUNTED, _SPIKES = range(5)
_BANK = ("fired", "reached")


def shared_array(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """A zeroed array that stays shared with every process forked after this call."""
    kind = np.dtype(dtype)
    count = int(np.prod(shape, dtype=np.int64))
    memory = mmap.mmap(-1, max(1, count * kind.itemsize))
    return np.frombuffer(memory, dtype=kind, count=count).reshape(shape)


def shared_patterns(ports: Sequence[Port], sets: int) -> NDArray[np.uint64]:
    """Room for the bit patterns of `sets` sets, shared uint64 [sets, ports].

    Raises:
        NexusError: fewer than one set, or a port wider than a pattern.
    """
    whole_number("capacity in sets", sets)
    for port in ports:
        if port.width > 64:
            raise NexusError(f"port {port.name} has {port.width} bits, more than the 64 of a pattern")
    return shared_array((sets, len(ports)), np.uint64)


class SharedTallies:
    """Tallies of one program by layer and circuit, shared with every process forked after they were made.

    One process writes; the host reads when a run has ended.
    """

    def __init__(self, program: Program) -> None:
        self._layers = list(dict.fromkeys(node.layer for node in program.nodes))
        self._circuits: dict[tuple[str, str], Circuit | Operator | NativePart] = {}
        self._counts: dict[tuple[str, str], NDArray[np.int64]] = {}
        invoked: list[tuple[str, Circuit | Operator | NativePart, int]] = [*program.invocations(), *program.operators()]
        for layer, circuit, _ in invoked:
            key = (layer, circuit.digest)
            if key not in self._circuits:
                self._circuits[key] = circuit
                counted = len(_BANK) if isinstance(circuit, Bank) else circuit.network.n_signals
                self._counts[key] = shared_array((_SPIKES + counted,), np.int64)

    def add(self, layers: Mapping[str, Tallies]) -> None:
        """Adds the counts of one run of the program."""
        for layer, tallies in layers.items():
            for tally in tallies:
                counts = self._counts[layer, tally.circuit.digest]
                counts[_INVOCATIONS] += tally.invocations
                active, spikes = _kept(tally)
                if active is not None:
                    counts[_ACTIVE] += active
                    counts[_ACTIVE_COUNTED] = 1
                if spikes is not None:
                    counts[_SPIKES:] += spikes
                    counts[_SPIKES_COUNTED] = 1

    def read(self) -> dict[str, Tallies]:
        """The counts so far by layer, as `run_program` gives them."""
        found = {layer: Tallies() for layer in self._layers}
        for (layer, digest), counts in self._counts.items():
            found[layer].add(_tally(self._circuits[layer, digest], counts))
        return found


def _kept(tally: Tally) -> tuple[int | None, NDArray[np.int64] | None]:
    """Active updates and spikes of a tally, as they are kept."""
    if not isinstance(tally, BankTally):
        return tally.active, tally.signal_spikes
    of_bank = [getattr(tally, name) for name in _BANK]
    return tally.awake, None if None in of_bank else np.array(of_bank, np.int64)


def _tally(circuit: Circuit | Operator | NativePart, counts: NDArray[np.int64]) -> Tally:
    invocations = int(counts[_INVOCATIONS])
    active = int(counts[_ACTIVE]) if counts[_ACTIVE_COUNTED] else None
    spikes = counts[_SPIKES:].copy() if counts[_SPIKES_COUNTED] else None
    if not isinstance(circuit, Bank):
        return Tally(circuit, invocations, spikes, active)
    of_bank = {} if spikes is None else dict(zip(_BANK, spikes.tolist(), strict=True))
    return BankTally(circuit, invocations, awake=active, **of_bank)
