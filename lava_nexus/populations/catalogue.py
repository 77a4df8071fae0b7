"""Operators of LIF populations by name, each built once, and which layers of a model they stand in for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from lava_nexus.errors import NexusError
from lava_nexus.populations.gated import gelu, silu
from lava_nexus.populations.normalisation import layer_norm, rms_norm, softmax
from lava_nexus.populations.operator import DEFAULT, Operator, Options

_PLAIN = {"softmax": softmax, "silu": silu, "gelu": gelu}
_NORMS = {"rms_norm": rms_norm, "layer_norm": layer_norm}

OPERATORS = (*_PLAIN, *_NORMS)
"""Names of all operators that have a form in LIF populations."""


def check_operator(name: str) -> None:
    """Raises NexusError where an operator has no form in LIF populations."""
    if name not in OPERATORS:
        near = difflib.get_close_matches(name, OPERATORS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(OPERATORS)}"
        raise NexusError(f"operator '{name}' has no replacement by LIF populations; {hint}")


def operator(name: str, size: int = 1, options: Options = DEFAULT, eps: float = 1e-5) -> Operator:
    """The operator over rows of `size`; `eps` is of the norms. SiLU and GELU take one element whatever the size.

    Raises:
        NexusError: there is none of that name, or the options make none.
    """
    check_operator(name)
    return _made(name, size, options, eps if name in _NORMS else 0.0)


@lru_cache(maxsize=256)
def _made(name: str, size: int, options: Options, eps: float) -> Operator:
    return _NORMS[name](size, options, eps) if name in _NORMS else _PLAIN[name](size, options)


@dataclass(frozen=True)
class Nonlinear:
    """Which nonlinear operators are LIF populations; all others are gates.

    Attributes:
        replaced: options by the operator's name.
        layers: only in these layers (dotted paths); None for all.
    """

    replaced: Mapping[str, Options] = field(default_factory=dict)
    layers: frozenset[str] | None = None

    def __post_init__(self) -> None:
        for name in self.replaced:
            check_operator(name)

    def options(self, name: str, layer: str) -> Options | None:
        """Options of an operator in a layer; None where it stays gates."""
        return self.replaced.get(name) if self.layers is None or layer in self.layers else None


GATES = Nonlinear()
"""Everything by gates."""


@dataclass(frozen=True)
class SpikingLinear:
    """Linear layers as signed spike counts.

    Attributes:
        steps: T, time steps of a count.
        bits: counts lie in -2^bits .. 2^bits - 1.
        ranges: largest magnitude of the operand by layer, from calibration; a count of 2^bits - 1 stands for it.
        layers: only these layers; None for all.
    """

    steps: int
    bits: int
    ranges: Mapping[str, float]
    layers: frozenset[str] | None = None

    def takes(self, layer: str) -> bool:
        """Whether a layer is computed by spike counts."""
        return self.layers is None or layer in self.layers
