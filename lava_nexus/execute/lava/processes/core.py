"""Process of the neurons of one core: gates, and neurons with equations of their own.

As vectorised neurons in one CPU model, or as Lava's own LIF, Sparse and DelaySparse in fixed point, with
`StatefulNeurons` for equations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.ports.ports import InPort, OutPort
from numpy.typing import NDArray

from lava_nexus.execute.lava.core_lif import graded_synapses
from lava_nexus.execute.lava.fixed.process import FixedLIF
from lava_nexus.execute.lava.lif import memoryless, synapses_between
from lava_nexus.execute.lava.process import Members, PayloadPortTypes, Process, model_of
from lava_nexus.execute.lava.processes.host import Recorder
from lava_nexus.execute.lava.processes.stateful import StatefulNeurons
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.execute.programmed_line import line_of
from lava_nexus.neurons.split import Subnetwork
from lava_nexus.populations.programmed import GATE, Programmed

Integers = NDArray[np.int64]


class Source(NamedTuple):
    """What a core's axons come in by.

    Attributes:
        channels: that the port has.
        picked: int64; channel of each axon that comes from there.
        axons: int64; which axons of the core those are.
        graded: whether payloads come, of neurons with equations.
    """

    channels: int
    picked: Integers
    axons: Integers
    graded: bool


class Core(Process):
    """spike_k(t) = [ sum_j weight_j * spike_source_j(t - 1 - delay_j) >= threshold_k ] for the gates of one core.

    A neuron with an equation of its own (`StatefulNeuron`) sends what that says of the sum.

    Attributes:
        counts: int64 [neurons], spikes of each neuron so far, over all lanes.
        trains: int8 [record_steps, lanes, watched], spikes of the watched neurons; row 0 is the first time step.
        groups: (program, neurons of the core that run it), gates first: one a port.

    Args:
        subnetwork: its neurons and axons.
        sources: by number, what comes in by which port.
        lanes: operand sets side by side.
        record_steps: time steps of which the watched neurons' spikes are kept.
        watched: int64; which neurons of the core those are, gates all of them.
        name: of the Process.
        program: int64 [neurons]; number of each neuron's program, `GATE` for none.
        programs: all there are.
    """

    members: ClassVar[Members] = {
        "v<i>_in": "in, [lanes, n], int32; payloads of source i.",
        "v<g>_out": "out, [lanes, neurons of group g], int32; what they send, 1 for a gate's spike.",
    }

    def __init__(
        self,
        subnetwork: Subnetwork,
        sources: Mapping[int, Source],
        lanes: int,
        record_steps: int,
        watched: Integers,
        name: str,
        program: Integers,
        programs: Sequence[Programmed] = (),
    ) -> None:
        trains = shared_array((record_steps, lanes, len(watched)), np.int8)
        counts = shared_array((subnetwork.n_signals,), np.int64)
        super().__init__(
            subnetwork=subnetwork, sources=dict(sources), lanes=lanes, counts=counts, trains=trains, watched=watched,
            program=program, programs=tuple(programs), name=name,
        )  # fmt: skip
        self.subnetwork = subnetwork
        self.sources = dict(sources)
        self.lanes = lanes
        self.program, self.programs, self.watched = program, tuple(programs), watched
        self.groups = groups_of(program)
        self.counts = counts[subnetwork.n_inputs :]
        self.trains = trains
        for number, source in sources.items():
            setattr(self, f"v{number}_in", InPort(shape=(lanes, source.channels)))
        for number, (_, mine) in enumerate(self.groups):
            setattr(self, f"v{number}_out", OutPort(shape=(lanes, len(mine))))


def groups_of(program: Integers) -> list[tuple[int, Integers]]:
    """(program, neurons that run it), gates first."""
    return [(number, np.flatnonzero(program == number)) for number in np.unique(program).tolist()]


@model_of(Core, "vectorised")
class CoreVectorised(PyLoihiProcessModel, metaclass=PayloadPortTypes):
    """Every neuron of every lane in one child process."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        part, lanes, program = (proc_params[name] for name in ("subnetwork", "lanes", "program"))
        self._neurons = line_of(part, lanes, program, proc_params["programs"], proc_params["counts"])
        self._groups = [part.n_inputs + mine for _, mine in groups_of(program)]
        self._sources = proc_params["sources"]
        self._axons = np.zeros((lanes, part.n_inputs), np.int32)
        self._trains, self._watched = proc_params["trains"], part.n_inputs + proc_params["watched"]

    def run_spk(self) -> None:
        """One time step; sends before it receives, because cores are connected in loops."""
        self._neurons.advance()
        for number, signals in enumerate(self._groups):
            getattr(self, f"v{number}_out").send(self._neurons.read(signals).astype(np.int32))
        if self.time_step <= len(self._trains):
            self._trains[self.time_step - 1] = self._neurons.read(self._watched)
        for number, source in self._sources.items():
            self._axons[:, source.axons] = getattr(self, f"v{number}_in").recv()[:, source.picked]
        self._neurons.feed(self._axons)


