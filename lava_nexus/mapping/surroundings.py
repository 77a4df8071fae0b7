"""What stands around the arithmetic on a chip: registers, operand selectors, sequencer, tables, as networks to count.

- A register bit keeps its spike until it is loaded: set = [load + d >= 2], then q' = [q - load + 2 set >= 1], where q
  is its own output: two neurons a bit, and one a word for `load` one step later.
- A selector lets one of several words through: an AND for each bit of each word, an OR for each bit.
- The sequencer is a neuron for each step in which a round takes operands, a chain that passes one spike on, and a
  binary counter for a round of several turns.
- A weight table is an axon for each step that needs a weight, with a synapse for every set bit of the weights of all
  instances; the axon's neuron is the sequencer's.
"""

from __future__ import annotations

from functools import cache

from lava_nexus.neurons import Builder, ThresholdNetwork


@cache
def register_gates(bits: int) -> ThresholdNetwork:
    """What sets the bits of a word: bits + 1 neurons."""
    builder = Builder()
    data = builder.input("data", width=bits)
    (load,) = builder.input("load", width=1)
    chosen = [builder.gate([(load, 1), (d, 1)], 2) for d in data]
    return builder.finish([("set", chosen, None), ("clear", [load], None)])


@cache
def register_cells(bits: int) -> ThresholdNetwork:
    """What holds the bits of a word: a neuron each, `held` is fed by its own output."""
    builder = Builder()
    chosen, held = builder.input("set", width=bits), builder.input("held", width=bits)
    (clear,) = builder.input("clear", width=1)
    out = [builder.gate([(q, 1), (clear, -1), (s, 2)], 1) for s, q in zip(chosen, held, strict=True)]
    return builder.finish([("out", out, None)])


@cache
def selector(ways: int, bits: int) -> ThresholdNetwork:
    """One of `ways` words: ways * bits neurons for the ANDs, bits for the ORs."""
    builder = Builder()
    words = [builder.input(f"word{i}", width=bits) for i in range(ways)]
    lines = builder.input("select", width=ways)
    chosen = [[builder.gate([(b, 1), (line, 1)], 2) for b in word] for word, line in zip(words, lines, strict=True)]
    out = [builder.gate([(word[i], 1) for word in chosen], 1) for i in range(bits)]
    return builder.finish([("out", out, None)])


@cache
def bank_port(bits: int) -> ThresholdNetwork:
    """What one more word adds to the port that a bank of registers is read by: an AND a bit, its OR counted apart."""
    builder = Builder()
    word = builder.input("word", width=bits)
    (line,) = builder.input("select", width=1)
    return builder.finish([("out", [builder.gate([(b, 1), (line, 1)], 2) for b in word], None)])


@cache
def counter(bits: int) -> ThresholdNetwork:
    """A binary counter: q' = q + step, reset by `clear`; `q` is fed by the output."""
    builder = Builder()
    held = builder.input("q", width=bits)
    (carry,) = builder.input("step", width=1)
    (clear,) = builder.input("clear", width=1)
    out = []
    for bit in held:
        both = builder.gate([(bit, 1), (carry, 1)], 2)
        out.append(builder.gate([(bit, 1), (carry, 1), (both, -2), (clear, -1)], 1))
        carry = both
    return builder.finish([("out", out, None)])


@cache
def step_neuron() -> ThresholdNetwork:
    """One neuron of the sequencer's chain."""
    builder = Builder()
    (before,) = builder.input("before", width=1)
    return builder.finish([("out", [before], None)])


def handover() -> int:
    """Steps from a result to its use as an operand: into a register, out of it through a selector."""
    return register_gates(1).depth + register_cells(1).depth + selector(2, 1).depth
