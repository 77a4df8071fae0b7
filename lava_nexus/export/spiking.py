"""Networks of integrate-and-fire neurons in integers, and files of networks that versions to come read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.files import DAMAGED, read_regular, reason, unpacked
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.neurons.serialisation import from_arrays
from lava_nexus.neurons.stored import KIND, VERSION, write_network
from lava_nexus.shown import Shown


@dataclass(frozen=True, eq=False, repr=False)
class SpikingNetwork(Shown):
    """IF neurons in integers: v = keep * v + sum of weights + bias; spike where v > threshold, v = reset then.

    Attributes:
        names: of the populations, the input first.
        sizes: int64 [populations].
        keep: int64 [populations]; 1 where the potential is kept, 0 where it is cleared.
        thresholds, resets, biases: for each population int64 [size]; of the input empty.
        edges: int64 [edges, 3]; source, target and delay, and for each its matrix in `weights`.
        weights: int64 [target size, source size] of each edge.
        output: index of the population whose spikes leave, and int64 [outputs] of its neurons.
        fraction_bits: a weight of 1 is 2 to this power.
    """

    names: tuple[str, ...]
    sizes: NDArray[np.int64]
    keep: NDArray[np.int64]
    thresholds: tuple[NDArray[np.int64], ...]
    resets: tuple[NDArray[np.int64], ...]
    biases: tuple[NDArray[np.int64], ...]
    edges: NDArray[np.int64]
    weights: tuple[NDArray[np.int64], ...]
    output: tuple[int, NDArray[np.int64]]
    fraction_bits: int

    def run(self, spikes: NDArray[Any]) -> NDArray[np.int8]:
        """int8 [steps, outputs] for spikes [steps, inputs].

        Raises:
            NexusError: the spikes have another width, or are other than 0 and 1.
        """
        given = np.asarray(spikes)
        if given.ndim != 2 or given.shape[1] != self.sizes[0]:
            raise NexusError(f"network takes spikes of shape (steps, {self.sizes[0]}), not {given.shape}")
        wrong = given[(given != 0) & (given != 1)]
        if wrong.size:
            raise NexusError(f"network takes spikes, 0 or 1, not {wrong[0]!s}")
        trains = [np.zeros((len(given), size), np.int64) for size in self.sizes]
        trains[0][:] = given != 0
        v = [np.zeros(size, np.int64) for size in self.sizes]
        for step in range(len(given)):
            drive = [bias.copy() for bias in self.biases]
            for (source, target, delay), matrix in zip(self.edges.tolist(), self.weights, strict=True):
                if step > delay:
                    drive[target] += matrix @ trains[source][step - 1 - delay]
            for one in range(1, len(self.sizes)):
                v[one] = self.keep[one] * v[one] + drive[one]
                fired = v[one] > self.thresholds[one]
                trains[one][step] = fired
                v[one] = np.where(fired, self.resets[one], v[one])
        population, chosen = self.output
        return trains[population][:, chosen].astype(np.int8)

    def _facts(self) -> tuple[str, dict[str, Any]]:
        synapses = sum(int(np.count_nonzero(matrix)) for matrix in self.weights)
        counts = {"neurons": int(self.sizes[1:].sum()), "synapses": synapses, "outputs": self.output[1].size}
        return f"{self.names[0]} [{self.sizes[0]}]", {**counts, "fraction bits": self.fraction_bits}

    def save(self, path: str | Path) -> Path:
        """Writes a file that `load_network` reads, of this version and of those to come."""
        return save_network(self, path)


def save_network(network: ThresholdNetwork | SpikingNetwork, path: str | Path) -> Path:
    """Writes a network as an npz file of plain arrays and JSON, sealed by its SHA-256, whole or not at all.

    Raises:
        NexusError: what is given is no network.
    """
    if isinstance(network, ThresholdNetwork):
        return network.save(path)
    if isinstance(network, SpikingNetwork):
        arrays = {"sizes": network.sizes, "keep": network.keep, "edges": network.edges, "chosen": network.output[1]}
        for name in ("thresholds", "resets", "biases", "weights"):
            arrays |= {f"{name}{i}": array for i, array in enumerate(getattr(network, name))}
        header: dict[str, Any] = {"network": "spiking", "names": list(network.names), "output": network.output[0]}
        return write_network(path, header | {"fraction_bits": network.fraction_bits}, arrays)
    raise NexusError(f"save_network takes a network, not {type(network).__name__}")


def load_network(path: str | Path) -> ThresholdNetwork | SpikingNetwork:
    """Reads what `save_network` wrote.

    Raises:
        NexusError: the file is missing, damaged, no network, or of a version that is not known yet.
    """
    try:
        header, arrays = unpacked(read_regular(Path(path)))
        if header.get("kind") != KIND:
            raise NexusError(f"file '{path}' holds no network")
        if header["version"] > VERSION:
            raise NexusError(f"file '{path}' is of version {header['version']}, this package reads up to {VERSION}")
        return from_arrays(arrays, header["metadata"]) if header["network"] == "threshold" else _spiking(header, arrays)
    except FileNotFoundError:
        raise NexusError(f"network '{path}' does not exist") from None
    except DAMAGED as error:
        raise NexusError(f"file '{path}' holds no network: {reason(error)}") from error


def _spiking(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> SpikingNetwork:
    populations, edges = len(header["names"]), len(arrays["edges"])
    of = {name: tuple(arrays[f"{name}{i}"] for i in range(populations)) for name in ("thresholds", "resets", "biases")}
    return SpikingNetwork(
        names=tuple(header["names"]),
        sizes=arrays["sizes"],
        keep=arrays["keep"],
        **of,
        edges=arrays["edges"],
        weights=tuple(arrays[f"weights{i}"] for i in range(edges)),
        output=(header["output"], arrays["chosen"]),
        fraction_bits=header["fraction_bits"],
    )
