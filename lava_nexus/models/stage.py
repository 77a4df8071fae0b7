"""A stage of a forward pass: what it reads and leaves, its tensors, and what it writes into a program."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from lava_nexus.chip.workload import WEIGHT
from lava_nexus.errors import NexusError
from lava_nexus.execute.operands import check_rounded
from lava_nexus.formats import FLOAT32, FloatFormat, FormatLike, as_format
from lava_nexus.models.spec import Shape, Tensors
from lava_nexus.models.tensors import TensorSource
from lava_nexus.populations.catalogue import GATES, Nonlinear, SpikingLinear
from lava_nexus.programs import Native, Program, Value, Writer
from lava_nexus.programs.order import Accumulate, Operators, Orders, named_order
from lava_nexus.programs.product import kind_of
from lava_nexus.torch.orders import accumulation

Values = Mapping[str, Value]
Write = Callable[[Writer, Values, Values], dict[str, Value]]
"""(writer, inputs, weights by role) to outputs."""


@dataclass(frozen=True)
class Arithmetic:
    """How a model's programs are written.

    Attributes:
        format: of weights, activations and every operation but the angles of RoPE, which are FP32.
        basis: of every circuit.
        accumulate: order of every sum.
        nonlinear: which nonlinear operators are LIF populations.
        spikes: how linear layers are computed by spike counts; None for exact ones.
        weights: whether weights are operands of the multipliers of linear layers, or constants of them.
        weight_format: what weights of linear layers are rounded to first; None for `format`.
        accumulate_format: of products and sums, which are then rounded to `format`; None for `format`.
        product: kind of the products of linear layers (`lava_nexus.programs.KINDS`); None for what the rest asks for.
        norm_format: inside norms, softmax, RoPE's sums and the steps of SiLU; None for `format`.
        attention, operators: of native products, and of exact sums; see `Writer`.
        style: what circuits are built for: "neurons", "depth" or "energy".
    """

    format: FloatFormat = FLOAT32
    basis: str = "threshold"
    accumulate: Accumulate | Orders = "sequential"
    nonlinear: Nonlinear = GATES
    spikes: SpikingLinear | None = None
    weights: Literal["operand", "constant"] = "operand"
    weight_format: FloatFormat | None = None
    accumulate_format: FloatFormat | None = None
    product: str | None = None
    norm_format: FloatFormat | None = None
    attention: Literal["neurons", "gates"] = "neurons"
    operators: Operators = "steps"
    style: str = "neurons"

    def of_batch(self, batch: int) -> Arithmetic:
        """The same for so many sequences at once: PyTorch's orders may depend on it, named ones do not."""
        if isinstance(self.accumulate, str):
            return self
        return replace(self, accumulate=self.accumulate.of_batch(batch))

    @property
    def feeds_weights(self) -> bool:
        """Whether weights may be inputs of programs: nothing is made of their values when a program is written."""
        return self.spikes is None and self.weights == "operand" and self.product != Native.name

    def writer(self, name: str) -> Writer:
        """A writer of a new program, its fields those of the same names."""
        return Writer(Program(name), **vars(self))


@dataclass(frozen=True)
class Read:
    """What a stage is fed: the newest tokens of something in the stream.

    Attributes:
        name: in the stream.
        shape: for one sequence; tokens are its last axis but one.
        format: of the patterns; None for that of the arithmetic.
        inner: whether they have the format inside norms where there is one.
    """

    name: str
    shape: Shape
    format: FloatFormat | None = None
    inner: bool = False

    def of(self, arithmetic: Arithmetic | Writer) -> FloatFormat:
        """The format of the patterns."""
        return self.format or (self.inner and arithmetic.norm_format) or arithmetic.format


