"""Placements run core by core: at both levels, in Lava and here, what was placed and predicted is what runs."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lava")

import lava_nexus as nexus
from lava_nexus.chip.description import load_chip
from lava_nexus.chip.scheduler import schedule_program
from lava_nexus.chip.surroundings import handover, surroundings
from lava_nexus.chip.workload import Memory, Workload
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.lava.cores import run_cores
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.execute.placed import run_placed
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.export import nir_graph, to_verilog
from lava_nexus.programs import Program, Writer, linear
from tests.chip.programs import block_program, feeds, linear_program, shared
from tests.execute.lava.leftovers import children

FMT = nexus.FLOAT8_E4M3FN
X = np.array([1.5, -2.0, 0.0, 3e38, 1e-45, np.inf], np.float32)
Y = np.array([2.25, 1e-3, -0.0, 3e38, 1e-45, -np.inf], np.float32)


@pytest.mark.parametrize(("level", "executor"), [("vectorised", "membrane"), ("vectorised", "lava"), ("lif", "lava")])
def test_a_circuit_over_several_cores(level, executor):
    """Bits, spikes of every neuron, steps and messages; an operand set a step."""
    placed = nexus.place(nexus.circuit("add", nexus.FLOAT32), max_delay=6, sets=64)
    assert len(placed.cores) > 1
    before = children()
    ran = placed.run(X, Y, level=level, executor=executor)
    with np.errstate(all="ignore"):
        want = X + Y
    assert np.array_equal(ran.value, want, equal_nan=True)
    assert (ran.predicted, ran.taken) == (6 + placed.network.depth,) * 2
    membranes = MembraneExecutor()
    membranes.invoke(placed.circuit, [X.view(np.uint32), Y.view(np.uint32)])
    (expected,), (found,) = membranes.tallies, ran.tallies
    assert np.array_equal(found.signal_spikes, expected.signal_spikes)
    assert (found.synops, ran.spikes) == (expected.synops, expected.spikes)
    traffic = placed.traffic_of(expected.signal_spikes, 6)
    assert (ran.messages, ran.from_outside) == (traffic.messages, traffic.from_outside)
    assert sum(core.sent for core in ran.cores) == sum(core.received for core in ran.cores) == ran.messages > 0
    assert [core.used for core in ran.cores] == placed.utilization()
    assert ran.level == {"vectorised": "vectorised neurons", "lif": "LIF"}[level]
    assert children() <= before


def same_bits_as_predicted(program, folding, level, executor="lava", sets=2):
    """A placed program's run: bits of the reference, steps of the schedule, all operations invoked and counted."""
    placed, x = nexus.place(program, strategy=f"folded: {folding}", sets=64), feeds(program, sets)
    ran = placed.run(x, level=level, executor=executor)
    assert np.array_equal(ran.outputs["y"], run_program(program, x, ReferenceExecutor()).outputs["y"])
    assert ran.taken == ran.predicted == placed.steps + handover()
    counts = {tally.circuit.label: tally.invocations for tally in ran.tallies}
    assert counts == {circuit.label: sets * n for _, circuit, n in totals(program)}
    control = sum(spikes for _, spikes, _ in ran.around.values())
    assert ran.spikes == control + sum(tally.spikes for tally in ran.tallies)
    assert 0.5 < ran.messages / ran.expected_messages < 1.5
    assert len(ran.cores) == placed.core_count > 1
    assert sum(core.neurons for core in ran.cores) == placed.neurons
    assert all(used <= most for core in ran.cores for limit, (used, most) in core.used.items())
    return placed, ran


def totals(program):
    """(digest, circuit, invocations) of a program."""
    found = {}
    for _, circuit, count in program.invocations():
        found[circuit.digest] = circuit, found.get(circuit.digest, (circuit, 0))[1] + count
    return [(digest, circuit, n) for digest, (circuit, n) in found.items() if n]


@pytest.mark.parametrize(("level", "executor"), [("vectorised", "membrane"), ("vectorised", "lava")])
def test_a_layer_with_its_registers_ports_and_sequencer(level, executor):
    same_bits_as_predicted(linear_program(FMT), 32, level, executor)


@pytest.mark.slow
def test_a_layer_of_lif_neurons():
    placed, ran = same_bits_as_predicted(linear_program(FMT), 32, "lif")
    here = placed.run(feeds(linear_program(FMT), 2), executor="membrane")
    assert [core.spikes for core in here.cores] == [core.spikes for core in ran.cores]
    assert here.around == ran.around


def test_a_block_of_8_with_all_its_neurons():
    same_bits_as_predicted(block_program(FMT, tokens=1, hidden=4), 64, "vectorised", "membrane", sets=1)


@pytest.mark.slow
@pytest.mark.parametrize("level", ["vectorised", "lif"])
def test_a_block_of_8_core_by_core_in_lava(level):
    same_bits_as_predicted(block_program(FMT, tokens=1), 128, level, sets=1)


@pytest.mark.slow
def test_a_layer_in_fp32():
    same_bits_as_predicted(linear_program(nexus.FLOAT32), 16, "vectorised")


def native_program(fmt, inputs=4, outputs=3, tokens=1):
    """A layer in synapses, x [tokens, inputs] to y, with a weight of 0 and a rectifier behind it."""
    w = Writer(Program("native"), fmt, accumulate="exact", product="native")
    x = w.program.input("x", (tokens, inputs), fmt)
    weight = np.random.default_rng(0).standard_normal((outputs, inputs)).astype(np.float32)
    weight[0, 0] = 0
    layer = linear(w.inside("layer"), x, w.constant(weight))
    w.program.outputs["y"] = w.inside("rectified").apply("max", layer, w.constant(np.zeros(outputs, np.float32)))
    return w.program


