"""Networks of others read exactly, ours kept and read back, layers and placed programs exported."""

from __future__ import annotations

import nir
import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.circuits.linear import linear_network
from lava_nexus.errors import NexusError
from lava_nexus.export import nir_graph, read_nir, to_verilog, write_netx, write_nir, write_sanafe
from lava_nexus.neurons.rules import violations
from tests.chip.programs import linear_program
from tests.evaluate import evaluate, input_spikes

FMT = nexus.FLOAT8_E4M3FN


def graph(neuron, weight, *more, bias=None):
    nodes = {"in": nir.Input(np.array([weight.shape[1]])), "fc": nir.Linear(weight), "n": neuron}
    if bias is not None:
        nodes["fc"] = nir.Affine(weight, bias)
    edges = [("in", "fc"), ("fc", "n"), ("n", "out")]
    nodes["out"] = nir.Output(np.array([weight.shape[0]]))
    for source, name, node, target in more:
        nodes[name] = node
        edges += [(source, name), (name, target)]
    return nir.NIRGraph(nodes, edges)


def ones(n, value=1.0):
    return np.full(n, value)


def test_an_if_layer_against_euler_in_floats():
    """Quarters as weights, a threshold between, a reset that is not zero, delays and a recurrent edge."""
    rng = np.random.default_rng(0)
    weight, back = rng.integers(-6, 9, (5, 4)) / 4, rng.integers(-3, 3, (5, 5)) / 8
    late = nir.Delay(np.array([0.0, 2, 0, 1, 0]))
    neuron = nir.IF(ones(5), ones(5, 1.3), v_reset=ones(5, 0.25))
    delayed = [("n", "late", late, "back"), ("late", "back", nir.Linear(back), "n")]
    one = graph(neuron, weight)
    one = nir.NIRGraph(
        {**one.nodes, **{name: node for _, name, node, _ in delayed}},
        [*one.edges, ("n", "late"), ("late", "back"), ("back", "n")],
    )
    spikes = rng.integers(0, 2, (60, 4))
    found = read_nir(one).run(spikes)
    v, sent, want = np.zeros(5), np.zeros((61, 5)), []
    inputs = np.vstack([np.zeros(4), spikes])
    for step in range(60):
        steps = step - np.array([0, 2, 0, 1, 0])
        heard = np.array([sent[t, i] if t >= 0 else 0.0 for i, t in enumerate(steps)])
        v = v + weight @ inputs[step] + back @ heard
        fired = v > 1.3
        v[fired] = 0.25
        sent[step + 1] = fired
        want.append(fired)
    assert np.array_equal(found, np.array(want))
    assert 20 < found.sum() < 280


@pytest.mark.parametrize(
    "neuron",
    [
        nir.LIF(ones(3, 2e-3), ones(3, 2.0), ones(3, 0.5), ones(3, 1.0)),
        nir.CubaLIF(ones(3, 2e-3), ones(3, 2e-3), ones(3, 2.0), ones(3, 0.5), ones(3, 1.0), w_in=ones(3)),
    ],
)
def test_neurons_that_keep_nothing(neuron):
    """tau = dt: v = v_leak + r (W s + b), a step after its input."""
    weight, bias = np.array([[1, -1], [0.5, 0.25], [-1, 1]]), np.array([0.0, -0.25, 0.125])
    spikes = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    found = read_nir(graph(neuron, weight, bias=bias), dt=2e-3).run(spikes)
    want = 0.5 + 2 * (spikes @ weight.T + bias) > 1
    assert np.array_equal(found[1:], want[:-1]) and want.any() and not want.all()


