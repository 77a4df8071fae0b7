from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings

from lava_nexus.lowering.lowering import lower
from lava_nexus.lowering.program import COUNTED, Variant, from_arrays, to_arrays
from lava_nexus.lowering.schedule import allocate, depth_first, eager
from lava_nexus.neurons import Builder, ThresholdNetwork
from tests.execute.cpu.networks import counter, full_adder, random_networks, ripple_adder


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
    assert len(lower(network).operations) == operations


def test_relays_and_equal_neurons_share_an_operation() -> None:
    b = Builder()
    x = b.input("x", width=3)
    both = b.gate([(x[0], 1), (x[1], 1)], 2)
    disguised = b.gate([(x[0], 2), (x[1], 2), (x[2], 1)], 4)
    network = b.finish([("out", [disguised, b.gate([(both, 1), (x[2], 1)], 1)], None)], max_delay=0)
    program = lower(network)
    assert network.neurons == 6 and network.relays == 3 and len(program.operations) == 2
    assert sorted(program.signal_counts[network.n_inputs :].tolist()) == [2, 3, 4, 5, 5, 6]


@given(random_networks())
@settings(max_examples=30, deadline=None)
def test_operations_read_what_was_written(network: ThresholdNetwork) -> None:
    for variant in get_args(Variant):
        program = lower(network, variant)
        written = {0, 1, *program.input_slots.tolist()}
        assert len(set(program.input_slots.tolist())) == len(program.input_slots)
        for _, a, b, c, result in program.operations.tolist():
            assert {a, b, c} <= written and result not in (0, 1) and result < program.n_slots
            written.add(result)
        assert set(program.output_slots.tolist()) <= written
        counted = int((program.operations[:, 0] & COUNTED != 0).sum())
        assert program.n_counts == 2 + len(program.input_slots) + counted


def test_a_program_survives_the_disk_and_a_broken_one_is_refused() -> None:
    program = lower(ripple_adder(4), "activity")
    arrays, metadata = to_arrays(program)
    assert from_arrays(arrays, metadata).digest == program.digest
    assert from_arrays(arrays, {"n_slots": program.n_slots + 1}).digest != program.digest
    with pytest.raises(ValueError, match="slot out of range"):
        from_arrays(arrays, {"n_slots": 4})
    with pytest.raises(ValueError, match="count"):
        from_arrays({**arrays, "idle": arrays["idle"][1:]}, metadata)
    with pytest.raises(ValueError, match="count"):
        from_arrays({**arrays, "signal_counts": arrays["signal_counts"] + np.int32(1000)}, metadata)


def test_schedule_reuses_slots_and_runs_side_results_at_once() -> None:
    chain = {10: (0, 1), 11: (10,), 12: (11,), 20: (10, 1), 21: (20,)}
    assert depth_first(chain, [12]) == [10, 11, 12]
    assert eager(chain, [10, 11, 12]) == [10, 20, 21, 11, 12]
    slots, size = allocate(chain, [10, 20, 21, 11, 12], sources=[0, 1], kept=[12], reserved=3)
    assert size <= 6 and min(slots.values()) == 3 and 21 not in slots
