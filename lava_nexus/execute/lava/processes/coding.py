"""Processes at the border between numbers and spikes: spatial bit encoding and its inverse.

`Encoder` and `Decoder` stream operand sets of a circuit, a lane a set; `TensorEncoder` and `TensorDecoder` pass the
tensors of a program, a batch a time step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import LogConfig
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.process import (
    SPIKES_IN,
    SPIKES_OUT,
    Members,
    Process,
    SpikePortTypes,
    add_ports,
    in_name,
    lanes_of,
    model_of,
    out_name,
    ports_of,
    receive,
    send,
    valid_sets,
)
from lava_nexus.execute.lava.shared import shared_array, shared_patterns
from lava_nexus.formats import patterns_to_spikes, spikes_to_patterns
from lava_nexus.neurons import Port
from lava_nexus.programs.program import Value

_LOADED, _SENT = 0, 1  # of an encoder's progress
_STORED, _LAST_STEP = 0, 1  # of a decoder's


class Encoder(Process):
    """channel[i] = bit (bits - 1 - i) of the pattern: every bit of an operand set spikes in one time step.

    Sends the sets loaded, as many a step as `shape` has elements, from the next step on, then silence.

    Args:
        operands: name, width and format of each operand; for a network `network.inputs`.
        capacity: operand sets that can be loaded at a time.
        shape: of the operand sets of a time step.
        name, log_config: of the Process.
    """

    members: ClassVar[Members] = {
        "s_out": "out, [*shape, 1 + bits], int8; the strobe (1 where there is a set), then each operand's bits, "
        "MSB first.",
    }

    def __init__(
        self,
        operands: Sequence[Port],
        capacity: int,
        shape: tuple[int, ...] = (1,),
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        lanes, progress = lanes_of(shape, "encoder"), shared_array((2,), np.int64)
        operands = ports_of(operands, "encoder")
        patterns = shared_patterns(operands, capacity)
        super().__init__(
            operands=operands, lanes=lanes, progress=progress, patterns=patterns, capacity=capacity, name=name,
            log_config=log_config,
        )  # fmt: skip
        self.operands = operands
        self.capacity = capacity
        self._progress = progress
        self._patterns = patterns
        self.s_out = OutPort(shape=(*shape, 1 + sum(port.width for port in operands)))

    def load(self, *patterns: NDArray[Any]) -> None:
        """Bit patterns [sets] of each operand, sent by the next run; what was loaded and not sent is dropped.

        Raises:
            NexusError: arrays missing, of unequal length, not of unsigned patterns, or more sets than the capacity.
        """
        if len(patterns) != len(self.operands):
            raise NexusError(f"encoder of {len(self.operands)} operands was given {len(patterns)} arrays")
        sets = len(patterns[0]) if patterns else 0
        for port, array in zip(self.operands, patterns, strict=True):
            if np.shape(array) != (sets,):
                raise NexusError(f"operand {port.name} has shape {np.shape(array)}, not ({sets},)")
            if np.asarray(array).dtype.kind not in "iu" or (sets and np.min(array) < 0):
                raise NexusError(f"operand {port.name} of dtype {np.asarray(array).dtype} holds no bit patterns")
            if sets and int(np.max(array)) >> port.width:
                raise NexusError(f"operand {port.name} holds {int(np.max(array))}, more than its {port.width} bits")
        if sets > self.capacity:
            raise NexusError(f"encoder was given {sets} operand sets, more than its capacity of {self.capacity}")
        for column, array in enumerate(patterns):
            self._patterns[:sets, column] = array
        self._progress[:] = (sets, 0)

    def load_values(self, *values: ArrayLike) -> None:
        """Numbers [sets] of each operand, which must have formats; otherwise as `load`."""
        named = zip(self.operands, values, strict=False)
        self.load(*(port.format.to_patterns(v) if port.format else np.asarray(v) for port, v in named))


@model_of(Encoder, "vectorised", "lif")
class EncoderModel(PyLoihiProcessModel):
    """Unpacks the next sets into spikes."""

    s_out: PyOutPort = SPIKES_OUT

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._operands = proc_params["operands"]
        self._lanes = proc_params["lanes"]
        self._progress = proc_params["progress"]
        self._patterns = proc_params["patterns"]

    def run_spk(self) -> None:
        first = int(self._progress[_SENT])
        sets = min(self._lanes, int(self._progress[_LOADED]) - first)
        spikes = np.zeros((self._lanes, self.s_out.shape[-1]), np.int8)
        spikes[:sets, 0] = 1
        channel = 1
        for column, port in enumerate(self._operands):
            patterns = self._patterns[first : first + sets, column].astype(port.pattern_dtype)
            spikes[:sets, channel : channel + port.width] = patterns_to_spikes(patterns, port.width)
            channel += port.width
        self._progress[_SENT] = first + sets
        self.s_out.send(spikes.reshape(self.s_out.shape))


class Decoder(Process):
    """pattern = sum of channel[i] * 2^(bits - 1 - i), for every element whose strobe spikes; the inverse of `Encoder`.

    Args:
        results: name, width and format of each result; for a network `network.outputs`.
        capacity: result sets kept until they are taken.
        shape: of the result sets of a time step.
        name, log_config: of the Process.
    """

    members: ClassVar[Members] = {
        "a_in": "in, [*shape, 1 + bits], int8; the strobe, then each result's bits, MSB first."
    }

    def __init__(
        self,
        results: Sequence[Port],
        capacity: int,
        shape: tuple[int, ...] = (1,),
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        lanes, progress = lanes_of(shape, "decoder"), shared_array((2,), np.int64)
        results = ports_of(results, "decoder")
        patterns = shared_patterns(results, capacity)
        super().__init__(
            results=results, lanes=lanes, progress=progress, patterns=patterns, capacity=capacity, name=name,
            log_config=log_config,
        )  # fmt: skip
        self.results = results
        self._progress = progress
        self._patterns = patterns
        self.a_in = InPort(shape=(*shape, 1 + sum(port.width for port in results)))

    @property
    def last_step(self) -> int:
        """Time step, counted from 1, in which the last result came; 0 before any."""
        return int(self._progress[_LAST_STEP])

    def take(self) -> list[NDArray[Any]]:
        """Bit patterns [sets] of each result, in order of arrival; empties the store."""
        sets = int(self._progress[_STORED])
        self._progress[_STORED] = 0
        return [self._patterns[:sets, i].astype(port.pattern_dtype) for i, port in enumerate(self.results)]

    def take_values(self) -> list[NDArray[Any]]:
        """Numbers [sets] of each result, patterns where it has no format; empties the store."""
        pairs = zip(self.results, self.take(), strict=True)
        return [port.format.from_patterns(found) if port.format else found for port, found in pairs]


@model_of(Decoder, "vectorised", "lif")
class DecoderModel(PyLoihiProcessModel):
    """Packs the spikes of lanes whose strobe spiked."""

    a_in: PyInPort = SPIKES_IN

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._results = proc_params["results"]
        self._progress = proc_params["progress"]
        self._patterns = proc_params["patterns"]

    def run_spk(self) -> None:
        received = self.a_in.recv()
        spikes = received.reshape(-1, received.shape[-1]) != 0
        valid = spikes[spikes[:, 0]]
        if not len(valid):
            return
        first = int(self._progress[_STORED])
        last = first + len(valid)
        if last > len(self._patterns):
            raise NexusError(f"decoder received {last} results, more than its capacity of {len(self._patterns)}")
        channel = 1
        for column, port in enumerate(self._results):
            bits = valid[:, channel : channel + port.width]
            self._patterns[first:last, column] = spikes_to_patterns(bits, port.pattern_dtype)
            channel += port.width
        self._progress[:] = (last, self.time_step)


class TensorEncoder(Process):
    """channel[..., i] = bit (bits - 1 - i) of the pattern: the next `batch` elements in every time step, then silence.

    Args:
        feeds: values and their patterns [sets, *shape].
        batch: elements a time step.
    """

    members: ClassVar[Members] = {"v<number>_out": "out, [batch, *shape, bits], int8; for each value, MSB first."}

    def __init__(self, feeds: Mapping[Value, NDArray[Any]], batch: int, name: str = "encoder") -> None:
        super().__init__(feeds=dict(feeds), batch=batch, name=name)
        self.inputs: list[Value] = []
        self.outputs = list(feeds)
        add_ports(self, (), feeds, batch)


@model_of(TensorEncoder, "vectorised", "lif")
class TensorEncoderModel(PyLoihiProcessModel, metaclass=SpikePortTypes):
    """Unpacks the next elements into spikes."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._feeds = proc_params["feeds"]
        self._batch = proc_params["batch"]

    def run_spk(self) -> None:
        first = (self.time_step - 1) * self._batch
        for value, patterns in self._feeds.items():
            send(getattr(self, out_name(value)), value, patterns[first : first + self._batch], self._batch)


