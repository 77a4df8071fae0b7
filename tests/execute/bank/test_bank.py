"""Multipliers specialised to constant weights: the bits of the general one, counts of the networks that are left."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.circuits import bank as banks
from lava_nexus.circuits import circuit
from lava_nexus.circuits.bank import Bank
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.cpu.bank import run_members
from lava_nexus.execute.executor import BankTally, Executor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import FLOAT8_E4M3FN, FLOAT16, FLOAT32, FloatFormat
from lava_nexus.neurons import Builder, NeuronModel, NonIdealities
from lava_nexus.neurons.propagation import specialised
from lava_nexus.neurons.rules import check
from lava_nexus.programs import Accumulate, Program, Writer, linear

CORNERS = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, -1e-40, 3e38, np.inf, -np.inf, np.nan, 1.5, 1.9999999]


def patterns(values: object, fmt: FloatFormat) -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    with np.errstate(over="ignore"):
        return fmt.to_patterns(np.asarray(values, np.float32).astype(fmt.dtype))


def drawn(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(len(shape) + shape[-1]).standard_normal(shape).astype(np.float32)


def bank_of(weights: object, fmt: FloatFormat = FLOAT32) -> Bank:
    return Bank.of(circuit("mul", fmt), np.atleast_2d(patterns(weights, fmt)))


@pytest.mark.parametrize("fmt", [FLOAT8_E4M3FN, pytest.param(FLOAT16, marks=pytest.mark.wide), FLOAT32], ids=str)
def test_a_specialised_network_is_the_general_one_and_its_counts_are_the_banks(fmt: FloatFormat) -> None:
    """The bank's loop against networks made one by one and run membrane by membrane."""
    x = np.concatenate([patterns(CORNERS, fmt), patterns(drawn(40), fmt)])
    for weight in np.concatenate([patterns(CORNERS, fmt), patterns(drawn(6), fmt)]).tolist():
        bank = bank_of([0.0], fmt)
        bank.weights[:] = weight
        member = bank.member(weight)
        check(member.network)
        executor = MembraneExecutor(threads=1)
        got = executor.invoke(member, [x])
        np.testing.assert_array_equal(got, bank.golden(x, np.full_like(x, weight)))
        (tally,) = executor.tallies
        results, totals = run_members(bank, bank.weights[0], x[None], np.zeros(1, np.int64))
        np.testing.assert_array_equal(results[0], got)
        counted = [member.neurons, member.synapses, tally.spikes, tally.synops, tally.active, member.depth]
        assert [bank.neurons, bank.synapses, *totals.tolist(), bank.depth] == counted
        assert member.neurons < bank_of([0.0], fmt).network.neurons


@pytest.mark.parametrize(("basis", "max_delay"), [("nexus", 62), ("nexus", 3), ("threshold", 0), ("threshold", 5)])
def test_relays_of_specialised_networks_are_counted(basis: str, max_delay: int) -> None:
    """Deep circuits, or short delays: neurons that pass a spike on are neurons."""
    fmt = FLOAT8_E4M3FN
    x = np.arange(256, dtype=np.uint8)
    for weight in [0, 1, 0x38, 0x41, 0x7F, 0x80, 0xC5]:
        bank = Bank.of(circuit("mul", fmt, basis=basis, max_delay=max_delay), np.array([[weight]], np.uint8))
        member = bank.member(weight)
        executor = MembraneExecutor(threads=1)
        executor.invoke(member, [x])
        (tally,) = executor.tallies
        results, totals = run_members(bank, bank.weights[0], x[None], np.zeros(1, np.int64))
        counted = [member.neurons, member.synapses, tally.spikes, tally.synops, tally.active, member.depth]
        assert [bank.neurons, bank.synapses, *totals.tolist(), bank.depth] == counted
        np.testing.assert_array_equal(results[0], bank.golden(x, np.full_like(x, weight)))
        assert member.network.relays or weight != 0x41


