"""What all our Lava Processes have in common: their base, the models that several share, and ports that carry values.

A Process and its models share one module, because Lava looks for a Process's models there first. Under a run
configuration of Lava's own it then searches the folder, too, and executes every file in it anew, for every Process once
more than the folder has files. That is why Processes live in a folder of their own, `processes`, whose modules declare
classes and do nothing else. Source: lava-nc 0.10.0, lava/magma/compiler/compiler_graphs.py, `_find_proc_models`.

A value's port carries spikes, [batch, *shape, bits], MSB first. Lava wants a class attribute of type LavaPyType for
every port of a model; Processes that hold part of a program have as many ports as that part has inputs and outputs, so
their models' classes answer for port names instead of listing them.
"""

from __future__ import annotations

import inspect
from abc import ABCMeta
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any, ClassVar, NamedTuple, TypeAlias, TypeVar

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.run_configs import RunConfig
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from numpy.typing import NDArray

from lava_nexus.errors import NexusError, brief
from lava_nexus.execute.lava.runtime import WatchedRuntime
from lava_nexus.formats import patterns_to_spikes, spikes_to_patterns
from lava_nexus.neurons import Port
from lava_nexus.programs.excerpt import port_name
from lava_nexus.programs.program import Value

SPIKES_IN = LavaPyType(PyInPort.VEC_DENSE, np.int8)
SPIKES_OUT = LavaPyType(PyOutPort.VEC_DENSE, np.int8)
VAR = LavaPyType(np.ndarray, np.int32)
_IN, _OUT = "_in", "_out"

ModelT = TypeVar("ModelT")


LAVA_TAGS = ("fixed_pt", "floating_pt", "bit_accurate_loihi")
"""What Lava's run configurations ask for. Every model carries them all: its spikes are the same in each."""


Members: TypeAlias = Mapping[str, str]


class Process(AbstractProcess):
    """A Process that documents its ports and Vars, runs watched, and may refuse its arguments.

    Lava's destructor reads `_runtime` even where `__init__` raised.

    Attributes:
        members: what each port and Var carries, in which shape and unit; `help` shows it.
    """

    _runtime: Any = None
    members: ClassVar[Members] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        """Appends what `members` says to the class's docstring."""
        super().__init_subclass__(**options)
        signature = inspect.signature(cls.__init__)  # Lava's metaclass hides it
        cls.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
        if "members" in vars(cls) or "__doc__" in vars(cls):
            about = [f"        {name}: {text}" for name, text in cls.members.items()]
            cls.__doc__ = "\n".join([(cls.__doc__ or "").rstrip(), "", "    Ports and Vars:", *about, "    "])

    def create_runtime(self, run_cfg: Any = None, executable: Any = None, compile_config: Any = None) -> None:
        """What Lava's `run` calls first: the children are watched as those of `Session` are, without a deadline."""
        if executable is None:
            executable = compiled(self, run_cfg, compile_config or {})
        self._runtime = runtime = WatchedRuntime(executable, float("inf"))
        executable.assign_runtime_to_all_processes(runtime)
        runtime.initialize()


def compiled(process: AbstractProcess, run_config: RunConfig, options: Mapping[str, Any]) -> Any:
    """The executable of a graph, by Lava's compiler.

    Raises:
        NexusError: no model for a Process, or whatever else the compiler says.
    """
    try:
        return process.compile(run_config, {"pypy_channel_size": CHANNEL_MESSAGES, **options})
    except NexusError:
        raise
    except Exception as error:
        if "HwCfg" in type(run_config).__name__ and isinstance(error, NameError):  # of classes that it does not have
            raise NexusError(
                f"run configuration {type(run_config).__name__} of Process {process.name} is of a chip, for which "
                "Intel's extension of Lava is not installed; take Loihi2SimCfg"
            ) from error
        raise NexusError(f"Lava cannot compile Process {process.name}: {type(error).__name__}: {error}") from error


CHANNEL_MESSAGES = 4  # steps are barriers: a channel never holds more than the message of one step


class Reading(NamedTuple):
    """Neurons whose potentials and spikes are Vars.

    Attributes:
        neurons: int64; their numbers.
        shape: of the Vars, [*lanes, len(neurons)].
    """

    neurons: NDArray[np.int64]
    shape: tuple[int, ...]


class Readable:
    """Mixed into a model whose Vars are computed when they are read, by `Var.get` or through a port of Lava's."""

    def refresh(self) -> None:
        """Brings the Vars up to this time step."""
        raise NotImplementedError

    def _get_var(self) -> None:
        self.refresh()
        super()._get_var()  # type: ignore[misc]

    def _handle_var_port(self, var_port: Any) -> None:
        self.refresh()
        super()._handle_var_port(var_port)  # type: ignore[misc]


def lanes_of(shape: tuple[int, ...], what: str) -> int:
    """Elements of a shape.

    Raises:
        NexusError: it is none, or one of its sizes is below 1.
    """
    if not isinstance(shape, tuple) or any(type(size) is not int or size < 1 for size in shape):
        raise NexusError(f"{what} has shape {shape!r}, which is no tuple of integers of at least 1")
    return prod(shape)


