"""What a user hands to an executor, checked in one place: operands of circuits, options of backends."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT32, FLOAT64, FloatFormat

Patterns = NDArray[Any]


@dataclass(frozen=True)
class Operands:
    """Patterns of every input port, checked: shapes broadcast, dtypes are the ports'.

    Attributes:
        given: as they came.
        shape: of the results.
    """

    given: tuple[Patterns, ...]
    shape: tuple[int, ...]

    @property
    def sets(self) -> int:
        """Operand sets."""
        return prod(self.shape)

    @cached_property
    def flat(self) -> list[Patterns]:
        """Patterns [sets] of each port, contiguous, or [1] where all sets have the same."""
        return [
            np.ascontiguousarray(x if x.size == 1 else np.broadcast_to(x, self.shape)).reshape(-1) for x in self.given
        ]

    @cached_property
    def whole(self) -> list[Patterns]:
        """Patterns [sets] of each port, contiguous."""
        return [x if len(x) == self.sets else np.full(self.sets, x[0]) for x in self.flat]


def check_number(circuit: Circuit, operands: Sequence[Any]) -> None:
    """Raises NexusError unless there is one operand an input port."""
    if len(operands) != len(circuit.inputs):
        raise NexusError(f"circuit '{circuit.label}' takes {len(circuit.inputs)} operands, not {len(operands)}")


def checked_operands(circuit: Circuit, operands: Sequence[Any]) -> Operands:
    """The operands of a circuit: the one place that checks them.

    Raises:
        NexusError: not one operand a port, a dtype that is not the port's `pattern_dtype`, or shapes that do not
            broadcast.
    """
    check_number(circuit, operands)
    arrays = tuple(operand if hasattr(operand, "dtype") else np.asarray(operand) for operand in operands)
    for port, array in zip(circuit.inputs, arrays, strict=True):
        if array.dtype != port.pattern_dtype:
            raise NexusError(
                f"operand {port.name} of circuit {circuit.name} holds {array.dtype}, "
                f"not patterns of {port.pattern_dtype}"
            )
    return Operands(arrays, common_shape(circuit, arrays))


def common_shape(circuit: Circuit, arrays: Sequence[Patterns]) -> tuple[int, ...]:
    """The shape that operands broadcast to; raises NexusError where they do not."""
    try:
        return np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = " and ".join(str(array.shape) for array in arrays)
        raise NexusError(
            f"operands of circuit '{circuit.label}' have shapes {shapes}, which do not broadcast"
        ) from None


def refuse_unknown(executor: str, given: Collection[str], known: Collection[str]) -> None:
    """Raises NexusError where an executor is given options that it does not have."""
    unknown = [name for name in given if name not in known]
    if unknown:
        raise NexusError(
            f"executor '{executor}' does not take these options: {', '.join(unknown)}; "
            f"it takes {', '.join(known) or 'none'}"
        )


def whole_number(name: str, value: object, least: int | None = 1) -> int:
    """The value of an option that is a whole number.

    Raises:
        NexusError: it is none, or below the least.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise NexusError(f"{name} {value!r} is not a whole number")
    if least is not None and value < least:
        raise NexusError(f"{name} {value} is below {least}")
    return int(value)


def real_number(name: str, value: object) -> float:
    """The value of an option that is a finite number; raises NexusError where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise NexusError(f"{name} {value!r} is not a number")
    if not isfinite(value):
        raise NexusError(f"{name} {value} is not finite")
    return float(value)


def seconds(name: str, value: object) -> float:
    """The value of an option that is a time above 0; raises NexusError where it is none."""
    found = real_number(name, value)
    if found <= 0:
        raise NexusError(f"{name} {value} is not above 0")
    return found


def check_rounded(tensor: NDArray[Any], name: str, fmt: FloatFormat) -> None:
    """Raises NexusError where a finite weight becomes infinite or NaN in the format of a run."""
    if fmt in (FLOAT32, FLOAT64) or not tensor.size:
        return
    with np.errstate(over="ignore"):
        lost = ~np.isfinite(tensor.astype(fmt.dtype))
    if lost.any():
        index = tuple(int(i) for i in np.argwhere(lost)[0])
        raise NexusError(
            f"tensor '{name}' holds {tensor[index]!s} at index {list(index)}, which {fmt} does not reach; "
            "take a format of a larger range"
        )