@model_of(Core, "lif")
class CoreLif(AbstractSubProcessModel):
    """A LIF of the gates and one Process of each equation; synapses from each port and from its own neurons."""

    def __init__(self, proc: Core) -> None:
        part, lanes = proc.subnetwork, proc.lanes
        own = {
            -1 - number: Source(len(mine), np.arange(len(mine)), part.n_inputs + mine, program != GATE)
            for number, (program, mine) in enumerate(proc.groups)
        }
        for number, (program, mine) in enumerate(proc.groups):
            neurons = _neurons(proc, program, mine)
            setattr(self, f"neurons{number}", neurons)
            neurons.s_out.reshape((lanes, len(mine))).connect(getattr(proc.out_ports, f"v{number}_out"))
            watched = np.searchsorted(mine, proc.watched) if program == GATE else np.zeros(0, np.int64)
            trains = proc.trains if program == GATE else shared_array((0, lanes, 0), np.int8)
            recorder = Recorder(proc.proc_params["counts"], trains, 0, watched, part.n_inputs + mine)
            setattr(self, f"recorder{number}", recorder)
            neurons.s_out.reshape((lanes, len(mine))).connect(recorder.neurons)
        for source, what in (own | proc.sources).items():
            spikes = (
                getattr(self, f"neurons{-1 - source}").s_out if source < 0 else getattr(proc.in_ports, f"v{source}_in")
            )
            for target, (program, mine) in enumerate(proc.groups):
                for i, synapses in enumerate(_synapses(part, what, mine, program, lanes)):
                    setattr(self, f"synapses{target}_{source + len(own)}_{i}", synapses)
                    spikes.flatten().connect(synapses.s_in)
                    synapses.a_out.connect(getattr(self, f"neurons{target}").a_in)


def _neurons(proc: Core, program: int, mine: Integers) -> Any:
    size = (proc.lanes * len(mine),)
    if program == GATE:
        return FixedLIF(shape=size, **memoryless(np.tile(proc.subnetwork.thresholds[mine], proc.lanes)))
    one = proc.programs[program]
    return StatefulNeurons(one.neuron, size, one.window, phase=one.phase)


def _synapses(part: Subnetwork, source: Source, mine: Integers, program: int, lanes: int) -> list[Any]:
    """Those from a port, or from own neurons, to the neurons of a group; none where there are none."""
    channel = np.full(part.n_signals, -1)
    channel[source.axons] = source.picked
    if not ((channel[part.sources] >= 0) & np.isin(part.targets, mine)).any():
        return []
    if program == GATE:
        return [synapses_between(part, source.axons, source.picked, source.channels, lanes, targets=mine)]
    return graded_synapses(part, channel, source.channels, mine, lanes, source.graded)
