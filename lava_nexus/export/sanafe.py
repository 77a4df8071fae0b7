"""A placed circuit for SANA-FE, a simulator of energy and time of neuromorphic chips, and what it says of it.

The file holds a network of SANA-FE's Loihi: inputs with their spike trains, neurons as its `loihi_lif` without leak
(v is 0 at the start of every step, a spike where the sum is above T - 1/2), synapses, and the core of each neuron. Its
plain dendrites have no delays, so that the placement must have none: relays carry what waits. Inputs stand on a core of
their own, the first that no neuron is on, and cost what SANA-FE charges for their messages and synapses.
Source: SANA-FE 2.2.9 (PyPI `sanafe`, the extra of that name), whose architecture file for Loihi comes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.placement import Placement
from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError, brief
from lava_nexus.execute.operands import checked_operands
from lava_nexus.files import write_text
from lava_nexus.formats import patterns_to_spikes

INPUTS, NEURONS = "inputs", "neurons"
_MOST_ON_CORE = 1024
MISSING = "SANA-FE is not installed (package `sanafe`, Python 3.10 or later): pip install 'lava-nexus[sanafe]'"


def write_sanafe(placement: Placement, operands: Sequence[NDArray[Any]], path: str | Path) -> Path:
    """Writes the YAML file that `sanafe.load_net` reads, whole or not at all; returns the path.

    Args:
        placement: a circuit's, with no delays.
        operands: patterns [sets] of each input port, one set a step from the first one on.
        path: of the file.

    Raises:
        NexusError: it is no circuit's placement, has delays, or does not fit SANA-FE's Loihi; operands that are not
            patterns of the circuit's ports.
    """
    if not isinstance(placement, Placement):
        raise NexusError(
            f"write_sanafe takes what lava_nexus.place(circuit, max_delay=0) gives, not {brief(repr(placement))}"
        )
    network, target = placement.network, Path(path)
    if network.delays.any():
        raise NexusError(
            f"placement of '{placement.label}' has synaptic delays up to {int(network.delays.max())}, which SANA-FE's "
            "Loihi has not; place it with max_delay=0, so that relays carry what waits"
        )
    mesh, cores = placement.chip.mesh, len(placement.places)
    fullest = int(np.bincount(placement.assignment).max())
    if placement.chips > 1 or cores >= mesh.cores or max(fullest, network.n_inputs) > _MOST_ON_CORE:
        raise NexusError(
            f"placement of '{placement.label}' on {cores} cores of {placement.chips} chips, {fullest} neurons on the "
            f"fullest, does not fit SANA-FE's Loihi: one chip, {mesh.cores - 1} cores, {_MOST_ON_CORE} neurons each"
        )
    tiles = {(x, y): x * mesh.rows + y for x in range(mesh.columns) for y in range(mesh.rows)}
    names = [f"{tiles[x, y]}.{slot}" for _, x, y, slot in placement.places.tolist()]
    every = (f"{tile}.{slot}" for tile in tiles.values() for slot in range(mesh.cores_per_router))
    spare = next(name for name in every if name not in names)
    name_of = [f"{INPUTS}.{i}" for i in range(network.n_inputs)] + [f"{NEURONS}.{k}" for k in range(network.neurons)]
    lines = ["network:", f"  name: {placement.label.replace(' ', '_')}", "  groups:", f"    - name: {INPUTS}"]
    lines += ["      attributes: [log_spikes: true]", "      neurons:"]
    lines += [f"        - {i}: [spikes: {row}]" for i, row in enumerate(_trains(placement, operands))]
    lines += [f"    - name: {NEURONS}", "      attributes: [log_spikes: true]", "      neurons:"]
    soma = "leak_decay: 0.0, input_decay: 0.0, reset_mode: hard, reset: 0.0"
    lines += [f"        - {k}: [threshold: {t - 0.5}, {soma}]" for k, t in enumerate(network.thresholds.tolist())]
    lines.append("  edges:")
    synapses = zip(network.sources.tolist(), network.targets.tolist(), network.weights.tolist(), strict=True)
    lines += [f"    - {name_of[s]} -> {NEURONS}.{t}: [weight: {w}]" for s, t, w in synapses]
    lines.append("mappings:")
    unit = '"loihi_inputs[{}]"'
    lines += [f"  - {INPUTS}.{i}: [core: {spare}, soma: {unit.format(i)}]" for i in range(network.n_inputs)]
    where = placement.assignment.tolist()
    lines += [f"  - {NEURONS}.{k}: [core: {names[core]}, soma: loihi_lif]" for k, core in enumerate(where)]
    write_text(target, "\n".join([*lines, ""]))
    return target


def _trains(placement: Placement, operands: Sequence[NDArray[Any]]) -> list[list[int]]:
    """Spikes of the strobe and of each input bit, set by set."""
    network = placement.network
    golden: Any = None  # of a placement that was read back
    made = placement.circuit or Circuit(placement.label, "threshold", network, golden)
    checked = checked_operands(made, operands)
    bits = [patterns_to_spikes(x, port.width) for x, port in zip(checked.whole, network.inputs, strict=True)]
    strobe = np.ones((checked.sets, 1), np.int64)
    return [[int(spike) for spike in column] for column in np.hstack([strobe, *bits]).T]


@dataclass(frozen=True)
class SanafeRun:
    """What SANA-FE says of a run.

    Attributes:
        spikes: bool [steps, signals]; row t holds what fired in step t, inputs first.
        joules: by share: synapse, soma, network.
        seconds: of the run.
        synops, messages, hops: counted; a spike is a message for each core that it reaches.
        busy: seconds of each step.
    """

    spikes: NDArray[np.bool_]
    joules: dict[str, float]
    seconds: float
    synops: int
    messages: int
    hops: int
    busy: NDArray[np.float64]


def sanafe_installed() -> bool:
    """Whether SANA-FE can be imported."""
    try:
        import sanafe  # noqa: F401
    except ImportError:
        return False
    return True


def run_sanafe(path: str | Path, placement: Placement, steps: int) -> SanafeRun:
    """Simulates a file that `write_sanafe` made of the placement, on SANA-FE's own Loihi.

    Raises:
        NexusError: SANA-FE is not installed, or refuses the file.
    """
    if not sanafe_installed():
        raise NexusError(MISSING)
    import sanafe

    try:
        chip_of = sanafe.load_arch(str(Path(sanafe.__file__).parent / "examples" / "loihi.yaml"))
        chip = sanafe.SpikingChip(chip_of)
        chip.load(sanafe.load_net(str(path), chip_of))
        found = chip.sim(steps, processing_threads=1, spike_trace=True, perf_trace=True)
    except (RuntimeError, ValueError) as error:
        raise NexusError(f"SANA-FE refuses '{path}': {error}") from error
    first = {INPUTS: 0, NEURONS: placement.network.n_inputs}
    spikes = np.zeros((steps, placement.network.n_signals), np.bool_)
    for row, fired in zip(spikes, found["spike_trace"], strict=True):
        row[[first[one.group_name] + one.neuron_offset for one in fired]] = True
    joules = {share: float(found["energy"][share]) for share in ("synapse", "soma", "network")}
    trace, hops = found["perf_trace"], int(sum(found["perf_trace"]["hops"]))
    counts = int(found["spikes"]), int(found["packets_sent"]), hops
    return SanafeRun(spikes, joules, float(found["sim_time"]), *counts, np.asarray(trace["sim_time"], np.float64))
