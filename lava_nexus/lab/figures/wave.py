"""The idea in a picture that moves: numbers as bits as spikes, a wave of them through neurons, bits, a number."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.run import run
from lava_nexus.formats import FloatFormat

_STEP_SECONDS, _PAUSE_SECONDS = 0.16, 2.4
_LEFT, _RIGHT, _TOP, _HEIGHT, _WIDTH, _BIT = 150, 130, 64, 300, 960, 20
_STYLE = """
text { font: 15px system-ui, sans-serif; fill: #22303c } .big { font-size: 22px; font-weight: 600 }
.small { font-size: 13px; fill: #5d6b78 } line { stroke: #5d6b78; stroke-opacity: .13 }
circle, rect { fill: #d3dae0 } .s { stroke: #d1495b } .e { stroke: #e2982b } .f { stroke: #2f6f9f }
rect { stroke-width: 2 } rect.on { fill: #22303c }
@media (prefers-color-scheme: dark) { text { fill: #e6ebef } .small { fill: #a3b0bb }
  circle, rect { fill: #46525d } rect.on { fill: #ffffff } line { stroke: #a3b0bb } }
.fire { animation: fire SECONDSs infinite } .end { animation: end SECONDSs infinite }
@keyframes fire { 0% { fill: #ff5a36; r: 6.5px } 7% { fill: #e2982b; r: 3.5px } 80% { fill: #e2982b } }
@keyframes end { 0%, 80% { fill: #d1495b } }
@media (prefers-reduced-motion: reduce) { .fire, .end { animation: none; fill: #e2982b } }
"""


def wave_svg(circuit: Circuit, *operands: float) -> str:
    """An operation on one operand set as an animated SVG: a level of neurons a time step, each that fires flashes.

    What fires is what `run` counted. Without motion, where a reader asks for none, all that fired is lit.

    Raises:
        NexusError: the circuit's ports carry no floating-point numbers.
    """
    ports = [*circuit.inputs, circuit.output]
    if not all(isinstance(port.format, FloatFormat) for port in ports):
        raise NexusError(f"circuit '{circuit.label}' carries no floating-point numbers, of which the picture is")
    result = run(circuit, *(np.array([x]) for x in operands))
    fired = result.tally.signal_spikes
    assert fired is not None
    network, seconds = circuit.network, circuit.depth * _STEP_SECONDS + _PAUSE_SECONDS
    places = _places(network.levels, circuit.depth)
    numbers = [*operands, result.value.astype(np.float64)[0]]
    parts = [_lines(network, places), _neurons(network, places, fired, seconds)]
    gap = _HEIGHT / len(operands)
    for i, (port, x) in enumerate(zip(circuit.inputs, operands, strict=True)):
        parts.append(_bits(port.format, x, 24, _TOP + gap * (i + 0.5), 0.0, "on"))
    parts.append(_bits(circuit.output.format, numbers[-1], _WIDTH - 105, _TOP + _HEIGHT / 2, circuit.depth, "end"))
    counted = f"{circuit.neurons:,} neurons, {circuit.depth} time steps, {result.spikes:,} spikes"
    told = "Numbers as spikes, through neurons, to the very same bits"
    head = f'<text class="big" x="24" y="34">{told}</text>'
    parts += [_captions(circuit, len(operands)), _time(circuit.depth)]
    style = _STYLE.replace("SECONDS", f"{seconds:.2f}")
    size = f'viewBox="0 0 {_WIDTH} {_TOP + _HEIGHT + 74}" role="img" aria-label="{escape(told)}; {counted}"'
    foot = f'<text class="small" x="24" y="{_TOP + _HEIGHT + 62}">{escape(circuit.label)}: {counted}</text>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{style}</style>{head}{"".join(parts)}{foot}</svg>\n'


_SIGNS = {"add": "+", "sub": "\N{MINUS SIGN}", "mul": "\N{MULTIPLICATION SIGN}", "div": "\N{DIVISION SIGN}"}


def _captions(circuit: Circuit, operands: int) -> str:
    """What the picture shows from left to right, and the sign of the operation."""
    heads = ((24, "a bit is a spike or none"), (_LEFT + 110, "neurons, one level a time step"))
    drawn = [f'<text class="small" x="{x}" y="{_TOP}">{text}</text>' for x, text in heads]
    drawn.append(f'<text class="small" x="{_WIDTH - 8}" y="{_TOP}" text-anchor="end">every bit as IEEE-754</text>')
    if operands == 2 and circuit.name in _SIGNS:
        drawn.append(f'<text class="big" x="64" y="{_TOP + _HEIGHT / 2 + 6}">{_SIGNS[circuit.name]}</text>')
    drawn.append(f'<text class="big" x="{_WIDTH - 128}" y="{_TOP + _HEIGHT / 2 - 12}">=</text>')
    return "".join(drawn)


def _time(depth: int) -> str:
    """The axis of time below the neurons."""
    every = max(1, depth // 4)
    shown = [1, *range(every, depth, every)]
    shown += [depth] if depth - shown[-1] > every // 2 else []
    drawn = []
    for step in shown:
        x = _LEFT + (step - 0.5) * (_WIDTH - _LEFT - _RIGHT) / depth
        text = f"time step {step}" if step == 1 else str(step)
        drawn.append(f'<text class="small" x="{x:.0f}" y="{_TOP + _HEIGHT + 30}" text-anchor="middle">{text}</text>')
    return "".join(drawn)


def _places(levels: NDArray[Any], depth: int) -> NDArray[np.float64]:
    """[neurons, 2]: levels from left to right, the neurons of one spread over the height."""
    places = np.zeros((len(levels), 2))
    places[:, 0] = _LEFT + (levels - 0.5) * (_WIDTH - _LEFT - _RIGHT) / depth
    for level in np.unique(levels):
        members = np.flatnonzero(levels == level)
        places[members, 1] = _TOP + _HEIGHT * (np.arange(len(members)) + 0.5) / len(members)
    return places


def _lines(network: Any, places: NDArray[np.float64]) -> str:
    """Synapses between neurons."""
    drawn = []
    for source, target in zip(network.sources.tolist(), network.targets.tolist(), strict=True):
        if source >= network.n_inputs:
            (a, b), (c, d) = places[source - network.n_inputs], places[target]
            drawn.append(f'<line x1="{a:.0f}" y1="{b:.0f}" x2="{c:.0f}" y2="{d:.0f}"/>')
    return "".join(drawn)


def _neurons(network: Any, places: NDArray[np.float64], fired: NDArray[Any], seconds: float) -> str:
    drawn = []
    for k, (x, y) in enumerate(places):
        lit = ""
        if fired[network.n_inputs + k]:
            lit = f' class="fire" style="animation-delay:{network.levels[k] * _STEP_SECONDS:.2f}s"'
        drawn.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3"{lit}/>')
    return "".join(drawn)


def _bits(fmt: Any, value: float, x: float, y: float, step: float, lit: str) -> str:
    """A number with its bits below it, MSB first; a spike is a filled square."""
    pattern = int(fmt.to_patterns(np.array([value]).astype(fmt.dtype))[0])
    drawn = [f'<text class="big" x="{x}" y="{y - 12}">{value:g}</text>']
    width = min(_BIT, 100 / fmt.bits)
    for i in range(fmt.bits):
        field = "s" if i == 0 else "e" if i <= fmt.exponent_bits else "f"
        one = pattern >> (fmt.bits - 1 - i) & 1
        delay = f' style="animation-delay:{step * _STEP_SECONDS:.2f}s"' if one and lit == "end" else ""
        word = f"{field} {lit}" if one else field
        at = f'x="{x + i * width:.1f}" y="{y}" width="{width - 3:.1f}" height="{width:.1f}"'
        drawn.append(f'<rect class="{word}"{delay} {at}/>')
    return "".join(drawn)
