"""Operators of LIF populations by name, each built once."""

from __future__ import annotations

import difflib
from functools import lru_cache

from lava_nexus.errors import NexusError
from lava_nexus.populations.gated import gelu, silu
from lava_nexus.populations.normalisation import layer_norm, rms_norm
from lava_nexus.populations.operator import DEFAULT, Operator, Options
from lava_nexus.populations.softmax import softmax

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