@pytest.mark.parametrize(
    ("level", "executor"),
    [("vectorised", "membrane"), ("vectorised", "lava"), pytest.param("lif", "lava", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("fmt", [FMT, pytest.param(nexus.FLOAT32, marks=pytest.mark.slow)], ids=str)
def test_a_native_layer_with_its_gates(fmt, level, executor):
    """Limbs, digits and windows on cores beside gates: bits, steps, and the counts of the layer run by itself."""
    program = native_program(fmt)
    x = feeds(program, 4)
    x["x"][1], x["x"][2, 0, 0] = fmt.sign_mask, fmt.exponent_mask
    placed = nexus.place(program, sets=16)
    ran = placed.run(x, level=level, executor=executor)
    want = run_program(program, x, nexus.executor("bitsliced"))
    assert np.array_equal(ran.outputs["y"], want.outputs["y"])
    assert ran.taken == ran.predicted == placed.steps + handover()
    assert sum(core.neurons for core in ran.cores) == placed.neurons
    ours, theirs = ({t.circuit.label: (t.spikes, t.synops) for t in one.tallies} for one in (ran, want))
    native = [label for label in theirs if label.startswith(("native sums", "payloads"))]
    assert len(native) == 2 and all(ours[label] == theirs[label] for label in native)
    assert 0.5 < ran.messages / max(1, ran.expected_messages) < 2
    assert all(used <= most for core in ran.cores for limit, (used, most) in core.used.items())


def test_a_placed_native_layer_is_no_network_of_gates():
    """Its neurons with equations would be written as gates."""
    placed = nexus.place(native_program(FMT), sets=16)
    for made in (to_verilog, nir_graph):
        with pytest.raises(NexusError, match="has native layers, whose neurons have equations of their own"):
            made(placed)
    with pytest.raises(NexusError, match="or of a placed program: give lava_nexus.place"):
        to_verilog(native_program(FMT))
    with pytest.raises(NexusError, match="input 'x' of program 'native' holds float32, not bit patterns"):
        placed.run({"x": np.ones((1, 1, 4), np.float32)})


def test_native_layers_that_wait_have_no_neurons_to_run():
    placed = nexus.place(native_program(FMT, tokens=2), sets=16)
    with pytest.raises(NexusError, match="native layers of one row with an instance for each activation"):
        placed.run(feeds(native_program(FMT, tokens=2)))


@pytest.mark.parametrize(("program", "folding"), [(linear_program(FMT), 32), (block_program(FMT, tokens=1), 128)])
def test_the_formula_for_large_programs_beside_what_is_built(program, folding):
    """Registers, ports and operands are about as many; of the sequencer the formula has counters in place of chains."""
    instances = shared(program, folding)
    schedule = schedule_program(program, instances, handover())
    counted = surroundings(Workload.of(program), ((schedule, 1),), instances, Memory(), load_chip())
    formula = {piece.name: piece.neurons * piece.count for piece, _ in counted}
    placed = nexus.place(program, strategy=f"folded: {folding}", sets=64)
    built = {one.label: one.neurons for one in placed.circuits if not one.arithmetic}
    assert built.pop("sequencer") == placed.steps + handover() - 1
    formula = {name: neurons for name, neurons in formula.items() if "sequencer" not in name}
    assert 0.75 < sum(formula.values()) / sum(built.values()) < 1.25


def test_mistakes(tmp_path):
    placed = nexus.place(nexus.circuit("neg", FMT), sets=16)
    with pytest.raises(NexusError, match="circuit 'neg float8_e4m3fn' takes 1 operands, not 2"):
        placed.run(1.0, 2.0)
    with pytest.raises(NexusError, match="level of a placement's run 'fast' is not one of vectorised, lif"):
        placed.run(1.0, level="fast")
    with pytest.raises(NexusError, match="level 'lif' of a placement's run is Lava's"):
        placed.run(1.0, level="lif", executor="membrane")
    with pytest.raises(NexusError, match="placements run by lava or membrane, not by executor 'gpu'"):
        placed.run(1.0, executor="gpu")
    again = type(placed).load(placed.save(tmp_path / "neg.npz"))
    with pytest.raises(NexusError, match="does not know what runs it"):
        again.run(1.0)
    assert run_placed(again, [1.5, -2.0], executor="membrane").value.tolist() == [-1.5, 2.0]
    program = linear_program(FMT, 3, 3)
    whole = nexus.place(program, strategy="folded: 2", sets=16)
    with pytest.raises(NexusError, match="misses its input 'x'"):
        whole.run({})
    with pytest.raises(NexusError, match="takes one mapping of patterns by input name"):
        run_placed(whole, 3)
    read = type(whole).load(whole.save(tmp_path / "linear.json"))
    with pytest.raises(NexusError, match="holds figures, no neurons"):
        read.run(feeds(program))
    network = placed.network
    rows = np.zeros((1, 1, network.n_inputs), np.int8)
    with pytest.raises(NexusError, match="simulation of 70 cores one by one is above 64"):
        run_cores(network, np.arange(network.neurons) + 70 - network.neurons, rows, np.arange(2))
