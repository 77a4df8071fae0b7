"""Seconds and memory that placing a network takes, from ten thousand neurons to a million: trees of FP32 products.

Usage: python benchmarks/mapping.py [--quick]
"""

from __future__ import annotations

import argparse
import resource
import time
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.checker import check_placement
from lava_nexus.chip.description import load_chip
from lava_nexus.chip.mesh import core_links, place_parts
from lava_nexus.chip.partition import contiguous, neurons_to_cores, spike_hypergraph
from lava_nexus.chip.placement import Placement
from lava_nexus.circuits import Circuit, circuit
from lava_nexus.cli import run_guarded
from lava_nexus.execute.membrane.executor import measured_spikes
from lava_nexus.formats import FLOAT32
from lava_nexus.neurons import Port, ThresholdNetwork, check
from lava_nexus.progress import say, track

DELAY, SETS = 2, 256


class Tree:
    """x0 w0 + x1 w1 + ..., pairwise as long as words come in pairs; circuits are copied level by level."""

    def __init__(self, products: int) -> None:
        self.multiply = circuit("mul", FLOAT32, max_delay=DELAY)
        self.add = circuit("add", FLOAT32, max_delay=DELAY)
        self.first = 1 + 64 * products
        self.neurons = 0
        self.level, self.strobe = 0, 0
        self.sources: list[NDArray[np.int64]] = []
        self.parts: dict[str, list[NDArray[Any]]] = {n: [] for n in ("weights", "thresholds", "levels", "sizes")}
        self.relay: list[NDArray[np.bool_]] = []
        self.spikes: list[NDArray[np.int64]] = [np.full(self.first, SETS)]
        inputs = [np.arange(1 + 32 * i, 33 + 32 * i) for i in range(2 * products)]
        words = self._level(self.multiply, inputs)
        while len(words) % 2 == 0:
            words = self._level(self.add, words)
        self.inputs = tuple(Port(f"x{i}", tuple(map(int, bits)), FLOAT32) for i, bits in enumerate(inputs))
        self.out = tuple(Port(f"y{i}", tuple(map(int, bits)), FLOAT32) for i, bits in enumerate(words))

    def _level(self, one: Circuit, words: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
        """Copies of a circuit side by side, each on two words; their results."""
        network, counts = one.network, measured_spikes(one, SETS)
        results = []
        for left, right in zip(words[::2], words[1::2], strict=True):
            base = self.first + self.neurons
            names = np.arange(network.n_signals) + base - network.n_inputs
            names[0] = self.strobe
            for port, word in zip(network.inputs, (left, right), strict=True):
                names[list(port.signals)] = word
            self._append(network, names[network.sources], counts[network.n_inputs :])
            results.append(names[list(network.outputs[0].signals)])
        self.level += network.depth
        self._relay_strobe(network.depth)
        return results

    def _append(self, network: ThresholdNetwork, sources: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        self.sources.append(sources)
        self.parts["weights"].append(network.weights)
        self.parts["thresholds"].append(network.thresholds)
        self.parts["levels"].append(network.levels + self.level)
        self.parts["sizes"].append(np.diff(network.offsets))
        self.relay.append(network.relay)
        self.spikes.append(counts)
        self.neurons += network.neurons

    def _relay_strobe(self, depth: int) -> None:
        """The strobe at the new level, over relays."""
        levels = [*range(self.level - depth + DELAY + 1, self.level, DELAY + 1), self.level]
        for level in levels:
            self.sources.append(np.array([self.strobe]))
            for name, value in (("weights", 1), ("thresholds", 1), ("levels", level), ("sizes", 1)):
                self.parts[name].append(np.array([value]))
            self.relay.append(np.array([True]))
            self.spikes.append(np.array([SETS]))
            self.strobe = self.first + self.neurons
            self.neurons += 1

    def network(self) -> ThresholdNetwork:
        """All of it."""
        arrays = {name: np.concatenate(parts) for name, parts in self.parts.items()}
        return ThresholdNetwork(
            inputs=self.inputs,
            outputs=self.out,
            offsets=np.concatenate([[0], np.cumsum(arrays["sizes"])]).astype(np.int64),
            sources=np.concatenate(self.sources).astype(np.int32),
            weights=arrays["weights"].astype(np.int32),
            thresholds=arrays["thresholds"].astype(np.int32),
            levels=arrays["levels"].astype(np.int32),
            relay=np.concatenate(self.relay),
            max_delay=DELAY,
        )


def main(sizes: list[int]) -> None:
    """Prints the table; peak memory is that of the process so far."""
    titles = ["products", "neurons", "synapses", "cores", "chips", "messages / contiguous"]
    titles += ["partition s", "of it CPU s", "mesh s", "check s", "peak GB"]
    say("| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
    chip = load_chip()
    for products in track(sizes, f"trees of {', '.join(map(str, sizes))} products", "trees"):
        tree = Tree(products)
        network, spikes = tree.network(), np.concatenate(tree.spikes)
        check(network)
        groups = np.zeros(network.neurons, np.int64)
        marks = [time.perf_counter()]
        cpu = time.process_time()
        assignment = neurons_to_cores(network, spikes, groups, chip)
        cpu = time.process_time() - cpu
        marks.append(time.perf_counter())
        places = place_parts(core_links(network, assignment, spikes), int(assignment.max()) + 1, chip)
        marks.append(time.perf_counter())
        placed = Placement("tree", network, chip, assignment, places, groups, spikes, SETS, 0)
        check_placement(placed)
        marks.append(time.perf_counter())
        graph = spike_hypergraph(network, spikes)
        share = graph.cost(assignment) / graph.cost(contiguous(network, groups, chip))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        took = [b - a for a, b in pairwise(marks)]
        say(
            f"| {products} | {network.neurons:,} | {network.synapses:,} | {len(places)} | {placed.chips} | {share:.2f} "
            f"| {took[0]:.1f} | {cpu:.1f} | {took[1]:.1f} | {took[2]:.1f} | {peak:.2f} |"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="ten thousand neurons only")
    sizes = [2] if parser.parse_args().quick else [2, 20, 192]
    run_guarded(lambda: main(sizes))
