"""Which module moves which bits: each one swapped for gates alone, its output and the model's held against PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lava_nexus.errors import NexusError
from lava_nexus.formats import FORMATS, UlpSummary, summarise
from lava_nexus.torch.conversion import chosen, convert
from lava_nexus.torch.tensors import DTYPES, from_torch


@dataclass(frozen=True)
class Moved:
    """One module swapped.

    Attributes:
        name: dotted.
        kind: its class.
        calls: how often the model called it.
        own: its outputs by gates against PyTorch's, on the inputs that it has in the original model.
        model: the model's outputs with this module alone by gates, against the original model's.
    """

    name: str
    kind: str
    calls: int
    own: UlpSummary
    model: UlpSummary


def moved_bits(
    module: nn.Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    only: Sequence[str | type[nn.Module]] | None = None,
    **options: Any,
) -> list[Moved]:
    """Swaps one module after the other and compares; the model runs in evaluation mode, without gradients.

    Args:
        module: the model.
        args, kwargs: of its forward pass.
        only: as `convert` takes it, but every match is swapped by itself; None for every module that has parameters or
            arithmetic of its own, that is, without children.
        options: of `convert`.
    """
    given = dict(kwargs or {})
    names = _names(module, only)
    was = module.training
    module.eval()
    try:
        with torch.no_grad():
            plain, seen = _recorded(module, names, args, given)
            rows = [_one(module, name, plain, seen, args, given, options) for name in names if name in seen]
    finally:
        module.train(was)
    return rows


def moved_table(rows: Sequence[Moved]) -> str:
    """A Markdown table."""
    lines = ["| module | class | calls | own output: max, mean ULP, 0 ULP | model's output: max, mean ULP, 0 ULP |"]
    lines.append("| --- | --- | ---: | --- | --- |")
    lines += [
        f"| {r.name or '(whole model)'} | {r.kind} | {r.calls} | {_text(r.own)} | {_text(r.model)} |" for r in rows
    ]
    return "\n".join(lines) + "\n"


def _text(ulp: UlpSummary) -> str:
    largest = "NaN" if ulp.max == 2**64 - 1 else f"{ulp.max:,}"
    return f"{largest}, {ulp.mean:.3g}, {100 * ulp.zero_rate:.1f} %"


def _names(module: nn.Module, only: Sequence[str | type[nn.Module]] | None) -> list[str]:
    if only is not None:
        return chosen(module, only, nested=True)
    found = [name for name, child in module.named_modules() if not any(child.children())]
    idle = (nn.Dropout, nn.Identity)
    return [name for name in found if not isinstance(module.get_submodule(name), idle)]


Recorded = dict[str, list[tuple[Any, Any, Any]]]


def _recorded(
    module: nn.Module, names: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[list[Tensor], Recorded]:
    """The model's outputs, and (args, kwargs, output) of every call of the modules named."""
    seen: Recorded = {}

    def hook(name: str) -> Any:
        def keep(_: nn.Module, given: Any, named: Any, output: Any) -> None:
            seen.setdefault(name, []).append((given, named, output))

        return keep

    handles = [module.get_submodule(n).register_forward_hook(hook(n), with_kwargs=True) for n in names]
    try:
        outputs = _floats(module(*args, **kwargs))
    finally:
        for handle in handles:
            handle.remove()
    return outputs, seen


def _one(
    module: nn.Module,
    name: str,
    plain: list[Tensor],
    seen: Recorded,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    options: dict[str, Any],
) -> Moved:
    swapped = convert(module, only=None if not name else [name], **options)
    model = _floats(swapped(*args, **kwargs))
    gates = swapped.get_submodule(name)
    ours = [x for given, named, _ in seen[name] for x in _floats(gates(*given, **named))]
    theirs = [x for _, _, output in seen[name] for x in _floats(output)]
    kind = type(module.get_submodule(name)).__name__
    return Moved(name, kind, len(seen[name]), _compared(name, ours, theirs), _compared(name, model, plain))


def _floats(output: Any) -> list[Tensor]:
    """The floating tensors of an output: a tensor, a tuple, or the fields of a dict-like output."""
    if isinstance(output, Tensor):
        return [output] if output.is_floating_point() else []
    if isinstance(output, Mapping):
        return [x for item in output.values() for x in _floats(item)]
    if isinstance(output, list | tuple):
        return [x for item in output for x in _floats(item)]
    return []


def _compared(name: str, ours: list[Tensor], theirs: list[Tensor]) -> UlpSummary:
    if not theirs or theirs[0].dtype not in DTYPES.values():
        raise NexusError(f"module '{name}' gives no floating tensor of {', '.join(DTYPES)} to compare")
    fmt = next(FORMATS[key] for key, dtype in DTYPES.items() if dtype == theirs[0].dtype)

    def patterns(tensors: list[Tensor]) -> NDArray[Any]:
        return np.concatenate([fmt.to_patterns(from_torch(x.detach(), fmt)).ravel() for x in tensors])

    return summarise(fmt.canonical(patterns(ours)), fmt.canonical(patterns(theirs)), fmt)