class TensorDecoder(Process):
    """pattern = sum of channel[..., i] * 2^(bits - 1 - i): the inverse of `TensorEncoder`.

    Attributes:
        patterns: by value, shared with the model: [sets, *shape], filled `batch` elements a time step.

    Args:
        values: what to collect.
        batch: elements a time step.
        sets: elements to collect in all.
    """

    members: ClassVar[Members] = {"v<number>_in": "in, [batch, *shape, bits], int8; for each value, MSB first."}

    def __init__(self, values: Sequence[Value], batch: int, sets: int, name: str = "decoder") -> None:
        patterns = {v: shared_array((sets, *v.shape), v.format.pattern_dtype) for v in values}
        super().__init__(patterns=patterns, batch=batch, sets=sets, name=name)
        self.inputs = list(values)
        self.outputs: list[Value] = []
        self.patterns = patterns
        add_ports(self, values, (), batch)


@model_of(TensorDecoder, "vectorised", "lif")
class TensorDecoderModel(PyLoihiProcessModel, metaclass=SpikePortTypes):
    """Packs the spikes of elements that mean something."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._patterns = proc_params["patterns"]
        self._batch = proc_params["batch"]
        self._sets = proc_params["sets"]

    def run_spk(self) -> None:
        first = (self.time_step - 1) * self._batch
        sets = valid_sets(self.time_step, self._batch, self._sets)
        for value, patterns in self._patterns.items():
            patterns[first : first + sets] = receive(getattr(self, in_name(value)), value, sets)