@pytest.mark.parametrize("accumulate", ["sequential", "pairwise"])
@pytest.mark.parametrize("executor", ["reference", "bitsliced", "membrane"])
def test_a_layer_has_the_bits_of_one_with_operand_weights(accumulate: Accumulate, executor: str) -> None:
    x, weight, bias = drawn(3, 2, 6), drawn(4, 6), drawn(4)
    answers = {}
    for weights in ("operand", "constant"):
        w = Writer(Program("test"), FLOAT32, accumulate=accumulate, weights=weights).inside("layer")  # type: ignore[arg-type]
        given = w.program.input("x", (2, 6), FLOAT32)
        w.program.outputs["y"] = linear(w, given, w.constant(weight), w.constant(bias))
        result = run_program(w.program, {"x": x.view(np.uint32)}, executor_named(executor))
        answers[weights] = result.outputs["y"]
    np.testing.assert_array_equal(answers["constant"], answers["operand"])
    stated = {used.name: 3 * count for _, used, count in w.program.invocations() if isinstance(used, Bank)}
    ran = {t.circuit.name: t.invocations for t in result.tallies if isinstance(t, BankTally)}
    assert ran == stated == {"mul": 6}
    if (executor, accumulate) == ("bitsliced", "sequential"):
        (tally,) = (t for t in result.tallies if isinstance(t, BankTally))
        one_by_one = MembraneExecutor(threads=1)
        for n, k in np.ndindex(weight.shape):
            one_by_one.invoke(
                bank_of([0.0]).member(int(weight.view(np.uint32)[n, k])), [x[..., k].ravel().view(np.uint32)]
            )
        assert tally.synops == sum(t.synops for t in one_by_one.tallies)
        assert tally.spikes == sum(t.spikes for t in one_by_one.tallies)
        assert tally.active == sum(t.active for t in one_by_one.tallies)
        assert tally.updates == sum(t.updates for t in one_by_one.tallies)
        assert tally.circuit.neurons < weight.size * circuit("mul", FLOAT32).neurons / 2


def test_of_a_large_layer_a_sample_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banks, "MOST_RUN", 20)
    monkeypatch.setattr(banks, "_SAMPLE", 12)
    weight, x = drawn(6, 8), drawn(5, 3, 8)
    w = Writer(Program("test"), FLOAT32, weights="constant").inside("layer")
    w.program.outputs["y"] = linear(w, w.program.input("x", (3, 8), FLOAT32), w.constant(weight))
    result = run_program(w.program, {"x": x.view(np.uint32)}, executor_named("bitsliced"))
    want = run_program(w.program, {"x": x.view(np.uint32)}, executor_named("reference"))
    np.testing.assert_array_equal(result.outputs["y"], want.outputs["y"])
    (tally,) = (t for t in result.tallies if isinstance(t, BankTally))
    assert tally.circuit.label == "mul float32, 6 x 8 constant weights, counted on a sample of 12"
    assert [t.circuit.name for t in result.tallies] == ["mul", "add"]
    whole = bank_of(weight)
    monkeypatch.setattr(banks, "MOST_RUN", 1000)
    assert abs(tally.circuit.neurons / whole.neurons - 1) < 0.1


def test_constants_that_decide_everything_leave_wires() -> None:
    builder = Builder()
    a, b = (builder.input(name, width=2) for name in "ab")
    both = [builder.gate([(p, 1), (q, 1)], 2) for p, q in zip(a, b, strict=True)]
    network = builder.finish([("out", both, None)])
    assert specialised(network, [None, 3]).neurons == 2  # a relay for each bit
    silent = specialised(network, [None, 0])
    assert silent.neurons == 1 and silent.synapses == 0
    with pytest.raises(NexusError, match="2 input ports was given 1"):
        specialised(network, [3])


@pytest.mark.parametrize("accumulate", ["fma", "exact"])
def test_products_that_are_not_rounded_take_no_constants(accumulate: Accumulate) -> None:
    w = Writer(Program("test"), FLOAT16, accumulate=accumulate, weights="constant").inside("layer")
    x = w.program.input("x", (3, 8), FLOAT16)
    with pytest.raises(NexusError, match=f"layer 'layer': weights 'constant' .* accumulate '{accumulate}'"):
        linear(w, x, w.constant(drawn(6, 8)))


