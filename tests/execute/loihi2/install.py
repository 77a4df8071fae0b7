"""Puts a stand-in where Intel's extension would be, by public names alone, and writes down every call.

Its models "for the chip" are Lava's fixed-point ones on the CPU, said to need a neuro core. They count what they do, as
a core's counters would; energy and time of a run are those counts times `JOULES` and `SECONDS`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
from lava.magma.core import run_configs
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import Loihi2NeuroCore
from lava.magma.runtime.runtime import Runtime
from lava.proc.graded.models import PyGradedReluVecModelFixed, PyGradedVecModelFixed
from lava.proc.graded.process import GradedReluVec, GradedVec
from lava.proc.lif.models import PyLifModelBitAcc
from lava.proc.lif.process import LIF
from lava.proc.sparse.models import PyDelaySparseModelBitAcc, PySparseModelBitAcc
from lava.proc.sparse.process import DelaySparse, Sparse
from scipy.sparse import find

from lava_nexus.execute.lava.processes.stateful import StatefulNeurons, StatefulNeuronsModel
from lava_nexus.execute.lava.shared import shared_array
from tests.execute.loihi2.stand_in import adapters

SYNOPS, IDLE, ACTIVE, IN, OUT, STEPS = range(6)
JOULES = {"step": 2e-9, "idle": 5e-12, "active": 8e-12, "synop": 3e-12, "static_watts": 0.5}
SECONDS = {"step": 1e-6, "idle": 4e-9, "active": 6e-9, "synop": 2e-9}


class _Counting:
    """A row of counters a Process, shared with the host; `select` says which."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._counters = proc_params["counters"]


class ChipLif(_Counting, PyLifModelBitAcc):
    required_resources: ClassVar = [Loihi2NeuroCore]

    def subthr_dynamics(self, activation_in: Any) -> None:
        self._received = np.asarray(activation_in) != 0
        super().subthr_dynamics(activation_in)

    def reset_voltage(self, spike_vector: Any) -> None:
        fired = np.asarray(spike_vector, bool)
        active = int((fired | self._received).sum())
        self._counters[[IDLE, ACTIVE, OUT, STEPS]] += [fired.size - active, active, int(fired.sum()), 1]
        super().reset_voltage(spike_vector)


class ChipStateful(_Counting, StatefulNeuronsModel):
    """A program of the chip's, which does what the equation says; graded neurons are Lava's own."""

    required_resources: ClassVar = [Loihi2NeuroCore]


class ChipGraded(_Counting, PyGradedVecModelFixed):
    required_resources: ClassVar = [Loihi2NeuroCore]


class ChipGradedRelu(_Counting, PyGradedReluVecModelFixed):
    required_resources: ClassVar = [Loihi2NeuroCore]


class _CountedPort:
    """A port that counts what it hands on."""

    def __init__(self, port: Any, model: Any) -> None:
        self._port, self._model = port, model

    def recv(self) -> Any:
        spikes = self._port.recv()
        fired = np.flatnonzero(spikes)
        self._model._counters[[SYNOPS, IN]] += [self._model._column_synapses[fired].sum(), len(fired)]
        return spikes


class _CountingSynapses(_Counting):
    required_resources: ClassVar = [Loihi2NeuroCore]

    def run_spk(self) -> None:
        if not isinstance(self.s_in, _CountedPort):
            self._column_synapses = np.bincount(find(self.weights)[1], minlength=self.weights.shape[1])
            self.s_in = _CountedPort(self.s_in, self)
        super().run_spk()


class ChipSparse(_CountingSynapses, PySparseModelBitAcc):
    pass


class ChipDelaySparse(_CountingSynapses, PyDelaySparseModelBitAcc):
    pass


@dataclass
class Log:
    """What was called, in order, with what; `selected` says which model each Process got."""

    calls: list[tuple[str, Any]] = field(default_factory=list)
    selected: dict[AbstractProcess, type] = field(default_factory=dict)
    joules: float | None = 1.25e-3
    counters: list[Any] = field(default_factory=list)
    chip_models: dict[type, type] = field(
        default_factory=lambda: {
            **{LIF: ChipLif, Sparse: ChipSparse, DelaySparse: ChipDelaySparse, GradedVec: ChipGraded},
            **{GradedReluVec: ChipGradedRelu, StatefulNeurons: ChipStateful},
        }
    )

    def names(self) -> list[str]:
        """Names of the calls."""
        return [name for name, _ in self.calls]

    def counted(self) -> Any:
        """int64 [6]: of all Processes "on the chip"; steps are those of the busiest."""
        table = np.array(self.counters)
        return np.array([*table[:, :STEPS].sum(axis=0), table[:, STEPS].max()])

    def taken(self, unit: dict[str, float]) -> float:
        """Joules or seconds of all that was counted."""
        synops, idle, active, _, _, steps = self.counted().tolist()
        return steps * unit["step"] + idle * unit["idle"] + active * unit["active"] + synops * unit["synop"]

    def values(self, name: str) -> list[Any]:
        """What a call of a name was given, each time."""
        return [value for called, value in self.calls if called == name]


