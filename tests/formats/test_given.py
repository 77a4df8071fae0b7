"""Numbers as a user hands them over: exact or refused, whatever the container."""

from __future__ import annotations

from array import array
from collections import UserList, deque
from typing import Any

import numpy as np
import pytest

from lava_nexus.errors import NexusError
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT32, FLOAT64, INT64, UINT64, encode
from lava_nexus.formats.integer_format import exact_array

ODD = 2**63 + 1


@pytest.mark.parametrize(
    "values",
    [
        [ODD, 0],
        (ODD, 0),
        deque([ODD, 0]),
        UserList([ODD, 0]),
        [np.uint64(ODD), np.int64(0)],
        [np.array(ODD, np.uint64), 0],
        np.array([ODD, 0], np.uint64),
        np.ma.MaskedArray([ODD, 0], dtype=np.uint64),
        array("Q", [ODD, 0]),
        memoryview(np.array([ODD, 0], np.uint64)),
    ],
    ids=range(10),
)
def test_integers_are_not_rounded(values: Any) -> None:
    assert UINT64.to_patterns(values).tolist() == [ODD, 0]
    assert exact_array("it", values).tolist() == [ODD, 0]


@pytest.mark.parametrize("values", [[ODD, 0.5], [2**64, 0], [2**53 + 1, 0.0, 2**64], deque([ODD, -1])], ids=range(4))
def test_what_would_be_rounded_is_refused(values: Any) -> None:
    with pytest.raises(NexusError):
        UINT64.to_patterns(values)


MASKED = np.ma.MaskedArray([1.0, 2.0], [False, True])


@pytest.mark.parametrize("values", [MASKED, [MASKED], [np.ma.masked, 2.0], deque([(1.0, np.ma.masked)])], ids=range(4))
def test_masked_elements_are_no_numbers(values: Any) -> None:
    for fmt in (FLOAT32, FLOAT64, INT64):
        with pytest.raises(NexusError, match="is a masked array with masked elements"):
            fmt.to_patterns(values)


class Broken:
    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("not today")


class Silent:
    def __array__(self, *_: Any, **__: Any) -> Any:
        class MuteError(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        raise MuteError


@pytest.mark.parametrize("values", [None, "abc", {}, {1.0}, 1j, [[1], [1, 2]], Broken(), Silent()], ids=range(8))
def test_what_is_no_number_is_one_sentence(values: Any) -> None:
    for fmt in (FLOAT32, INT64):
        with pytest.raises(NexusError):
            fmt.to_patterns(values)


def test_a_format_may_be_named() -> None:
    assert np.array_equal(encode([1.5], "float32"), encode([1.5], FLOAT32))
    with pytest.raises(NexusError, match="format 'x' does not exist"):
        encode([1.5], "x")


def test_tensors_of_pytorch_are_taken_exactly() -> None:
    torch = pytest.importorskip("torch")
    ones = torch.tensor([1.0, -0.0, 2.5])
    assert FLOAT32.to_patterns(ones.requires_grad_()).tolist() == FLOAT32.to_patterns(ones.detach().numpy()).tolist()
    for dtype, fmt in ((torch.bfloat16, BFLOAT16), (torch.float8_e4m3fn, FLOAT8_E4M3FN)):
        narrow = ones.detach().to(dtype)
        bits = narrow.view(torch.int16 if fmt is BFLOAT16 else torch.int8).numpy().view(fmt.pattern_dtype)
        assert fmt.to_patterns(narrow).tolist() == bits.tolist()
        assert fmt.to_patterns(narrow[0]).tolist() == bits[0]
        assert fmt.to_patterns(narrow[::2]).tolist() == bits[::2].tolist()
    assert FLOAT32.to_patterns(torch.tensor([1 - 2j]).conj().imag).tolist() == [FLOAT32.to_patterns(2.0)]
    assert FLOAT32.to_patterns(ones.detach().to_sparse()).shape == (3,)
    for tensor in (
        torch.ones(2, device="meta"),
        torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        [torch.ones(2, dtype=torch.bfloat16)] * 2,
    ):
        with pytest.raises(NexusError):
            FLOAT32.to_patterns(tensor)
