"""`nexus.run`: the calls that other people's scripts rely on."""

from __future__ import annotations

import numpy as np
import pytest

import lava_nexus as nexus

FAST = ["bitsliced", "membrane", "reference"]


def test_the_example_of_the_readme() -> None:
    x = np.array([[0.1, 1e-45, -0.0], [3e38, np.inf, np.nan]], np.float32)
    y = np.array([[0.2, 1e-45, 0.0], [3e38, -np.inf, 1]], np.float32)
    adder = nexus.circuit("add", nexus.FLOAT32)
    result = nexus.run(adder, x, y)
    with np.errstate(all="ignore"):
        expected = x + y
    assert result.value.shape == x.shape and result.value.dtype == np.float32
    nan = np.isnan(expected)
    np.testing.assert_array_equal(result.value.view(np.uint32)[~nan], expected.view(np.uint32)[~nan])
    assert (result.value.view(np.uint32)[nan] == 0x7FC00000).all()
    assert result.spikes is not None and result.synops is not None and result.synops > result.spikes > 0
    assert adder.neurons > 0 and adder.synapses > adder.neurons and adder.depth > 1


@pytest.mark.parametrize("executor", FAST)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0), (2, 3, 4)])
def test_shapes_are_kept(executor: str, shape: tuple[int, ...]) -> None:
    x = np.full(shape, 1.5, np.float32)
    result = nexus.run(nexus.circuit("mul", nexus.FLOAT32), x, x, executor=executor)
    assert result.value.shape == shape
    np.testing.assert_array_equal(result.value, x * x)


@pytest.mark.parametrize("executor", FAST)
def test_operands_broadcast(executor: str) -> None:
    x, y = np.arange(6, dtype=np.float32).reshape(2, 3), np.float32(0.5)
    result = nexus.run(nexus.circuit("sub", nexus.FLOAT32), x, y, executor=executor)
    np.testing.assert_array_equal(result.value, x - y)


def test_executors_count_the_same() -> None:
    x = np.random.default_rng(0).standard_normal(300).astype(np.float32)
    counted = [
        nexus.run(nexus.circuit("mul", nexus.FLOAT32), x, x[::-1], executor=e) for e in ("bitsliced", "membrane")
    ]
    assert counted[0].spikes == counted[1].spikes and counted[0].synops == counted[1].synops
    first, second = (result.neuron_spikes for result in counted)
    assert first is not None and second is not None
    np.testing.assert_array_equal(first, second)
    assert first.sum() == counted[0].spikes


def test_counting_can_be_turned_off() -> None:
    x = np.ones(10, np.float32)
    result = nexus.run(nexus.circuit("add", nexus.FLOAT32), x, x, count=False)
    assert result.spikes is None and result.synops is None and result.neuron_spikes is None
    np.testing.assert_array_equal(result.value, x + x)


def test_a_predicate_answers_with_plain_bits() -> None:
    x, y = np.array([1, 2, np.nan], np.float16), np.array([2, 1, 1], np.float16)
    result = nexus.run(nexus.circuit("compare_lt", nexus.FLOAT16), x, y)
    np.testing.assert_array_equal(result.value, [1, 0, 0])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda c, x: nexus.run(c, x), "takes 2 operands, not 1"),
        (lambda c, x: nexus.run(c, x, x[:3]), "do not broadcast"),
        (lambda c, x: nexus.run(c, x, x.astype(np.float64) + 1e-12), "cannot hold exactly"),
        (lambda c, x: nexus.run(c, x, x, executor="gpu"), "executor 'gpu' does not exist; choose one of bitsliced"),
        (lambda c, x: nexus.run(c, x, x, colour="red"), "executor 'bitsliced' does not take these options"),
        (lambda c, x: nexus.circuit("add", "float32"), "is not a FloatFormat"),
    ],
)
def test_mistakes_are_one_sentence(call: object, sentence: str) -> None:
    adder, x = nexus.circuit("add", nexus.FLOAT32), np.ones(4, np.float32)
    with pytest.raises(nexus.NexusError, match=sentence):
        call(adder, x)  # type: ignore[operator]