def test_what_is_not_exact_is_refused(tmp_path):
    weight = np.eye(2)
    with pytest.raises(NexusError, match="node 'n' has tau 0.02 with a step of 0.001: it keeps 0.95 of itself"):
        read_nir(graph(nir.LIF(ones(2, 0.02), ones(2), ones(2, 0.0), ones(2)), weight), dt=1e-3)
    with pytest.raises(NexusError, match=r"has the number 0.1, which is no multiple of 2\^-24"):
        read_nir(graph(nir.IF(ones(2), ones(2)), 0.1 * weight))
    with pytest.raises(NexusError, match="node 'n' is of kind LI, which is not read"):
        read_nir(graph(nir.LI(ones(2), ones(2), ones(2)), weight))
    for limit in (np.inf, np.nan, 1e300):
        with pytest.raises(NexusError, match="has the number .*, in units of 1 / 1 beyond 2.53"):
            read_nir(graph(nir.IF(ones(2), ones(2, limit)), weight))
    with pytest.raises(NexusError, match="has the number 1e.300, in units"):
        read_nir(graph(nir.IF(ones(2, 1e300), ones(2)), weight))
    late = graph(nir.IF(ones(2), ones(2)), weight, ("n", "late", nir.Delay(np.array([1.0, -1.0])), "out"))
    with pytest.raises(NexusError, match="delay of -1, which is no multiple 0 .. 65536 of the step 1"):
        read_nir(nir.NIRGraph(late.nodes, [edge for edge in late.edges if edge != ("n", "out")]))
    for dt, says in ((0, "is not above 0"), (-1.0, "is not above 0"), ("x", "is not a number")):
        with pytest.raises(NexusError, match=f"time step dt of a NIR graph '?{dt}'? {says}"):
            read_nir(graph(nir.IF(ones(2), ones(2)), weight), dt)
    with pytest.raises(NexusError, match="takes spikes, 0 or 1, not 2"):
        read_nir(graph(nir.IF(ones(2), ones(2)), weight)).run(np.array([[0, 2]]))
    with pytest.raises(NexusError, match="NIR file .* does not exist"):
        read_nir(tmp_path / "none.nir")
    (tmp_path / "bad.nir").write_bytes(b"no")
    with pytest.raises(NexusError, match="holds no NIR graph"):
        read_nir(tmp_path / "bad.nir")


def test_our_own_graph_comes_back(tmp_path):
    """An FP8 adder to NIR and back: its bits, a set a step."""
    one = nexus.circuit("add", FMT)
    network = one.network
    back = read_nir(write_nir(one, tmp_path / "add.nir"))
    operands = [np.random.default_rng(i).integers(0, 256, 30).astype(np.uint8) for i in range(2)]
    bits = input_spikes(network, operands)[:, : network.n_inputs]
    sent = np.vstack([bits, np.zeros((network.depth, network.n_inputs))])
    out = list(network.outputs[0].signals)
    assert np.array_equal(back.run(sent)[network.depth :], evaluate(network, input_spikes(network, operands))[:, out])
    assert repr(back) == "<SpikingNetwork input [17]: neurons 147, synapses 848, outputs 8, fraction bits 0>"
    again = nexus.load_network(back.save(tmp_path / "back.npz"))
    assert np.array_equal(again.run(sent), back.run(sent))


def test_networks_are_kept(tmp_path):
    network = nexus.circuit("mul", FMT).network
    path = nexus.save_network(network, tmp_path / "mul.npz")
    assert nexus.load_network(path).digest == network.digest
    assert nexus.load_network(network.save(tmp_path / "own.npz")).digest == network.digest
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.npz").write_bytes(damaged)
    with pytest.raises(NexusError, match="holds no network"):
        nexus.load_network(tmp_path / "damaged.npz")
    with pytest.raises(NexusError, match="does not exist"):
        nexus.load_network(tmp_path / "none.npz")
    with pytest.raises(NexusError, match="takes a network, not str"):
        nexus.save_network("mul", tmp_path / "x")


def test_layers_and_what_is_placed_are_exported(tmp_path):
    """A linear layer as one circuit; a placed circuit; a placed program, whose registers netx cannot hold."""
    layer = linear_network(nexus.circuit("mul", FMT), nexus.circuit("add", FMT), 2)
    assert violations(layer.network) == []
    assert "module" in to_verilog(layer)
    assert write_netx(layer, tmp_path / "layer.net").network.depth == layer.depth
    placed = nexus.place(nexus.circuit("neg", FMT), sets=16)
    assert nir_graph(placed).metadata["digest"] == placed.network.digest
    assert "as placed on loihi2" in to_verilog(placed)
    program = nexus.place(linear_program(FMT, 2, 2), strategy="folded: 4", sets=16)
    machine = program.machine.machine
    text = to_verilog(program)
    assert text.count("  reg n") == machine.neurons and "input [" in text
    with pytest.raises(NexusError, match="the registers of program 'linear' feed themselves"):
        write_netx(program, tmp_path / "program.net")
    with pytest.raises(NexusError, match=r"takes what lava_nexus.place\(circuit, max_delay=0\) gives, not <"):
        write_sanafe(program, [], tmp_path / "program.yaml")
    bare = nexus.place(nexus.circuit("add", FMT), max_delay=0, sets=8)
    for operands, says in (
        ([np.zeros(3, np.uint8)], "takes 2 operands, not 1"),
        ([np.zeros(3, np.uint8), np.zeros(2, np.uint8)], "do not broadcast"),
        ([np.full(3, 999), np.zeros(3, np.uint8)], "holds int64, not patterns of uint8"),
    ):
        with pytest.raises(NexusError, match=says):
            write_sanafe(bare, operands, tmp_path / "add.yaml")
    with pytest.raises(NexusError, match="not of the name 'add'"):
        write_nir("add", tmp_path / "x")
