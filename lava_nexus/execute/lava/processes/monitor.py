"""Lava's Monitor for as many Vars and OutPorts as one likes, those inside sub-models and fractions among them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyRefPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort, RefPort
from lava.magma.core.process.process import LogConfig
from lava.magma.core.process.variable import Var
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.process import Members, Process, given, model_of
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.execute.operands import whole_number

_VAR, _PORT = "var_", "port_"


class Monitor(Process):
    """records[t, ...] = target(t) for every target and each of `num_steps` steps: what Lava's Monitor does for one.

        monitor = Monitor({"v": gate.v, "s": gate.s, "out": gate.out}, num_steps=100)
        ...                     # after the run
        monitor["v"]            # float64 [100, *gate.v.shape]

    Values come through shared memory, not one by one as Lava's do.

    Args:
        targets: Vars and OutPorts by a name.
        num_steps: time steps that are kept, from the first one on.
        name, log_config: of the Process.
    """

    members: ClassVar[Members] = {
        "var_<i>": "ref, shape of target i where that is a Var; read after every step.",
        "port_<i>": "in, shape of target i where that is an OutPort.",
    }

    def __init__(
        self,
        targets: dict[str, Var | OutPort],
        num_steps: int,
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        whole_number("monitor's number of steps", num_steps)
        targets = given(targets, dict, "monitor", ": Vars and OutPorts by a name")
        for key, target in targets.items():
            if not isinstance(target, Var | OutPort):
                raise NexusError(f"monitor's target '{key}' is a {type(target).__name__}, not a Var or an OutPort")
        kept = [shared_array((num_steps, *target.shape), np.float64) for target in targets.values()]
        ports = [(_VAR if isinstance(t, Var) else _PORT) + str(i) for i, t in enumerate(targets.values())]
        super().__init__(kept=kept, ports=ports, name=name, log_config=log_config)
        self._records = dict(zip(targets, kept, strict=True))
        for port, target in zip(ports, targets.values(), strict=True):
            setattr(self, port, (RefPort if isinstance(target, Var) else InPort)(shape=target.shape))
        self._post_init()
        for port, target in zip(ports, targets.values(), strict=True):
            own = getattr(self, port)
            own.connect_var(target) if isinstance(target, Var) else own.connect_from(target)

    def __getitem__(self, target: str) -> NDArray[np.float64]:
        """What the target held, [num_steps, *shape]; zeros where no step was run."""
        if target not in self._records:
            raise NexusError(f"monitor has no target '{target}', only {', '.join(self._records)}")
        return np.asarray(self._records[target].copy())


class _PortTypes(type(PyLoihiProcessModel)):  # type: ignore[misc]
    """Type of a model class whose ports are named `var_<i>` and `port_<i>`."""

    def __getattr__(cls, name: str) -> LavaPyType:
        if name.startswith(_VAR):
            return LavaPyType(PyRefPort.VEC_DENSE, np.float64)
        if name.startswith(_PORT):
            return LavaPyType(PyInPort.VEC_DENSE, np.float64)
        raise AttributeError(f"type object '{cls.__name__}' has no attribute '{name}'")


@model_of(Monitor, "vectorised", "lif")
class MonitorModel(PyLoihiProcessModel, metaclass=_PortTypes):
    """Reads ports when spikes go round, Vars when they have."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._targets = list(zip(proc_params["ports"], proc_params["kept"], strict=True))

    def post_guard(self) -> bool:
        """Vars are read after every step."""
        return True

    def run_spk(self) -> None:
        for port, kept in self._targets:
            if port.startswith(_PORT):
                received = getattr(self, port).recv()
                if self.time_step <= len(kept):
                    kept[self.time_step - 1] = received

    def run_post_mgmt(self) -> None:
        """Every Var of this step."""
        for port, kept in self._targets:
            if port.startswith(_VAR):
                read = getattr(self, port).read()
                if self.time_step <= len(kept):
                    kept[self.time_step - 1] = read
