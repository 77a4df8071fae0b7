"""Every way a weights file can be wrong is one sentence that names file, tensor and value."""

from __future__ import annotations

import json
import re

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lava_nexus.errors import NexusError
from lava_nexus.models.checkpoint import checkpoint_metadata, load_checkpoint, save_checkpoint

SHAPES = {"weight": (2, 3), "bias": (2,)}


def tensors(dtype=np.float32):
    return {"weight": np.arange(6).reshape(2, 3).astype(dtype), "bias": np.array([-1, 0.5]).astype(dtype)}


def expect_error(path, *parts, expected=SHAPES, dtype=np.float32):
    with pytest.raises(NexusError) as caught:
        load_checkpoint(path, expected, dtype)
    sentence = str(caught.value)
    assert "\n" not in sentence
    for part in (str(path), *parts):
        assert part in sentence


def test_what_another_writer_wrote_is_read_in_the_expected_order(tmp_path):
    save_file(tensors(), tmp_path / "w.safetensors")
    loaded = load_checkpoint(str(tmp_path / "w.safetensors"), SHAPES)
    assert list(loaded) == ["weight", "bias"]
    for name, tensor in tensors().items():
        assert loaded[name].dtype == np.float32
        np.testing.assert_array_equal(loaded[name], tensor)


def test_another_reader_reads_what_was_written(tmp_path):
    path = tmp_path / "new" / "w.safetensors"
    save_checkpoint(path, {"t": np.arange(6, dtype=np.float32).reshape(2, 3).T}, {"seed": "7", "note": "naïve"})
    np.testing.assert_array_equal(load_file(path)["t"], [[0, 3], [1, 4], [2, 5]])
    assert checkpoint_metadata(path) == {"seed": "7", "note": "naïve"}
    assert [p.name for p in path.parent.iterdir()] == ["w.safetensors"]


def test_equal_contents_are_equal_bytes_with_sorted_header(tmp_path):
    metadata = {key: key for key in "hgfedcba"}
    files = []
    for i in range(5):
        save_checkpoint(tmp_path / f"{i}", tensors(), metadata)
        files.append((tmp_path / f"{i}").read_bytes())
    assert len(set(files)) == 1
    length = int.from_bytes(files[0][:8], "little")
    assert length % 8 == 0
    assert list(json.loads(files[0][8 : 8 + length])["__metadata__"]) == sorted(metadata)


def test_missing_file_and_folder(tmp_path):
    expect_error(tmp_path / "none.safetensors", "does not exist")
    expect_error(tmp_path, "is not a file")


@pytest.mark.parametrize("keep", [0, 4, 20, -1])
def test_truncated_file(tmp_path, keep):
    save_file(tensors(), tmp_path / "whole")
    (tmp_path / "part").write_bytes((tmp_path / "whole").read_bytes()[:keep])
    expect_error(tmp_path / "part", "truncated or no safetensors file", "bytes)")


def test_something_else_entirely(tmp_path):
    (tmp_path / "w").write_text("epochs: 100\n" * 20)
    expect_error(tmp_path / "w", "truncated or no safetensors file", "240 bytes")


def test_missing_and_unexpected_tensors(tmp_path):
    save_file({"weight": tensors()["weight"], "wieght": tensors()["weight"], "x": tensors()["bias"]}, tmp_path / "w")
    expect_error(tmp_path / "w", "has no tensor 'bias'")
    expect_error(tmp_path / "w", "tensor 'wieght' (and 1 more)", expected={"weight": (2, 3)})


def test_wrong_shape(tmp_path):
    save_file({**tensors(), "weight": np.zeros((3, 2), np.float32)}, tmp_path / "w")
    expect_error(tmp_path / "w", "'weight'", "(3, 2)", "(2, 3)")


@pytest.mark.parametrize(
    ("dtype", "name"), [(np.float64, "float64"), (ml_dtypes.bfloat16, "bfloat16"), (np.int32, "I32")]
)
def test_wrong_dtype(tmp_path, dtype, name):
    save_file(tensors(dtype), tmp_path / "w")
    expect_error(tmp_path / "w", "'weight'", f"dtype {name}", "float32")


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2]
)
def test_other_dtypes_are_read_where_asked_for(tmp_path, dtype):
    save_file(tensors(dtype), tmp_path / "w")
    loaded = load_checkpoint(tmp_path / "w", SHAPES, dtype)
    assert loaded["weight"].dtype == dtype
    np.testing.assert_array_equal(loaded["bias"].astype(np.float64), [-1, 0.5])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers(tmp_path, value):
    bad = tensors()
    bad["weight"][1, 2] = value
    save_file(bad, tmp_path / "w")
    expect_error(tmp_path / "w", "'weight'", str(value), "[1, 2]")
    with pytest.raises(NexusError, match=re.escape("[1, 2]")):
        save_checkpoint(tmp_path / "new", bad)
    assert not (tmp_path / "new").exists()


def test_a_failed_write_leaves_the_old_file(tmp_path):
    save_checkpoint(tmp_path / "w", tensors())
    before = (tmp_path / "w").read_bytes()
    with pytest.raises(NexusError):
        save_checkpoint(tmp_path / "w", {"bias": np.array([np.nan], np.float32)})
    assert (tmp_path / "w").read_bytes() == before
