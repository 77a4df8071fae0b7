"""Process of a native layer between its gates, as vectorised neurons or as Lava's own synapses."""

from __future__ import annotations

from typing import ClassVar

from lava.magma.core.process.process import LogConfig

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.execute.lava.process import Members, given, models_of
from lava_nexus.execute.lava.processes.populations import Lif, PopulationProcess, Vectorised


class NativeLinear(PopulationProcess):
    """The exact sums of a linear layer, between its gates: digits in time, limbs as synapses with delays.

    A row of activations every `layer.network.window` steps; at the level "lif" Lava's own Sparse and DelaySparse, and
    `StatefulNeurons`.

    Args:
        layer: whose neurons and weights.
        shape, record_steps, name, log_config: see `PopulationProcess`.
    """

    members: ClassVar[Members] = {
        "a_in": "in, [*shape, inputs], int32; the strobe, then bits and lines of every activation.",
        "s_out": "out, [*shape, outputs], int32; payloads of sums that are not negative, of negative ones, and codes.",
    }

    def __init__(
        self,
        layer: NativeLayer,
        shape: tuple[int, ...] = (1,),
        record_steps: int = 0,
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        layer = given(layer, NativeLayer, "Lava Process NativeLinear")
        super().__init__(layer.network.populations, shape, record_steps, name, log_config)


globals().update(models_of(NativeLinear, Vectorised, Lif))