def layer_of(weight: object, fmt: FloatFormat, weights: str, shape: tuple[int, ...]) -> Program:
    w = Writer(Program("test"), fmt, weights=weights).inside("layer")  # type: ignore[arg-type]
    w.program.outputs["y"] = linear(w, w.program.input("x", shape, fmt), w.constant(weight))
    return w.program


def test_constant_weights_meet_the_neurons_of_their_executor() -> None:
    """Sums of one term: their additions would hide whose neurons multiplied."""
    weight, x = drawn(16, 1), patterns(drawn(50, 2, 1), FLOAT8_E4M3FN)
    equal = {}
    for weights in ("operand", "constant"):
        program = layer_of(weight, FLOAT8_E4M3FN, weights, (2, 1))
        noisy = MembraneExecutor(nonidealities=NonIdealities(noise=0.5), threads=1)
        got = run_program(program, {"x": x}, noisy)
        want = run_program(program, {"x": x}, executor_named("reference"))
        equal[weights] = float((got.outputs["y"] == want.outputs["y"]).mean())
        assert sum(tally.spikes for tally in got.tallies) > 0
    assert 0 < equal["operand"] < 0.2 and 0 < equal["constant"] < 0.2


def test_the_reference_says_that_spikes_of_constant_weights_are_not_counted() -> None:
    program = layer_of(drawn(4, 6), FLOAT16, "constant", (2, 6))
    feeds = {"x": patterns(drawn(3, 2, 6), FLOAT16)}
    for executor in (executor_named("reference"), executor_named("bitsliced", count=False)):
        (tally,) = (t for t in run_program(program, feeds, executor).tallies if isinstance(t, BankTally))
        assert (tally.invocations, tally.spikes, tally.synops, tally.active) == (6, None, None, None)


@pytest.mark.parametrize("most", [1000, 20])
def test_the_compiled_loop_is_the_circuits_one_by_one(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The word-logic executor's loop against `Executor.invoke_bank` on the same executor's `invoke`."""
    monkeypatch.setattr(banks, "MOST_RUN", most)
    monkeypatch.setattr(banks, "_SAMPLE", 5)
    bank = bank_of(np.concatenate([drawn(5, 5), [[0, np.nan, np.inf, -0.0, 1]]]), FLOAT8_E4M3FN)
    x = patterns(drawn(5, 70), FLOAT8_E4M3FN)
    found = []
    for invoke in (BitslicedExecutor.invoke_bank, Executor.invoke_bank):
        executor = BitslicedExecutor(count="activity", threads=1)
        parts = [invoke(executor, bank, x, slice(start, stop), slice(0, 5)) for start, stop in ((0, 4), (4, 6))]
        (tally,) = executor.tallies
        assert tally.invocations == 70
        found.append((np.concatenate(parts, -1).tolist(), tally.spikes, tally.synops, tally.active))
    assert found[0] == found[1] and found[0][1] > 0
    assert bank.sampled == (most == 20)


def test_a_sample_stands_for_no_neurons_that_err(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banks, "MOST_RUN", 20)
    monkeypatch.setattr(banks, "_SAMPLE", 12)
    program, x = layer_of(drawn(6, 8), FLOAT8_E4M3FN, "constant", (1, 8)), patterns(drawn(3, 1, 8), FLOAT8_E4M3FN)
    want = run_program(program, {"x": x}, executor_named("reference")).outputs["y"]
    ideal = run_program(program, {"x": x}, MembraneExecutor(threads=1))
    np.testing.assert_array_equal(ideal.outputs["y"], want)
    assert ideal.layers["layer"].by_digest
    leaky = MembraneExecutor(model=NeuronModel(beta=0.5), threads=1)
    with pytest.raises(NexusError, match="executor 'membrane' would run a sample of 12 of 48 circuits, but"):
        run_program(program, {"x": x}, leaky)
