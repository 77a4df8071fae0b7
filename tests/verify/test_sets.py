"""Operand sets: everything once, corners in all pairs, the same sets for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.formats import FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, FLOAT64
from lava_nexus.neurons import Port
from lava_nexus.verify.operands import port_corners
from lava_nexus.verify.sets import Exhaustive, OperandSets, Sample


def _port(width: int, fmt: object = None) -> Port:
    return Port("a", tuple(range(1, width + 1)), fmt)  # type: ignore[arg-type]


FP8, FP16, INTEGER = _port(8, FLOAT8_E5M2), _port(16, FLOAT16), _port(5)


def _rows(sets: OperandSets) -> np.ndarray:  # type: ignore[type-arg]
    chunks = [sets.take(number) for number in range(sets.chunks)]
    assert all(len(one) <= sets.chunk for chunk in chunks for one in chunk)
    columns = [np.concatenate([chunk[i] for chunk in chunks]) for i in range(len(sets.ports))]
    assert [one.dtype for one in columns] == [port.pattern_dtype for port in sets.ports]
    return np.stack([one.astype(np.uint64) for one in columns], axis=1)


@pytest.mark.parametrize("ports", [(FP8,), (FP8, FP8), (INTEGER, FP8), (INTEGER, INTEGER, INTEGER)])
@pytest.mark.parametrize("chunk", [100, 1 << 14])
def test_every_combination_once(ports: tuple[Port, ...], chunk: int) -> None:
    sets = Exhaustive(ports, chunk)
    rows = _rows(sets)
    assert sets.whole
    assert len(rows) == sets.sets == 2 ** sum(port.width for port in ports)
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert (rows.max(axis=0) == [2**port.width - 1 for port in ports]).all()


def test_a_part_is_spread_and_has_no_set_twice() -> None:
    sets = Exhaustive((FP16, FP16), 1 << 10, most=1 << 12)
    rows = _rows(sets)
    assert not sets.whole
    assert len(np.unique(rows, axis=0)) == sets.sets == 1 << 12
    for column in rows.T:
        assert (np.bincount((column >> np.uint64(12)).astype(np.int64), minlength=16) > 128).all()
    assert "4,096 of 4,294,967,296 pairs" in sets.how


def test_corners_in_all_pairs_then_random_ones() -> None:
    sets = Sample((FP8, FP8), 1000, 2500, 1 << 20, seed=3)
    rows, corners = _rows(sets), port_corners(FP8)
    crossed = rows[: len(corners) ** 2]
    assert len(np.unique(crossed, axis=0)) == len(crossed)
    assert np.isin(crossed, corners).all()
    assert len(rows) == sets.sets == len(crossed) + 2500
    assert len(np.unique(rows[len(crossed) :], axis=0)) > 1000
    assert (_rows(Sample((FP8, FP8), 1000, 2500, 1 << 20, seed=3)) == rows).all()
    assert (_rows(Sample((FP8, FP8), 1000, 2500, 1 << 20, seed=4)) != rows).any()


def test_corners_are_drawn_where_they_are_too_many() -> None:
    port = _port(64, FLOAT64)
    sets = Sample((port, port), 1 << 10, 0, 3000, seed=0)
    rows = _rows(sets)
    assert len(rows) == sets.sets == 3000
    assert np.isin(rows, port_corners(port)).all()
    assert len(np.unique(rows, axis=0)) > 2900


@pytest.mark.parametrize("ports", [(FP8,), (FP8, FP8, FP8), (FP8, FP16), (FP16, INTEGER), (FP8,) * 4])
def test_random_sets_of_any_ports(ports: tuple[Port, ...]) -> None:
    rows = _rows(Sample(ports, 512, 1024, 0, seed=1))
    assert len(rows) == 1024
    for column, port in zip(rows.T, ports, strict=True):
        assert len(np.unique(column)) > min(2**port.width // 2, 200)


def test_integer_corners() -> None:
    corners = set(port_corners(INTEGER).tolist())
    assert {0, 1, 2, 15, 16, 17, 30, 31} <= corners
    assert max(corners) == 31


def test_specials_are_corners() -> None:
    assert {0, 1, 0x7E, 0x7F, 0x80, 0xFF} <= set(port_corners(_port(8, FLOAT8_E4M3FN)).tolist())
