"""Every run configuration of Lava gives the right bits, or one sentence."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

pytest.importorskip("lava")

from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.process import LogConfig
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi1SimCfg, Loihi2HwCfg, Loihi2SimCfg, RunConfig
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source

import lava_nexus as nexus
import lava_nexus.execute.lava as ours
from lava_nexus.circuits.native import NativeLayer
from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.process import Process
from lava_nexus.populations import operator
from lava_nexus.populations.native.limbs import Limbs
from lava_nexus.populations.native.neurons import accumulator_neuron
from tests.execute.lava.leftovers import children


class UsersOwn(RunConfig):
    """What a user may write: sub-models wherever there is one."""

    def select(self, process, proc_models):
        subs = [model for model in proc_models if issubclass(model, AbstractSubProcessModel)]
        return (subs or proc_models)[-1]


CONFIGS = {
    "loihi1": lambda: Loihi1SimCfg(),
    "loihi2": lambda: Loihi2SimCfg(),
    "fixed": lambda: Loihi2SimCfg(select_tag="fixed_pt"),
    "float": lambda: Loihi2SimCfg(select_tag="floating_pt"),
    "sub-models": lambda: Loihi2SimCfg(select_sub_proc_model=True),
    "sub-models of loihi1, float": lambda: Loihi1SimCfg(select_tag="floating_pt", select_sub_proc_model=True),
    "sub-models, fixed": lambda: Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=True),
    "a user's own": UsersOwn,
}
ALL = np.array([[n >> i & 1 for n in range(8)] for i in (2, 1, 0)])


DEFAULT = ("loihi2", "fixed", "sub-models of loihi1, float", "a user's own")


@pytest.mark.parametrize(
    "config", [pytest.param(one, marks=() if one in DEFAULT else pytest.mark.slow) for one in CONFIGS]
)
def test_a_full_adder_under_every_configuration(config):
    """All eight operand sets by Lava's own `run`: no child and no wrong bit is left."""
    before = children()
    adder, steps = ours.FullAdder(name="adder"), 12
    data = np.pad(ALL, ((0, 0), (0, steps - 8)))
    for name, row in zip("abc", data, strict=True):
        Source(data=row[None]).s_out.connect(getattr(adder, name))
    sinks = [Sink(shape=(1,), buffer=steps) for _ in range(2)]
    adder.sum.connect(sinks[0].a_in)
    adder.carry.connect(sinks[1].a_in)
    adder.run(RunSteps(steps), CONFIGS[config]())
    total, carry = (sink.data.get()[0].astype(int) for sink in sinks)
    adder.stop()
    late = 3 if config.startswith("sub") or config == "a user's own" else 2
    want = ALL.sum(axis=0)
    assert (total + 2 * carry)[late : late + 8].tolist() == want.tolist()
    assert children() <= before


def test_a_tag_that_no_model_has_is_one_sentence():
    with pytest.raises(NexusError, match=r"Lava cannot compile Process xor.* tag 'loihi7' for Process xor::Xor"):
        ours.Xor(name="xor").run(RunSteps(1), Loihi2SimCfg(select_tag="loihi7"))


def test_a_configuration_of_a_chip_is_one_sentence():
    with pytest.raises(NexusError, match="Loihi2HwCfg of Process xor is of a chip, for which Intel's extension"):
        ours.Xor(name="xor").run(RunSteps(1), Loihi2HwCfg())


def _layer():
    fmt = nexus.FLOAT8_E4M3FN
    return NativeLayer(Limbs(fmt, fmt, fmt, fmt.to_patterns(np.ones((1, 1), fmt.dtype))))


def processes():
    """One of each exported Process."""
    network = nexus.circuit("neg", nexus.FLOAT8_E4M3FN).network
    made = {"Encoder": (network.inputs, 1), "Decoder": (network.outputs, 1), "Network": (network,)}
    made |= {"SpikeEncoder": (network.inputs,), "Populations": (operator("silu"),)}
    made |= {"StatefulNeurons": (accumulator_neuron(), (2,), 3), "NativeLinear": (_layer(),)}
    made |= {"IFPopulation": ((2,), 1), "Monitor": ({"v": ours.And().v, "out": ours.And().out}, 1)}
    for name, kind in vars(ours).items():
        if inspect.isclass(kind) and issubclass(kind, Process):
            yield kind, kind(*made.get(name, ()), name="mine", log_config=LogConfig(file="x"))


def test_lavas_words_and_the_help_of_every_process():
    """`name`, `log_config` and, but for Monitor, `shape`; `help` names every port and Var with its shape."""
    seen = 0
    for kind, process in processes():
        assert (process.name, process._log_config.file) == ("mine", "x")
        assert "shape" in inspect.signature(kind).parameters or kind is ours.Monitor
        text = inspect.getdoc(kind)
        assert text.count("Ports and Vars:") == 1
        for member in (*process.in_ports, *process.out_ports, *process.ref_ports, *process.vars):
            shown = member.name if kind is not ours.Monitor else member.name.rstrip("0123456789") + "<i>"
            (line,) = [one for one in text.splitlines() if one.strip().startswith(f"{shown}:")]
            assert "shape" in line, line
            seen += 1
    assert seen > 40
