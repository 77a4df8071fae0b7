"""Lava's fixed-point neurons and synapses, whatever the run configuration: what our Processes are made of inside.

Lava's own LIF and Sparse have a floating-point model too, which its stock configurations prefer, and in which decays
and biases mean other numbers. These Processes have Lava's fixed-point model alone, unchanged in what it computes, under
every tag. Source: lava-nc 0.10.0, lava/proc/{lif,sparse,graded}/models.py.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.variable import Var
from lava.proc.graded.models import PyGradedReluVecModelFixed, PyGradedVecModelFixed
from lava.proc.graded.process import GradedReluVec, GradedVec
from lava.proc.lif.models import PyLifModelBitAcc
from lava.proc.lif.process import LIF
from lava.proc.sparse.models import PyDelaySparseModelBitAcc, PySparseModelBitAcc
from lava.proc.sparse.process import DelaySparse, Sparse
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.process import Members, Process, Reading, model_of

_SHIFT = 6  # u and v count in 2^-6 of what arrives at a_in


class FixedLIF(Process, LIF):
    """Lava's LIF in fixed point, whose potentials and spikes can be read in `shape` of their own."""

    members: ClassVar[Members] = {
        "a_in": "[lanes * neurons]; the weighted sum of this step's spikes.",
        "s_out": "[lanes * neurons]; 1 for a spike.",
        "potential": "Var, of the reading's shape; v before the reset, less its bias, in unit weights.",
        "fired": "Var, likewise; 1 where the neuron spikes in this step.",
    }

    def __init__(self, reading: Reading | None = None, unit: int = 2, leaky: bool = False, **of_lif: Any) -> None:
        """`unit`: what a unit weight is at a_in; `of_lif`: as Lava's LIF takes it."""
        super().__init__(reading=reading, unit=unit, leaky=leaky, **of_lif)
        shape = (1,) if reading is None else reading.shape
        self.potential = Var(shape=shape, init=0)
        self.fired = Var(shape=shape, init=0)


@model_of(FixedLIF, "vectorised", "lif")
class FixedLIFModel(PyLifModelBitAcc):  # type: ignore[misc]
    """Lava's own, with two Vars more. A memoryless membrane is read without the residue below half a unit weight."""

    potential: NDArray[np.float64] = LavaPyType(np.ndarray, np.float64)
    fired: NDArray[np.int32] = LavaPyType(np.ndarray, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._reading, self._leaky = proc_params["reading"], proc_params["leaky"]
        self._scale = 1.0 / (proc_params["unit"] << _SHIFT)

    def subthr_dynamics(self, activation_in: NDArray[Any]) -> None:
        """As Lava's, of whole numbers: floating-point synapses may feed them, too."""
        whole = activation_in.astype(np.int32)
        if not np.array_equal(whole, activation_in):
            raise NexusError("LIF in fixed point receives a weighted sum that is no integer")
        super().subthr_dynamics(whole)

    def spiking_activation(self) -> NDArray[np.bool_]:
        """As Lava's; keeps what is read."""
        fired: NDArray[np.bool_] = super().spiking_activation()
        if self._reading is not None:
            chosen, shape = self._reading
            lanes = self.potential.size // len(chosen)
            kept = self.v if self._leaky else self.u
            self.potential[:] = (kept.reshape(lanes, -1)[:, chosen] * self._scale).reshape(shape)
            self.fired[:] = fired.reshape(lanes, -1)[:, chosen].reshape(shape)
        return fired


class FixedSparse(Process, Sparse):
    """a_out = weights * s_in, of even weights where signs are mixed; answers in the same step."""

    members: ClassVar[Members] = {"s_in": "[inputs]; spikes.", "a_out": "[outputs]; weighted sums."}


@model_of(FixedSparse, "vectorised", "lif")
class FixedSparseModel(PySparseModelBitAcc):  # type: ignore[misc]
    """Lava's own."""


class FixedDelaySparse(Process, DelaySparse):
    """As `FixedSparse`, each synapse with a delay of 0 .. 62 steps."""

    members: ClassVar[Members] = FixedSparse.members


@model_of(FixedDelaySparse, "vectorised", "lif")
class FixedDelaySparseModel(PyDelaySparseModelBitAcc):  # type: ignore[misc]
    """Lava's own."""


class FixedGradedReluVec(Process, GradedReluVec):
    """s_out = a_in where it is above vth."""

    members: ClassVar[Members] = {"a_in": "`shape`; weighted sums.", "s_out": "`shape`; graded spikes."}


@model_of(FixedGradedReluVec, "vectorised", "lif")
class FixedGradedReluVecModel(PyGradedReluVecModelFixed):  # type: ignore[misc]
    """Lava's own."""


class FixedGradedVec(Process, GradedVec):
    """s_out = a_in where its size is above vth."""

    members: ClassVar[Members] = FixedGradedReluVec.members


@model_of(FixedGradedVec, "vectorised", "lif")
class FixedGradedVecModel(PyGradedVecModelFixed):  # type: ignore[misc]
    """Lava's own."""
