"""The beta scan by Lava's own LIF with its decay, against the membrane executor, spike for spike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.lab.configs.robustness import LavaSweep, RobustnessConfig
from lava_nexus.lab.figures.robustness import Series, accuracy_figure
from lava_nexus.lab.report import Report, Table
from lava_nexus.lab.robustness.cells import Cells
from lava_nexus.lab.robustness.circuits import equal_thresholds, logic_circuit
from lava_nexus.lab.robustness.measure import operands_of, sweep_report
from lava_nexus.neurons import NeuronModel

_NOTES = (
    "LIF: lava-nc's fixed-point LIF with DelaySparse, one operand set a time step, hard reset, never cleared; "
    "du = 4095, dv = decay, beta = (4096 - decay) / 4096.",
    "LIF has one threshold for all neurons of a population: each neuron's weights are scaled until all thresholds are "
    "equal, which changes no margin in terms of the threshold.",
    "Different spikes: of all neurons and sets, between LIF and the membrane executor of the same model.",
)


def run_lava_sweep(config: RobustnessConfig, out: Path) -> Report:
    """Runs every circuit at every leak on Lava and on the membrane executor; the figure goes to `out`.

    Raises:
        NexusError: a circuit does not fit LIF, or Lava failed.
    """
    from lava_nexus.execute.lava.lif import leaky_model

    sweep = config.sweep
    assert isinstance(sweep, LavaSweep)
    todo = [(name, leaky_model(beta)) for name in sweep.logic for beta in sweep.betas]
    of = (sweep.sets, config.seed)
    cells = [
        (["lava", logic_circuit(name, sweep.basis).digest, repr(model), *of], (name, model)) for name, model in todo
    ]
    found = Cells(out / "cells", config.cluster).measured(
        _cell, (config, sweep), cells, lambda cell: f"{cell[0]}, beta {cell[1].beta:g}"
    )
    records = [{"circuit": name, **values} for (name, _), values in zip(todo, found, strict=True)]
    return _report(config, sweep, records, out)


def _cell(shared: tuple[RobustnessConfig, LavaSweep], cell: tuple[str, NeuronModel]) -> dict[str, Any]:
    from lava_nexus.execute.lava import spike_trains

    (config, sweep), (name, model) = shared, cell
    plain = logic_circuit(name, sweep.basis)
    made = equal_thresholds(plain)
    operands = operands_of(plain, sweep.sets, config.seed)
    lif = spike_trains(made, operands, "lif", timeout=sweep.timeout_seconds, model=model)
    ours = MembraneExecutor(model, "streaming").membranes(made, operands).spikes
    bits = lif[:, list(made.output.signals)]
    answers = (bits << np.arange(bits.shape[1] - 1, -1, -1)).sum(axis=1)
    neurons = slice(made.network.n_inputs, None)
    return {
        "neurons": made.neurons,
        "beta": model.beta,
        "decay": round(4096 * (1 - model.beta)),
        "sets": sweep.sets,
        "accuracy": float((answers == plain.golden(*operands)).mean()),
        "spikes": int(lif[:, neurons].sum()),
        "different_spikes": int((lif != ours)[:, neurons].sum()),
    }


def _report(config: RobustnessConfig, sweep: LavaSweep, records: list[dict[str, Any]], out: Path) -> Report:
    different = sum(record["different_spikes"] for record in records)
    spikes = sum(record["spikes"] for record in records)
    finding = f"{different} of {spikes:,} spikes of LIF differ from those of the membrane executor."
    series = [
        Series(name, [(r["beta"], r["accuracy"], 0.0) for r in records if r["circuit"] == name]) for name in sweep.logic
    ]
    figure = accuracy_figure([("hard reset", series)], 1, config.title, "leak beta, streaming", out / "lava.png")
    shown = [
        [*list(r.values())[:5], f"{100 * r['accuracy']:.1f} %", r["spikes"], r["different_spikes"]] for r in records
    ]
    header = ("circuit", "neurons", "beta", "decay", "sets", "right", "spikes", "different spikes")
    return sweep_report(
        config,
        records,
        lead=[f"{sweep.basis} basis, level: LIF.", finding],
        levels=[("all circuits", "LIF")],
        figures=[(figure.name, config.title)],
        tables=[Table("", header, shown, None)],
        notes=_NOTES,
    )
