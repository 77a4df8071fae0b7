"""The benchmark of a GPU computes the block that it says it measures."""

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
_FILE = Path(__file__).parents[2] / "benchmarks" / "gpu_block.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = spec_from_file_location("gpu_block", _FILE)
    module = module_from_spec(spec)
    sys.modules["gpu_block"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["gpu_block"]


def _norm(x):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)


def test_a_token_of_the_block_is_computed(benchmark):
    shape = benchmark.Shape("small", width=8, hidden=12, heads=2, kv_heads=2, head_width=4, context=3)
    with torch.inference_mode():
        model = benchmark.Model(shape, 2, torch.float32, "cpu")
        model.step()
    (layer,) = model.layers
    x = model.x.double().numpy()
    qkv, out, up, down = (w.double().numpy() for w in (layer.qkv, layer.out, layer.up, layer.down))
    q, k, v = np.split((_norm(x) @ qkv.T).reshape(2, 6, 4), 3, axis=1)
    keys, values = layer.keys.double().numpy(), layer.values.double().numpy()
    assert np.allclose(keys[:, :, -1], k) and np.allclose(values[:, :, -1], v)  # the token's own are among them
    scores = np.exp(np.einsum("bhd,bhcd->bhc", q, keys) / 2)
    mixed = np.einsum("bhc,bhcd->bhd", scores / scores.sum(-1, keepdims=True), values).reshape(2, 8)
    x = x + mixed @ out.T
    y = _norm(x) @ up.T
    x = x + (y / (1 + np.exp(-y))) @ down.T
    assert np.allclose(model.result.numpy(), x, atol=1e-5)


def test_the_block_has_the_multiply_accumulates_of_the_paper(benchmark):
    assert benchmark.BLOCK.weights == 786_432
    assert benchmark.BLOCK.macs == 786_432 + 2 * 128 * 256
    assert benchmark.CASES[0][1] == (1, 4, 16, 64, 256, 1024, 4096)


def test_it_needs_nothing_of_this_package_and_says_what_it_ran_on(tmp_path):
    command = [sys.executable, str(_FILE), "--device", "cpu", "--quick", "--seconds", "0.01", "--repeats", "1"]
    subprocess.run([*command, "--out", str(tmp_path / "record.json")], check=True, capture_output=True)
    record = json.loads((tmp_path / "record.json").read_text())
    assert {"device", "driver", "date", "torch", "method", "idle_watts"} <= set(record)
    assert [(row["format"], row["batch"]) for row in record["rows"]] == [
        ("float32", 1),
        ("float32", 3),
        ("bfloat16", 1),
        ("bfloat16", 3),
    ]
    assert all(row["tokens_a_second"] > 0 and row["joules_a_token"] is None for row in record["rows"])
    assert "lava_nexus" not in _FILE.read_text()
