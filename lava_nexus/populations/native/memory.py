"""Words held by neurons with states: registers and a cache that cost a neuron for several words and no spike to keep.

A word of up to 32 bits comes as one or two payloads of 16 bits, low half first: bits of a result on synapses of 2^0 ..
2^15, marked by `load`, which carries the number of the word, 1 .. words; the same number on `read` makes the neuron
send the word's halves, and bit neurons (`neurons.bit_network`'s equation) take them apart. Payloads are sent plus 1, so
that a word of 0 is a spike too.

One input carries both: a = data + 2^16 * load + 2^20 * read.
"""

from __future__ import annotations

from functools import lru_cache

from lava_nexus.populations.stateful import StatefulNeuron

HALF = 16
"""Bits of a payload: states hold 24 with their sign."""

STATES = 7
"""States of a neuron that fit 24 bytes (a chip's `neuron_state_bytes`), one of eight being the step counter's."""


def words_of(bits: int) -> int:
    """Words of so many bits that one neuron holds: 7 of up to 16 bits, 3 of up to 32."""
    return max(1, STATES // halves_of(bits))


def halves_of(bits: int) -> int:
    """Payloads that a word takes."""
    return -(-bits // HALF)


@lru_cache(maxsize=8)
def memory_neuron(bits: int) -> StatefulNeuron:
    """Keeps `words_of(bits)` words; a step loads a half of one, or sends one."""
    cells = words_of(bits) * halves_of(bits)
    names = [f"w{k}" for k in range(cells)]
    equations = (
        ("data", f"a % {1 << HALF}"),
        ("load", f"a // {1 << HALF} % 16"),
        ("read", f"a // {1 << (HALF + 4)}"),
        *((name, f"where(load == {k + 1}, data, {name})") for k, name in enumerate(names)),
        ("sent", _chosen(names)),
    )
    return StatefulNeuron("memory", tuple(names), equations, "sent")


def _chosen(names: list[str]) -> str:
    text = "0"
    for k, name in reversed(list(enumerate(names))):
        text = f"where(read == {k + 1}, {name} + 1, {text})"
    return text
