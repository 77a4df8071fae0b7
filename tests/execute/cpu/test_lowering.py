from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from lava_nexus.circuits import circuit
from lava_nexus.execute.cpu.program import COUNTED, allocate, allocated
from lava_nexus.files import unpacked
from lava_nexus.lowering import ordered
from lava_nexus.lowering.ordered import Variant, from_arrays, lower, to_arrays
from lava_nexus.lowering.schedule import least_alive
from lava_nexus.neurons import STROBE, Builder, ThresholdNetwork
from tests.evaluate import evaluate
from tests.execute.cpu.networks import counter, full_adder, random_networks, ripple_adder

SHIPPED = sorted(Path(ordered.__file__).with_name("programs").iterdir())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_ships_is_the_program_of_a_network_of_today(path: Path) -> None:
    """By the digest in its name; outputs and every neuron's spikes against the network, on hard operands too."""
    header, _ = unpacked(path.read_bytes())
    name, fmt = header["operation"].split()
    network = circuit(name, fmt).network
    variant = path.suffix[1:]
    assert header["digest"] == network.digest and path == ordered.shipped_path(network.digest, variant)  # type: ignore[arg-type]
    graph = ordered.shipped_graph(network, variant)  # type: ignore[arg-type]
    assert graph is not None
    rng = np.random.default_rng(0)
    spikes = rng.integers(0, 2, (64, network.n_inputs), dtype=np.uint8).astype(np.bool_)
    spikes[:16, : network.n_inputs // 2] = spikes[16:32, 1:2]
    spikes[:, STROBE] = True
    expected = evaluate(network, spikes)
    inputs = [signal for port in network.inputs for signal in reversed(port.signals)]
    outputs = [signal for port in network.outputs for signal in reversed(port.signals)]
    found = looked(graph, spikes[:, inputs])
    assert np.array_equal(found[:, graph.outputs], expected[:, outputs])
    if variant == "spikes":
        assert np.array_equal(found[:, graph.signals], expected)
        cut = ordered._cut_down(graph)
        assert np.array_equal(looked(cut, spikes[:, inputs])[:, cut.outputs], expected[:, outputs])


def looked(graph: ordered.OrderedGraph, inputs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Every value of the graph for input bits [64 sets, bits], a set a bit of a word."""
    words = np.packbits(inputs.T, axis=1, bitorder="little").view("<u8")[:, 0].tolist()
    every = (1 << 64) - 1
    values = [0, every, *words]
    for table, (a, b, c) in zip(graph.tables.tolist(), graph.reads.tolist(), strict=True):
        x, y, z, found = values[a], values[b], values[c], 0
        for minterm in range(8):
            if table >> minterm & 1:
                found |= (x if minterm & 1 else ~x) & (y if minterm & 2 else ~y) & (z if minterm & 4 else ~z)
        values.append(found & every)
    bits = np.unpackbits(np.array(values, "<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    return bits.T.astype(np.bool_)


@pytest.mark.parametrize(
    ("name", "fmt", "basis", "variant", "digest"),
    [
        ("add", "float8_e5m2", "threshold", "activity", "f1f72457e20ce161"),
        ("div", "bfloat16", "threshold", "spikes", "9d468be6998c878a"),
        ("add", "bfloat16", "nexus", "outputs", "58d043e00e7a9196"),
        ("exp", "float8_e5m2", "nexus", "spikes", "88a2249385892d54"),
        ("sqrt", "float16", "threshold", "spikes", "b7b9b0830093b547"),
        ("gelu", "bfloat16", "threshold", "spikes", "7d3d9dc3d040296f"),
    ],
)
def test_the_same_network_has_the_same_program_everywhere(
    name: str, fmt: str, basis: str, variant: Variant, digest: str
) -> None:
    """What ships and what is measured is held by digest: a faster lowering must not be another one."""
    assert allocated(lower(circuit(name, fmt, basis=basis).network, variant)).digest[:16] == digest


def one_full_adder() -> ThresholdNetwork:
    b = Builder()
    x = b.input("x", width=3)
    total, carry = full_adder(b, *x)
    return b.finish([("out", [total, carry], None)])


@pytest.mark.parametrize(
    ("network", "operations"),
    [(one_full_adder(), 2), (counter(7), 8), (counter(15), 22), (counter(31), 52), (ripple_adder(16), 32)],
)
def test_counters_share_their_full_adders(network: ThresholdNetwork, operations: int) -> None:
    assert len(allocated(lower(network)).operations) == operations


def test_relays_and_equal_neurons_share_an_operation() -> None:
    b = Builder()
    x = b.input("x", width=3)
    both = b.gate([(x[0], 1), (x[1], 1)], 2)
    disguised = b.gate([(x[0], 2), (x[1], 2), (x[2], 1)], 4)
    network = b.finish([("out", [disguised, b.gate([(both, 1), (x[2], 1)], 1)], None)], max_delay=0)
    program = allocated(lower(network))
    assert network.neurons == 6 and network.relays == 3 and len(program.operations) == 2
    assert sorted(program.signal_counts[network.n_inputs :].tolist()) == [2, 3, 4, 5, 5, 6]


@given(random_networks())
@settings(max_examples=30, deadline=None)
def test_operations_read_what_was_written(network: ThresholdNetwork) -> None:
    for variant in get_args(Variant):
        program = allocated(lower(network, variant))
        written = {0, 1, *program.input_slots.tolist()}
        assert len(set(program.input_slots.tolist())) == len(program.input_slots)
        for _, a, b, c, result in program.operations.tolist():
            assert {a, b, c} <= written and result not in (0, 1) and result < program.n_slots
            written.add(result)
        assert set(program.output_slots.tolist()) <= written
        counted = int((program.operations[:, 0] & COUNTED != 0).sum())
        assert program.n_counts == 2 + len(program.input_slots) + counted


def test_look_ups_survive_the_disk_and_broken_ones_are_refused() -> None:
    graph = lower(ripple_adder(4), "activity")
    arrays, metadata = to_arrays(graph)
    assert allocated(from_arrays(arrays, metadata)).digest == allocated(graph).digest
    with pytest.raises(ValueError, match="not there yet"):
        from_arrays(arrays, {"n_inputs": graph.n_inputs - 1})
    with pytest.raises(ValueError, match="not there yet"):
        from_arrays({**arrays, "reads": arrays["reads"] - np.int32(graph.first)}, metadata)
    with pytest.raises(ValueError, match="tables read"):
        from_arrays({**arrays, "tables": arrays["tables"][1:]}, metadata)
    with pytest.raises(ValueError, match="out of range"):
        from_arrays({**arrays, "signals": arrays["signals"] + np.int32(1000)}, metadata)
    with pytest.raises(ValueError, match="reads is not int32"):
        from_arrays({**arrays, "reads": arrays["reads"].astype(np.int64)}, metadata)
    with pytest.raises(KeyError):
        from_arrays({name: array for name, array in arrays.items() if name != "probes"}, metadata)


@given(random_networks())
@settings(max_examples=30, deadline=None)
def test_slots_are_as_many_as_values_alive_at_once(network: ThresholdNetwork) -> None:
    graph = lower(network)
    order = range(graph.first, graph.first + len(graph.tables))
    reads = {value: tuple(set(row) - {0, 1}) for value, row in zip(order, graph.reads.tolist(), strict=True)}
    kept = graph.outputs.tolist()
    inputs = range(2, graph.first)
    found, alive = least_alive(reads, inputs, kept, ())
    assert sorted(found) == list(order)
    assert allocate(reads, found, inputs, kept, reserved=0)[1] == alive
    assert alive <= allocate(reads, order, inputs, kept, reserved=0)[1]


def test_schedule_reuses_slots_and_runs_side_results_at_once() -> None:
    chain = {10: (0, 1), 11: (10,), 12: (11,), 20: (10, 1), 21: (20,)}
    order, alive = least_alive(chain, [0, 1], [12], ())
    assert order == [10, 20, 21, 11, 12] and alive == 2
    slots, size = allocate(chain, order, sources=[0, 1], kept=[12], reserved=3)
    assert size <= 6 and min(slots.values()) == 3 and 21 not in slots
