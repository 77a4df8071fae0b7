"""A recording as machine code: one loop, eight elements at a time, all values in registers."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import CFUNCTYPE, c_int64
from typing import Any

import llvmlite
import numpy as np
from llvmlite import binding, ir
from numpy.typing import NDArray

from lava_nexus.circuits.compiled.trace import Recording, Step
from lava_nexus.disk_cache import cached

LANES = 8
_I64, _I1 = ir.IntType(64), ir.IntType(1)
_WORDS, _FLAGS = ir.VectorType(_I64, LANES), ir.VectorType(_I1, LANES)
_POINTERS, _UNDEFINED = ir.VectorType(ir.PointerType(), LANES), ir.Constant(_WORDS, ir.Undefined)
_ENTRY = "run"


class MachineCode:
    """A function of one operand, compiled; what was compiled once is kept on disk.

    Attributes:
        dtype: of operands and results.
    """

    def __init__(self, recording: Recording) -> None:
        self.dtype = recording.dtype
        self._tables = np.concatenate([np.zeros(0, np.uint64), *recording.tables])
        assembly = _assembly(recording)
        self._engine = engine(object_code(assembly, lambda: assembly))
        address = self._engine.get_function_address(_ENTRY)
        self._run = CFUNCTYPE(None, c_int64, c_int64, c_int64, c_int64)(address)

    def __call__(self, operands: NDArray[Any]) -> NDArray[Any]:
        """The function of each element; any thread."""
        flat = np.ascontiguousarray(operands, dtype=self.dtype).ravel()
        out, whole = np.empty_like(flat), len(flat) // LANES * LANES
        self._vectors(flat, out, whole)
        rest = np.zeros(LANES, self.dtype)
        rest[: len(flat) - whole] = flat[whole:]
        self._vectors(rest, rest, LANES)
        out[whole:] = rest[: len(flat) - whole]
        return out.reshape(np.shape(operands))

    def _vectors(self, operands: NDArray[Any], results: NDArray[Any], elements: int) -> None:
        self._run(operands.ctypes.data, results.ctypes.data, self._tables.ctypes.data, elements // LANES)


def _assembly(recording: Recording) -> str:
    """LLVM's text of void run(operands, results, tables, vectors): three addresses and how many vectors of elements."""
    module = ir.Module(_ENTRY)
    run = ir.Function(module, ir.FunctionType(ir.VoidType(), [_I64] * 4), _ENTRY)
    entry, body, end = (run.append_basic_block(name) for name in ("entry", "body", "end"))
    operands, results, tables, vectors = run.args
    builder = ir.IRBuilder(entry)
    builder.cbranch(builder.icmp_signed(">", vectors, _word(0)), body, end)
    builder.position_at_end(body)
    number = builder.phi(_I64)
    number.add_incoming(_word(0), entry)
    _one_vector(builder, recording, operands, results, tables, number)
    following = builder.add(number, _word(1))
    number.add_incoming(following, body)
    builder.cbranch(builder.icmp_signed("<", following, vectors), body, end)
    builder.position_at_end(end)
    builder.ret_void()
    return str(module)


def _one_vector(builder: Any, recording: Recording, operands: Any, results: Any, tables: Any, number: Any) -> None:
    size = recording.dtype.itemsize
    elements = ir.VectorType(ir.IntType(8 * size), LANES)
    offset = builder.mul(number, _word(size * LANES))
    source, target = (builder.inttoptr(builder.add(at, offset), elements.as_pointer()) for at in (operands, results))
    loaded = builder.load(source, align=size)
    emitter = _Emitter(builder, tables, loaded if size == 8 else builder.zext(loaded, _WORDS))
    values: list[Any] = []
    for operation in recording.operations:
        values.append(emitter.value(operation, [values[i] for i in operation.operands]))
    result = values[recording.result]
    builder.store(result if size == 8 else builder.trunc(result, elements), target, align=size)