@dataclass(frozen=True)
class Stage:
    """One program of a forward pass, or what the host hands on.

    Attributes:
        step: the part of a pass that it belongs to: "embedding", "layer 3", "pooler", "final norm", "head", ...
        name: of its program.
        reads: what is fed in, by input.
        leaves: name in the stream, by output.
        write: its arithmetic; None where inputs are handed on as they are.
        tensors: weights by role: (name in the checkpoint, shape).
        rows: of the tensors that it takes; None for all.
        parallel: whether it needs no result of the stage before, and adds nothing to the depth.
        alike: equal for stages that write the same but for their names; None where there are no others.
        scope: that its layers lie in.
    """

    step: str
    name: str
    reads: Mapping[str, Read]
    leaves: Mapping[str, str]
    write: Write | None = None
    tensors: Tensors = field(default_factory=dict)
    rows: slice | None = None
    parallel: bool = False
    alike: Hashable = None
    scope: str = ""

    def program(self, arithmetic: Arithmetic, source: TensorSource | None = None) -> Program:
        """The stage as a program; weights are constants read from the source, or inputs `weight.<role>` without one."""
        return program_of([self], arithmetic, source)

    def weights(self, w: Writer, source: TensorSource | None) -> dict[str, Value]:
        """Its tensors by role as constants of a program, read from the source, or as inputs without one."""
        if source is not None:
            rows = {role: self.rows or slice(0, shape[0]) for role, (_, shape) in self.tensors.items()}
            of = {role: source.rows(name, shape, rows[role]) for role, (name, shape) in self.tensors.items()}
            for role, tensor in of.items():
                for fmt in {w.format, *([w.weight_format] if w.weight_format else [])}:
                    check_rounded(tensor, self.tensors[role][0], fmt)
            return {role: w.constant(tensor) for role, tensor in of.items()}
        shapes = {role: shape for role, (_, shape) in self.tensors.items()}
        if self.rows is not None:
            shapes = {role: (self.rows.stop - self.rows.start, *shape[1:]) for role, shape in shapes.items()}
        return {role: w.program.input(WEIGHT + role, shape, w.format) for role, shape in shapes.items()}


def program_of(
    stages: Sequence[Stage], arithmetic: Arithmetic, source: TensorSource | None = None, name: str = ""
) -> Program:
    """Stages that follow each other as one program, with the outputs of the last one; see `Stage.program`."""
    w = arithmetic.writer(name or stages[0].name)
    stream: dict[str, Value] = {}
    for stage in stages:
        for key, read in stage.reads.items():
            if read.name not in stream:
                stream[read.name] = w.program.input(key, read.shape, read.of(w))
        inputs = {key: stream[read.name] for key, read in stage.reads.items()}
        outputs = inputs if stage.write is None else stage.write(w, inputs, stage.weights(w, source))
        stream |= {stage.leaves[key]: value for key, value in outputs.items()}
        w.program.outputs = dict(outputs)
    return w.program


def arithmetic_of(
    format: FormatLike,
    basis: str = "threshold",
    accumulate: Accumulate | Orders | None = None,
    product: str | None = None,
    norm_format: FormatLike = FLOAT32,
) -> Arithmetic:
    """How a model computes, every option checked; `norm_format` is `format` where that is wider.

    Raises:
        NexusError: a format that is none of floating point, a basis or an order that does not exist, or a product that
            the order does not allow.
    """
    found, inner = as_format(format), as_format(norm_format)
    for what, fmt in (("format", found), ("norm_format", inner)):
        if not isinstance(fmt, FloatFormat):
            raise NexusError(f"a model's {what} is {fmt}, must be a floating-point format")
    assert isinstance(found, FloatFormat) and isinstance(inner, FloatFormat)
    if basis not in _BASES:
        raise NexusError(f"basis is {basis!r}, must be one of {', '.join(_BASES)}")
    if isinstance(accumulate, str) and accumulate not in (known := get_args(Accumulate)):
        raise NexusError(f"accumulate is {accumulate!r}, must be one of {', '.join(known)}")
    if accumulate is None:
        accumulate = "exact" if product == Native.name else "sequential"
    orders = accumulation(accumulate)
    if isinstance(orders, str):
        kind_of(product, named_order(orders, 1), True)  # refuses
    return Arithmetic(found, basis, orders, product=product, norm_format=norm_format_of(found, inner))


def norm_format_of(fmt: FloatFormat, wanted: FloatFormat) -> FloatFormat | None:
    """The format inside norms of a run in `fmt`; None, which is `fmt`, where the one that is wanted is no wider."""
    wider = wanted.exponent_bits + wanted.fraction_bits > fmt.exponent_bits + fmt.fraction_bits
    return wanted if wider else None


_BASES = ("threshold", "nexus")


def check_eps(eps: float, arithmetic: Arithmetic) -> None:
    """Raises NexusError where the eps of norms is 0 in the format that they are computed in."""
    fmt = arithmetic.norm_format or arithmetic.format
    if not float(np.float32(eps).astype(fmt.dtype)) > 0:
        raise NexusError(f"the eps of norms, {eps}, rounds to 0 in {fmt}; take a norm_format of a larger range")
