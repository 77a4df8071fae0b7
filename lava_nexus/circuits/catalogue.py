"""Circuits by name, and what names there are. What was built once is kept on disk by the content of its sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from lava_nexus.circuits.cells import Basis, basis_named
from lava_nexus.circuits.circuit import Circuit
from lava_nexus.circuits.operations import OPERATIONS, Operation
from lava_nexus.disk_cache import cached, source_digest
from lava_nexus.errors import NexusError, brief
from lava_nexus.formats import FloatFormat, FormatLike, IntegerFormat, NumberFormat, as_format
from lava_nexus.neurons import LOIHI2, ThresholdNetwork
from lava_nexus.neurons.serialisation import from_arrays, to_arrays

Options: TypeAlias = tuple[tuple[str, Any], ...]


def circuit(
    name: str,
    fmt: FormatLike,
    *,
    to: FormatLike | None = None,
    basis: str = "threshold",
    style: str = "neurons",
    max_delay: int = LOIHI2.max_delay,
    **options: Any,
) -> Circuit:
    """The circuit of an operation on a format.

    Args:
        name: one of `OPERATIONS`, for example "add".
        fmt: format of the operands: a FloatFormat, "float32", np.float32, torch.float32, ...; see `as_format`.
        to: format of the result, where the operation has a choice ("mul"; "fma", whose addend is of that format too;
            "convert", which also takes integer formats; "dot_exact" and "sum_exact").
        basis: "threshold" or "nexus".
        style: "neurons" for least neurons; in the threshold basis also "depth" for least depth, "energy" for fewer
            synapses, which take less energy.
        max_delay: largest synaptic delay; longer waits go through relay neurons.
        options: what else the operation takes: `subnormals` (add, sub, mul, div, sqrt, fma), `rounding` (convert to an
            integer; exp, sigmoid, tanh, silu and gelu, "correct" on every FP32 input too), `terms` (dot_exact,
            sum_exact).

    Example:
        >>> circuit("convert", "float32", to="int8", rounding="zero").label
        'convert float32 to int8, rounding zero'

    Raises:
        NexusError: an operation, format, basis, option or combination that does not exist.
    """
    if not isinstance(name, str) or name not in OPERATIONS:
        raise NexusError(f"operation '{brief(str(name))}' does not exist; choose one of {', '.join(OPERATIONS)}")
    operation = OPERATIONS[name]
    source = as_format(fmt)
    target = source if to is None else as_format(to)
    kinds = (FloatFormat, IntegerFormat) if operation.integers else (FloatFormat,)
    for role, given in (("format", source), ("output format", target)):
        if not isinstance(given, kinds):
            raise NexusError(f"{role} {given!r} of operation '{name}' is not a FloatFormat such as lava_nexus.FLOAT32")
    if target != source and not operation.widens:
        raise NexusError(f"operation '{name}' has no output format of its own, so 'to={target}' must be {source}")
    return _circuit(name, source, target, basis, style, max_delay, _chosen(name, operation, options))


@dataclass(frozen=True)
class Description:
    """What an operation is called with.

    Attributes:
        name: first argument of `circuit`.
        computes: what, in a line.
        operands: names of the input ports.
        formats: names of the formats that operands may have.
        widens: whether the result may have another format.
        options: further arguments by name, and the values they can have in words.
    """

    name: str
    computes: str
    operands: tuple[str, ...]
    formats: tuple[str, ...]
    widens: bool
    options: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.operands)}): {self.computes}"


def operations() -> tuple[Description, ...]:
    """Every operation that `circuit` builds.

    Example:
        >>> print(operations()[0])
        add(a, b): a + b
    """
    return tuple(
        Description(name, o.computes, o.operands, o.formats, o.widens, {k: v.text for k, v in o.options.items()})
        for name, o in OPERATIONS.items()
    )


def _chosen(name: str, operation: Operation, options: Mapping[str, Any]) -> Options:
    """The options that differ from their defaults, in the operation's order."""
    for key, value in options.items():
        if key not in operation.options:
            known = ", ".join(operation.options)
            raise NexusError(
                f"operation '{name}' has no option '{key}'; " + (f"it takes {known}" if known else "it takes none")
            )
        option = operation.options[key]
        if type(value) is not type(option.default) or value not in option.allowed:
            raise NexusError(f"option '{key}' of operation '{name}' is {value!r}, which is not {option.text}")
    return tuple((k, options[k]) for k, o in operation.options.items() if k in options and options[k] != o.default)


@cache
def _circuit(
    name: str, fmt: NumberFormat, to: NumberFormat, basis: str, style: str, max_delay: int, options: Options
) -> Circuit:
    operation = OPERATIONS[name]
    golden = operation.golden(fmt, to, **dict(options))
    key = f"{name} {fmt!r} {to!r} {basis} {style} {max_delay} {options} {source_key()}"

    def build() -> ThresholdNetwork:
        return _build(operation, fmt, to, basis_named(basis, style), max_delay, options)

    what = f"building {name} {fmt}" + (f" to {to}" if to != fmt else "")
    return Circuit(name, basis, cached("circuits", key, build, to_arrays, from_arrays, what), golden, options)


def _build(
    operation: Operation, fmt: NumberFormat, to: NumberFormat, basis: Basis, max_delay: int, options: Options
) -> ThresholdNetwork:
    words = [basis.input(port, of) for port, of in operation.inputs(fmt, to, **dict(options))]
    word = operation.build(basis, words, fmt, to, **dict(options))
    return basis.finish("out", word, None if operation.predicate else to, max_delay)


@lru_cache(maxsize=1)
def source_key() -> str:
    """Digest of all sources that a circuit depends on."""
    root = Path(__file__).resolve().parents[1]
    parts = ("formats", "neurons", "circuits")
    files = [f for part in parts for kind in ("*.py", "*.json") for f in sorted((root / part).rglob(kind))]
    return source_digest(*map(str, files))
