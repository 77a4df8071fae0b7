"""rounding="correct": stored corrections belong to today's programs, and the neurons give the corrected results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lava_nexus.circuits import OPERATIONS, circuit
from lava_nexus.circuits.cells import basis_named
from lava_nexus.circuits.functions import exponential, function
from lava_nexus.circuits.functions import tabulated as patched
from lava_nexus.circuits.operations import PRECISE
from lava_nexus.errors import NexusError
from lava_nexus.formats import BFLOAT16, FLOAT8_E5M2, FLOAT16, FLOAT32, FLOAT64, FloatFormat
from lava_nexus.neurons import violations
from tests.circuits.definition import outputs
from tests.circuits.functions.oracle import correctly_rounded, domain
from tests.circuits.functions.test_functions import sample

STORED = sorted(patched.FOLDER.glob("*.json"))


def _name(path: Path) -> str:
    return path.stem.rpartition("_")[0]


@pytest.mark.parametrize("path", STORED, ids=map(_name, STORED))
def test_stored_corrections_are_those_of_todays_program(path: Path) -> None:
    values = json.loads(path.read_text())
    program = function.golden(PRECISE[_name(path)])(FLOAT32)
    assert values["program"] == program.digest, "changed since: run scripts/find_corrections.py with --set store=true"
    assert values["inputs"] == 2**32
    patches = patched.stored(_name(path))(FLOAT32)
    patterns, got, right = (np.array(column, np.uint32) for column in zip(*patches, strict=True))
    assert (np.diff(patterns.astype(np.int64)) > 0).all()
    np.testing.assert_array_equal(program(patterns), got)
    assert (got != right).all()
    np.testing.assert_array_equal(correctly_rounded(_name(path), patterns, FLOAT32), right)


@pytest.mark.parametrize("path", STORED, ids=map(_name, STORED))
def test_every_sampled_input_is_correctly_rounded(path: Path) -> None:
    name = _name(path)
    built = circuit(name, FLOAT32, rounding="correct")
    assert not violations(built.network)
    missed = np.array([pattern for pattern, _, _ in patched.stored(name)(FLOAT32)], np.uint32)
    patterns = np.concatenate([missed, missed ^ np.uint32(1), sample(2_000)])
    np.testing.assert_array_equal(outputs(built.network, [patterns]), built.golden(patterns))
    many = np.concatenate([missed, domain(name, sample(40_000), FLOAT32)])
    np.testing.assert_array_equal(built.golden(many), correctly_rounded(name, many, FLOAT32))
    assert built.options == (("rounding", "correct"),)


def _source(fmt: FloatFormat, count: int) -> patched.Source:
    """Corrections that turn any bits of many results."""
    rng = np.random.default_rng(count)
    patterns = np.sort(rng.permutation(1 << fmt.bits)[:count]).astype(fmt.pattern_dtype)
    got = function.golden(exponential.exp)(fmt)(patterns)
    right = got ^ rng.integers(1, 1 << fmt.bits, count).astype(fmt.pattern_dtype)
    return lambda _: tuple((int(p), int(g), int(r)) for p, g, r in zip(patterns, got, right, strict=True))


@pytest.mark.parametrize("count", [0, 1, 700])
def test_any_number_of_corrections(count: int) -> None:
    source, basis = _source(FLOAT16, count), basis_named("threshold", "neurons")
    word = patched.build_patched(exponential.exp, source)(basis, basis.input("a", FLOAT16), FLOAT16)
    network = basis.finish("out", word, FLOAT16, 62)
    assert not violations(network)
    golden = patched.patched_golden(exponential.exp, source)(FLOAT16)
    corrected = np.array([pattern for pattern, _, _ in source(FLOAT16)], np.uint16)
    patterns = np.concatenate([corrected, np.random.default_rng(2).integers(0, 1 << 16, 3_000).astype(np.uint16)])
    np.testing.assert_array_equal(outputs(network, [patterns]), golden(patterns))
    for pattern, _, right in source(FLOAT16):
        assert golden(np.array([pattern], np.uint16))[0] == right


def test_corrections_are_part_of_the_digest_and_end_runs_of_one_result() -> None:
    plain: Any = patched.patched_golden(exponential.exp, lambda _: ())(FLOAT32)
    other: Any = patched.patched_golden(exponential.exp, lambda _: ((7, 0x3F800000, 0x3F800001),))(FLOAT32)
    assert plain.digest != other.digest
    assert plain.constant(0, 255) == other.constant(256, 255) == 0x3F800000
    assert other.constant(0, 255) is None


@pytest.mark.parametrize("fmt", [FLOAT8_E5M2, FLOAT16, BFLOAT16], ids=str)
@pytest.mark.parametrize("name", PRECISE)
def test_narrow_formats_are_correct_anyway(name: str, fmt: FloatFormat) -> None:
    faithful, correct = (OPERATIONS[name].golden(fmt, fmt, rounding=r) for r in ("faithful", "correct"))
    patterns = np.arange(0, 1 << fmt.bits, 7, dtype=fmt.pattern_dtype)
    np.testing.assert_array_equal(faithful(patterns), correct(patterns))


@pytest.mark.parametrize(
    ("name", "fmt", "options", "words"),
    [
        ("exp", FLOAT64, {"rounding": "correct"}, "no rounding='correct'"),
        ("exp", FLOAT32, {"rounding": "exact"}, "option 'rounding' of operation 'exp' is 'exact'"),
        ("erf", FLOAT32, {"rounding": "correct"}, "operation 'erf' has no option 'rounding'"),
    ],
)
def test_mistakes(name: str, fmt: FloatFormat, options: dict[str, Any], words: str) -> None:
    with pytest.raises(NexusError, match=words):
        circuit(name, fmt, **options)
