"""What stands for a number format: names, NumPy's, ml_dtypes' and PyTorch's dtypes."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.errors import NexusError
from lava_nexus.formats import FORMATS, INTEGER_FORMATS, FloatFormat, as_format

KNOWN = FORMATS | INTEGER_FORMATS


@pytest.mark.parametrize("name", KNOWN)
def test_a_name_a_type_a_dtype_and_the_format_itself(name):
    fmt = KNOWN[name]
    for given in (name, fmt, fmt.dtype, fmt.dtype.type):
        assert as_format(given) is fmt


def test_short_names_and_formats_without_a_name():
    assert [as_format(n).name for n in ("bf16", "fp16", "fp32", "fp64")] == [
        "bfloat16",
        "float16",
        "float32",
        "float64",
    ]
    odd = FloatFormat(6, 5)
    assert as_format(odd) is odd
    assert as_format(ml_dtypes.bfloat16) is as_format("bf16")


def test_dtypes_of_pytorch():
    torch = pytest.importorskip("torch")
    for name in ("float32", "float16", "bfloat16", "float64", "float8_e4m3fn", "float8_e5m2", "int8", "uint8", "int64"):
        assert as_format(getattr(torch, name)) is KNOWN[name]
    with pytest.raises(NexusError, match=r"format torch.complex64 does not exist; choose one of float8_e4m3fn, "):
        as_format(torch.complex64)


@pytest.mark.parametrize("given", ["float31", "", None, 3, float, bool, np.complex64, np.longdouble, object(), [8, 23]])
def test_what_stands_for_none_is_told_with_the_list(given):
    with pytest.raises(NexusError, match=r"does not exist; choose one of float8_e4m3fn, .*float64, int8, .*uint64$"):
        as_format(given)


@pytest.mark.parametrize("given", ["float16", np.float16, np.dtype("float16")])
def test_circuits_take_what_stands_for_a_format(given):
    assert nexus.circuit("add", given) is nexus.circuit("add", nexus.FLOAT16)
    wide = nexus.circuit("mul", given, to="float32")
    assert wide is nexus.circuit("mul", nexus.FLOAT16, to=nexus.FLOAT32)
    assert nexus.circuit("neg", given, to=given) is nexus.circuit("neg", nexus.FLOAT16)
