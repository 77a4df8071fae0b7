"""What a chip is asked before any circuit: a few LIF neurons, and loads of known size on one core.

    Bench   host -> Sparse or DelaySparse -> LIF -> host     what one neuron does with a stimulus
    Load    LIF that fire in every step -> Sparse -> LIF     what neurons and synapses take, without a host

`hw_tests` asks; `docs/hardware.md` says what and in which order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from lava.magma.core.process.process import AbstractProcess
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF
from lava.proc.sparse.process import DelaySparse, Sparse
from numpy.typing import NDArray
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.lif import BIAS_EXPONENT, DECAY, THRESHOLD, memoryless_lif
from lava_nexus.execute.lava.processes.host import Probe
from lava_nexus.execute.lava.session import Session
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.execute.loihi2.chip_run import (
    ADAPTER_STEPS,
    check_models,
    connect,
    first_mark,
    marker_of,
    read_back,
)
from lava_nexus.execute.loihi2.extension import Extension, Measured, ProbeName, Probes

CORE = {"chip": 0, "core": 0}


@dataclass(frozen=True)
class Bench:
    """LIF neurons of one population, and synapses from channels of the host.

    Attributes:
        weights: int [neurons, channels], as the synapses hold them.
        bias: int [neurons]; mantissas.
        threshold: `vth` of all.
        bias_exponent: of all, or [neurons].
        decays: (du, dv).
        delays: int [neurons, channels]; None for none.
        weight_exponent: `weight_exp` of the synapses.
        message_bits: of what the host sends; 0 for spikes.
    """

    weights: NDArray[Any]
    bias: NDArray[Any]
    threshold: int = THRESHOLD
    bias_exponent: int | NDArray[Any] = BIAS_EXPONENT
    decays: tuple[int, int] = (DECAY, DECAY)
    delays: NDArray[Any] | None = None
    weight_exponent: int = 0
    message_bits: int = 0

    def run(self, stimulus: NDArray[Any], chip: Extension, timeout: float = 600.0) -> NDArray[np.bool_]:
        """Spikes, bool [steps, neurons]: row t is what neurons answer to row t of the stimulus, int [steps, channels].

        A further channel feeds a marker in every step of the stimulus, by which rows are aligned.

        Raises:
            NexusError: what has no model for the chip, or a marker that does not come back.
        """
        rows, channels = stimulus.shape
        steps = rows + ADAPTER_STEPS
        sent = np.zeros((channels + 1, steps), np.int32)
        sent[:channels, :rows] = stimulus.T
        sent[channels, :rows] = 1
        source, entry = RingBuffer(data=sent), chip.to_chip((channels + 1,), self.message_bits)
        source.s_out.connect(entry.inp)
        neurons, synapses = self._neurons(), self._synapses()
        connect(entry.out, synapses, neurons)
        marker, mark = marker_of(channels, channels + 1, entry.out)
        count = len(self.bias)
        counts, trains = shared_array((count + 1,), np.int64), shared_array((steps, 1, count + 1), np.int8)
        read_back(neurons, chip, Probe(counts, trains, np.arange(count)))
        read_back(marker, chip, Probe(counts, trains, np.array([count])))
        on_core = (neurons, synapses, marker, mark)
        _run(source, on_core, steps, Probes(chip, (), steps), timeout)
        first = first_mark(trains[:, 0, count] != 0, rows)
        return np.asarray(trains[first : first + rows, 0, :count] != 0)

    def _neurons(self) -> LIF:
        du, dv = self.decays
        return LIF(
            shape=(len(self.bias),),
            du=du,
            dv=dv,
            vth=self.threshold,
            bias_mant=np.asarray(self.bias, np.int64),
            bias_exp=self.bias_exponent,
        )

    def _synapses(self) -> Sparse | DelaySparse:
        silent = np.zeros((len(self.bias), 1), np.int64)  # of the marker's channel
        options = {"weight_exp": self.weight_exponent, "num_message_bits": self.message_bits}
        weights = np.hstack([np.asarray(self.weights, np.int64), silent])
        if self.delays is None:
            return Sparse(weights=weights, **options)
        delays = np.hstack([np.asarray(self.delays, np.int64), silent])
        return DelaySparse(weights=csr_matrix(weights), delays=csr_matrix(delays), **options)


@dataclass(frozen=True)
class Load:
    """Neurons that never fire on one core, and `sources` beside them that fire in every step.

    Attributes:
        neurons: that never fire.
        sources: that fire in every step.
        fan_out: of the neurons each source reaches, the next ones of the round.
    """

    neurons: int
    sources: int = 0
    fan_out: int = 0

    def __post_init__(self) -> None:
        synapses = 1 <= self.fan_out <= self.neurons if self.sources > 0 else self.fan_out == self.sources == 0
        if self.neurons < 1 or not synapses:
            raise NexusError(f"load of {self.neurons} neurons and {self.sources} x {self.fan_out} synapses is none")

    @property
    def synops(self) -> int:
        """A step."""
        return self.sources * self.fan_out

    @property
    def reached(self) -> int:
        """Neurons that never fire but receive a spike in every step."""
        return min(self.neurons, self.synops)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Idle updates, active updates and SynOps of a step."""
        return self.neurons - self.reached, self.reached + self.sources, self.synops

    def run(self, steps: int, chip: Extension, probes: Sequence[ProbeName], timeout: float = 600.0) -> Measured:
        """What the probes say of so many steps."""
        feeds = np.arange(self.synops) % self.neurons
        idle = memoryless_lif(1 + np.bincount(feeds, minlength=self.neurons), "idle")
        on_core: list[AbstractProcess] = [idle]
        if self.sources:
            firing = memoryless_lif(np.zeros(self.sources, np.int64), "firing")
            weights = np.zeros((self.neurons, self.sources), np.int64)
            weights[feeds, np.repeat(np.arange(self.sources), self.fan_out)] = 2
            synapses = Sparse(weights=weights)
            connect(firing.s_out, synapses, idle)
            on_core += [firing, synapses]
        watched = Probes(chip, probes, steps)
        return _run(idle, on_core, steps, watched, timeout)


