"""The executor that runs circuits on a Loihi 2 chip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.description import Chip, load_chip
from lava_nexus.chip.place import place_circuit
from lava_nexus.chip.placement import Placement
from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import LEVELS, Evaluated, Executor
from lava_nexus.execute.loihi2.chip_run import ChipRun, run_on_chip
from lava_nexus.execute.loihi2.extension import extension
from lava_nexus.execute.loihi2.populations import populations_on_chip
from lava_nexus.execute.membrane.executor import measured_spikes
from lava_nexus.execute.operands import Operands, seconds, whole_number
from lava_nexus.execute.tallies import Tally
from lava_nexus.formats import patterns_to_spikes, spikes_to_patterns
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.populations import Operator
from lava_nexus.populations.network import PopulationNetwork

_SETS = 4096


class Loihi2Executor(Executor):
    """Places a circuit, builds its LIF graph core by core and runs it on the chip, one operand set a time step.

    Args:
        count: whether every neuron's spikes are read back and counted, which costs messages; else outputs alone.
        energy: whether the energy probe runs.
        chip: name of a chip, a YAML file, or a `Chip`.
        max_delay: largest synaptic delay. 0 needs LIF and Sparse alone, which are known to have models for the chip.
        seed: of the placement.
        timeout: seconds that starting a circuit, or one run of up to 4,096 operand sets, may take.

    Raises:
        NexusError: Intel's extension of Lava for Loihi 2 is not installed.
    """

    name = "loihi2"
    level = LEVELS["chip"]
    native = "steps"
    pairs = False

    def __init__(
        self,
        count: bool = True,
        energy: bool = True,
        chip: str | Path | Chip = "loihi2",
        max_delay: int | None = 0,
        seed: int = 0,
        timeout: float = 600.0,
    ) -> None:
        super().__init__()
        self._extension = extension()
        self.count = count
        self._energy = energy
        self._chip = chip
        self._max_delay = max_delay
        self._seed = whole_number("seed", seed, least=0)
        self._timeout = seconds("timeout", timeout)
        self._placements: dict[str, Placement] = {}

    @property
    def ideal(self) -> bool:
        """No: what the chip's neurons give is what is asked of it."""
        return False

    def placement(self, circuit: Circuit) -> Placement:
        """Where the neurons of a circuit live."""
        if circuit.digest not in self._placements:
            self._placements[circuit.digest] = place_circuit(
                circuit, load_chip(self._chip), measured_spikes, max_delay=self._max_delay, seed=self._seed
            )
        return self._placements[circuit.digest]

    def _evaluate(self, circuit: Circuit, operands: Operands) -> Evaluated:
        """One operand set a time step."""
        placed = self.placement(circuit)
        network = placed.network
        run_as = Circuit(circuit.name, circuit.basis, network, circuit.golden, circuit.options)
        tally = Tally(run_as, 0, np.zeros(network.n_signals, np.int64) if self.count else None)
        results: list[list[NDArray[Any]]] = [[] for _ in network.outputs]
        for start in range(0, operands.sets, _SETS):
            part = [array[start : start + _SETS] for array in operands.whole]
            ran = run_on_chip(
                placed,
                part,
                self._extension,
                outputs_only=not self.count,
                probes=("energy",) if self._energy else (),
                timeout=self._timeout,
            )
            if ran.measured.joules is not None:
                self.measured_joules = (self.measured_joules or 0.0) + ran.measured.joules
            tally.add(Tally(run_as, len(part[0]), _counted(network, part, ran) if self.count else None))
            for port, found in zip(network.outputs, results, strict=True):
                spikes = ran.spikes[:, np.array(port.signals) - network.n_inputs]
                found.append(spikes_to_patterns(spikes, port.pattern_dtype))
        return [np.concatenate(found) for found in results], tally

    def populate(
        self, network: PopulationNetwork, feeds: Mapping[str, NDArray[np.int64]]
    ) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64], int | None]:
        """Neurons with an equation each, a row a window: the chip's own programs, where the extension has them."""
        ran = populations_on_chip(network, feeds, self._extension, energy=self._energy, timeout=self._timeout)
        if ran.joules is not None:
            self.measured_joules = (self.measured_joules or 0.0) + ran.joules
        return ran.outputs, ran.spikes, None

    def _operate(self, operator: Operator, x: NDArray[np.int64]) -> tuple[NDArray[np.int64], Tally]:
        raise NexusError(f"executor 'loihi2' has no form of operator '{operator.label}' of LIF populations on the chip")


def _counted(network: ThresholdNetwork, operands: Sequence[NDArray[Any]], ran: ChipRun) -> NDArray[np.int64]:
    """int64 [signals]: spikes of strobe, inputs and neurons."""
    bits = [
        patterns_to_spikes(array, port.width).sum(axis=0, dtype=np.int64)
        for port, array in zip(network.inputs, operands, strict=True)
    ]
    return np.concatenate([np.array([len(operands[0])]), *bits, ran.spikes.sum(axis=0, dtype=np.int64)])