def given(value: object, kind: type[ModelT], what: str, hint: str = "") -> ModelT:
    """The value; raises NexusError, naming `what` takes it, where it is not of the kind."""
    if not isinstance(value, kind):
        raise NexusError(f"{what} takes an object of {kind.__name__}, not {brief(repr(value))}{hint}")
    return value


def ports_of(ports: object, what: str) -> tuple[Port, ...]:
    """The ports that an encoder or a decoder was given; raises NexusError where they are none."""
    if not isinstance(ports, Sequence) or not all(isinstance(port, Port) for port in ports):
        raise NexusError(f"{what} takes ports, such as `network.inputs` or `network.outputs`, not {brief(repr(ports))}")
    return tuple(ports)


def model_of(process: type[AbstractProcess], *levels: str) -> Callable[[type[ModelT]], type[ModelT]]:
    """Decorates the class of a model: it runs the Process on a CPU, at these levels and under all of Lava's tags."""

    def declared(model: type[ModelT]) -> type[ModelT]:
        model.implements_process = None  # type: ignore[attr-defined]  # that of a model of Lava's beneath it
        made: type[ModelT] = implements(proc=process, protocol=LoihiProtocol)(
            requires(CPU)(tag(*levels, *LAVA_TAGS)(model))
        )
        return made

    return declared


def models_of(process: type[Process], *shared: type, **ports: LavaPyType) -> dict[str, type]:
    """For a Process a model of its own from each of the shared ones, by name; Lava wants a class for each Process.

    The names are to be put among those of the Process's module, where Lava looks for them.

    Args:
        process: the Process; its models are called after it.
        shared: models that implement no Process yet, with their tags and resources.
        ports: of models that run by themselves, by name.
    """
    made = {}
    for base in shared:
        name = process.__name__ + base.__name__
        about = f"`{process.__name__}`: {base.__doc__}"
        model = type(base)(name, (base,), {"__module__": process.__module__, "__doc__": about, **ports})
        made[name] = implements(proc=process, protocol=LoihiProtocol)(model)
    return made


class SpikePortTypes(ABCMeta):
    """Type of model classes whose ports are named `v<number>_in` and `v<number>_out`."""

    def __getattr__(cls, name: str) -> LavaPyType:
        """The type of a port that the class does not list."""
        if name[:1] == "v" and name.endswith(_IN):
            return SPIKES_IN
        if name[:1] == "v" and name.endswith(_OUT):
            return SPIKES_OUT
        raise AttributeError(f"type object '{cls.__name__}' has no attribute '{name}'")


class PayloadPortTypes(SpikePortTypes):
    """As `SpikePortTypes`, of ports that carry payloads."""

    def __getattr__(cls, name: str) -> LavaPyType:
        """The type of a port that the class does not list."""
        spikes = super().__getattr__(name)
        return LavaPyType(spikes.cls, np.int32)


def in_name(value: Value) -> str:
    """What the port is called that a value comes in by."""
    return port_name(value) + _IN


def out_name(value: Value) -> str:
    """What the port is called that a value goes out by."""
    return port_name(value) + _OUT


def spike_shape(value: Value, batch: int) -> tuple[int, ...]:
    """[batch, *shape, bits]: shape of a value's port."""
    return (batch, *value.shape, value.format.bits)


def add_ports(process: AbstractProcess, inputs: Iterable[Value], outputs: Iterable[Value], batch: int) -> None:
    """Gives a Process the ports of its values; to be called in its `__init__`, after `super().__init__`.

    Raises:
        NexusError: the batch is below 1.
    """
    if batch < 1:
        raise NexusError(f"batch {batch} of Lava Process {process.name} is below 1")
    for value in inputs:
        setattr(process, in_name(value), InPort(shape=spike_shape(value, batch)))
    for value in outputs:
        setattr(process, out_name(value), OutPort(shape=spike_shape(value, batch)))


def in_port(process: AbstractProcess, value: Value) -> InPort:
    """The port that a value comes in by."""
    return getattr(process, in_name(value))


def out_port(process: AbstractProcess, value: Value) -> OutPort:
    """The port that a value goes out by."""
    return getattr(process, out_name(value))


def receive(port: PyInPort, value: Value, sets: int) -> NDArray[Any]:
    """Waits for this step's spikes; patterns [sets, *shape] of the first `sets` elements of the batch."""
    return spikes_to_patterns(port.recv()[:sets], value.format.pattern_dtype)


def send(port: PyOutPort, value: Value, patterns: NDArray[Any], batch: int) -> None:
    """Sends patterns [sets, *shape] as spikes; the rest of the batch stays silent."""
    spikes = np.zeros(spike_shape(value, batch), np.int8)
    spikes[: len(patterns)] = patterns_to_spikes(patterns, value.format.bits)
    port.send(spikes)


def valid_sets(step: int, batch: int, sets: int | None) -> int:
    """Elements of the batch that mean something in a time step, counted from 1, when `sets` go through in all."""
    return batch if sets is None else max(0, min(batch, sets - (step - 1) * batch))
