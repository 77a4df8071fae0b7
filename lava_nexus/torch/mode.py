"""Inside this mode PyTorch's functions are programs of gates; backward they are PyTorch's own."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor, Tallies
from lava_nexus.execute.interpret import run_program
from lava_nexus.formats import FloatFormat
from lava_nexus.programs import Program, Writer
from lava_nexus.torch.composed import COMPOSED
from lava_nexus.torch.functions import FORMAT_OF, IN_GATES, REARRANGE, Call
from lava_nexus.torch.gradients import gradients
from lava_nexus.torch.orders import accumulation
from lava_nexus.torch.tensors import DTYPES, from_torch, numbers_there, patterns_there, to_torch


@dataclass
class Gates:
    """How a converted module computes.

    Attributes:
        executor: what evaluates the circuits.
        basis: cells of the circuits.
        accumulate: order of every sum.
        module: dotted name of the module, for errors.
        tallies: what was invoked so far and what it cost.
        format: of every value, whatever the tensors' dtype: operands are rounded to it; None for that of the tensors.
        backward: "autograd" for PyTorch's derivatives, "gates" for gradients that are programs too.
    """

    executor: Executor
    basis: str
    accumulate: Any
    module: str
    tallies: Tallies = field(default_factory=Tallies)
    format: FloatFormat | None = None
    backward: Literal["autograd", "gates"] = "autograd"
    _written: dict[Hashable, Program] = field(default_factory=dict)

    def evaluate(self, name: str, call: Call, key: Hashable = None) -> Tensor:
        """The result of a call, every bit of it from the executor.

        Args:
            name: of the function.
            call: what it is as a program.
            key: equal for calls whose programs are equal where their operands' shapes are; None where nobody knows.
        """
        dtype, device = self._format(name, call.tensors), call.tensors[0].device
        feeds = {f"v{i}": self._patterns(x, dtype)[None] for i, x in enumerate(call.tensors)}
        shapes = tuple(patterns.shape[1:] for patterns in feeds.values())
        program = self._program(name, call, dtype, shapes, None if key is None else (key, dtype, shapes))
        ran = run_program(program, feeds, self.executor)
        self.tallies.merge(*ran.layers.values())
        given, found = program.outputs["y"].float_format, ran.outputs["y"]
        if not isinstance(found, np.ndarray):
            return call.arrange(numbers_there(found[0], given))
        values_out = given.from_patterns(found[0])
        if self.format is not None:
            given, values_out = dtype, values_out.astype(dtype.dtype)
        result = to_torch(values_out, given)
        assert result is not None
        return call.arrange(result.to(device))

    def _program(
        self, name: str, call: Call, dtype: FloatFormat, shapes: Sequence[tuple[int, ...]], key: Hashable
    ) -> Program:
        """The call written out, or as it was written for an equal one."""
        if key is not None and key in self._written:
            return self._written[key]
        fmt = self.format or dtype
        w = Writer(Program(name), fmt, self.basis, accumulation(self.accumulate)).inside(name)
        values = [w.program.input(f"v{i}", shape, fmt) for i, shape in enumerate(shapes)]
        w.program.outputs["y"] = call.write(w, values)
        if key is not None and self.accumulate != "torch":  # whose orders may change with PyTorch's settings
            self._written[key] = w.program
        return w.program

    def _patterns(self, x: Tensor, dtype: FloatFormat) -> Any:
        if x.device.type != "cpu":
            return self.executor.place(patterns_there(x)).view(dtype.pattern_dtype)  # type: ignore[arg-type]
        values = from_torch(x.detach(), dtype)
        if self.format is None:
            return dtype.to_patterns(values)
        with np.errstate(over="ignore"):
            return self.format.to_patterns(values.astype(self.format.dtype))

    def _format(self, name: str, tensors: Sequence[Tensor]) -> FloatFormat:
        dtypes = {x.dtype for x in tensors}
        if len(dtypes) > 1 or next(iter(dtypes)) not in FORMAT_OF:
            found = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes))
            raise NexusError(
                f"module '{self.module}' calls '{name}' on {found}; gates take one of {', '.join(DTYPES)} at a time"
            )
        for x in tensors:
            if x.device.type != "cpu" and not (x.is_cuda and self.executor.keeps_weights and self.format is None):
                raise NexusError(
                    f"module '{self.module}' calls '{name}' on device {x.device}; gates of executor "
                    f"'{self.executor.name}'{'' if self.format is None else f' in {self.format}'} run on the cpu"
                )
        return FORMAT_OF[next(iter(dtypes))]


class _Gated(torch.autograd.Function):
    """Forward by gates; backward the derivative of the function itself at the same operands (straight through)."""

    @staticmethod
    def forward(ctx: Any, gates: Gates, function: _Function, *tensors: Tensor) -> Tensor:
        ctx.function, ctx.gates = function, gates
        result = gates.evaluate(function.name, function.in_gates(tensors), function.key)
        ctx.save_for_backward(*tensors, *([result] if gates.backward == "gates" else []))
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        needed = ctx.needs_input_grad[2:]
        if ctx.gates.backward == "gates":
            *operands, y = ctx.saved_tensors
            with torch.no_grad(), GateMode(ctx.gates):
                by_gates = ctx.function.gradients(grads[0], y, operands)
            return (None, None, *(g if need else None for g, need in zip(by_gates, needed, strict=True)))
        tensors = [x.detach().requires_grad_(need) for x, need in zip(ctx.saved_tensors, needed, strict=True)]
        with torch.enable_grad():
            y = ctx.function.in_torch(tensors)
        wanted = [x for x, need in zip(tensors, needed, strict=True) if need]
        found = iter(torch.autograd.grad(y, wanted, grads[0]))
        return (None, None, *(next(found) if need else None for need in needed))


@dataclass(frozen=True)
class _Function:
    """A call with its floating tensors taken out."""

    func: Callable[..., Any]
    args: Sequence[Any]
    kwargs: dict[str, Any]

    @property
    def name(self) -> str:
        return str(getattr(self.func, "__name__", self.func)).strip("_")

    @property
    def operands(self) -> list[Tensor]:
        return [x for x in (*self.args, *self.kwargs.values()) if isinstance(x, Tensor)]

    @property
    def tensors(self) -> list[Tensor]:
        return [x for x in self.operands if x.is_floating_point()]

    @property
    def key(self) -> Hashable:
        """What the program depends on besides the shapes of what it computes with."""
        given = [*enumerate(self.args), *self.kwargs.items()]
        return self.func, *((place, "tensor" if isinstance(x, Tensor) else repr(x)) for place, x in given)

    @property
    def dtypes(self) -> str:
        return ", ".join(sorted({str(x.dtype).removeprefix("torch.") for x in self.operands}))

    @property
    def inplace(self) -> bool:
        place = _INPLACE.get(self.func)
        if place is None:
            return False
        return bool(self.kwargs.get("inplace", self.args[place] if place < len(self.args) else False))

    def in_gates(self, tensors: Sequence[Tensor]) -> Call:
        args, kwargs = self._with(tensors)
        try:
            return IN_GATES[self.func](*args, **kwargs)
        except TypeError as error:
            raise NexusError(f"'{self.name}' has no program of gates for these arguments: {error}") from None

    def in_torch(self, tensors: Sequence[Tensor]) -> Tensor:
        args, kwargs = self._with(tensors)
        result: Tensor = self.func(*args, **kwargs)
        return result

    def gradients(self, grad: Tensor, y: Tensor, tensors: Sequence[Tensor]) -> Sequence[Tensor | None]:
        args, kwargs = self._with(tensors)
        return gradients(self.func, grad, y, args, kwargs)

    def _with(self, tensors: Sequence[Tensor]) -> tuple[list[Any], dict[str, Any]]:
        rest = iter(tensors)
        args = [next(rest) if _floating(x) else x for x in self.args]
        return args, {key: next(rest) if _floating(x) else x for key, x in self.kwargs.items()}


def _out_of_place() -> dict[Any, Callable[..., Any]]:
    """Functions that change their first operand, by those that give the same as a new tensor."""
    found: dict[Any, Callable[..., Any]] = {}
    for owner in (torch, Tensor, functional):
        for name in dir(owner):
            plain = getattr(owner, name[:-1], None) if name.endswith("_") and not name.endswith("__") else None
            if plain in IN_GATES or plain in COMPOSED:
                found[getattr(owner, name)] = plain
    for name, method in (("add", "iadd"), ("sub", "isub"), ("mul", "imul"), ("div", "itruediv"), ("pow", "ipow")):
        found[getattr(Tensor, f"__{method}__")] = getattr(Tensor, name)
    return found


_OUT_OF_PLACE = _out_of_place()
_INPLACE = {functional.relu: 1, functional.silu: 1, functional.leaky_relu: 2, functional.elu: 2}
"""Functions with a switch `inplace`, by its place."""
_CONVERSIONS = frozenset(("to", "type", "type_as", "half", "bfloat16", "float", "double"))


class GateMode(TorchFunctionMode):
    """While entered, every function of PyTorch that computes floating numbers runs as a program of gates.

    Raises:
        NexusError: a function that has no program.
    """

    def __init__(self, gates: Gates) -> None:
        super().__init__()
        self.gates = gates

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The function by gates, where it computes; as it is, where it moves numbers."""
        function = _Function(func, tuple(args), dict(kwargs or {}))
        if func is functional.dropout:
            return self._dropout(*args, **function.kwargs)
        if func in _OUT_OF_PLACE and _floating(args[0]):
            return self._written(_Function(_OUT_OF_PLACE[func], args, function.kwargs))
        if function.inplace and function.tensors:
            return self._written(function)
        if (func in COMPOSED or func in IN_GATES) and function.tensors:
            return self._computed(function)
        try:
            result = func(*args, **function.kwargs)
        except RuntimeError as error:
            if func in IN_GATES or func in COMPOSED:  # for which PyTorch has no arithmetic either
                raise NexusError(f"{self._called(function)} on {function.dtypes}; give floating numbers") from error
            raise
        if getattr(func, "__name__", "") not in REARRANGE and function.operands and _floating(result):
            if function.tensors:
                raise NexusError(
                    f"{self._called(function)}, which has no program of gates; leave the module out of `only`"
                )
            if getattr(func, "__name__", "") not in _CONVERSIONS:
                raise NexusError(
                    f"{self._called(function)} on {function.dtypes}, whose result has fractions; convert it first, "
                    "as by `.float()`"
                )
        return result

    def _called(self, function: _Function) -> str:
        return f"module '{self.gates.module}' calls '{function.name}'"

    def _computed(self, function: _Function) -> Any:
        """What the function gives, by gates."""
        if function.func in COMPOSED:
            with GateMode(self.gates):
                return COMPOSED[function.func](*function.args, **function.kwargs)
        return _Gated.apply(self.gates, function, *function.tensors)

    def _written(self, function: _Function) -> Tensor:
        """The same, written over the first operand, as PyTorch does."""
        x = function.args[0]
        if x.is_leaf and x.requires_grad and torch.is_grad_enabled():
            raise NexusError(
                f"{self._called(function)} in place on a tensor that needs its own gradient; do it out of place, or "
                "leave the module out of `only`"
            )
        fresh = _Function(function.func, (x.clone(), *function.args[1:]), function.kwargs)
        result: Tensor = x.copy_(self._computed(fresh))
        return result

    def _dropout(self, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        """x times 0 or 1 / (1 - p), the factors drawn by PyTorch."""
        if not training or p == 0:
            return x
        factors = functional.dropout(torch.ones_like(x), p)
        result: Tensor = _Gated.apply(self.gates, _Function(torch.mul, (x, factors), {}), x, factors)
        return result


def _floating(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()
