"""A GPU gives the bits and totals that the CPU gives; the record of a run on one is checked by CI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.run import executor
from lava_nexus.models.model import Model, random_model
from lava_nexus.models.stages import forward_stages
from lava_nexus.models.stream import Stream, cache_of
from tests.execute.cuda.cases import Case, cases, patterns, record

RECORD = Path(__file__).with_name("recorded.json")
ALL = list(cases())


@pytest.mark.parametrize("case", [case for _, case in ALL], ids=[name for name, _ in ALL])
def test_the_record_of_a_gpu_holds_what_the_cpu_gives(case: Case, request: pytest.FixtureRequest) -> None:
    recorded = json.loads(RECORD.read_text())["cases"]
    assert recorded[request.node.callspec.id] == record(case, BitslicedExecutor("activity"))


def test_the_record_has_every_case() -> None:
    assert set(json.loads(RECORD.read_text())["cases"]) == {name for name, _ in ALL}


@pytest.mark.cuda
@pytest.mark.parametrize("case", [case for _, case in ALL], ids=[name for name, _ in ALL])
@pytest.mark.parametrize("count", ["activity", True, False])
def test_a_gpu_gives_what_the_cpu_gives(case: Case, count: bool | str) -> None:
    assert record(case, executor("cuda", count=count)) == record(case, BitslicedExecutor(count))


@pytest.mark.cuda
def test_native_products_in_double_precision_are_those_of_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    from lava_nexus.execute.cuda.native import layers, units

    case = dict(ALL)["native layer of many groups float32"]
    expected = record(case, executor("cuda"))
    monkeypatch.setattr(layers, "units_for", lambda _: units.DOUBLES)
    assert record(case, executor("cuda")) == expected


@pytest.mark.cuda
def test_results_of_arrays_on_a_gpu_stay_there() -> None:
    import cupy

    from lava_nexus.circuits import circuit
    from lava_nexus.formats import FLOAT32

    x, y = (patterns(FLOAT32, (3, 1000), seed) for seed in range(2))
    on_gpu, add = executor("cuda"), circuit("add", FLOAT32)
    found = on_gpu.invoke(add, [cupy.asarray(x), cupy.asarray(y).view(np.float32)])
    assert isinstance(found, cupy.ndarray)
    np.testing.assert_array_equal(found.get(), BitslicedExecutor().invoke(add, [x, y]))


@pytest.mark.cuda
def test_tensors_of_pytorch_are_read_where_they_are() -> None:
    import torch

    from lava_nexus.circuits import circuit
    from lava_nexus.formats import FLOAT32

    x, y = (torch.randn(5, 1000, device="cuda") for _ in range(2))
    found = executor("cuda").invoke(circuit("add", FLOAT32), [x, y])
    np.testing.assert_array_equal(found.get(), (x + y).cpu().numpy().view(np.uint32))


@pytest.mark.cuda
@pytest.mark.parametrize(
    ("fmt", "count", "product"),
    [("float32", False, None), ("bfloat16", "activity", None), ("float32", True, "native")],
)
def test_a_model_on_a_gpu_has_the_bits_and_counts_of_the_cpu(fmt: str, count: bool | str, product: str | None) -> None:
    model = random_model(TINY, format=fmt, norm_format=fmt, product=product)
    found, expected = (passed(model, one) for one in (executor("cuda", count=count), BitslicedExecutor(count)))
    assert found[1] == expected[1]
    for a, b in zip(found[0], expected[0], strict=True):
        np.testing.assert_array_equal(a, b)


TINY: dict[str, Any] = {
    **{"model_type": "qwen3", "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4},
    **{"num_key_value_heads": 2, "head_dim": 8, "num_hidden_layers": 2, "vocab_size": 64, "rms_norm_eps": 1e-6},
    **{"max_position_embeddings": 64, "rope_theta": 10000, "hidden_act": "silu", "tie_word_embeddings": True},
}


def passed(model: Model, runs: Executor) -> tuple[list[NDArray[Any]], list[Any]]:
    """What every stage of a prompt of 6 tokens and of one more leaves, and counts by layer and circuit."""
    forward, ids, left, counts = model.forward(runs), np.arange(1, 8)[None], [], []
    stream: Stream = {}
    for begin, end in ((0, 6), (6, 7)):
        stream = forward.enter(ids[:, begin:end], held=cache_of(stream))
        for done in forward.run(forward_stages(model.spec, end - begin, begin, keep=True), stream):
            stream = done.stream
            left += [np.asarray(done.left[name]) for name in sorted(done.left)]
            for layer, tallies in done.counts.layers.items():
                rows = sorted((t.circuit.label, t.invocations, t.spikes, t.synops, t.active) for t in tallies)
                counts.append((layer, rows))
    return left, counts


@pytest.mark.cuda
def test_two_gpus_give_what_one_gives() -> None:
    import cupy

    if cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("one GPU")
    for name, case in ALL:
        if "(" in name or "heads" in name:
            assert record(case, executor("cuda", devices=[0, 1])) == record(case, executor("cuda", devices=[1])), name


@pytest.mark.cuda
def test_devices_are_checked() -> None:
    with pytest.raises(NexusError, match="names GPU 99, but there are GPUs 0 to"):
        executor("cuda", devices=[99])
    with pytest.raises(NexusError, match="each once"):
        executor("cuda", devices=[0, 0])


def test_without_cupy_or_a_gpu_one_sentence_says_so() -> None:
    try:
        found: Executor | None = executor("cuda")
    except NexusError as error:
        assert "executor 'cuda'" in str(error)
        found = None
    assert found is None or found.name == "cuda"
