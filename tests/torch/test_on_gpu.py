"""Converted modules on a GPU: the bits of the CPU, without a copy; and that nothing else takes tensors there."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.lab.training.decoder import Decoder
from lava_nexus.torch import convert
from lava_nexus.torch.tensors import patterns_there
from tests.torch.modules import Apply

SIZES: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
SIZES |= {"num_key_value_heads": 2, "head_dim": 16, "vocab_size": 40, "rms_norm_eps": 1e-5, "rope_theta": 1e4}


@pytest.mark.cuda
@pytest.mark.parametrize("executor", ["cuda", "reference_cuda"])
def test_a_decoder_on_a_gpu_gives_the_bits_of_the_cpu(executor: str) -> None:
    torch.manual_seed(0)
    decoder = Decoder(SIZES)
    ids = torch.randint(0, 40, (2, 9))
    there = copy.deepcopy(decoder).cuda()
    found = convert(there, executor=executor)(ids.cuda())
    assert found.is_cuda and found.requires_grad
    found.sum().backward()
    assert all(p.grad is not None and p.grad.is_cuda for p in there.parameters())
    here = convert(decoder, executor="reference")(ids)
    assert torch.equal(patterns_there(found).cpu(), patterns_there(here))


@pytest.mark.cuda
def test_what_crosses_is_not_copied() -> None:
    x = torch.arange(6, dtype=torch.float32, device="cuda")
    seen: list[int] = []

    class Looking(ReferenceExecutor):
        keeps_weights = True

        def place(self, patterns: Any) -> Any:
            import cupy

            seen.append(cupy.from_dlpack(patterns).data.ptr)
            return cupy.from_dlpack(patterns)

        def run_whole(self, program: Any, feeds: Any) -> Any:
            return SimpleNamespace(outputs={"y": feeds["v0"]}, layers={}, tallies=[])

    y = convert(Apply(torch.abs), executor=Looking())(x)
    assert seen == [x.data_ptr()] and y.data_ptr() == x.data_ptr()


@pytest.mark.parametrize("options", [{}, {"format": "float16"}])
def test_executors_of_the_cpu_refuse_tensors_elsewhere(options: dict[str, Any]) -> None:
    elsewhere = torch.empty(3, device="meta")
    with pytest.raises(NexusError, match="calls 'abs' on device meta; gates of executor 'reference'.* run on the cpu"):
        convert(Apply(torch.abs), executor="reference", **options)(elsewhere)


def test_a_call_is_written_once_for_all_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []

    class Watching(ReferenceExecutor):
        def run_whole(self, program: Any, feeds: Any) -> None:
            ran.append(program)

    def calls(x: Tensor) -> Tensor:
        return torch.cat([torch.clamp(x, min=least) for least in (0.0, -0.0, 0.0, 1)])

    assert issubclass(Watching, Executor)
    gated = convert(Apply(calls), executor=Watching())
    x = torch.tensor([-1.0, 0.5])
    first, again = gated(x), gated(x)
    assert torch.equal(first, again) and first.tolist() == [0.0, 0.5, 0.0, 0.5, 0.0, 0.5, 1.0, 1.0]
    assert np.signbit(first.numpy()[[0, 2, 4]]).tolist() == [False, True, False]
    assert len(ran) == 8 and len(set(map(id, ran))) == 3
    gated(x[:1])
    assert len(set(map(id, ran))) == 6
