"""Shifters in mixed radix. The amount is never written in binary: each stage asks how far it still reaches.

A stage of unit u and radix r shifts by 0, u, ..., (r - 1) * u; reach[d - 1] = [the rest of the amount >= d * u]. A
result bit is the OR of at most r exclusive ANDs; with those three-way stages cost least: r / log(r) is smallest near e.
`nested` stages share each AND between the place that a bit leaves and the one it comes to, r - 1 neurons a bit; two-way
stages cost least then, with more stages and so more depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import prod

from lava_nexus.circuits.cells import Basis, Bit, Terms, Word

Stages = tuple[tuple[int, int], ...]
_MOST_PLANS = 20_000  # combinations of radices up to which all are tried; beyond, all but the first are the same

_FEW = 64  # virtual bits that one gate reads


@dataclass(frozen=True)
class Normalised:
    """A word shifted left to its first bit that differs from the `head`.

    Attributes:
        word: the bits kept, MSB first.
        shift: the places it was shifted, as terms.
        ones: bits whose OR says that a 1 was dropped below.
        zeros: bits whose OR says that a 0 was.
    """

    word: Word
    shift: list[tuple[Bit, int]]
    ones: Word
    zeros: Word


@dataclass(frozen=True)
class Reach:
    """How far a word may be shifted.

    Attributes:
        most: places, whatever else holds.
        limit: terms of a sum that is not passed either; None is no limit.
        stop: where a bit of it is 1 nothing is shifted.
    """

    most: int
    limit: Terms | None = None
    stop: tuple[Bit, ...] = ()


@cache
def plan_stages(most: int, keep: int, stage_cost: int = 0, saving: int = 0) -> Stages:
    """(unit, radix) of each stage, largest unit first, that shifts by 0..most and keeps `keep` bits.

    Chosen for fewest ANDs, where a stage counts as `stage_cost` of them and a bit of radix r takes r - `saving`.
    """
    if most <= 0:
        return ()

    def stages(chosen: tuple[int, ...]) -> Stages:
        return tuple((prod(chosen[i + 1 :]), radix) for i, radix in enumerate(chosen))

    def cost(plan: Stages) -> tuple[int, int]:
        left, neurons = sum(u * (r - 1) for u, r in plan), 0
        for unit, radix in plan:
            left -= unit * (radix - 1)
            neurons += (radix - saving) * (keep + left) + 2 * radix
        return neurons + stage_cost * len(plan), len(plan)

    radices = (2, 3, 4, 5, 6, 7, 8) if stage_cost else (2, 3, 4)
    lengths = range(1, most.bit_length() + 1)
    if len(radices) ** len(lengths) > _MOST_PLANS:
        combinations = [(first, *(radix,) * n) for first in radices for radix in radices for n in lengths]
    else:
        combinations = [chosen for n in lengths for chosen in product(radices, repeat=n)]
    return min((stages(r) for r in combinations if most < prod(r) <= 4 * most + 4), key=cost)


def _plan(basis: Basis, most: int, keep: int, nested: bool) -> Stages:
    return plan_stages(most, keep, basis.stage_cost, basis.pick_saving if nested else 0)


def select(
    basis: Basis,
    word: Word,
    reach: Word,
    unit: int,
    length: int,
    head: Bit | None = None,
    fill: Bit | None = None,
    nested: bool = False,
) -> Word:
    """out[t] = word[t + d * unit] for the d that `reach` says; `length` bits; beyond the word lies `fill`, else 0.

    A `head` says that the first d * unit bits are known to be that bit whenever the stage shifts by d units, which
    saves the gates that would hide them.
    """
    pick = basis.pick if nested else lambda *bits: Basis.pick(basis, *bits)
    beyond = basis.zero if fill is None else fill
    out: Word = []
    for t in range(length):
        places = range(t, t + (len(reach) + 1) * unit, unit)
        sources = [word[place] if place < len(word) else beyond for place in places]
        out.append(pick(sources, reach, sources if head is None or t >= unit else [head] * len(sources)))
    return out


def align(
    basis: Basis, word: Word, amount: Terms, too_far: Bit, keep_below: int, nested: bool = False
) -> tuple[Word, Word]:
    """The word (LSB first) shifted right by `amount`, with `keep_below` more bits kept below its lowest.

    Where `too_far` is 1 nothing is kept. Returns (result, LSB first; bits whose OR says that something was lost).
    """
    word = [basis.zero] * keep_below + word
    length = len(word)
    lost: Word = []
    known: list[tuple[Bit, int]] = [(too_far, 8 * length)]
    for stage, (unit, radix) in enumerate(_plan(basis, length, length, nested)):
        # The first stage also asks whether the amount is beyond all stages: then nothing is selected.
        steps = range(1, radix + (stage == 0))
        reach = [basis.at_least([*amount, *known], d * unit) for d in steps]
        for d, bit in enumerate(reach):
            part = [b for b in word[d * unit : (d + 1) * unit] if b != basis.zero]
            if part:
                lost.append(basis.and_any([bit], part))
        word = select(basis, word, reach, unit, length, nested=nested)
        known = [*(known if stage else []), *((bit, -unit) for bit in reach[: radix - 1])]
    return word, lost


def normalise(
    basis: Basis,
    word: Word,
    most: int,
    keep: int,
    limit: Terms | None = None,
    blocked: Bit | None = None,
    nested: bool = False,
) -> tuple[Word, list[tuple[Bit, int]], Word]:
    """The word (MSB first) shifted left past its leading zeros, by min(leading zeros, limit, most) places.

    `limit` is a sum that may be negative, which means no shift only where `blocked` is 1; None is no limit. Returns
    (`keep` bits, MSB first; the shift as terms; bits whose OR says that something was dropped below).
    """
    reach = Reach(most, limit, () if blocked is None else (blocked,))
    found = normalise_signed(basis, word, reach, keep, basis.zero, basis.zero, nested)
    return found.word, found.shift, found.ones


def normalise_signed(
    basis: Basis,
    word: Word,
    within: Reach,
    keep: int,
    head: Bit,
    fill: Bit,
    nested: bool = True,
) -> Normalised:
    """The word (MSB first) shifted left past its leading bits that equal `head`, as far as it may; `keep` bits of it.

    Below the word lies `fill`, again and again.
    """
    shift: list[tuple[Bit, int]] = []
    ones: Word = []
    zeros: Word = []
    signed = head != basis.zero or fill != basis.zero
    stages = _plan(basis, within.most, keep, nested)
    left = sum(unit * (radix - 1) for unit, radix in stages)
    for unit, radix in stages:
        left -= unit * (radix - 1)
        length = keep + left
        reach: Word = []
        for d in range(1, radix):
            taken = [(bit, -weight) for bit, weight in shift]
            allowed = basis.one if within.limit is None else basis.at_least([*within.limit, *taken], d * unit)
            reach.append(_leads(basis, word[: d * unit], head, allowed, within.stop))
        for d, bit in enumerate(reach):
            part = word[length + d * unit : length + (d + 1) * unit]
            ones += _dropped(basis, part, [basis.not_(bit)])
            zeros += _dropped(basis, [basis.not_(b) for b in part], [basis.not_(bit)]) if signed else []
        rest = word[length + (radix - 1) * unit :]
        ones += _some(basis, rest)
        zeros += _some(basis, [basis.not_(b) for b in rest]) if signed else []
        padded = word + [fill] * (length + (radix - 1) * unit - len(word))
        word = select(basis, padded, reach, unit, length, head, fill, nested)
        shift += [(bit, unit) for bit in reach]
    ones += _some(basis, word[keep:])
    zeros += _some(basis, [basis.not_(b) for b in word[keep:]]) if signed else []
    return Normalised((word + [fill] * keep)[:keep], shift, ones, zeros)


def _leads(basis: Basis, bits: Word, head: Bit, allowed: Bit, stop: Sequence[Bit]) -> Bit:
    """1 where all of the bits equal the head, and the shift is allowed."""
    low = basis.and_not(allowed, *_some(basis, bits), head, *stop)
    if head == basis.zero:
        return low
    unequal = _some(basis, [basis.not_(bit) for bit in bits])
    return basis.real(basis.one_of(low, basis.and_(allowed, head, *(basis.not_(bit) for bit in [*unequal, *stop]))))


def _dropped(basis: Basis, part: Word, unless: Word) -> Word:
    """A bit for every few of the part: 1 where one of them is and all of `unless` are."""
    return [basis.and_any(unless, few) for few in _parts([bit for bit in part if bit != basis.zero])]


def _some(basis: Basis, bits: Word) -> Word:
    """Bits with the same OR: the bits themselves, or the OR of a few at a time where they are many."""
    bits = [bit for bit in bits if bit != basis.zero]
    return bits if len(bits) <= _FEW else [basis.or_(*part) for part in _parts(bits)]


def _parts(bits: Word) -> list[Word]:
    """A few bits at a time: virtual bits share spikes, whose weights add up in a gate that reads many of them."""
    return [bits[start : start + _FEW] for start in range(0, len(bits), _FEW)]


def slide(basis: Basis, word: Word, amount: Word, far: Bit, length: int, fill: Bit) -> tuple[Word, Word]:
    """A frame of `length` bits, all `fill` but for the word at places amount .. amount + len(word) - 1.

    The amount is in binary, LSB first; where `far` is 1 the word lies beyond the frame. Small units come first, while
    the word is still short. Returns (frame; bits whose OR says that a bit other than `fill` fell off its end).
    """
    amount = amount + [basis.zero] * (2 - len(amount))
    lost: Word = []
    for k, bit in enumerate(amount[:-2]):
        word = _slid(basis, word, [bit], 1 << k, length, fill, lost)
    low, high = amount[-2:]
    reach = [basis.or_(low, high, far), basis.or_(high, far), basis.or_(basis.and_(low, high), far), far]
    word = _slid(basis, word, reach, 1 << (len(amount) - 2), length, fill, lost)
    return (word + [fill] * length)[:length], lost


def _slid(basis: Basis, word: Word, reach: Word, unit: int, length: int, fill: Bit, lost: Word) -> Word:
    """One stage of `slide`; what falls off is put into `lost`."""
    steps = min(sum(bit != basis.zero for bit in reach), -(-length // unit))
    reach = basis.reals(reach[:steps])

    def source(place: int) -> Bit:
        return word[place] if 0 <= place < len(word) else fill

    out: Word = []
    for t in range(min(len(word) + steps * unit, length)):
        sources = [source(t - d * unit) for d in range(steps + 1)]
        out.append(basis.pick(sources, reach, sources))
    for d, bit in enumerate(reach):
        gone = word[max(0, length - (d + 1) * unit) : max(0, length - d * unit)]
        lost += _dropped(basis, gone, [bit, basis.not_(fill)])
        lost += _dropped(basis, [basis.not_(b) for b in gone], [bit, fill])
    return out
