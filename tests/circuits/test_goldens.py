"""Golden functions say how they are known, and name their content where sources alone do not."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.circuits import OPERATIONS, circuit, operations
from lava_nexus.circuits.accumulator import accumulator
from lava_nexus.circuits.linear import linear_network
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, FLOAT32, FORMATS, INT8
from lava_nexus.neurons.built import Built, Computed, Golden
from lava_nexus.populations import operator


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_a_golden_function_of_one_output(name):
    found = [OPERATIONS[name].golden(fmt, fmt) for fmt in (FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT32)]
    for golden in found:
        assert isinstance(golden, Golden)
        assert golden.outputs == 1
        assert (golden.digest is None) == (golden.known in ("hardware", "integers"))
    if "table" in (golden.known for golden in found):
        assert [golden.known for golden in found] == ["table", "table", "program"]
        assert found[0].digest != found[1].digest


@pytest.mark.parametrize(
    ("name", "fmt", "options", "known"),
    [
        ("add", FLOAT32, {}, "hardware"),
        ("add", FLOAT16, {"subnormals": False}, "hardware"),
        ("fma", BFLOAT16, {}, "hardware"),
        ("dot_exact", FLOAT8_E5M2, {}, "integers"),
        ("convert", FLOAT16, {"to": INT8}, "integers"),
        ("exp", FLOAT8_E5M2, {}, "table"),
        ("exp", BFLOAT16, {}, "program"),
    ],
)
def test_how_it_is_known(name, fmt, options, known):
    assert circuit(name, fmt, **options).golden.known == known


def test_only_a_program_knows_runs_of_one_result():
    assert circuit("exp", BFLOAT16).golden.constant(0, 15) == 0x3F80
    assert circuit("add", BFLOAT16).golden.constant(0, 15) is None


def test_several_outputs():
    sums = accumulator(FLOAT8_E5M2, "values", terms=1)
    zeros = [np.zeros(3, np.uint64)] * sums.register.pieces
    pieces = sums.step.golden.every_output(*zeros, np.array([0, 0x3C, 0xBC], np.uint8))
    assert len(pieces) == sums.step.golden.outputs == sums.register.pieces
    np.testing.assert_array_equal(sums.step.golden(*zeros, np.array([0, 0x3C, 0xBC], np.uint8)), pieces[0])
    assert sums.finish.golden(*pieces).tolist() == [0, 0x3C, 0xBC]
    assert Computed(lambda x: (x, x + 1), "integers", 2).every_output(np.array([1]))[1].tolist() == [2]


def test_all_that_is_built_of_one_network_has_one():
    linear = linear_network(circuit("mul", FLOAT8_E5M2), circuit("add", FLOAT8_E5M2), 2)
    for built in (linear, operator("softmax", 4), operator("rms_norm", 4), operator("silu")):
        assert isinstance(built, Built)
        assert isinstance(built.golden, Golden)


def test_operations_are_told_with_operands_formats_and_options():
    told = {one.name: one for one in operations()}
    assert list(told) == list(OPERATIONS)
    assert str(told["fma"]) == "fma(a, b, c): a * b + c, rounded once"
    assert told["exp"].formats == tuple(FORMATS)
    assert "int8" in told["convert"].formats
    assert told["convert"].widens
    assert "faithful" in told["exp"].options["rounding"]
    assert all(one.computes and "\n" not in one.computes for one in told.values())
