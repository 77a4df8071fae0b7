"""Joules and seconds of a CUDA device for a token of the published block and of whole models, by NVML's counter.

Needs PyTorch, NumPy and nvidia-ml-py, and nothing of this package, so that it runs wherever a device is:

    python benchmarks/gpu_block.py --out benchmarks/records/gpu_block.json

Every sequence of a batch is a sequence of its own, which reads one token and sees `context` keys, the token's own among
them. Weights are random. A window of `--seconds` is full of tokens, one after the other, and the energy is that of the
whole device, its idle power included. The record says device, driver and date; `--device cpu` tries everything but the
joules.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
MODES = ("eager", "cuda graph")
EPS = 1e-6


@dataclass(frozen=True)
class Shape:
    """Sizes of a block, or of a model where `vocabulary` is above 0.

    Attributes:
        name: for reports.
        width, hidden: of the residual stream and of the feed-forward part.
        heads, kv_heads, head_width: of attention.
        layers, vocabulary: 0 words: neither embedding, last norm nor head.
        gated, rotary, query_key_norm: a third projection in the feed-forward part; RoPE; norms of queries and keys.
        context: keys that a token sees.
    """

    name: str
    width: int
    hidden: int
    heads: int
    kv_heads: int
    head_width: int
    layers: int = 1
    vocabulary: int = 0
    gated: bool = False
    rotary: bool = False
    query_key_norm: bool = False
    context: int = 128

    @property
    def weights(self) -> int:
        """Entries of all matrices, the embedding left out, which is only looked up."""
        attention = self.width * self.head_width * 2 * (self.heads + self.kv_heads)
        feed_forward = (3 if self.gated else 2) * self.width * self.hidden
        return self.layers * (attention + feed_forward) + self.width * self.vocabulary

    @property
    def macs(self) -> int:
        """Multiply-accumulates a token: one a weight, and the two products of attention."""
        return self.weights + 2 * self.layers * self.context * self.heads * self.head_width


BLOCK = Shape("block of d = 256", width=256, hidden=1024, heads=4, kv_heads=4, head_width=64)
QWEN3 = Shape("Qwen3-0.6B", 1024, 3072, 16, 8, 128, 28, 151_936, gated=True, rotary=True, query_key_norm=True)
LLAMA2 = Shape("LLaMA-2 7B", 4096, 11_008, 32, 32, 128, 32, 32_000, gated=True, rotary=True)
CASES = ((BLOCK, (1, 4, 16, 64, 256, 1024, 4096)), (QWEN3, (1, 16, 256)), (LLAMA2, (1, 16, 256)))
TRIAL = ((Shape("trial", 16, 32, 2, 1, 8, 2, 50, gated=True, rotary=True, query_key_norm=True, context=4), (1, 3)),)


def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last axis, by PyTorch's own kernel where it has one."""
    if hasattr(F, "rms_norm"):
        return F.rms_norm(x, x.shape[-1:], weight, EPS)
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS) * weight


