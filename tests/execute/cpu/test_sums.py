"""Sums of products by straight-line code, against the loop over operations, invocation by invocation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.execute.cpu import BitslicedExecutor, sums, word_program
from lava_nexus.execute.sums import contract
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT16, FLOAT32, FloatFormat
from lava_nexus.programs.nodes import Folded
from lava_nexus.programs.order import named_order
from lava_nexus.programs.product import Rounded
from tests.execute.cuda.cases import linear_layer, patterns


def by_code_and_by_loop(
    monkeypatch: pytest.MonkeyPatch, how: str, shape: tuple[int, int, int], fmt: FloatFormat, **options: Any
) -> None:
    ran: list[int] = []
    inner = sums.sums_in_order

    def watched(*given: Any) -> Any:
        ran.append(1)
        return inner(*given)

    monkeypatch.setattr(sums, "sums_in_order", watched)
    found = []
    for straight in (True, False):
        executor = BitslicedExecutor(straight=straight, **options)
        (result,), tallies = linear_layer(executor, how, shape, fmt, bias=True)
        rows = {t.circuit.digest: (t.invocations, t.signal_spikes, t.synops, t.active) for t in tallies}
        found.append((result, rows))
    (code, counted), (loop, same) = found
    np.testing.assert_array_equal(code, loop)
    np.testing.assert_equal(counted, same)
    assert ran == [1]


@pytest.mark.parametrize("shape", [(1, 3, 400), (1, 35, 1000), (3, 2, 2000), (11, 3, 512)])
@pytest.mark.parametrize("how", ["sequential", "fma"])
def test_bits_and_counts_are_those_of_invocations(
    how: str, shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_code_and_by_loop(monkeypatch, how, shape, FLOAT8_E4M3FN, count="activity", threads=2)


@pytest.mark.parametrize("fmt", [BFLOAT16, FLOAT16, FLOAT32])
def test_every_size_of_element(fmt: FloatFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    by_code_and_by_loop(monkeypatch, "sequential", (2, 5, 900), fmt, threads=1)


def test_nothing_is_counted_where_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    by_code_and_by_loop(monkeypatch, "sequential", (2, 40, 500), BFLOAT16, count=False)


def test_a_wider_sum_and_a_transposed_matrix() -> None:
    how = Rounded(circuit("mul", BFLOAT16, to=FLOAT32), circuit("add", FLOAT32), named_order("sequential", 4))
    x, w = patterns(BFLOAT16, (1, 2, 4), 1), patterns(BFLOAT16, (1, 4, 450), 2).swapaxes(1, 2)
    code, loop = (BitslicedExecutor(straight=straight) for straight in (True, False))
    found = code.contracted(how, x, w, None)
    np.testing.assert_array_equal(found, contract(how, [x, w], loop))
    assert code.tallies.spikes == loop.tallies.spikes


def test_weights_of_sixteen_bits_take_fewer_look_ups_and_count_the_same() -> None:
    how = Rounded(circuit("mul", FLOAT32), circuit("add", FLOAT32), named_order("sequential", 3))
    x, w = patterns(FLOAT32, (1, 2, 3), 1), patterns(BFLOAT16, (1, 400, 3), 2).astype(np.uint32) << 16
    code, loop = (BitslicedExecutor(straight=straight) for straight in (True, False))
    np.testing.assert_array_equal(code.contracted(how, x, w, None), contract(how, [x, w], loop))
    one, other = (np.concatenate([tally.signal_spikes for tally in each.tallies]) for each in (code, loop))
    np.testing.assert_array_equal(one, other)
    small, whole = (word_program(how.multiply.network, "spikes", zeros) for zeros in (16, 0))
    assert len(small.operations) < 0.7 * len(whole.operations)


@pytest.mark.parametrize("shape", [(1, 70), (3, 200, 2), (600, 5)])
def test_values_are_folded_in_order(shape: tuple[int, ...]) -> None:
    how = Folded(circuit("add", BFLOAT16), named_order("sequential", shape[-1]))
    values = patterns(BFLOAT16, shape, 3)
    code, loop = (BitslicedExecutor("activity", straight=straight) for straight in (True, False))
    assert loop.folded(how, values) is None
    expected = values[..., 0]
    for k in range(1, shape[-1]):
        expected = loop.invoke(how.circuit, [expected, np.ascontiguousarray(values[..., k])])
    np.testing.assert_array_equal(code.folded(how, values), expected)
    (counted,), (same,) = code.tallies, loop.tallies
    np.testing.assert_array_equal(counted.signal_spikes, same.signal_spikes)
    assert (counted.invocations, counted.active) == (same.invocations, same.active)
