"""Puts a stand-in where Intel's extension would be, by public names alone, and writes down every call.

Its models "for the chip" are Lava's fixed-point ones on the CPU, said to need a neuro core.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, ClassVar

import pytest
from lava.magma.core import run_configs
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import Loihi2NeuroCore
from lava.magma.runtime.runtime import Runtime
from lava.proc.lif.models import PyLifModelBitAcc
from lava.proc.lif.process import LIF
from lava.proc.sparse.models import PyDelaySparseModelBitAcc, PySparseModelBitAcc
from lava.proc.sparse.process import DelaySparse, Sparse

from tests.execute.loihi2.stand_in import adapters


class ChipLif(PyLifModelBitAcc):
    required_resources: ClassVar = [Loihi2NeuroCore]


class ChipSparse(PySparseModelBitAcc):
    required_resources: ClassVar = [Loihi2NeuroCore]


class ChipDelaySparse(PyDelaySparseModelBitAcc):
    required_resources: ClassVar = [Loihi2NeuroCore]


@dataclass
class Log:
    """What was called, in order, with what; `selected` says which model each Process got."""

    calls: list[tuple[str, Any]] = field(default_factory=list)
    selected: dict[AbstractProcess, type] = field(default_factory=dict)
    joules: float = 1.25e-3
    chip_models: dict[type, type] = field(
        default_factory=lambda: {LIF: ChipLif, Sparse: ChipSparse, DelaySparse: ChipDelaySparse}
    )

    def names(self) -> list[str]:
        """Names of the calls."""
        return [name for name, _ in self.calls]

    def values(self, name: str) -> list[Any]:
        """What a call of a name was given, each time."""
        return [value for called, value in self.calls if called == name]


def install(monkeypatch: pytest.MonkeyPatch) -> Log:
    """The stand-in, until the test ends."""
    log = Log()

    class Loihi2HwCfg(run_configs.AbstractLoihiHWRunCfg):
        def __init__(self) -> None:
            super().__init__()
            self.callback_fxs: list[Any] = []
            self.embedded_allocation_order = None
            log.calls.append(("Loihi2HwCfg", None))

        def select(self, process: Any, proc_models: list[Any]) -> Any:
            fixed = [model for model in proc_models if "fixed_pt" in model.tags]
            log.selected[process] = log.chip_models.get(type(process), (fixed or proc_models)[0])
            return log.selected[process]

    class Loihi2HWProfiler:
        def __init__(self, run_cfg: Any) -> None:
            assert type(run_cfg) is Loihi2HwCfg
            log.calls.append(("Profiler.init", run_cfg))

        def energy_probe(self, num_steps: int) -> None:
            log.calls.append(("energy_probe", num_steps))

        @property
        def energy(self) -> float:
            log.calls.append(("energy", None))
            return log.joules

    def module(name: str, **names: Any) -> None:
        made = ModuleType(name)
        made.__spec__ = ModuleSpec(name, None)
        vars(made).update(names)
        monkeypatch.setitem(sys.modules, name, made)

    module("lava.utils.loihi2_profiler")
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