class Layer:
    """x + attention(norm(x)), then x + feed_forward(norm(x)), for one token of each sequence; its cache of keys."""

    def __init__(self, shape: Shape, batch: int, draw: Callable[..., Tensor]) -> None:
        self.shape, width, inner = shape, shape.width, shape.heads * shape.head_width
        kv = shape.kv_heads * shape.head_width
        self.qkv, self.out = draw(inner + 2 * kv, width), draw(width, inner)
        self.up, self.down = draw(shape.hidden * (2 if shape.gated else 1), width), draw(width, shape.hidden)
        self.norms = [torch.ones_like(self.qkv[0]) for _ in range(2)]
        self.head_norms = [torch.ones_like(self.qkv[0, : shape.head_width]) for _ in range(2)]
        cache = batch, shape.kv_heads, shape.context, shape.head_width
        self.keys, self.values = draw(*cache), draw(*cache)

    def __call__(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        """(batch, width) in and out; the token's key and value take the last place of the cache."""
        x = x + self._attention(rms_norm(x, self.norms[0]), turn)
        y = F.linear(rms_norm(x, self.norms[1]), self.up)
        if self.shape.gated:
            gate, y = y.chunk(2, -1)
            return x + F.linear(F.silu(gate) * y, self.down)
        return x + F.linear(F.silu(y), self.down)

    def _attention(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        s = self.shape
        heads = F.linear(x, self.qkv).view(len(x), -1, s.head_width)
        q, k, v = heads.split((s.heads, s.kv_heads, s.kv_heads), 1)
        if s.query_key_norm:
            q, k = (rms_norm(y, w) for y, w in zip((q, k), self.head_norms, strict=True))
        if s.rotary:
            q, k = rotated(q, turn), rotated(k, turn)
        self.keys[:, :, -1], self.values[:, :, -1] = k, v
        grouped = q.view(len(x), s.kv_heads, s.heads // s.kv_heads, s.head_width)
        return F.linear(F.scaled_dot_product_attention(grouped, self.keys, self.values).reshape(len(x), -1), self.out)


def rotated(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """RoPE of the token's position, halves apart."""
    cos, sin = turn
    left, right = x.chunk(2, -1)
    return x * cos + torch.cat((-right, left), -1) * sin


class Model:
    """One token of each sequence of a batch through all layers; `step` writes `result`."""

    def __init__(self, shape: Shape, batch: int, dtype: torch.dtype, device: str) -> None:
        torch.manual_seed(0)

        def draw(*size: int) -> Tensor:
            return torch.randn(size, device=device, dtype=dtype) / math.sqrt(size[-1])

        self.layers = [Layer(shape, batch, draw) for _ in range(shape.layers)]
        half = torch.arange(shape.head_width // 2, device=device) * (-2.0 / shape.head_width)
        angle = (shape.context - 1) * torch.cat((half, half)).mul(math.log(10_000)).exp()
        self.turn = angle.cos().to(dtype), angle.sin().to(dtype)
        self.embedding = draw(shape.vocabulary, shape.width) if shape.vocabulary else None
        self.head = draw(shape.vocabulary, shape.width) if shape.vocabulary else None
        self.tokens = torch.zeros(batch, dtype=torch.long, device=device)
        self.x = torch.randn(batch, shape.width, device=device, dtype=dtype)
        self.norm = torch.ones(shape.width, device=device, dtype=dtype)
        self.result = self.x

    def step(self) -> None:
        """Reads `x`, or the embedding of `tokens`, and leaves the block's output or the next tokens in `result`."""
        x = self.x if self.embedding is None else self.embedding[self.tokens]
        for layer in self.layers:
            x = layer(x, self.turn)
        if self.head is not None:
            x = F.linear(rms_norm(x, self.norm), self.head).argmax(-1)
        self.result = x


def captured(model: Model) -> Callable[[], None]:
    """The step as a CUDA graph that is replayed."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            model.step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        model.step()
    replay: Callable[[], None] = graph.replay
    return replay


class Meter:
    """NVML's energy counter of the device that PyTorch calls 0; None of everything on a CPU."""

    def __init__(self, device: str) -> None:
        self.handle: Any = None
        if device == "cuda":
            self.nvml = import_module("pynvml")
            self.nvml.nvmlInit()
            self.handle = self._found()

    def _found(self) -> Any:
        name = str(torch.cuda.get_device_properties(0).uuid)
        try:
            return self.nvml.nvmlDeviceGetHandleByUUID(name if name.startswith("GPU-") else f"GPU-{name}")
        except self.nvml.NVMLError:
            if self.nvml.nvmlDeviceGetCount() != 1:
                raise
            return self.nvml.nvmlDeviceGetHandleByIndex(0)

    def joules(self) -> float:
        """Since the driver was loaded; 0 on a CPU."""
        return 0.0 if self.handle is None else self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle) / 1000

    def about(self) -> dict[str, Any]:
        """Device, driver and settings."""
        if self.handle is None:
            return {"device": platform.processor() or platform.machine(), "driver": None}
        driver = self.nvml.nvmlSystemGetDriverVersion()
        limit = self.nvml.nvmlDeviceGetPowerManagementLimit(self.handle) / 1000
        return {"device": torch.cuda.get_device_name(0), "driver": str(driver), "power_limit_watts": limit}


def synchronised(device: str) -> float:
    """The time when the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def window(call: Callable[[], None], seconds: float, meter: Meter, device: str) -> tuple[int, float, float]:
    """(calls, seconds, joules) of calls one after the other, until so many seconds have passed."""
    started, before, calls, chunk = synchronised(device), meter.joules(), 0, 1
    while True:
        for _ in range(chunk):
            call()
        calls += chunk
        passed = synchronised(device) - started
        if passed >= seconds:
            return calls, passed, meter.joules() - before
        chunk = max(1, min(8 * chunk, math.ceil((seconds - passed) * calls / passed)))


def idle_watts(meter: Meter, seconds: float) -> float:
    """Power of the device with a context and nothing to do."""
    before, started = meter.joules(), time.perf_counter()
    time.sleep(seconds)
    return (meter.joules() - before) / (time.perf_counter() - started)


@dataclass(frozen=True)
class Case:
    """What one row is of."""

    shape: Shape
    mode: str
    format: str
    batch: int


def measured(case: Case, meter: Meter, args: argparse.Namespace, idle: float) -> dict[str, Any]:
    """Means over `args.repeats` windows, and the joules of each."""
    model = Model(case.shape, case.batch, FORMATS[case.format], args.device)
    call = captured(model) if case.mode == "cuda graph" else model.step
    window(call, args.seconds / 4, meter, args.device)
    windows = [window(call, args.seconds, meter, args.device) for _ in range(args.repeats)]
    if not torch.isfinite(model.result.float()).all():
        raise SystemExit(f"{case.shape.name}, {case.format}: results are not finite")
    times, seconds, joules = np.array(windows).sum(0).tolist()
    tokens = times * case.batch
    counted = args.device == "cuda"
    return {
        "tokens_a_second": tokens / seconds,
        "seconds_a_step": seconds / times,
        "watts": joules / seconds if counted else None,
        "joules_a_token": joules / tokens if counted else None,
        "joules_a_token_above_idle": (joules - idle * seconds) / tokens if counted else None,
        "windows_joules_a_token": [found / (calls * case.batch) for calls, _, found in windows] if counted else None,
        "steps": int(times),
    }


def cases(trial: bool, device: str) -> list[Case]:
    """All rows, in the order of the record."""
    modes = MODES if device == "cuda" else ("eager",)
    return [
        Case(shape, mode, name, batch)
        for shape, batches in (TRIAL if trial else CASES)
        for mode, name, batch in product(modes, FORMATS, batches)
    ]


def main() -> None:
    """Measures every case, and writes the record after each of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="JSON file; benchmarks/records/gpu_block.json, none of a quick run")
    parser.add_argument("--device", choices=("cuda", "cpu"), help="cuda; the CPU, which has no joules, for a trial")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a window")
    parser.add_argument("--repeats", type=int, default=2, help="windows of a case")
    parser.add_argument("--quick", action="store_true", help="a tiny model, for a trial")
    args = parser.parse_args()
    args.device = args.device or ("cuda" if torch.cuda.is_available() or not args.quick else "cpu")
    args.seconds, args.repeats = (min(args.seconds, 0.05), 1) if args.quick else (args.seconds, args.repeats)
    out = args.out or (None if args.quick else Path("benchmarks/records/gpu_block.json"))
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("no CUDA device is found; --device cpu tries everything but the joules")
    torch.backends.cuda.matmul.allow_tf32 = False
    listed = cases(args.quick, args.device)
    synchronised(args.device)
    meter = Meter(args.device)
    idle = idle_watts(meter, args.seconds)
    record: dict[str, Any] = {
        "title": "A token of the block and of whole models on a CUDA device",
        **meter.about(),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "command": f"python benchmarks/gpu_block.py --seconds {args.seconds:g} --repeats {args.repeats}",
        "method": f"NVML total energy over {args.repeats} windows of {args.seconds:g} s a case, the whole device, idle "
        "power included; TF32 off; every sequence has a cache of its own",
        "idle_watts": idle if args.device == "cuda" else None,
        "subjects": [
            {**asdict(s), "weights": s.weights, "macs": s.macs} for s in dict.fromkeys(case.shape for case in listed)
        ],
        "rows": [],
    }
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
    for case in listed:
        row = {"subject": case.shape.name, "mode": case.mode, "format": case.format, "batch": case.batch}
        try:
            with torch.inference_mode():
                row |= measured(case, meter, args, idle)
        except torch.cuda.OutOfMemoryError:
            row["failed"] = "out of memory"
        if args.device == "cuda":
            torch.cuda.empty_cache()
        record["rows"].append(row)
        if out is not None:
            out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        print(", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)


if __name__ == "__main__":
    main()
