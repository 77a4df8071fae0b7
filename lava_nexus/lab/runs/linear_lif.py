"""A linear layer of the digits transformer as one network of Lava's LIF neurons, an operand set a time step."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.circuits.linear import linear_network
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import FloatFormat
from lava_nexus.lab.configs.model import LinearLifConfig
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.trial import marked, shrunk
from lava_nexus.models.checkpoint import load_checkpoint
from lava_nexus.models.digits import DIGITS, WEIGHTS, digits_program, load_split
from lava_nexus.programs import Apply, Contract, Program, Value

Patterns = NDArray[Any]


@dataclass(frozen=True)
class LinearLayer:
    """A linear layer and what passes through it, as bit patterns.

    Attributes:
        x: [rows, inputs].
        weight: [outputs, inputs].
        bias: [outputs], or None.
        format: of all of them.
    """

    x: Patterns
    weight: Patterns
    bias: Patterns | None
    format: FloatFormat

    def first(self, inputs: int) -> LinearLayer:
        """The layer with its first inputs only, and without bias.

        Raises:
            NexusError: it has fewer.
        """
        if inputs > self.x.shape[1]:
            raise NexusError(f"linear layer has {self.x.shape[1]} inputs, fewer than the {inputs} asked for")
        return replace(self, x=self.x[:, :inputs], weight=self.weight[:, :inputs], bias=None)

    def operand_sets(self) -> list[Patterns]:
        """For each operand of `linear_network` its patterns [rows * outputs], row by row."""
        rows, outputs = len(self.x), len(self.weight)
        operands = [np.repeat(column, outputs) for column in self.x.T] + [np.tile(w, rows) for w in self.weight.T]
        return operands if self.bias is None else [*operands, np.tile(self.bias, rows)]


def linear_layer(program: Program, layer: str, feeds: Mapping[str, Patterns]) -> tuple[LinearLayer, Patterns]:
    """A layer of a program with its inputs and results [rows, outputs], as the strict reference computes them.

    Raises:
        NexusError: the program has no linear layer of that name.
    """
    found = {n.layer: n for n in program.nodes if isinstance(n, Contract) and n.operands[1].number in program.constants}
    if layer not in found:
        raise NexusError(f"layer '{layer}' is no linear layer of '{program.name}'; choose one of {', '.join(found)}")
    contract = found[layer]
    x, weight = contract.operands
    result, bias = _biased(program, contract)
    values = run_program(replace(program, outputs={"x": x, "y": result}), feeds, ReferenceExecutor()).outputs
    constant = None if bias is None else program.constants[bias.number].reshape(-1)
    rows = values["x"].reshape(-1, x.shape[-1])
    return (
        LinearLayer(rows, program.constants[weight.number], constant, x.float_format),
        values["y"].reshape(-1, result.shape[-1]),
    )


def _biased(program: Program, contract: Contract) -> tuple[Value, Value | None]:
    """The layer's result and its bias, if it adds one."""
    for node in program.nodes:
        if isinstance(node, Apply) and node.layer == contract.layer and contract.result in node.operands:
            (bias,) = (value for value in node.operands if value != contract.result)
            return node.result, bias
    return contract.result, None


@marked
def run_linear_lif(config: LinearLifConfig, out: Path, quick: bool = False) -> dict[str, Any]:
    """Runs the layer on Lava's LIF and DelaySparse, checks every bit and every neuron's spikes, writes the report.

    With `quick`, four inputs, one image.

    Raises:
        NexusError: no such layer, or a run that failed or differs.
    """
    fmt = config.float_format
    program = digits_program(load_checkpoint(config.checkpoint or WEIGHTS, DIGITS.tensors), DIGITS, fmt)
    tokens = load_split().test_tokens[: 1 if quick else config.images]
    layer, want = linear_layer(program, config.layer, {"tokens": fmt.to_patterns(tokens.astype(fmt.dtype))})
    inputs = 4 if quick else config.inputs
    shrunk(f"{inputs} of {layer.x.shape[1]} inputs of each neuron, {len(tokens)} of {config.images} images")
    network = linear_network(
        circuit("mul", fmt), circuit("add", fmt), inputs or layer.x.shape[1], layer.bias is not None and not inputs,
        config.max_delay,
    )  # fmt: skip
    if inputs:
        layer = layer.first(inputs)
        want = network.golden(*layer.operand_sets()).reshape(want.shape)
    return conclude(_report(config, _run(config, network, layer, want), layer), out)


def _report(config: LinearLifConfig, found: dict[str, Any], layer: LinearLayer) -> Report:
    title = f"Layer {config.layer} of the digits transformer in {layer.format}, as LIF neurons in Lava"
    right = found["different"] == {"results": 0, "neurons": 0} and not found["time_steps"]["unforeseen"]
    return Report(
        title=title,
        name="linear_lif",
        config=config.resolved(),
        levels=[(config.layer, found["level"])],
        tables=[Table("", ("", "result"), _rows(found), None)],
        values=found,
        failure="" if right else f"{title}: Lava's LIF differs from the reference, see linear_lif.json",
    )


def _run(config: LinearLifConfig, network: Circuit, layer: LinearLayer, want: Patterns) -> dict[str, Any]:
    from lava_nexus.execute.lava import LavaExecutor

    operands = layer.operand_sets()
    words = BitslicedExecutor()
    words.invoke(network, operands)
    began = time.perf_counter()
    with LavaExecutor("lif", timeout=config.timeout_seconds) as lava:
        got = lava.invoke(network, operands)
    seconds = time.perf_counter() - began
    (mine,), (theirs,) = lava.tallies, words.tallies
    rows, outputs = want.shape
    return {
        "level": lava.level,
        "products": layer.x.shape[1],
        "bias": layer.bias is not None,
        "rows": rows,
        "outputs": outputs,
        "operand_sets": rows * outputs,
        "neurons": network.neurons,
        "relays": network.network.relays,
        "synapses": network.synapses,
        "depth": network.depth,
        "time_steps": {
            "predicted": lava.timing.predicted,
            "taken": lava.timing.taken,
            "unforeseen": lava.timing.taken - lava.timing.predicted,
        },
        "spikes": mine.spikes,
        "synops": mine.synops,
        "different": {
            "results": int((got != want.ravel()).sum()),
            "neurons": int((mine.signal_spikes != theirs.signal_spikes).sum()),
        },
        "seconds": seconds,
    }


def _rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    steps = report["time_steps"]
    return [
        ("level", report["level"]),
        ("products in a sum", f"{report['products']}{' and a bias' if report['bias'] else ''}"),
        ("operand sets", f"{report['operand_sets']:,} ({report['rows']} rows x {report['outputs']} outputs)"),
        ("neurons", f"{report['neurons']:,}, of them {report['relays']:,} relays"),
        ("synapses", f"{report['synapses']:,}"),
        ("depth", f"{report['depth']:,}"),
        ("time steps, predicted", f"{steps['predicted']:,}"),
        ("time steps, taken", f"{steps['taken']:,}"),
        ("spikes", f"{report['spikes']:,}"),
        ("SynOps", f"{report['synops']:,}"),
        ("results unlike the strict reference", f"{report['different']['results']:,}"),
        ("neurons whose spikes differ from word logic", f"{report['different']['neurons']:,}"),
        ("wall time", f"{report['seconds']:.1f} s"),
    ]
