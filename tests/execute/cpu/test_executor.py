from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.cpu.kernel import FEW_LANES, LANES
from lava_nexus.execute.executor import Tally
from lava_nexus.neurons import Builder, ThresholdNetwork
from tests.evaluate import evaluate, input_spikes, output_patterns
from tests.execute.cpu.networks import as_circuit, counter, random_networks, random_operands, ripple_adder


def run(network: ThresholdNetwork, operands: list[NDArray[Any]], **options: Any) -> tuple[NDArray[Any], Tally]:
    executor = BitslicedExecutor(**options)
    result = executor.invoke(as_circuit(network), operands)
    (tally,) = executor.tallies
    return result, tally


def check_against_definition(network: ThresholdNetwork, operands: list[NDArray[Any]]) -> None:
    spikes = evaluate(network, input_spikes(network, operands))
    received = [spikes[:, network.synapses_of(k)[0]].any(axis=1) for k in range(network.neurons)]
    fired = spikes[:, network.n_inputs :]
    for count in (True, "activity", False):
        result, tally = run(network, operands, count=count, threads=1)
        np.testing.assert_array_equal(result, output_patterns(network, spikes))
        assert tally.invocations == len(spikes)
        if count is False:
            assert tally.signal_spikes is None
        else:
            np.testing.assert_array_equal(tally.signal_spikes, spikes.sum(axis=0))
        if count == "activity":
            assert tally.active == sum(int((r | f).sum()) for r, f in zip(received, fired.T, strict=True))
        else:
            assert tally.active is None


@given(random_networks(), st.sampled_from((1, 63, 64, 65, 200)))
@settings(max_examples=40, deadline=None)
def test_random_networks_spike_as_defined(network: ThresholdNetwork, sets: int) -> None:
    check_against_definition(network, random_operands(network, sets))


@pytest.mark.parametrize("width", [1, 7, 8, 13, 16, 24, 32, 57, 64])
@pytest.mark.parametrize("sets", [1, FEW_LANES, FEW_LANES + 1, LANES - 1, LANES, LANES + 1])
def test_adders_of_every_pattern_size_add(width: int, sets: int) -> None:
    network = ripple_adder(width)
    x, y = random_operands(network, sets, seed=width)
    result, tally = run(network, [x, y])
    assert result.dtype == network.outputs[0].pattern_dtype
    np.testing.assert_array_equal(result, (x + y) & result.dtype.type(2**width - 1))
    bits = sum(
        int(np.bitwise_and(operand >> operand.dtype.type(i), 1).sum()) for operand in (x, y) for i in range(width)
    )
    assert tally.signal_spikes is not None
    assert tally.signal_spikes[0] == sets
    assert tally.signal_spikes[1 : network.n_inputs].sum() == bits


def test_every_neuron_of_an_adder_and_a_counter_over_several_blocks() -> None:
    check_against_definition(ripple_adder(5), random_operands(ripple_adder(5), 2 * LANES + 100))
    check_against_definition(counter(12), random_operands(counter(12), LANES + 1))


def test_ports_of_different_sizes_keep_their_elements_together() -> None:
    b = Builder()
    x, y = b.input("x", width=64), b.input("y", width=8)
    network = b.finish([("out", [*x[:4], *y, *x[60:]], None)])
    operands = random_operands(network, LANES + 77)
    low, high = operands[0] & np.uint64(15), operands[0] >> np.uint64(60)
    expected = (low | operands[1].astype(np.uint64) << np.uint64(4) | high << np.uint64(12)).astype(np.uint16)
    np.testing.assert_array_equal(run(network, operands)[0], expected)


@pytest.mark.parametrize("shapes", [((3, 1), (1, 5)), ((), (4,)), ((), ()), ((2, 3, 1), (1500,)), ((1,), (3000,))])
def test_operands_broadcast(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    network = ripple_adder(16)
    rng = np.random.default_rng(1)
    x, y = (np.asarray(rng.integers(0, 1 << 16, shape), dtype=np.uint16) for shape in shapes)
    result, tally = run(network, [x, y])
    assert result.shape == np.broadcast_shapes(*shapes)
    np.testing.assert_array_equal(result, x + y)
    whole = [np.ascontiguousarray(operand).ravel() for operand in np.broadcast_arrays(x, y)]
    np.testing.assert_array_equal(tally.signal_spikes, run(network, whole)[1].signal_spikes)


def test_operands_need_not_be_contiguous() -> None:
    network = ripple_adder(16)
    x = np.arange(4000, dtype=np.uint16)[::2]
    np.testing.assert_array_equal(run(network, [x, x[::-1]])[0], np.full(2000, 3998, np.uint16))


def test_no_operand_sets_cost_nothing() -> None:
    x = np.zeros((0, 3), np.uint8)
    result, tally = run(ripple_adder(8), [x, x[:, :1]], count="activity")
    assert result.shape == (0, 3) and result.dtype == np.uint8
    assert (tally.invocations, tally.spikes, tally.synops, tally.active) == (0, 0, 0, 0)


def test_threads_change_no_count() -> None:
    network = ripple_adder(8)
    operands = random_operands(network, 25 * LANES + 3)
    one, three = (run(network, operands, threads=threads) for threads in (1, 3))
    np.testing.assert_array_equal(one[0], operands[0] + operands[1])
    np.testing.assert_array_equal(one[0], three[0])
    np.testing.assert_array_equal(one[1].signal_spikes, three[1].signal_spikes)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_threads_work_in_a_forked_child() -> None:
    network = ripple_adder(8)
    operands = random_operands(network, 20 * LANES)
    executor = BitslicedExecutor(threads=2)
    expected = executor.invoke(as_circuit(network), operands)
    child = os.fork()
    if child == 0:
        os._exit(0 if (executor.invoke(as_circuit(network), operands) == expected).all() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_tallies_add_up_by_circuit() -> None:
    executor = BitslicedExecutor()
    adder, bits = as_circuit(ripple_adder(8)), as_circuit(counter(7))
    operands = random_operands(adder.network, 10)
    once = run(adder.network, operands)[1]
    executor.invoke(adder, operands)
    executor.invoke(bits, [operands[0] & np.uint8(127)])
    executor.invoke(adder, operands)
    first, second = executor.tallies
    assert (first.invocations, second.invocations) == (20, 10)
    assert first.spikes == 2 * once.spikes and first.synops == 2 * once.synops


@pytest.mark.parametrize(
    ("operands", "sentence"),
    [
        ([np.zeros(2, np.uint8)], "takes 2 operands, not 1"),
        ([np.zeros(2, np.uint8), np.zeros(2, np.uint16)], "operand y of circuit test holds uint16"),
        ([np.zeros(2, np.uint8), np.zeros(3, np.uint8)], r"shapes \(2,\) and \(3,\)"),
    ],
)
def test_operands_that_do_not_fit_are_named(operands: list[NDArray[Any]], sentence: str) -> None:
    with pytest.raises(NexusError, match=sentence):
        BitslicedExecutor().invoke(as_circuit(ripple_adder(8)), operands)


def test_options_that_do_not_exist_are_named() -> None:
    with pytest.raises(NexusError, match="count 'all'"):
        BitslicedExecutor(count="all")  # type: ignore[arg-type]
    with pytest.raises(NexusError, match="threads 0"):
        BitslicedExecutor(threads=0)
