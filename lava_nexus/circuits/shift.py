"""Shifters in mixed radix. The amount is never written in binary: each stage asks how far it still reaches.

A stage of unit u and radix r shifts by 0, u, ..., (r - 1) * u; reach[d - 1] = [the rest of the amount >= d * u]. A
result bit is the OR of at most r exclusive ANDs. Three-way stages cost least: r / log(r) is smallest near e.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from math import prod

from lava_nexus.cells import Basis, Bit, Terms, Word

Stages = tuple[tuple[int, int], ...]


@cache
def plan_stages(most: int, keep: int, stage_cost: int = 0) -> Stages:
    """(unit, radix) of each stage, largest unit first, that shifts by 0..most and keeps `keep` bits.

    Chosen for fewest ANDs, where a stage counts as `stage_cost` of them.
    """
    if most <= 0:
        return ()

    def stages(chosen: tuple[int, ...]) -> Stages:
        return tuple((prod(chosen[i + 1 :]), radix) for i, radix in enumerate(chosen))

    def cost(plan: Stages) -> tuple[int, int]:
        left, neurons = sum(u * (r - 1) for u, r in plan), 0
        for unit, radix in plan:
            left -= unit * (radix - 1)
            neurons += radix * (keep + left) + 2 * radix
        return neurons + stage_cost * len(plan), len(plan)

    radices = (2, 3, 4, 5, 6, 7, 8) if stage_cost else (2, 3, 4)
    lengths = range(1, most.bit_length() + 1)
    candidates = (stages(r) for n in lengths for r in product(radices, repeat=n) if most < prod(r) <= 4 * most + 4)
    return min(candidates, key=cost)


def select(basis: Basis, word: Word, reach: Word, unit: int, length: int, head_is_zero: bool = False) -> Word:
    """out[t] = word[t + d * unit] for the d that `reach` says; `length` bits.

    With `head_is_zero` the first d * unit bits are known to be 0 whenever the stage shifts by d units, which saves the
    gates that would hide them.
    """
    out: Word = []
    for t in range(length):
        parts: Word = []
        for d in range(len(reach) + 1):
            source = t + d * unit
            if source >= len(word):
                break
            here = [reach[d - 1]] if d else []
            beyond = [basis.not_(reach[d])] if d < len(reach) and not (head_is_zero and t < unit) else []
            parts.append(basis.and_(word[source], *here, *beyond))
        out.append(basis.one_of(*parts))
    return out


def align(basis: Basis, word: Word, amount: Terms, too_far: Bit, keep_below: int) -> tuple[Word, Word]:
    """The word (LSB first) shifted right by `amount`, with `keep_below` more bits kept below its lowest.

    Where `too_far` is 1 nothing is kept. Returns (result, LSB first; bits whose OR says that something was lost).
    """
    word = [basis.zero] * keep_below + word
    length = len(word)
    lost: Word = []
    known: list[tuple[Bit, int]] = [(too_far, 8 * length)]
    for stage, (unit, radix) in enumerate(plan_stages(length, length, basis.stage_cost)):
        # The first stage also asks whether the amount is beyond all stages: then nothing is selected.
        steps = range(1, radix + (stage == 0))
        reach = [basis.at_least([*amount, *known], d * unit) for d in steps]
        for d, bit in enumerate(reach):
            part = [b for b in word[d * unit : (d + 1) * unit] if b != basis.zero]
            if part:
                lost.append(basis.and_any([bit], part))
        word = select(basis, word, reach, unit, length)
        known = [*(known if stage else []), *((bit, -unit) for bit in reach[: radix - 1])]
    return word, lost


def normalise(
    basis: Basis, word: Word, most: int, keep: int, limit: Terms | None = None, blocked: Bit | None = None
) -> tuple[Word, list[tuple[Bit, int]], Word]:
    """The word (MSB first) shifted left past its leading zeros, by min(leading zeros, limit, most) places.

    `limit` is a sum that may be negative, which means no shift only where `blocked` is 1; None is no limit. Returns
    (`keep` bits, MSB first; the shift as terms; bits whose OR says that something was dropped below).
    """
    shift: list[tuple[Bit, int]] = []
    dropped: Word = []
    stages = plan_stages(most, keep, basis.stage_cost)
    left = sum(unit * (radix - 1) for unit, radix in stages)
    for unit, radix in stages:
        left -= unit * (radix - 1)
        length = keep + left
        reach: Word = []
        for d in range(1, radix):
            taken = [(bit, -weight) for bit, weight in shift]
            allowed = basis.one if limit is None else basis.at_least([*limit, *taken], d * unit)
            head = [bit for bit in word[: d * unit] if bit != basis.zero]
            reach.append(basis.and_not(allowed, *head, *([blocked] if blocked is not None else [])))
        for d, bit in enumerate(reach):
            part = [b for b in word[length + d * unit : length + (d + 1) * unit] if b != basis.zero]
            if part:
                dropped.append(basis.and_any([basis.not_(bit)], part))
        dropped += [b for b in word[length + (radix - 1) * unit :] if b != basis.zero]
        word = select(basis, word, reach, unit, length, head_is_zero=True)
        shift += [(bit, unit) for bit in reach]
    dropped += [b for b in word[keep:] if b != basis.zero]
    return (word + [basis.zero] * keep)[:keep], shift, dropped
