"""Which modules of PyTorch have a program of gates, and what a conversion would do, before anything is converted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lava_nexus.errors import NexusError
from lava_nexus.shown import Shown

_SUGGESTED = 4

# Leaves of torch.nn whose every function is a program of gates, or moves numbers only.
SUPPORTED = (
    *(nn.Linear, nn.Embedding, nn.LayerNorm, nn.SiLU, nn.GELU, nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Softmax),
    *(nn.Dropout, nn.Identity, nn.Flatten, nn.Unflatten, nn.Sequential, nn.ModuleList, nn.ModuleDict),
    *(nn.ParameterList, nn.ParameterDict, nn.LeakyReLU, nn.ELU, nn.Softplus, nn.LogSoftmax, nn.Conv1d, nn.Conv2d),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.AvgPool2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.MultiheadAttention),
    *(nn.AvgPool1d, nn.MaxPool1d, nn.AdaptiveAvgPool1d),
    *(nn.TransformerEncoderLayer, nn.TransformerEncoder),
)


@dataclass(frozen=True, repr=False)
class DryRun(Shown):
    """What `convert` would do.

    Attributes:
        by_gates: (dotted name, class, parameters) of the modules without children that would compute by gates.
        by_pytorch: (dotted name, class) of those that would stay PyTorch's.
        refused: (dotted name, class) of those that were chosen but have no program of gates.
        only: what `only` may be, so that nothing is refused.
    """

    by_gates: tuple[tuple[str, str, int], ...]
    by_pytorch: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str], ...]
    only: tuple[str, ...]

    @classmethod
    def of(cls, module: nn.Module, names: Sequence[str]) -> DryRun:
        """Of a model and the dotted names that were chosen."""
        chosen = [f"{name}." if name else "" for name in names]
        leaves = [(name, one) for name, one in module.named_modules() if not any(one.children())]
        gates, rest, refused = [], [], []
        for name, one in leaves:
            kind = type(one).__name__
            if not any(f"{name}.".startswith(prefix) for prefix in chosen):
                rest.append((name, kind))
            elif _lacking(one):
                refused.append((name, kind))
            else:
                gates.append((name, kind, sum(p.numel() for p in one.parameters())))
        return cls(tuple(gates), tuple(rest), tuple(refused), tuple(name for name, *_ in gates))

    def _facts(self) -> tuple[str, dict[str, Any]]:
        refused = ", ".join(f"{name} ({kind})" for name, kind in self.refused)
        facts = {"by gates": len(self.by_gates), "by PyTorch": len(self.by_pytorch), "refused": refused or None}
        return "of a conversion", {**facts, "parameters by gates": sum(n for *_, n in self.by_gates)}


def _lacking(module: nn.Module) -> bool:
    """Whether it is PyTorch's own and has no program."""
    own = type(module).__module__.startswith("torch.nn") and not isinstance(module, SUPPORTED)
    return own and type(module) is not nn.Module


def _known_below(module: nn.Module, prefix: str) -> Iterator[str]:
    for name, one in module.named_modules(prefix=prefix):
        if name and not any(one.children()) and not _lacking(one):
            yield name


def check(module: nn.Module, name: str) -> None:
    """Nothing where all that lies in the module has a program of gates.

    Raises:
        NexusError: something has none; the sentence says what `only` could choose instead.
    """
    for below, child in module.named_modules(prefix=name):
        if _lacking(child):
            known = list(_known_below(module, name))
            listed = ", ".join(repr(one) for one in known[:_SUGGESTED]) + (", ..." if len(known) > _SUGGESTED else "")
            way = (
                f"convert what has one: only=[{listed}]"
                if known
                else "of torch.nn known are " + ", ".join(kind.__name__ for kind in SUPPORTED)
            )
            raise NexusError(f"module '{below}' is a {type(child).__name__}, which has no program of gates; {way}")


def check_surroundings(module: str) -> None:
    """Nothing where PyTorch calls the module as it is.

    Raises:
        NexusError: it is traced, or runs under autocast, which would change dtypes behind its back.
    """
    if torch.compiler.is_compiling():
        raise NexusError(
            f"module '{module}' by gates cannot be compiled by torch.compile: its functions are programs already; call "
            "the model as it is, or leave the module out of `only`"
        )
    if torch.jit.is_tracing():
        raise NexusError(f"module '{module}' by gates cannot be traced by torch.jit: a trace would hold no gates")
    if torch.is_autocast_enabled() or torch.is_autocast_cpu_enabled():
        raise NexusError(
            f"module '{module}' by gates runs under autocast, which changes dtypes between its operations: leave it, "
            "or give convert the format"
        )


def check_gpu(asked: str) -> None:
    """That PyTorch finds a GPU.

    Args:
        asked: what asks for one, as a sentence begins.

    Raises:
        NexusError: it finds none.
    """
    if not torch.cuda.is_available():
        raise NexusError(f"{asked}, but PyTorch finds no GPU of CUDA")
