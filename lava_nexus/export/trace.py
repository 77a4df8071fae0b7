"""Spikes of a streamed run as a VCD file (IEEE 1364 value change dump), for any waveform viewer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.export.verilog import circuit_of
from lava_nexus.files import replacing
from lava_nexus.neurons import STROBE


def streamed_spikes(circuit: Circuit, operands: Sequence[NDArray[Any]]) -> NDArray[np.bool_]:
    """bool [steps, signals]: an operand set a step, until the last result has left.

    A signal of level l fires at step t for the set put in at step t - l. Spikes are those of the membrane executor.
    """
    circuit_of(circuit, "a trace")
    spikes = MembraneExecutor().membranes(circuit, operands).spikes
    levels = circuit.network.signal_levels
    found = np.zeros((len(spikes) + circuit.depth, circuit.network.n_signals), np.bool_)
    for level in range(circuit.depth + 1):
        at = levels == level
        found[level : level + len(spikes), at] = spikes[:, at]
    return found


def write_vcd(circuit: Circuit, operands: Sequence[NDArray[Any]], path: str | Path, step_ns: int = 1) -> Path:
    """Writes the trace, whole or not at all; a time step lasts `step_ns`. Returns the path.

    Args:
        circuit: what runs.
        operands: patterns [sets] for each input port, streamed one set a step.
        path: the file.
        step_ns: nanoseconds of a step in the file.

    Raises:
        NexusError: what should run is no circuit, or the file cannot be written.
    """
    spikes = streamed_spikes(circuit, operands)
    from vcd import VCDWriter

    network, target = circuit.network, Path(path)
    with (
        replacing(target) as temporary,
        open(temporary, "w", encoding="utf-8") as file,
        VCDWriter(file, timescale="1 ns", date="") as writer,
    ):
        strobe = writer.register_var("circuit", "strobe", "wire", size=1, init=0)
        wires = {STROBE: strobe}
        for port in (*network.inputs, *network.outputs):
            for i, signal in enumerate(port.signals):
                name = f"{port.name}_{port.width - 1 - i}"
                wires.setdefault(signal, writer.register_var("circuit.ports", name, "wire", size=1, init=0))
        for k in range(network.neurons):
            signal = network.n_inputs + k
            level = f"circuit.level_{network.levels[k]:03d}"
            wires.setdefault(signal, writer.register_var(level, f"n{k}", "wire", size=1, init=0))
        for step, fired in enumerate(np.vstack([spikes, np.zeros((1, spikes.shape[1]), np.bool_)])):
            for signal, wire in wires.items():
                writer.change(wire, step * step_ns, int(fired[signal]))
    return target