def install(monkeypatch: pytest.MonkeyPatch) -> Log:
    """The stand-in, until the test ends."""
    log = Log()

    class Loihi2HwCfg(run_configs.AbstractLoihiHWRunCfg):
        def __init__(self, callback_fxs: Any = ()) -> None:
            super().__init__()
            self.callback_fxs: list[Any] = []
            self.embedded_allocation_order = None
            log.counters.clear()
            log.calls.append(("Loihi2HwCfg", None))

        def select(self, process: Any, proc_models: list[Any]) -> Any:
            fixed = [model for model in proc_models if "fixed_pt" in model.tags]
            log.selected[process] = log.chip_models.get(type(process), (fixed or proc_models)[0])
            if type(process) in log.chip_models and "counters" not in process.proc_params._parameters:
                process.proc_params["counters"] = shared_array((6,), np.int64)
                log.counters.append(process.proc_params["counters"])
            return log.selected[process]

    class Loihi2HWProfiler:
        def __init__(self, run_cfg: Any) -> None:
            assert type(run_cfg) is Loihi2HwCfg
            log.calls.append(("Profiler.init", run_cfg))

        def energy_probe(self, num_steps: int) -> None:
            log.calls.append(("energy_probe", num_steps))

        def execution_time_probe(self, num_steps: int) -> None:
            log.calls.append(("execution_time_probe", num_steps))

        @property
        def energy(self) -> float:
            log.calls.append(("energy", None))
            return self.static_energy + log.taken(JOULES) if log.joules is None else log.joules

        @property
        def static_energy(self) -> float:
            return JOULES["static_watts"] * log.taken(SECONDS)

        @property
        def execution_time(self) -> Any:
            steps = log.values("execution_time_probe")[-1]
            return np.full(steps, log.taken(SECONDS) / steps)

    class Loihi2Activity:
        syn_ops = property(lambda self: [log.counted()[SYNOPS]])
        dendrite_updates = property(lambda self: [log.counted()[IDLE] + log.counted()[ACTIVE]])
        spikes_in = property(lambda self: [log.counted()[IN]])
        axon_out = property(lambda self: [log.counted()[OUT]])

    class Loihi2Memory:
        total_mpds = (17, 4)

    def module(name: str, **names: Any) -> None:
        made = ModuleType(name)
        made.__spec__ = ModuleSpec(name, None)
        vars(made).update(names)
        monkeypatch.setitem(sys.modules, name, made)

    module("lava.utils.loihi2_profiler", Loihi2Activity=Loihi2Activity, Loihi2Memory=Loihi2Memory)
    module("lava.utils.loihi2_profiler_api", Loihi2HWProfiler=Loihi2HWProfiler)
    module("lava.proc.embedded_io")
    module("lava.proc.embedded_io.spike", PyToNxAdapter=adapters.PyToNxAdapter, NxToPyAdapter=adapters.NxToPyAdapter)
    monkeypatch.setattr(run_configs, "Loihi2HwCfg", Loihi2HwCfg)
    monkeypatch.setitem(sys.modules, "lava.utils.profiler", None)
    monkeypatch.delitem(sys.modules, "lava.utils.profiler")  # read anew, with the stand-in; forgotten afterwards

    compiled, started = AbstractProcess.compile, Runtime.start

    def compile_(self: Any, run_cfg: Any, compile_config: Any = None) -> Any:
        log.calls.append(("compile", dict(compile_config or {})))
        return compiled(self, run_cfg, compile_config)

    def start(self: Any, condition: Any) -> None:
        log.calls.append(("run", condition.num_steps))
        started(self, condition)

    monkeypatch.setattr(AbstractProcess, "compile", compile_)
    monkeypatch.setattr(Runtime, "start", start)
    return log
