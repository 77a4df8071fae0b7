"""What a multiply-accumulate costs in the chip's own synapses, by part and format, beside gates.

A linear layer of `--size` inputs and outputs, weights from N(0, 1 / size), activations from N(0, 1). Energy is work:
SynOps and neuron updates, of gates one an operand set, of neurons with states one a step of the layer's window; nothing
is placed, so that moving spikes and static power are not in it. Gates: a rounded multiply and a rounded add a term.

Usage: python benchmarks/native.py [--size 256] [--rows 64] [--model NAME] [--formats float32 bfloat16 ...]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.energy import EnergyModel, energy_of, load_energy_model
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.native.costs import ROUNDING, SYNAPSES, Cost, layer_costs, limb_synops, total
from lava_nexus.execute.native.layer import native_sums
from lava_nexus.execute.run import run
from lava_nexus.formats import FORMATS, FloatFormat
from lava_nexus.populations.native.limbs import Limbs
from lava_nexus.programs import Program, Writer

PARTS = ("front end", SYNAPSES, "accumulators", "special values", "back end", ROUNDING)
GATES = 16  # inputs and outputs of the layer that gates are counted on


def layer_of(fmt: FloatFormat, size: int, rng: np.random.Generator) -> NativeLayer:
    """A square layer of weights from N(0, 1 / size)."""
    weights = (rng.standard_normal((size, size)) / np.sqrt(size)).astype(fmt.dtype)
    return NativeLayer(Limbs(fmt, fmt, fmt, fmt.to_patterns(weights), "layer"))


def picojoules(cost: Cost, model: EnergyModel, macs: int) -> float:
    """Work a multiply-accumulate."""
    idle = cost.updates - cost.active
    events = (("synaptic_op", cost.synops), ("neuron_update_active", cost.active), ("neuron_update_inactive", idle))
    return 1e12 * sum(count * model.joules(name) for name, count in events) / macs


def by_gates(fmt: FloatFormat, model: EnergyModel, rng: np.random.Generator) -> tuple[float, int]:
    """(picojoules a multiply-accumulate; steps of a sum of as many terms as the small layer has)."""
    program = Program("gates")
    w = Writer(program, fmt).inside("layer")
    x = program.input("x", (GATES, GATES), fmt)
    program.outputs["y"] = w.contract(x, w.constant(rng.standard_normal((GATES, GATES)) / np.sqrt(GATES)))
    given = fmt.to_patterns(rng.standard_normal((1, GATES, GATES)).astype(fmt.dtype))
    result = run(program, {"x": given}, executor=BitslicedExecutor(count="activity"))
    report = energy_of(result.tallies, model)
    assert report is not None
    return 1e12 * report.joules / GATES**3, program.depth


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--model", default="loihi1_pre_silicon")
    parser.add_argument("--formats", nargs="+", default=[name for name in FORMATS if name != "float64"])
    given = parser.parse_args()
    model, macs = load_energy_model(given.model), given.rows * given.size**2
    heads = ("format", "SynOps a MAC", *(f"{part}, pJ" for part in PARTS), "all, pJ a MAC", "groups", "window", "steps")
    heads += ("gates, pJ a MAC", "gates, steps", "M MAC a processor second")
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for name in given.formats:
        fmt, rng = FORMATS[name], np.random.default_rng(0)
        layer = layer_of(fmt, given.size, rng)
        rows = fmt.to_patterns(rng.standard_normal((given.rows, given.size)).astype(fmt.dtype))
        costs = layer_costs(layer, rows, BitslicedExecutor(count="activity"))
        executor = BitslicedExecutor(threads=1)
        native_sums(layer, rows, executor)
        start = time.process_time()
        native_sums(layer, rows, executor)
        speed = macs / (time.process_time() - start) / 1e6
        gates, steps = by_gates(fmt, model, rng)
        cells = [name, f"{limb_synops(layer, costs, given.rows):.2f}"]
        cells += [f"{picojoules(costs[part], model, macs):.1f}" for part in PARTS]
        cells += [f"{picojoules(total(costs), model, macs):.1f}", str(len(layer.limbs.groups))]
        cells += [str(layer.network.window), str(layer.depth), f"{gates:,.0f}", f"{steps * given.size // GATES:,}"]
        print("| " + " | ".join([*cells, f"{speed:.0f}"]) + " |", flush=True)


if __name__ == "__main__":
    main()
