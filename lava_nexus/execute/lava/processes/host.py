"""Processes that stand for the host around a network: what feeds it, what watches it, what sequences it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from numpy.typing import NDArray

from lava_nexus.execute.lava.process import Members, Process, model_of

_INTEGERS_IN = LavaPyType(PyInPort.VEC_DENSE, np.int32)


class Operands(Process):
    """Sends one wave of operand sets every `window` steps from the first step on, then silence.

    Args:
        waves: int32 [waves, lanes, 1 + values].
        window: steps from one wave to the next.
        name: of the Process.
    """

    members: ClassVar[Members] = {
        "s_out": "out, [lanes, 1 + values], int32; the strobe (1 where the lane holds a set), then the set's values.",
    }

    def __init__(self, waves: NDArray[np.int32], window: int, name: str | None = None) -> None:
        super().__init__(waves=waves, window=window, name=name)
        self.s_out = OutPort(shape=waves.shape[1:])


@model_of(Operands, "vectorised", "lif")
class OperandsModel(PyLoihiProcessModel):
    """Sends the next wave, or zeros."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._waves = proc_params["waves"]
        self._window = proc_params["window"]
        self._silence = np.zeros(self._waves.shape[1:], np.int32)

    def run_spk(self) -> None:
        wave, between = divmod(self.time_step - 1, self._window)
        self.s_out.send(self._silence if between or wave >= len(self._waves) else self._waves[wave])


class Probe(Process):
    """Adds what it sees to shared memory; it is no part of the network.

    Args:
        counts: shared int64 [signals].
        trains: shared int32 [steps, lanes, signals].
        signals: int64 [channels]; which signal each channel is.
    """

    members: ClassVar[Members] = {
        "a_in": "in, [lanes, channels], int32.",
    }

    def __init__(self, counts: NDArray[np.int64], trains: NDArray[Any], signals: NDArray[np.int64]) -> None:
        super().__init__(counts=counts, trains=trains, signals=signals)
        self.a_in = InPort(shape=(trains.shape[1], len(signals)))


@model_of(Probe, "vectorised", "lif")
class ProbeModel(PyLoihiProcessModel):
    """Counts non-zero messages."""

    a_in: PyInPort = _INTEGERS_IN

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._counts = proc_params["counts"]
        self._trains = proc_params["trains"]
        self._signals = proc_params["signals"]

    def run_spk(self) -> None:
        sent = self.a_in.recv()
        self._counts[self._signals] += np.count_nonzero(sent, axis=0)
        if self.time_step <= len(self._trains):
            self._trains[self.time_step - 1][:, self._signals] = sent


class Recorder(Process):
    """Adds what it sees to shared memory; it is a probe and no part of the network.

    Args:
        counts: shared int64 [signals].
        trains: shared int8 [steps, lanes, watched].
        n_inputs: input signals.
        watched: int64; channels whose spikes are kept, all of them if None.
        members: int64; which signal each channel is, all of them in order if None.
    """

    members: ClassVar[Members] = {
        "inputs": "in, [lanes, n_inputs]; signals 0 .. n_inputs - 1.",
        "neurons": "in, [lanes, neurons]; the signals after them.",
    }

    def __init__(
        self,
        counts: NDArray[np.int64],
        trains: NDArray[Any],
        n_inputs: int,
        watched: NDArray[np.int64] | None = None,
        members: NDArray[np.int64] | None = None,
    ) -> None:
        signals = np.arange(len(counts)) if members is None else members
        chosen = np.arange(len(signals)) if watched is None else watched
        super().__init__(counts=counts, trains=trains, n_inputs=n_inputs, watched=chosen, signals=signals)
        lanes = trains.shape[1]
        self.inputs = InPort(shape=(lanes, n_inputs))
        self.neurons = InPort(shape=(lanes, len(signals) - n_inputs))


@model_of(Recorder, "vectorised", "lif")
class RecorderModel(PyLoihiProcessModel):
    """Counts non-zero messages."""

    inputs: PyInPort = _INTEGERS_IN
    neurons: PyInPort = _INTEGERS_IN

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._counts = proc_params["counts"]
        self._trains, self._watched = proc_params["trains"], proc_params["watched"]
        self._signals = proc_params["signals"]

    def run_spk(self) -> None:
        fired = np.concatenate([self.inputs.recv(), self.neurons.recv()], axis=1) != 0
        self._counts[self._signals] += fired.sum(axis=0)
        if self.time_step <= len(self._trains):
            self._trains[self.time_step - 1] = fired[:, self._watched]
