"""A circuit as synchronous Verilog, and the spikes of a run as a VCD file (IEEE 1364 value change dump).

Verilog has a register a neuron, a clock edge a time step, shift registers for delays.

What can be exported is a circuit, or the bare network of one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip import Placement, ProgramPlacement
from lava_nexus.chip.machine import Machine
from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativeLayer, NativePart
from lava_nexus.errors import NexusError, needs_package
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.files import replacing
from lava_nexus.neurons import STROBE, ThresholdNetwork

Exported: TypeAlias = Circuit | ThresholdNetwork | Placement | ProgramPlacement


def network_of(subject: Circuit | ThresholdNetwork, what: str) -> ThresholdNetwork:
    """The neurons; raises NexusError, naming `what` is made, where the subject has none."""
    if isinstance(subject, ThresholdNetwork):
        return subject
    if isinstance(subject, Circuit):
        return subject.network
    raise _refused(subject, what, "a circuit or its network")


def neurons_of(subject: Exported, what: str) -> ThresholdNetwork | Machine:
    """The neurons, of what is placed those of the placement; raises NexusError as `network_of`."""
    if isinstance(subject, Placement):
        return subject.network
    if isinstance(subject, ProgramPlacement):
        if subject.machine is None:
            raise NexusError(f"placement of program '{subject.name}' holds no neurons that {what} could be made of")
        if subject.machine.machine.programs:
            raise NexusError(
                f"placement of program '{subject.name}' has native layers, whose neurons have equations of their own, "
                f"so that {what} cannot be made of it; write the circuits of a layer, `front` and `back`"
            )
        return subject.machine.machine
    return network_of(subject, what)


def circuit_of(subject: Circuit, what: str) -> Circuit:
    """The circuit; raises NexusError, naming `what` is made, where the subject is none."""
    if isinstance(subject, Circuit):
        return subject
    raise _refused(subject, what, "a circuit")


def _refused(subject: object, what: str, wanted: str) -> NexusError:
    if isinstance(subject, str):
        return NexusError(
            f"{what} is made of {wanted}, not of the name '{subject}': give lava_nexus.circuit('{subject}', a format)"
        )
    own = isinstance(subject, NativeLayer | NativePart)
    if hasattr(subject, "nodes"):
        return NexusError(f"{what} is made of {wanted}, or of a placed program: give lava_nexus.place(program)")
    native = ", whose neurons have equations of their own; `front` and `back` of a layer are circuits" if own else ""
    return NexusError(f"{what} is made of {wanted}, not of {type(subject).__name__}{native}")


_ZERO = "16'd0"


def to_verilog(subject: Circuit | Placement | ProgramPlacement) -> str:
    """A module of Verilog-2001, simulable and synthesisable.

    Ports: clk, strobe, a vector for every port of the circuit. Operands may change at every edge; the result stands
    `depth` edges later. Neuron k is the register n<k>: n<k> <= (sum of weight * source >= threshold); the source of a
    synapse of delay d is the source's shift register, d deep.

    Of a placed program `strobe` starts the sequencer, and the port `host` takes what `execute.machine_run.host_rows`
    has for each step, a clock edge a step.

    Raises:
        NexusError: what is given is no circuit and nothing placed.
    """
    if isinstance(subject, Placement | ProgramPlacement):
        network, label = neurons_of(subject, "a Verilog module"), _label(subject)
        about = f"{label}, as placed on {subject.chip.name}: {network.neurons} neurons"
    else:
        circuit = circuit_of(subject, "a Verilog module")
        network, label = circuit.network, circuit.label
        about = f"{label}, {circuit.basis} basis: {network.neurons} neurons, depth {circuit.depth}"
    names = _names(network)
    waits = _waits(network)
    ports = ["input clk", "input strobe"]
    ports += [f"input [{port.width - 1}:0] {port.name}" for port in network.inputs]
    ports += [f"output [{port.width - 1}:0] {port.name}" for port in network.outputs]
    lines = [
        f"// {about}",
        f"module {_identifier(label)} ({', '.join(ports)});",
    ]
    for signal, deepest in waits.items():
        lines.append(f"  reg [{deepest}:1] {_delayed(names[signal])};")
        later = names[signal] if deepest == 1 else f"{{{_delayed(names[signal])}[{deepest - 1}:1], {names[signal]}}}"
        lines.append(f"  always @(posedge clk) {_delayed(names[signal])} <= {later};")
    for k in range(network.neurons):
        lines.append(f"  reg n{k};")
    for k in range(network.neurons):
        lines.append(f"  always @(posedge clk) n{k} <= {_gate(network, names, k)};")
    for port in network.outputs:
        bits = ", ".join(names[signal] for signal in port.signals)
        lines.append(f"  assign {port.name} = {{{bits}}};")
    return "\n".join([*lines, "endmodule", ""])


def _label(placed: Placement | ProgramPlacement) -> str:
    return placed.label if isinstance(placed, Placement) else placed.name


def _names(network: ThresholdNetwork | Machine) -> dict[int, str]:
    names = {STROBE: "strobe"}
    for port in network.inputs:
        names |= {signal: f"{port.name}[{port.width - 1 - i}]" for i, signal in enumerate(port.signals)}
    return names | {network.n_inputs + k: f"n{k}" for k in range(network.neurons)}


def _waits(network: ThresholdNetwork | Machine) -> dict[int, int]:
    """Longest delay of each signal that has one."""
    longest = np.zeros(network.n_signals, np.int64)
    np.maximum.at(longest, network.sources, network.delays)
    return {int(signal): int(longest[signal]) for signal in np.flatnonzero(longest)}


def _gate(network: ThresholdNetwork | Machine, names: dict[int, str], k: int) -> str:
    """Sums of both signs are unsigned on their own side of the comparison: no signed arithmetic is needed."""
    part = slice(int(network.offsets[k]), int(network.offsets[k + 1]))
    left: list[str] = []
    right = [f"16'd{network.thresholds[k]}"]
    triples = zip(network.sources[part], network.weights[part], network.delays[part], strict=True)
    for source, weight, delay in triples:
        name = names[int(source)] if delay == 0 else f"{_delayed(names[int(source)])}[{delay}]"
        (left if weight > 0 else right).append(f"({name} ? 16'd{abs(int(weight))} : 16'd0)")
    return f"({' + '.join(left) or _ZERO} >= {' + '.join(right)})"


def _delayed(name: str) -> str:
    """The shift register of a signal: a[31] is kept in a_31_d."""
    return re.sub(r"\[(\d+)\]", r"_\1", name) + "_d"


def _identifier(label: str) -> str:
    return re.sub(r"\W+", "_", label).strip("_")


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
    needs_package("a VCD trace", "vcd")
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
