from __future__ import annotations

from ctypes import CFUNCTYPE, c_int64
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.circuits.compiled.machine_code import engine, host, object_code
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor, WordProgram, blocks, straight, word_program
from lava_nexus.execute.cpu.blocks import aligned
from lava_nexus.execute.cpu.kernel import LANES
from lava_nexus.execute.cpu.program import ONE_SLOT, ZERO_SLOT
from lava_nexus.execute.cpu.straight import assembly, stride
from lava_nexus.formats import BFLOAT16, FLOAT32
from lava_nexus.neurons import ThresholdNetwork
from tests.execute.cpu.networks import as_circuit, random_networks, random_operands


def check(target: Circuit, operands: list[NDArray[Any]], count: Any) -> None:
    found = []
    for way in (False, True):
        executor = BitslicedExecutor(count, straight=way)
        results = executor.invoke_all(target, operands)
        (tally,) = executor.tallies
        found.append((results, tally))
    (loop, counted), (code, same) = found
    for one, other in zip(loop, code, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (counted.active, counted.synops) == (same.active, same.synops)
    np.testing.assert_array_equal(counted.signal_spikes, same.signal_spikes)


@given(random_networks())
@settings(max_examples=10, deadline=None)
def test_random_networks_run_the_same_as_in_the_loop(network: ThresholdNetwork) -> None:
    check(as_circuit(network), random_operands(network, LANES + 100), "activity")


@pytest.mark.parametrize("count", [True, False, "activity"])
def test_operations_run_the_same_as_in_the_loop(count: Any) -> None:
    rng = np.random.default_rng(0)
    operands = [rng.integers(0, 1 << 32, 9 * LANES + 5, dtype=np.uint32) for _ in range(2)]
    check(circuit("add", FLOAT32), operands, count)


@pytest.mark.parametrize("vectors", [1, 3])
@pytest.mark.parametrize("piece", [10, straight.PIECE])
@pytest.mark.parametrize("ternary", [False, True])
def test_the_text_gives_the_values_of_every_slot(
    ternary: bool, piece: int, vectors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(straight, "PIECE", piece)
    program = word_program(circuit("mul", BFLOAT16).network)
    text = assembly(program, ternary)
    assert ("pternlog" in text) is ternary
    assert text.count("define internal") == 1 + -(-len(program.operations) // piece)
    if ternary and "+avx512f" not in host().split(","):
        return
    slots = aligned(vectors * stride(program) // 8)
    slots[:] = np.random.default_rng(0).integers(-(1 << 63), 1 << 63, len(slots))
    by_vector = slots.reshape(vectors, -1, 8)
    by_vector[:, ZERO_SLOT], by_vector[:, ONE_SLOT] = 0, -1
    by_slot = np.moveaxis(by_vector, 0, 1).reshape(-1, 8 * vectors).copy()
    given = [sum(int(word).bit_count() for word in by_slot[s].view(np.uint64)) for s in program.input_slots]
    expected, spikes = looped(program, by_slot)
    counter = aligned(8 * len(given + spikes))
    counter[:] = 0
    held = engine(object_code(text, lambda: text, passes=False))
    run = CFUNCTYPE(None, c_int64, c_int64, c_int64)(held.get_function_address("run"))
    run(slots.ctypes.data, counter.ctypes.data, vectors)
    found = np.moveaxis(by_vector, 0, 1).reshape(-1, 8 * vectors)
    np.testing.assert_array_equal(found[program.output_slots], expected[program.output_slots])
    assert counter.reshape(-1, 8).sum(axis=1).tolist() == given + spikes


def looped(program: WordProgram, slots: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[int]]:
    """Slots after all operations, and the set bits of each counted one."""
    spikes = []
    for code, *reads, into in program.operations.tolist():
        result = np.zeros_like(slots[0])
        for minterm in range(8):
            if code >> minterm & 1:
                term = np.full_like(result, -1)
                for position, slot in enumerate(reads):
                    term &= slots[slot] if minterm >> position & 1 else ~slots[slot]
                result |= term
        slots[into] = result
        if code & 0x100:
            spikes.append(sum(int(word).bit_count() for word in result.view(np.uint64)))
    return slots, spikes


def test_code_is_made_once_enough_has_run(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def code(program: WordProgram, build: bool) -> int:
        asked.append(build)
        return 0

    monkeypatch.setattr(blocks, "straight_code", code)
    monkeypatch.setattr(blocks, "_SETS_WORTH", 3 * LANES)
    operands = [np.arange(LANES, dtype=np.uint16)] * 2
    executor = BitslicedExecutor()
    for _ in range(4):
        executor.invoke(circuit("add", BFLOAT16), operands)
    assert asked == [False, True]
    BitslicedExecutor(straight=False).invoke(circuit("add", BFLOAT16), operands)
    assert asked == [False, True]


def test_an_option_that_is_none_is_refused() -> None:
    with pytest.raises(NexusError, match="straight 'yes' is not one of"):
        BitslicedExecutor(straight="yes")  # type: ignore[arg-type]
