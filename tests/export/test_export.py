"""Exports read back: netx by lava-dl on Lava, NIR by `nir`, Verilog and VCD by small readers here."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.circuits.native import NativeLayer
from lava_nexus.errors import NexusError
from lava_nexus.export import interchange, to_verilog, write_netx, write_nir, write_vcd
from lava_nexus.export.verilog import streamed_spikes
from lava_nexus.formats import FLOAT8_E5M2, FLOAT16, FloatFormat
from lava_nexus.neurons import ThresholdNetwork, check
from lava_nexus.populations.native.limbs import Limbs
from tests.evaluate import evaluate, input_spikes

TINY = FloatFormat(2, 1)


def _operands(one: Circuit, sets: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 2**p.width, sets, dtype=np.uint64).astype(p.pattern_dtype) for p in one.inputs]


def _bits(network: ThresholdNetwork, operands: list[np.ndarray]) -> np.ndarray:
    """bool [sets, n_inputs], strobe first."""
    return input_spikes(network, operands)[..., : network.n_inputs]


def _expected(one: Circuit, operands: list[np.ndarray]) -> np.ndarray:
    """Bits of the result, MSB first, by the golden function."""
    golden = one.golden(*operands).astype(np.uint64)
    width = one.output.width
    return (golden[:, None] >> np.arange(width - 1, -1, -1, dtype=np.uint64) & np.uint64(1)).astype(bool)


class NirRun:
    """Discrete time: a Threshold answers a step after its input, everything else at once; no code of the package."""

    def __init__(self, graph: nir.NIRGraph) -> None:
        self.graph = graph
        self.into: dict[str, list[str]] = defaultdict(list)
        for source, target in graph.edges:
            self.into[target].append(source)

    def run(self, inputs: np.ndarray) -> np.ndarray:
        nodes, history = self.graph.nodes, defaultdict(list)
        spikes = np.zeros(nodes["neurons"].threshold.shape)
        outputs = []
        for now in inputs:
            done: dict[str, np.ndarray] = {"input": now.astype(float), "neurons": spikes}

            def value(name: str, done: dict[str, np.ndarray] = done) -> np.ndarray:
                if name not in done:
                    done[name] = self._apply(name, sum(value(source) for source in self.into[name]), history)
                return done[name]

            outputs.append(value("output"))
            drive = sum(value(source) for source in self.into["neurons"])
            spikes = (drive > nodes["neurons"].threshold).astype(float)
        return np.array(outputs)

    def _apply(self, name: str, x: Any, history: dict[str, list[np.ndarray]]) -> np.ndarray:
        node = self.graph.nodes[name]
        if isinstance(node, nir.Linear):
            return node.weight @ x
        if isinstance(node, nir.Delay):
            history[name].append(x)
            kept = history[name]
            return np.array([kept[-1 - int(d)][i] if len(kept) > d else 0.0 for i, d in enumerate(node.delay)])
        return x


@pytest.mark.parametrize(("name", "fmt"), [("add", FLOAT8_E5M2), ("compare_lt", FLOAT16), ("neg", FLOAT8_E5M2)])
def test_nir_read_back_gives_the_same_spikes(name: str, fmt: FloatFormat, tmp_path: Path) -> None:
    one = circuit(name, fmt)
    graph = nir.read(write_nir(one.network, tmp_path / "c.nir"))
    operands = _operands(one, 20)
    bits = _bits(one.network, operands)
    silence = np.zeros((one.depth + 1, bits.shape[1]), bool)
    outputs = NirRun(graph).run(np.vstack([bits, silence]))
    assert np.array_equal(outputs[one.depth : one.depth + 20].astype(bool), _expected(one, operands))
    assert not outputs[: one.depth].any()


def test_a_chain_without_delays_is_the_same_circuit(tmp_path: Path) -> None:
    one = circuit("add", FLOAT8_E5M2)
    found = write_netx(one.network, tmp_path / "c.net")
    check(found.network)
    assert not found.network.delays.any() and found.network.relays > one.network.relays
    bits = _bits(found.network, operands := _operands(one, 300))
    spikes = evaluate(found.network, bits)
    signals = list(found.network.outputs[0].signals)
    assert np.array_equal(spikes[..., signals], _expected(one, operands))


def test_netx_read_back_and_run_by_lava_dl(tmp_path: Path) -> None:
    pytest.importorskip("lava.lib.dl")
    from lava.lib.dl import netx
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source

    one = circuit("neg", TINY)
    found = write_netx(one.network, tmp_path / "c.net")
    operands = _operands(one, 6)
    bits = _bits(found.network, operands)
    steps = len(bits) + found.network.depth
    source = Source(data=np.pad(bits, ((0, steps - len(bits)), (0, 0))).T.astype(int))
    network = netx.hdf5.Network(net_config=str(found.path))
    sink = Sink(shape=network.out.shape, buffer=steps + 2)
    source.s_out.connect(network.inp)
    network.out.connect(sink.a_in)
    try:
        sink.run(RunSteps(steps), Loihi2SimCfg(select_tag="fixed_pt"))
        spikes = sink.data.get()[:, :steps].T > 0
    finally:
        sink.stop()
    expected = _expected(one, operands)
    first = next(s for s in range(steps) if spikes[s, list(found.outputs)].any()) - int(expected.any(1).argmax())
    assert first - found.network.depth in (0, 1)  # the source of spikes may take a step of its own
    assert np.array_equal(
        spikes[first:][: len(bits) - 1, list(found.outputs)], expected[: steps - first][: len(bits) - 1]
    )


def test_verilog_evaluated_from_its_text() -> None:
    one = circuit("add", FLOAT8_E5M2)
    text = to_verilog(one)
    gates = re.findall(r"always @\(posedge clk\) n(\d+) <= \((.*) >= (.*)\);", text)
    assert len(gates) == one.neurons
    registers = {name: int(deep) for deep, name in re.findall(r"reg \[(\d+):1\] (\w+);", text)}
    operands = _operands(one, 15)
    bits, width = _bits(one.network, operands), FLOAT8_E5M2.bits
    state = {f"n{k}": 0 for k in range(one.neurons)}
    shift: dict[str, list[int]] = {name: [0] * deep for name, deep in registers.items()}

    def side(expression: str, now: dict[str, int]) -> int:
        total = 0
        for term in expression.split(" + "):
            constant = re.fullmatch(r"16'd(\d+)", term)
            if constant:
                total += int(constant[1])
                continue
            name, weight = re.fullmatch(r"\((\S+) \? 16'd(\d+) : 16'd0\)", term).groups()
            late = re.fullmatch(r"(\w+_d)\[(\d+)\]", name)
            spike = shift[late[1]][int(late[2]) - 1] if late else now[name]
            total += int(weight) * spike
        return total

    outputs = []
    for row in np.vstack([bits, np.zeros((one.depth + 1, bits.shape[1]), bool)]):
        now = {"strobe": int(row[0]), **state}
        for p, port in enumerate(one.inputs):
            now |= {f"{port.name}[{width - 1 - i}]": int(row[1 + p * width + i]) for i in range(width)}
        (listed,) = re.findall(r"assign \w+ = \{(.*)\};", text)
        outputs.append([now[name] for name in listed.split(", ")])
        state = {f"n{k}": int(side(left, now) >= side(right, now)) for k, left, right in gates}
        for name, kept in shift.items():
            source = next(key for key in now if re.sub(r"\[(\d+)\]", r"_\1", key) + "_d" == name)
            kept.insert(0, now[source])
            kept.pop()
    found = np.array(outputs[one.depth : one.depth + 15], bool)
    assert np.array_equal(found, _expected(one, operands))


def test_a_trace_holds_every_spike(tmp_path: Path) -> None:
    one = circuit("neg", FLOAT8_E5M2)
    operands = _operands(one, 9)
    spikes = streamed_spikes(one, operands)
    assert np.array_equal(spikes[one.depth :, list(one.output.signals)][:9], _expected(one, operands))
    text = write_vcd(one, operands, tmp_path / "trace.vcd").read_text()
    names = dict(re.findall(r"\$var wire 1 (\S+) (\w+) \$end", text))
    changes = re.findall(r"^#(\d+)$|^([01])(\S+)$", text.split("$enddefinitions $end")[1], re.MULTILINE)
    now, level, fired = 0, dict.fromkeys(names, 0), defaultdict(int)
    for time, value, code in changes:
        if time:
            for key, on in level.items():
                fired[names[key]] += on * (int(time) - now)
            now = int(time)
        elif code in level:
            level[code] = int(value)
    last = one.network.neurons - 1
    signal = one.network.n_inputs + last
    name = next(
        (f"{p.name}_{p.width - 1 - p.signals.index(signal)}" for p in one.network.outputs if signal in p.signals),
        f"n{last}",
    )
    assert fired[name] == spikes[:, signal].sum() > 0
    assert fired["strobe"] == 9


def test_a_layer_too_large_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interchange, "LARGEST_MATRIX", 10)
    with pytest.raises(NexusError, match="level 1 would be a dense netx matrix"):
        write_netx(circuit("neg", TINY).network, tmp_path / "c.net")
    assert not list(tmp_path.iterdir())


def test_a_circuit_is_as_good_as_its_network(tmp_path: Path) -> None:
    one = circuit("neg", TINY)
    whole, bare = (nir.read(write_nir(what, tmp_path / f"{i}.nir")) for i, what in enumerate((one, one.network)))
    assert all(np.array_equal(whole.nodes["neurons"].threshold, g.nodes["neurons"].threshold) for g in (whole, bare))
    assert (
        write_netx(one, str(tmp_path / "neg.net")).network.digest
        == write_netx(one.network, tmp_path / "b").network.digest
    )


_NATIVE = NativeLayer(Limbs(FLOAT8_E5M2, FLOAT8_E5M2, FLOAT8_E5M2, np.ones((1, 1), np.uint8)))


@pytest.mark.parametrize("subject", ["add", 3, None, _NATIVE, _NATIVE.core], ids=lambda one: type(one).__name__)
def test_what_cannot_be_exported_is_told_in_a_sentence(subject: Any, tmp_path: Path) -> None:
    found = "of the name 'add': give lava_nexus.circuit" if subject == "add" else f"not of {type(subject).__name__}"
    for make in (
        lambda: write_nir(subject, tmp_path / "x.nir"),
        lambda: write_netx(subject, tmp_path / "x.net"),
        lambda: to_verilog(subject),
        lambda: write_vcd(subject, [], tmp_path / "x.vcd"),
    ):
        with pytest.raises(NexusError, match=f"is made of a circuit.*{re.escape(found)}"):
            make()
    assert not list(tmp_path.iterdir())