class _Emitter:
    """Writes the instructions of one operation after the other."""

    def __init__(self, builder: Any, tables: Any, operand: Any) -> None:
        self._builder, self._tables, self._operand = builder, tables, operand
        self._simple: dict[str, Callable[..., Any]] = {
            "and": builder.and_,
            "or": builder.or_,
            "xor": builder.xor,
            "add": builder.add,
            "sub": builder.sub,
            "mul": builder.mul,
            "select": builder.select,
        }

    def value(self, operation: Step, operands: list[Any]) -> Any:
        """The vector that the operation gives."""
        name, signed = operation.name, operation.dtype.kind == "i"
        if name == "input":
            return self._operand
        if name == "constant":
            return _splat(operation.constant, _FLAGS if operation.dtype.kind == "b" else _WORDS)
        if name == "take":
            return self._taken(operands[0], operation.constant)
        if name == "length":
            zeros = self._declared(f"llvm.ctlz.v{LANES}i64", [_WORDS, _I1])
            return self._builder.sub(_splat(64), self._builder.call(zeros, [operands[0], ir.Constant(_I1, 0)]))
        if name in ("shl", "shr"):
            return self._shifted(name, signed, *operands)
        if name in ("min", "max"):
            return self._builder.select(self._compared("<" if name == "min" else ">", signed, *operands), *operands)
        if name in self._simple:
            return self._simple[name](*operands)
        return self._compared(name, signed, *operands)

    def _compared(self, name: str, signed: bool, a: Any, b: Any) -> Any:
        return (self._builder.icmp_signed if signed else self._builder.icmp_unsigned)(name, a, b)

    def _shifted(self, name: str, signed: bool, word: Any, amount: Any) -> Any:
        """NumPy's shift: by 64 and more nothing is left, or the sign."""
        builder = self._builder
        shift = builder.shl if name == "shl" else builder.ashr if signed else builder.lshr
        inside = builder.icmp_unsigned("<", amount, _splat(64))
        if name == "shr" and signed:
            return shift(word, builder.select(inside, amount, _splat(63)))
        return builder.select(inside, shift(word, amount), _splat(0))

    def _taken(self, index: Any, start: int) -> Any:
        builder, lane = self._builder, ir.IntType(32)
        base = builder.insert_element(_UNDEFINED, builder.add(self._tables, _word(8 * start)), ir.Constant(lane, 0))
        base = builder.shuffle_vector(base, _UNDEFINED, ir.Constant(ir.VectorType(lane, LANES), [0] * LANES))
        addresses = builder.inttoptr(builder.add(base, builder.shl(index, _splat(3))), _POINTERS)
        gather = self._declared(f"llvm.masked.gather.v{LANES}i64.v{LANES}p0", [_POINTERS, lane, _FLAGS, _WORDS])
        return builder.call(gather, [addresses, ir.Constant(lane, 8), _splat(1, _FLAGS), _splat(0)])

    def _declared(self, name: str, arguments: list[Any]) -> Any:
        """LLVM's function of that name, which gives a vector of words."""
        module = self._builder.module
        return module.globals.get(name) or ir.Function(module, ir.FunctionType(_WORDS, arguments), name)


def _word(value: int) -> Any:
    return ir.Constant(_I64, value)


def _splat(value: int, kind: Any = _WORDS) -> Any:
    return ir.Constant(kind, [ir.Constant(kind.element, value)] * LANES)


def _machine() -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    features = binding.get_host_cpu_features().flatten()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=features, opt=3, jit=True
    )


def host() -> str:
    """This processor's features, comma-separated, with + where there is one."""
    return str(binding.get_host_cpu_features().flatten())


def processor() -> str:
    """This processor's name, as LLVM knows it."""
    return str(binding.get_host_cpu_name())


def object_code(key: str, assembly: Callable[[], str], passes: bool = True) -> bytes:
    """Machine code for this processor, from disk where it was made before.

    Args:
        key: names all that the assembly depends on.
        assembly: makes LLVM's text.
        passes: whether LLVM's passes over the text run before code is made of it.
    """
    cpu = f"{processor()} {host()}"

    def build() -> bytes:
        machine, module = _machine(), binding.parse_assembly(assembly())
        module.verify()
        if passes:
            options = binding.create_pipeline_tuning_options(speed_level=3)
            builder = binding.create_pass_builder(machine, options)
            builder.getModulePassManager().run(module, builder)
        return bytes(machine.emit_object(module))

    return cached(
        "machine_code",
        f"{llvmlite.__version__} {cpu} {key}",
        build,
        lambda code: ({"code": np.frombuffer(code, np.uint8)}, {}),
        lambda arrays, _: arrays["code"].tobytes(),
        "compiling",
    )


def engine(code: bytes) -> Any:
    """What holds the code where it can be called; it lives as long as this object."""
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine
