"""The published energy table: its own arithmetic, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lava_nexus.lab.configs import tables as config
from lava_nexus.lab.energy.subjects import SUBJECTS, Sizes
from lava_nexus.lab.energy.text import verdict
from lava_nexus.lab.published import published

TABLE = published("energy")


def test_every_row_has_something_to_stand_beside_it() -> None:
    assert {row.subject for row in TABLE.rows} <= set(SUBJECTS)
    assert set(config.SUBJECTS) == set(SUBJECTS)
    assert {name for row in TABLE.rows for name in row.parts} <= {row.subject for row in TABLE.rows}


def test_single_gates_hold_and_all_else_is_a_thousand_times_too_small() -> None:
    for row in TABLE.rows:
        ratio = TABLE.ratio(row)
        gate = row.group.startswith("Basic Logic Gates")
        assert 0.95 < ratio < 1.05 if gate else 900 < ratio < 1100, row.component


def test_by_hand() -> None:
    adder = TABLE.row("add")
    assert TABLE.recomputed_nj(adder) == pytest.approx(1674 * 23.6 / 1000)
    assert TABLE.ratio(adder) == pytest.approx(39.5064 / 0.040)


def test_the_blocks_multiply_accumulates() -> None:
    assert Sizes().macs == TABLE.row("block").macs == 917_504
    assert sum(TABLE.row(name).macs for name in ("qkv", "output", "up", "down")) + 2 * 65_536 == 917_504


@pytest.mark.parametrize(
    ("subject", "ours", "words"),
    [
        ("xor", None, ["printed energy holds"]),
        ("add", 80.0, ["988 times too small", "our work alone is 61.5 times the GPU's printed energy"]),
        ("add", 0.65, ["our work alone is 0.5 of the GPU's"]),
        ("linear_64", None, ["64 neurons a multiply-accumulate", "adder and multiplier have 7,437"]),
        ("ffn_silu", None, ["1,024 x silu would be 11,201,536 neurons, printed 11,200"]),
        ("attention", None, ["neurons are the sum of the parts"]),
    ],
)
def test_verdicts(subject: str, ours: float | None, words: list[str]) -> None:
    said = verdict(TABLE, TABLE.row(subject), ours)
    for word in words:
        assert word in said


def test_a_table_that_multiplied_rightly_would_be_said_to_hold() -> None:
    row = replace(TABLE.row("add"), loihi_nj=39.5)
    assert "printed energy holds" in verdict(TABLE, row, None)
