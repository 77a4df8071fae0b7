"""Joules and seconds of a placed circuit beside SANA-FE's, each difference explained until nothing is left.

What SANA-FE charges its Loihi with (2.2.9, architecture file):

    joules  = 35.5 pJ a SynOp + 51.2 pJ a neuron and step + 21.6 pJ an update + 69.3 pJ a spike + 111 pJ a message
              + hops
    seconds = sum over steps of the busiest core's neurons, updates, spikes and messages + waiting + synchronisation

An update is charged where a neuron received a spike, fired, or kept a potential that its leak is about to clear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

from lava_nexus import files
from lava_nexus.chip.description import load_chip
from lava_nexus.chip.place import place_circuit
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.timing import Interconnect, Span, load_timing
from lava_nexus.circuits import Circuit
from lava_nexus.energy import energy_of
from lava_nexus.errors import NexusError
from lava_nexus.execute.membrane.executor import MembraneExecutor, measured_spikes
from lava_nexus.export.sanafe import SanafeRun, run_sanafe, sanafe_installed, write_sanafe
from lava_nexus.export.verilog import streamed_spikes
from lava_nexus.lab.markdown import markdown
from lava_nexus.lab.pages import filled, read_report
from lava_nexus.lab.report import Table
from lava_nexus.neurons import ThresholdNetwork

MODEL = "sanafe_loihi"
JOULES, SECONDS = "sanafe_joules.csv", "sanafe_seconds.csv"
_PJ = {"access": 51.2, "update": 21.6, "message": 111.0}
_NS = {"access": 6.0, "update": 3.7, "spike": 30.0, "message": 5.1}


@dataclass(frozen=True)
class Streamed:
    """What a streamed run of a placed circuit does, in exact integers.

    Attributes:
        spikes: bool [steps, signals].
        received, kept: bool [steps, neurons]; a spike arrived; the step before left a potential and no spike.
    """

    spikes: NDArray[np.bool_]
    received: NDArray[np.bool_]
    kept: NDArray[np.bool_]

    @classmethod
    def of(cls, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> Streamed:
        """A set a step, until the last result has left; the circuit has no delays."""
        network, spikes = circuit.network, streamed_spikes(circuit, operands)
        shape, places = (network.neurons, network.n_signals), (network.targets, network.sources)
        sums, arrived = (
            (csr_matrix((values, places), shape=shape) @ spikes[:-1].T.astype(np.int64)).T
            for values in (network.weights.astype(np.int64), np.ones(network.synapses, np.int64))
        )
        none = np.zeros((1, network.neurons), np.int64)
        left = np.vstack([none, sums]) * ~spikes[:, network.n_inputs :]
        return cls(spikes, np.vstack([none, arrived]) > 0, np.vstack([none, left[:-1]]) != 0)

    def fired(self, neurons: int) -> NDArray[np.bool_]:
        """bool [steps, neurons]."""
        return self.spikes[:, self.spikes.shape[1] - neurons :]


def exported(circuit: Circuit, operands: Sequence[NDArray[Any]], path: Path) -> tuple[ThresholdNetwork, list[Table]]:
    """Places a circuit with relays for all delays and writes its file; its network, and tables where SANA-FE is there.

    Raises:
        NexusError: it does not fit SANA-FE's Loihi, or a spike differs.
    """
    placement = place_circuit(circuit, load_chip(), measured_spikes, max_delay=0)
    write_sanafe(placement, operands, path)
    return placement.network, compared(circuit, placement, operands, path) if sanafe_installed() else []


def compared(circuit: Circuit, placement: Placement, operands: Sequence[NDArray[Any]], path: Path) -> list[Table]:
    """Tables of joules and of seconds of a file that `write_sanafe` made.

    Raises:
        NexusError: a spike differs, or SANA-FE is not there.
    """
    placed = placement.as_placed(circuit)
    did = Streamed.of(placed, operands)
    theirs = run_sanafe(path, placement, len(did.spikes))
    differ = int((did.spikes != theirs.spikes).sum())
    if differ:
        raise NexusError(
            f"SANA-FE's run of '{circuit.label}' differs from ours in {differ} of {did.spikes.size} spikes"
        )
    return [_joules(placed, placement, operands, did, theirs), _seconds(placement, did, theirs)]


_WHY = {
    "filling": "SANA-FE runs until the last result has left; ours prices a full pipeline and charges this apart",
    "left": "SANA-FE updates a neuron whose last sum its leak clears; ours counts one that received or fired",
    "messages": "SANA-FE sends one for each core that a spike reaches, inputs' too, none of outputs; ours one a spike",
    "ways": "SANA-FE charges hops of inputs too, 4.2 pJ north-south instead of 4.0, nothing within a tile",
    "synops": "SANA-FE's core adds them while it updates neurons",
    "idle": "ours takes every neuron as updated",
    "spikes": "a soma that fires takes SANA-FE 30 ns more; the high end of ours has it",
    "queue": "messages that wait for one another, and the barrier of more than one tile",
}


def _joules(
    placed: Circuit, placement: Placement, operands: Sequence[NDArray[Any]], did: Streamed, theirs: SanafeRun
) -> Table:
    sets, neurons, steps = len(operands[0]), placement.network.neurons, len(did.spikes)
    runner = MembraneExecutor()
    runner.invoke(placed, operands)
    ours = energy_of(runner, MODEL, placement=placement, inputs=1)
    fired = did.fired(neurons)
    active, updated = int((did.received | fired).sum()), int((did.received | fired | did.kept).sum())
    more = theirs.messages - int(fired.sum())
    hops = theirs.joules["network"] - theirs.messages * _PJ["message"] * 1e-12
    rows = [
        (
            f"ours: machine, {sets} sets streamed, without static power",
            f"energy model {MODEL}",
            ours.joules - ours.static,
        ),
        (f"filling, {steps - sets} steps", _WHY["filling"], (steps - sets) * neurons * _PJ["access"] * 1e-12),
        (f"potentials left, {updated - active:,} updates", _WHY["left"], (updated - active) * _PJ["update"] * 1e-12),
        (f"{more:+,} messages", _WHY["messages"], more * _PJ["message"] * 1e-12),
        (f"ways, {theirs.hops:,} hops", _WHY["ways"], hops - ours.routing),
    ]
    text = (
        f"All {did.spikes.size:,} spikes and silences of {did.spikes.shape[1]:,} signals in {steps} steps are equal, "
        "one by one."
    )
    return _ledger("Joules", rows, sum(theirs.joules.values()), "nJ", (JOULES, text))


def _seconds(placement: Placement, did: Streamed, theirs: SanafeRun) -> Table:
    steps, timing = len(did.spikes), load_timing(MODEL)
    tiles = len(np.unique(placement.places[:, :3], axis=0))
    step = timing.step(placement.loads, Interconnect(tiles, placement.chip.mesh.routers, Span.of(0.0))).value
    fired = did.fired(placement.network.neurons)
    updated = (did.received | fired | did.kept).sum(axis=0)
    cores = [placement.assignment == core for core in range(len(placement.places))]
    busy = int(np.argmax([fired[:, members].sum() for members in cores]))
    mine, spikes = cores[busy], fired.sum(axis=0)
    idle = int(mine.sum()) * steps - int(updated[mine].sum())
    synops = placement.synops_per_set[busy] * timing.synaptic_op_ns.value * steps
    sent = float((spikes * _reached(placement))[mine].sum())
    rows = [
        (f"ours: {steps} steps of a full pipeline", f"timing {MODEL}", 1e-9 * step * steps),
        ("SynOps", _WHY["synops"], -1e-9 * synops),
        (f"{idle:,} idle updates", _WHY["idle"], -1e-9 * _NS["update"] * idle),
        (f"{int(spikes[mine].sum()):,} spikes", _WHY["spikes"], 1e-9 * _NS["spike"] * int(spikes[mine].sum())),
        (f"{sent:,.0f} messages", "5.1 ns each at their source", 1e-9 * _NS["message"] * sent),
    ]
    return _ledger(
        "Seconds", rows, theirs.seconds, "us", (SECONDS, _WHY["queue"].capitalize() + ", are not explained.")
    )


def _ledger(
    what: str, rows: Sequence[tuple[str, str, float]], theirs: float, unit: str, file: tuple[str, str]
) -> Table:
    """From ours to SANA-FE's, and what is left over."""
    factor, left = {"nJ": 1e9, "us": 1e6}[unit], theirs - sum(row[2] for row in rows)
    whole = [*rows, ("not explained", "", left), ("SANA-FE", "2.2.9, its Loihi", theirs)]
    shown = [(name, why, round(factor * value, 6)) for name, why, value in whole]
    return Table(f"{what} beside SANA-FE", ("", "why", unit), shown, *file)


def _reached(placement: Placement) -> NDArray[np.int64]:
    """int64 [neurons]: cores that a spike of each reaches, its own included."""
    network = placement.network
    pairs = np.unique(network.sources.astype(np.int64) * len(placement.places) + placement.assignment[network.targets])
    counts = np.bincount(pairs // len(placement.places), minlength=network.n_signals)
    return np.asarray(counts[network.n_inputs :])


def update_sanafe(results: Path, root: Path) -> None:
    """Takes the tables of an export's run into docs/comparisons.md.

    Raises:
        NexusError: the run was a quick one, or the marks are not there.
    """
    report = read_report(results / "report.json")
    if report["config"]["quick"]:
        raise NexusError(f"'{results}' holds a quick run, which is no result: run it whole")
    tables = [table for table in report["tables"] if table["file"] in (JOULES, SECONDS)]
    parts = [markdown(table["header"], table["rows"]).strip() for table in tables]
    page = root / "docs" / "comparisons.md"
    files.write_text(page, filled(page.read_text(encoding="utf-8"), "sanafe", lambda: "\n\n".join(parts), str(page)))
