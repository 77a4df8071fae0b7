"""A gated decoder's logits over batches of windows, by PyTorch on a CPU or a GPU: plain arithmetic in a stated order.

    sequential   each product and each sum rounded to the format of the sums, in the order of the index
    kernel       PyTorch's matrix product in FP32
    exact        each sum exact, rounded once to the format: those of native layers (`circuits.goldens.doubles`)

Norms, softmax, SiLU and RoPE's sums are in FP32 and rounded behind each to the format of the run, as `norm_format` has
it. With `sequential` and `exact` the numbers are those of the reference executor but for exp, here FP64's rounded to
FP32, which differs from the circuit's by one unit in the last place on fewer than one operand in a thousand; with
populations the integers of their programs. `tests/lab/study` holds both against the executors.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from lava_nexus.circuits.goldens.doubles import Doubles, exact_dot
from lava_nexus.errors import NexusError
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import FLOAT32, FloatFormat
from lava_nexus.lab.study import spiking
from lava_nexus.models.model import Model
from lava_nexus.models.spec import ModelSpec
from lava_nexus.models.stages import forward_stages
from lava_nexus.models.tensors import Weights
from lava_nexus.populations.catalogue import GATES, Nonlinear

Sums: TypeAlias = Literal["sequential", "kernel", "exact"]
DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float8_e4m3fn": torch.float8_e4m3fn,
    "float8_e5m2": torch.float8_e5m2,
}


@dataclass(frozen=True)
class Way:
    """How a pass is computed.

    Attributes:
        sums: of every linear layer, attention, norm and softmax.
        format: of weights, activations and what leaves every operation.
        sums_format: of products and sums; None for `format`.
        nonlinear: which operators are LIF populations, in which layers.
    """

    sums: Sums = "kernel"
    format: FloatFormat = FLOAT32
    sums_format: FloatFormat | None = None
    nonlinear: Nonlinear = field(default_factory=lambda: GATES)


class Decoder:
    """A model's weights on a device.

    Attributes:
        model: whose they are.
        device: "cpu", "cuda", ...
    """

    def __init__(self, model: Model, device: str = "cpu") -> None:
        spec = model.spec
        if not spec.plain or spec.shape.query_key_norm or spec.biases - {"pooler", "transform"}:
            raise NexusError(f"the study takes plain gated decoders, not '{spec.kind}' of this shape")
        self.model, self.device = model, device
        self._layers = [self._placed(model.layer_tensors(layer)) for layer in range(spec.layers)]
        self._words = self._placed(model.source.tensors(spec.embedding_tensors))["words.weight"]
        self._ending = self._placed(model.source.tensors(spec.ending_tensors))["final_norm.weight"]
        head = model.source.tensors(spec.head_tensors)["head.weight"] if not spec.tied else None
        self._head = self._words if head is None else self._placed({"head": head})["head"]
        self._turns: dict[int, tuple[Tensor, Tensor]] = {}

    def _placed(self, tensors: dict[str, Weights]) -> dict[str, Tensor]:
        return {role: torch.from_numpy(np.array(tensor)).to(self.device) for role, tensor in tensors.items()}

    def features(self, tokens: Tensor, way: Way) -> Tensor:
        """What the head reads [batch, tokens, width] of windows of ids [batch, tokens]."""
        count = tokens.shape[1]
        if count not in self._turns:
            self._turns[count] = _angles(self.model, count, self.device)
        run = _Pass(self.model.spec, way, self._turns[count])
        x = run.narrow(self._words[tokens])
        for layer, weights in enumerate(self._layers):
            x = run.layer(x, {role: run.narrow(w) for role, w in weights.items()}, layer)
        return run.norm(x, run.narrow(self._ending), "final_norm")

    def logits(self, features: Tensor, way: Way) -> Tensor:
        """FP32 [rows, vocabulary] of features [rows, width]."""
        head = rounded(self._head, way.format)
        return rounded(_product(features, head, way), way.format)


class _Pass:
    """One way of computing a pass over windows whose tokens are turned by these angles."""

    def __init__(self, spec: ModelSpec, way: Way, turns: tuple[Tensor, Tensor]) -> None:
        self.spec, self.way = spec, way
        self._inner = replace(way, format=FLOAT32, sums_format=None)
        self._cos, self._sin = turns

    def narrow(self, x: Tensor) -> Tensor:
        """x rounded to the format, as FP32."""
        return rounded(x, self.way.format)

    def product(self, left: Tensor, right: Tensor) -> Tensor:
        """[..., m, n] of left [..., m, k] and right [..., n, k]."""
        return self.narrow(_product(left, right, self.way))

    def layer(self, x: Tensor, w: dict[str, Tensor], layer: int) -> Tensor:
        """One layer of the stream."""
        at = f"block{layer}."
        normed = self.norm(x, w["attention_norm.weight"], at + "attention_norm")
        x = self.narrow(x + self._attention(normed, w, layer))
        normed = self.norm(x, w["feed_forward_norm.weight"], at + "feed_forward_norm")
        gate, up = (self.product(normed, w[f"{role}.weight"]) for role in ("gate", "up"))
        inner = self.narrow(self._silu(gate, at + "feed_forward.activation") * up)
        return self.narrow(x + self.product(inner, w["down.weight"]))

    def norm(self, x: Tensor, weight: Tensor, layer: str) -> Tensor:
        """RMSNorm, by populations where the way says so."""
        eps = self.spec.shape.eps
        if (options := self.way.nonlinear.options("rms_norm", layer)) is not None:
            return self.narrow(spiking.rms_norm(x, eps, options) * weight)
        mean = _total(x * x, self._inner) / x.shape[-1]
        return self.narrow(x / torch.sqrt(mean + np.float32(eps).item()) * weight)

    def _silu(self, x: Tensor, layer: str) -> Tensor:
        if (options := self.way.nonlinear.options("silu", layer)) is not None:
            return self.narrow(spiking.silu(x, options))
        return self.narrow(x / (1 + _exp(-x)))

    def _attention(self, x: Tensor, w: dict[str, Tensor], layer: int) -> Tensor:
        shape, (batch, tokens) = self.spec.layer_shape(layer), x.shape[:2]

        def heads(role: str) -> Tensor:
            return self.product(x, w[f"{role}.weight"]).view(batch, tokens, -1, shape.head_dim).transpose(1, 2)

        query, key, value = self._turned(heads("query")), self._turned(heads("key")), heads("value")
        group = shape.heads // shape.kv_heads
        key, value = key.repeat_interleave(group, 1), value.repeat_interleave(group, 1)
        scale = float(np.float32(shape.scale).astype(self.way.format.dtype))
        scores = self.narrow(self.product(query, key) * scale)
        seen = torch.ones(tokens, tokens, dtype=torch.bool, device=x.device).tril()
        if shape.window is not None:
            seen &= ~torch.ones_like(seen).tril(-shape.window)
        weights = self._softmax(scores, seen, f"block{layer}.attention.softmax")
        mixed = self.product(weights, value.transpose(2, 3))
        return self.product(mixed.transpose(1, 2).reshape(batch, tokens, -1), w["output.weight"])

    def _softmax(self, x: Tensor, seen: Tensor, layer: str) -> Tensor:
        if (options := self.way.nonlinear.options("softmax", layer)) is not None:
            return self.narrow(spiking.softmax(x, seen, options))
        x = x.masked_fill(~seen, float("-inf"))
        terms = _exp(x - x.amax(-1, keepdim=True))
        return self.narrow(terms / _total(terms, self._inner))

    def _turned(self, x: Tensor) -> Tensor:
        pairs = self._cos.shape[-1]
        low, high, rest = x[..., :pairs], x[..., pairs : 2 * pairs], x[..., 2 * pairs :]
        turned = low * self._cos - high * self._sin, high * self._cos + low * self._sin
        return torch.cat([*map(self.narrow, turned), rest], -1)


def rounded(x: Tensor, fmt: FloatFormat) -> Tensor:
    """x to the nearest number of a format, as FP32."""
    return x if fmt == FLOAT32 else x.to(DTYPES[fmt.name]).float()


def _exp(x: Tensor) -> Tensor:
    return x.double().exp().float()


def _angles(model: Model, tokens: int, device: str) -> tuple[Tensor, Tensor]:
    """cos and sin [tokens, pairs] as the circuits have them, in FP32."""
    wide = Model(model.spec, model.source, replace(model.arithmetic, format=FLOAT32, norm_format=None))
    forward = wide.forward(executor_named("reference"))
    stages = [stage for stage in forward_stages(model.spec, tokens) if stage.name == "rotary"]
    numbers = FLOAT32.to_patterns(np.arange(tokens, dtype=np.float32))[None, :, None]
    stream, _ = forward.through(stages, {"position numbers": numbers})
    cos, sin = (torch.from_numpy(FLOAT32.from_patterns(stream[name][0]).copy()) for name in ("cos", "sin"))
    return cos.to(device), sin.to(device)


def _product(left: Tensor, right: Tensor, way: Way) -> Tensor:
    if way.sums == "exact":
        return _exact(left, right, way.sums_format or way.format)
    if way.sums == "kernel":
        return left @ right.transpose(-1, -2)
    dtype = DTYPES[(way.sums_format or way.format).name]
    a, b = left.to(dtype), right.to(dtype).transpose(-1, -2).contiguous()

    total = a[..., :1] * b[..., :1, :]
    product = torch.empty_like(total)
    for k in range(1, a.shape[-1]):
        torch.mul(a[..., k : k + 1], b[..., k : k + 1, :], out=product)
        total += product
    return total.float()


def _total(x: Tensor, way: Way) -> Tensor:
    """Sums over the last axis, which stays as one of length 1; FP32."""
    if way.sums == "sequential":
        total = x[..., :1].clone()
        for k in range(1, x.shape[-1]):
            total += x[..., k : k + 1]
        return total
    if way.sums == "exact":
        return _exact(x, torch.ones_like(x[..., :1, :]), FLOAT32)
    return x.double().sum(-1, keepdim=True).float()


def _exact(left: Tensor, right: Tensor, fmt: FloatFormat) -> Tensor:
    """[..., m, n] of left [..., m, k] and right [..., n, k], exact sums rounded once to a format, as FP32."""
    device = left.device

    def multiplied(a: Doubles, b: Doubles) -> Doubles:
        x, y = (torch.from_numpy(one).to(device) for one in (a, b))
        return np.asarray((x @ y.transpose(-1, -2)).cpu().numpy())

    found = exact_dot(left.cpu().numpy(), right.cpu().numpy(), fmt, multiplied)
    return torch.from_numpy(fmt.from_patterns(found).astype(np.float32)).to(device)
