"""Networks of others, read exactly: NIR graphs of IF, LIF, CubaLIF or Threshold nodes and Linear, Affine or Delay ones.

NIR's equations are of continuous time. In steps of dt, by the forward Euler rule that its tools use:

    IF       v += dt r I                            LIF      v += dt / tau (v_leak - v + r I)
    CubaLIF  I += dt / tau_syn (w_in S - I), v as LIF        spike where v > v_threshold, v = v_reset then

A potential that keeps a fraction of itself needs more bits with every step, so that no integer holds it for ever. Exact
are neurons that keep all of it (IF) or nothing (tau = dt), with weights that are multiples of a power of two. Those are
taken as integers of at most 2^53, which float64 holds; all else is refused. A neuron answers one step after its input,
a Delay counts steps of dt more.
Source: Pedersen et al., 2024, Nature Communications 15, 8122; package nir.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError, needs_package
from lava_nexus.execute.operands import seconds
from lava_nexus.export.spiking import SpikingNetwork
from lava_nexus.files import reason

_FRACTION_BITS = 24
_LARGEST, _LATEST = 1 << 53, 1 << 16
_NEURONS = ("IF", "LIF", "CubaLIF", "Threshold")


def read_nir(source: Any, dt: float = 1.0) -> SpikingNetwork:
    """A NIR graph, or the file of one, as a network of integers.

    Args:
        source: a `nir.NIRGraph`, or the path of its HDF5 file.
        dt: length of a time step, in the unit of the graph's time constants and delays.

    Raises:
        NexusError: a node that is not known, or whose numbers no integer holds for ever; a step that is no time.
    """
    dt = seconds("time step dt of a NIR graph", dt)
    needs_package("a NIR graph", "nir")
    import nir

    if isinstance(source, str | Path):
        if not Path(source).is_file():
            raise NexusError(f"NIR file '{source}' does not exist")
        try:
            source = nir.read(source)
        except Exception as error:
            raise NexusError(f"file '{source}' holds no NIR graph: {reason(error)}") from error
    if not isinstance(source, nir.NIRGraph):
        raise NexusError(f"read_nir takes a NIR graph or its file, not {type(source).__name__}")
    return _Reader(source.nodes, source.edges, dt).network()


class _Reader:
    """Follows the edges back from each neuron to what feeds it."""

    def __init__(self, nodes: Mapping[str, Any], edges: list[tuple[str, str]], dt: float) -> None:
        self.nodes, self.dt = nodes, dt
        self.into: dict[str, list[str]] = {name: [a for a, b in edges if b == name] for name in nodes}
        self.kind = {name: type(node).__name__ for name, node in nodes.items()}
        for name, kind in self.kind.items():
            if kind not in (*_NEURONS, "Input", "Output", "Linear", "Affine", "Delay"):
                raise NexusError(f"NIR node '{name}' is of kind {kind}, which is not read")
        ends = [[n for n, k in self.kind.items() if k == kind] for kind in ("Input", "Output")]
        if [len(found) for found in ends] != [1, 1]:
            raise NexusError(f"NIR graph has {len(ends[0])} inputs and {len(ends[1])} outputs, one of each is read")
        self.input, self.last = ends[0][0], ends[1][0]

    def network(self) -> SpikingNetwork:
        names = [self.input, *(n for n, k in self.kind.items() if k in _NEURONS)]
        sizes = [int(np.prod(self.nodes[self.input].input_type["input"]))]
        keeps, limits, resets, gains, leaks = [0], [np.zeros(0)], [np.zeros(0)], [np.ones(0)], [np.zeros(0)]
        for name in names[1:]:
            keep, gain, leak, limit, reset = self._neuron(name)
            found = np.broadcast_arrays(gain, leak, limit, reset)
            sizes.append(found[0].size)
            keeps.append(keep)
            for into, array in zip((gains, leaks, limits, resets), found, strict=True):
                into.append(np.asarray(array, float).ravel())
        ways, biases = [], [np.zeros(0)]
        for target, name in enumerate(names[1:], 1):
            bias = np.zeros(sizes[target])
            for source in self.into[name]:
                paths, offset = self._back(source, names, sizes)
                bias = bias + offset
                for (origin, delay), matrix in paths.items():
                    ways.append((origin, target, delay, gains[target][:, None] * matrix))
            biases.append(gains[target] * bias + leaks[target])
        bits = self._bits(names, [*(m for *_, m in ways), *biases, *resets])
        unit = float(1 << bits)
        for held in (*limits, *biases, *resets, *(m for *_, m in ways)):
            self._check_range(held, unit)
        return SpikingNetwork(
            names=tuple(names),
            sizes=np.array(sizes, np.int64),
            keep=np.array(keeps, np.int64),
            thresholds=tuple(np.floor(limit * unit).astype(np.int64) for limit in limits),
            resets=tuple((reset * unit).astype(np.int64) for reset in resets),
            biases=tuple((bias * unit).astype(np.int64) for bias in biases),
            edges=np.array([w[:3] for w in ways], np.int64).reshape(-1, 3),
            weights=tuple((w[3] * unit).astype(np.int64) for w in ways),
            output=self._output(names, sizes),
            fraction_bits=bits,
        )

    def _neuron(self, name: str) -> tuple[int, Any, Any, Any, Any]:
        """Whether it keeps its potential, gain of its input, what leaks in, threshold and reset."""
        node, kind = self.nodes[name], self.kind[name]
        if kind == "Threshold":
            return 0, 1.0, 0.0, node.threshold, 0.0
        reset = 0.0 if node.v_reset is None else node.v_reset
        if kind == "IF":
            return 1, self.dt * node.r, 0.0, node.v_threshold, reset
        taus = {"tau": node.tau} if kind == "LIF" else {"tau_syn": node.tau_syn, "tau_mem": node.tau_mem}
        for what, tau in taus.items():
            wrong = np.atleast_1d(tau)[np.atleast_1d(tau) != self.dt]
            if wrong.size:
                raise NexusError(
                    f"NIR node '{name}' has {what} {wrong[0]:g} with a step of {self.dt:g}: it keeps "
                    f"{1 - self.dt / wrong[0]:.3g} of itself, which no integer holds for ever; {what} = dt is exact"
                )
        gain = node.r if kind == "LIF" else node.r * node.w_in
        return 0, gain, node.v_leak, node.v_threshold, reset

    def _back(
        self, name: str, names: list[str], sizes: list[int], seen: tuple[str, ...] = ()
    ) -> tuple[dict[tuple[int, int], NDArray[np.float64]], Any]:
        """Matrix by (population, delay) of all that reaches the output of a node, and what it adds by itself."""
        if name in names:
            number = names.index(name)
            return {(number, 0): np.eye(sizes[number])}, 0.0
        if name in seen:
            raise NexusError(f"NIR node '{name}' feeds itself without a neuron between")
        node, kind = self.nodes[name], self.kind[name]
        found: dict[tuple[int, int], NDArray[np.float64]] = {}
        bias: Any = 0.0
        for source in self.into[name]:
            ways, offset = self._back(source, names, sizes, (*seen, name))
            bias = bias + offset
            for key, matrix in ways.items():
                found[key] = found.get(key, 0.0) + matrix
        if kind in ("Linear", "Affine"):
            bias = node.weight @ np.broadcast_to(bias, node.weight.shape[1]) + (node.bias if kind == "Affine" else 0.0)
            return {key: node.weight @ matrix for key, matrix in found.items()}, bias
        if kind == "Delay":
            return self._delayed(name, np.asarray(node.delay, float), found), bias
        return found, bias

    def _delayed(
        self, name: str, delays: NDArray[np.float64], ways: dict[tuple[int, int], NDArray[np.float64]]
    ) -> dict[tuple[int, int], NDArray[np.float64]]:
        steps = delays / self.dt
        wrong = delays[(steps != np.round(steps)) | ~((steps >= 0) & (steps <= _LATEST))]
        if wrong.size:
            raise NexusError(
                f"NIR node '{name}' has a delay of {wrong.flat[0]:g}, which is no multiple 0 .. {_LATEST} of the step "
                f"{self.dt:g}"
            )
        found: dict[tuple[int, int], NDArray[np.float64]] = {}
        for (origin, before), matrix in ways.items():
            for step in np.unique(steps):
                part = np.where((np.broadcast_to(steps, len(matrix)) == step)[:, None], matrix, 0.0)
                if part.any():
                    key = origin, before + int(step)
                    found[key] = found.get(key, 0.0) + part
        return found

    def _bits(self, names: list[str], arrays: list[NDArray[np.float64]]) -> int:
        """Fewest fraction bits that hold every number."""
        for bits in range(_FRACTION_BITS + 1):
            if all(np.array_equal(a * float(1 << bits), np.round(a * float(1 << bits))) for a in arrays):
                return bits
        unit = float(1 << _FRACTION_BITS)
        wrong = next(a[a * unit != np.round(a * unit)] for a in arrays if (a * unit != np.round(a * unit)).any())
        raise NexusError(
            f"NIR graph of '{names[-1]}' has the number {wrong.ravel()[0]:g}, which is no multiple of "
            f"2^-{_FRACTION_BITS}"
        )

    def _check_range(self, array: NDArray[np.float64], unit: float) -> None:
        wrong = array[~(np.abs(array) * unit <= _LARGEST)]
        if wrong.size:
            raise NexusError(
                f"NIR graph of '{self.last}' has the number {wrong.flat[0]:g}, in units of 1 / {unit:g} beyond 2^53"
            )

    def _output(self, names: list[str], sizes: list[int]) -> tuple[int, NDArray[np.int64]]:
        """The population that leaves, through nothing that changes its spikes."""
        if len(self.into[self.last]) != 1:
            raise NexusError(f"NIR output '{self.last}' is fed by {len(self.into[self.last])} nodes, by one is read")
        ways, bias = self._back(self.into[self.last][0], names, sizes)
        (key, matrix), *others = ways.items()
        chosen = matrix.argmax(axis=1)
        if others or key[1] or np.any(bias) or not np.array_equal(matrix, np.eye(matrix.shape[1])[chosen]):
            raise NexusError(f"NIR output '{self.last}' does more than pick spikes, which is not read")
        return key[0], chosen.astype(np.int64)
