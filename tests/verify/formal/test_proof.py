"""Proofs of small circuits; wrong networks are refuted, by operands on which their neurons are seen to be wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("bitwuzla")

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.errors import NexusError
from lava_nexus.formats import (
    BFLOAT16,
    FLOAT8_E4M3FN,
    FLOAT8_E5M2,
    FLOAT16,
    FLOAT32,
    INT8,
    INT16,
    INT32,
    UINT8,
    UINT32,
    FloatFormat,
    NumberFormat,
)
from lava_nexus.lab.verification.prove import confirm
from lava_nexus.verify.formal.proof import COVERAGE, obligation
from lava_nexus.verify.formal.terms import Split

TINY = FloatFormat(3, 2)


@pytest.mark.parametrize("basis", ["threshold", "nexus"])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "sqrt", "neg", "abs", "min", "max", "compare_le"])
def test_small_circuits_are_proven(name: str, basis: str) -> None:
    question = obligation(circuit(name, TINY, basis=basis))
    assert [question.prove(case, 60).verdict for case in question.cases] == ["unsat"]


@pytest.mark.parametrize("name", ["compare_lt", "compare_eq", "min"])
def test_comparisons_are_proven_at_full_width(name: str) -> None:
    assert obligation(circuit(name, FLOAT32)).prove("all operands", 60).verdict == "unsat"


def test_a_widening_product_is_proven() -> None:
    assert obligation(circuit("mul", TINY, to=FloatFormat(4, 5))).prove("all operands", 60).verdict == "unsat"


def test_cases_by_distance_are_proven_one_by_one_and_cover_all() -> None:
    question = obligation(circuit("add", FloatFormat(2, 1)), "distance")
    assert question.cases[-1] == COVERAGE
    assert len(question.cases) == 2 * (2 * 3 + 1 + 2) + 1
    assert {question.prove(case, 60).verdict for case in question.cases} == {"unsat"}


def test_a_divider_is_proven_digit_by_digit() -> None:
    question = obligation(circuit("div", FLOAT16), "digits")
    assert {question.prove(case, 60).verdict for case in question.cases} == {"unsat"}
    assert len(question.cases) == 13 + 4


def test_a_wrong_divider_is_not_proven() -> None:
    sound = circuit("div", FLOAT16)
    for neuron in np.linspace(sound.neurons // 3, sound.neurons - 1, 3).astype(int):
        try:
            question = obligation(_damaged(sound, neuron), "digits")
            assert {question.prove(case, 60).verdict for case in question.cases} != {"unsat"}
        except NexusError as error:
            assert "has no neuron of its own" in str(error)


CONVERSIONS = [
    (FLOAT16, INT8, {}),
    (FLOAT16, UINT32, {"rounding": "zero"}),
    (FLOAT32, INT32, {}),
    (INT16, FLOAT16, {}),
    (UINT8, BFLOAT16, {}),
    (INT32, UINT8, {}),
    (FLOAT32, FLOAT16, {}),
]


@pytest.mark.parametrize(("fmt", "to", "options"), CONVERSIONS, ids=str)
def test_conversions_are_proven(fmt: NumberFormat, to: NumberFormat, options: dict[str, str]) -> None:
    sound = circuit("convert", fmt, to=to, **options)
    assert obligation(sound).prove("all operands", 60).verdict == "unsat"


def test_a_conversion_of_another_rounding_is_refuted() -> None:
    nearest, zero = (circuit("convert", FLOAT16, to=INT8, rounding=how) for how in ("nearest", "zero"))
    answer = obligation(replace(nearest, network=zero.network)).prove("all operands", 60)
    assert answer.verdict == "sat" and confirm(replace(nearest, network=zero.network), answer.values).confirmed


def _damaged(sound: Circuit, neuron: int) -> Circuit:
    thresholds = sound.network.thresholds.copy()
    thresholds[neuron] += 1
    return replace(sound, network=replace(sound.network, thresholds=thresholds))


@pytest.mark.parametrize(("name", "fmt"), [("compare_lt", FLOAT16), ("min", FLOAT8_E5M2)])
def test_a_wrong_network_is_refuted_and_a_run_shows_it(name: str, fmt: FloatFormat) -> None:
    sound = circuit(name, fmt)
    refuted = 0
    for neuron in np.linspace(0, sound.neurons - 1, 3).astype(int):
        answer = obligation(_damaged(sound, neuron)).prove("all operands", 60)
        if answer.verdict == "sat":  # a threshold may have slack that nothing uses
            refuted += 1
            found = confirm(_damaged(sound, neuron), answer.values)
            assert found.confirmed and "confirmed by a run" in str(found)
            assert not confirm(sound, answer.values).confirmed
    assert refuted >= 2


def test_signed_zeros_and_the_nan_pattern_count() -> None:
    """An output bit forced to 0, or one freed from its sign, is found though only a zero or a NaN shows it."""
    sound = circuit("neg", FLOAT8_E5M2)
    sign, quiet = sound.output.signals[0], sound.output.signals[6]
    for signal in (sign, quiet):
        answer = obligation(_damaged(sound, signal - sound.network.n_inputs)).prove("all operands", 60)
        assert answer.verdict == "sat" and confirm(sound, answer.values).operands == answer.values


@pytest.mark.parametrize(
    ("name", "fmt", "how", "message"),
    [
        ("add", FLOAT8_E4M3FN, "none", "has no infinity, and SMT-LIB no such sort"),
        ("exp", FLOAT8_E5M2, "none", "operation 'exp' has no meaning in SMT-LIB"),
        ("sqrt", FLOAT8_E5M2, "distance", "split 'distance' needs two operands, not 1"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(name: str, fmt: FloatFormat, how: Split, message: str) -> None:
    with pytest.raises(NexusError, match=message):
        obligation(circuit(name, fmt), how).prove("all operands", 1)


def test_time_that_runs_out_is_no_verdict() -> None:
    assert obligation(circuit("add", FLOAT16)).prove("all operands", 0.01).verdict == "unknown"