@dataclass(frozen=True)
class Fit:
    """Least squares of loads: a value of each count, and what is left over.

    Attributes:
        names: of the counts, "step" first: what a step takes whatever is on the core.
        values: SI units of one each.
        residual: largest share of a measured value that the fit misses.
    """

    names: tuple[str, ...]
    values: tuple[float, ...]
    residual: float

    def __getitem__(self, name: str) -> float:
        return self.values[self.names.index(name)]


COUNTS = ("step", "idle update", "active update", "synaptic operation")


def fit_loads(loads: Sequence[Load], measured: Sequence[float]) -> Fit:
    """Joules or seconds a step to what an idle and an active update and a synaptic operation take.

    Raises:
        NexusError: the loads do not tell the four apart.
    """
    rows = np.array([(1, *load.counts) for load in loads], np.float64)
    if np.linalg.matrix_rank(rows) < len(COUNTS):
        raise NexusError(f"{len(loads)} loads do not tell step, idle and active updates and synaptic operations apart")
    wanted = np.asarray(measured, np.float64)
    values = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    missed = np.abs(rows @ values - wanted) / np.maximum(np.abs(wanted), np.finfo(np.float64).tiny)
    return Fit(COUNTS, tuple(values.tolist()), float(missed.max()))


def _run(
    process: AbstractProcess, on_core: Sequence[AbstractProcess], steps: int, watched: Probes, timeout: float
) -> Measured:
    where = {"partitioning": {one.name: CORE for one in on_core}}
    with Session(process, timeout=timeout, run_config=watched.run_config, compile_config=where) as session:
        check_models(on_core)
        session.run(steps)
        return watched.read()
