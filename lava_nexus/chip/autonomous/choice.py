"""The largest logit, what follows from it, and what watches that the sequencer's spike is never lost.

The first of the largest logits is found by one comparator: best := y and its number := i where best < y, i ascending.
Behind the last one the token goes out, unless the prompt has another one for the next position, and comes back as the
next token; the sequence ends behind an end token, at the last position, or where a logit is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lava_nexus.chip.autonomous.datapath import DRAIN, FIRST, HANDOVER, Datapath, Word
from lava_nexus.chip.autonomous.front import Positions, Queue, decoded, rails
from lava_nexus.chip.autonomous.network import NEXT
from lava_nexus.chip.autonomous.neurons import SLICE, Segment
from lava_nexus.chip.autonomous.subject import Plan
from lava_nexus.formats import FloatFormat


@dataclass(frozen=True)
class Best:
    """Cells of the rails of the number of the largest logit, and of whether any is NaN; where they lie."""

    bits: list[int]
    nan: int
    piece: int


@dataclass(frozen=True)
class Choice:
    """What a token leads to.

    Attributes:
        token, valid, done, nan: signals that leave; a token as rails.
        first: first step of the sequencer in which that is decided.
        again: fires one step before the next token's first step.
        stop: fires in the last step of a sequence.
        steps: from `first` to the next token's first step.
    """

    token: list[int]
    valid: int
    done: int
    nan: int
    first: int
    again: int
    stop: int
    steps: int


def chosen(
    data: Datapath, logits: Sequence[Word], units: tuple[int, int], plan: Plan, ends: Sequence[int]
) -> tuple[Best, Segment]:
    """Compares the logits one after the other; `units` are comparator and copier."""
    compare, copy = units
    gates, sequencer, segment = data.gates, data.sequencer, Segment(data.sequencer, ends)
    bank = data.bank("largest logit")
    best = data.word(bank, plan.fmt.bits)
    clear = gates.add("memory", bank.piece, [])
    bits = [gates.add("memory", bank.piece, []) for _ in range(2 * plan.id_bits)]
    cells = [gates.cell(bank.piece, [clear], [one]) for one in bits]
    nan = gates.cell(bank.piece, [], [_is_nan(data, copy, plan.fmt)])
    wrong = data.units[compare].result[0]

    def named(before: int, number: int) -> None:
        sequencer.pull(before, ("number",), lambda line: gates.to(clear, line))
        for i, (bit, fires) in enumerate(zip(bits, rails(number, plan.id_bits), strict=True)):
            if fires:
                sequencer.pull(before, ("number", i), lambda line, bit=bit: gates.to(bit, line))  # type: ignore[misc]

    step = FIRST
    data.issue(copy, [logits[0]], segment, step)
    data.release(logits[0], segment, step)
    data.load(best, copy, segment, step)
    named(segment.at(step), 0)
    for number, word in enumerate(logits[1:], 1):
        compared = step + HANDOVER
        data.issue(compare, [best, word], segment, compared)
        step = compared + data.units[compare].depth + 1
        data.issue(copy, [word], segment, step)
        data.release(word, segment, step)
        larger = sequencer.guard(segment.at(step - 1), wrong, copy)
        data.load(best, copy, segment, step, larger)
        named(larger, number)
    segment.at(step + DRAIN)
    return Best(cells, nan, bank.piece), segment


def _is_nan(data: Datapath, copy: int, fmt: FloatFormat) -> int:
    """Fires where the word that is copied is NaN: all exponent bits and, where there are infinities, a fraction bit."""
    bits = data.units[copy].operands[0][1:]
    exponent, fraction = bits[: fmt.exponent_bits], bits[fmt.exponent_bits :]
    if not fmt.inf:
        return data.gates.add("arithmetic", data.checks, [(bit, 1) for bit in bits], len(bits))
    weight = len(fraction)
    terms = [(bit, weight) for bit in exponent] + [(bit, 1) for bit in fraction]
    return data.gates.add("arithmetic", data.checks, terms, weight * len(exponent) + 1)


def advance(
    data: Datapath,
    best: Best,
    where: tuple[Queue, Positions],
    held: tuple[int, list[int], int],
    plan: Plan,
    ends: Sequence[int],
) -> Choice:
    """What follows; `held` is (piece, cells of rails, clearing neuron) of the token whose turn it is."""
    gates, segment = data.gates, Segment(data.sequencer, ends)
    (queue, positions), (piece, token, clear_id) = where, held
    waiting = [
        gates.add("control", piece, [(at, 1), (filled, 1)], 2)
        for at, filled in zip(positions.at, queue.filled[1:], strict=False)
    ]
    forced = gates.add("control", piece, [(one, 1) for one in waiting])
    first, second = segment.at(0), segment.at(1)
    from_prompt = gates.add("control", piece, [(first, 1), (forced, 1)], 2)
    free = gates.add("control", piece, [(first, 1), (forced, -1), (best.nan, -1)])
    lost = gates.add("control", piece, [(first, 1), (forced, -1), (best.nan, 1)], 2)
    gates.to(clear_id, second)
    for at, slot in zip(positions.at, queue.slots[1:], strict=False):
        for bit, cell in zip(token, slot, strict=True):
            gates.to(bit, gates.add("control", piece, [(cell, 1), (at, 1), (from_prompt, 1)], 3), 2)
    out = [gates.add("control", piece, [(bit, 1), (free, 1)], 2) for bit in best.bits]
    for bit, one in zip(token, out, strict=True):
        gates.to(bit, one, 2)
    valid = gates.add("control", piece, [(free, 1)])
    ones = best.bits[: plan.id_bits]
    stops = [decoded(gates, piece, ones, end, free, "control") for end in plan.ends]
    stops += [
        gates.add("control", piece, [(positions.at[-1], 1), (free, 1)], 2),
        gates.add("control", piece, [(lost, 1)]),
    ]
    ended = gates.cell(piece, sets=stops, part="control")
    third = segment.at(3)
    again = data.sequencer.step([(third, 1), (ended, -1)])
    stop = data.sequencer.step([(third, 1), (ended, 1)], 2)
    gates.to(positions.step, again)
    for following in positions.sets[1:]:
        gates.to(following, again)
    later = data.sequencer.step([(again, 1)])
    last = data.sequencer.step([(later, 1)])
    done = gates.add("control", piece, [(stop, 1)])
    for clear in (positions.clear, queue.clear, clear_id):
        gates.to(clear, stop)
    for cell in (ended, best.nan):
        gates.to(cell, stop, -1)
    nan = gates.add("control", piece, [(lost, 1)])
    return Choice(out, valid, done, nan, first, last, stop, NEXT)


def watch(data: Datapath, positions: Positions, begin: int, stop: int) -> int:
    """Fires, and goes on to fire, once control is lost.

    It is where not just one neuron of the sequencer fires in a step of a run; where a line of it, a position, a rail of
    a token or a row of a table fires without need or fails to; or where a result is due that no start spike asked for,
    or the other way round. `begin` and `stop` are the first and the last neuron of a run.
    """
    gates, sequencer = data.gates, data.sequencer
    piece = gates.new_piece("watch", "checks")
    over = gates.add("control", piece, [(stop, 1)])
    busy = gates.cell(piece, [over], [begin], "control")
    late = gates.add("control", piece, [(busy, 1), (over, -1)])
    found = [*data.fault, *sequencer.checks(), *positions.checks(gates, piece, late)]
    found += gates.one_of(piece, sequencer.chain, busy, sequencer.page)
    some = [
        gates.add("control", piece, [(one, 1) for one in found[start : start + SLICE]])
        for start in range(0, len(found), SLICE)
    ]
    return gates.cell(piece, sets=some, part="control")
