"""Proofs that a program drawn in look-ups equals the network of threshold gates of the same operation.

Both are drawn by the same description, so both form the same large sums. Those are cut out: what stays, with the bits
of every sum as inputs and its terms as outputs, is proved equal by satisfiability. Of each sum the binary digits that
come out, s_i, are shown to be its terms by algebra,

    sum over i of 2^i * s_i = sum of weight * bit   modulo 2^width,

look-ups replaced by their polynomials from the last to the first. Source: A. Mahzoon, D. Grosse and R. Drechsler,
"RevSCA-2.0: SCA-based formal verification of nontrivial multipliers", IEEE TCAD 41(5), 2022 (backward rewriting).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from lava_nexus.circuits.cells import Basis, Bit, Terms, Threshold, Word, weighted
from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat
from lava_nexus.lowering.luts import FALSE, N_CONSTANTS, TRUE, LookGraph
from lava_nexus.lowering.ordered import _signal_nodes, lower
from lava_nexus.neurons import FALSE as NEVER
from lava_nexus.neurons import TRUE as ALWAYS
from lava_nexus.neurons import Signal
from words.cells import Looks, drawn, graph_of
from words.optimiser import Optimiser, to_blif
from words.products import Conjunction

_LARGE = 64  # terms of a sum that is cut out
_MOST_MONOMIALS = 100_000
_MOST_BITS = 1 << 13

Monomial = tuple[int, ...]
Polynomial = dict[Monomial, int]


@dataclass(frozen=True)
class Cut:
    """A sum with a product in it.

    Attributes:
        terms, width, most: of the sum.
        of_product: for each term whether it is the AND of two bits; their sum is cut out.
        place: of the product's first bit among those of all that are cut out.
    """

    terms: Terms
    width: int
    most: int | None
    of_product: Sequence[bool]
    place: int


class CutThreshold(Threshold):
    """The threshold cells, large products cut out of the sums that they are in."""

    def __init__(self, cuts: Sequence[Cut]) -> None:
        super().__init__()
        self.bits: Word = []
        self.cuts: list[Cut] = []
        self._model = cuts

    def sum_bits(self, terms: Terms, width: int, most: int | None = None) -> Word:
        """The sum, its product as inputs."""
        model = self._model[len(self.cuts)] if len(self.cuts) < len(self._model) else None
        if model is None or len(terms) != len(model.terms):
            return super().sum_bits(terms, width, most)
        self.cuts.append(Cut(terms, width, most, model.of_product, model.place))
        product = self.bits[model.place : model.place + _width(self.cuts[-1])]
        return super().sum_bits(_without(self, self.cuts[-1], product), width, most)


class CutLooks(Looks):
    """Look-up cells, large products cut out of the sums that they are in."""

    def __init__(self, leaves: int, recodes: bool = True) -> None:
        super().__init__(leaves, recodes)
        self.cuts: list[Cut] = []

    def sum_bits(self, terms: Terms, width: int, most: int | None = None) -> Word:
        """The sum, its product as leaves."""
        of_product = [isinstance(bit, Conjunction) for bit, _ in terms]
        if sum(of_product) < _LARGE:
            if sum(bin(weight).count("1") for _, weight in terms) < _LARGE:
                return super().sum_bits(terms, width, most)
            of_product = [True] * len(terms)  # a product with a constant
        place = self.cuts[-1].place + _width(self.cuts[-1]) if self.cuts else 0
        self.cuts.append(Cut(terms, width, most, of_product, place))
        start = N_CONSTANTS + self.graph.n_leaves - _MOST_BITS + place
        product: Word = [Signal(start + i) for i in range(_width(self.cuts[-1]))]
        return super().sum_bits(_without(self, self.cuts[-1], product), width, most)


def _width(cut: Cut) -> int:
    """Bits of the product: what it can be, or all those of the sum where it can be negative."""
    weights = [weight for (_, weight), is_one in zip(cut.terms, cut.of_product, strict=True) if is_one]
    return cut.width if min(weights) < 0 else min(cut.width, sum(weights).bit_length())


def _without(basis: Basis, cut: Cut, product: Word) -> Terms:
    """The terms with a word in place of the product."""
    ands = [term for term, is_one in zip(cut.terms, cut.of_product, strict=True) if is_one]
    rest = [term for term, is_one in zip(cut.terms, cut.of_product, strict=True) if not is_one]
    return [*weighted(_reached(basis, ands, product)), *rest]


def _reached(basis: Basis, terms: Terms, word: Word) -> Word:
    """Any word as one that the sum can be by its terms in their highest column; itself where it is not."""
    columns: dict[int, Word] = defaultdict(list)
    for bit, weight in terms:
        if weight < 1:
            return word
        columns[weight.bit_length() - 1].append(bit)
    most = max(map(len, columns.values())).bit_length()
    above: Bit = basis.zero
    some = [basis.or_(*columns[i]) for i in range(len(word))]
    for i in reversed(range(len(word))):
        word[i] = basis.and_any([word[i]], some[max(i - most, 0) :])
        word[i] = basis.or_(word[i], basis.and_not(some[i], above))
        above = basis.or_(above, word[i])
    return word


def prove(name: str, fmt: FloatFormat, recodes: bool, optimiser: Optimiser, seconds: float) -> bool:
    """Whether what `drawn` draws is proved equal to the network of threshold gates.

    Raises:
        NexusError: a sum is not that of its terms.
    """
    looks = drawn(name, fmt, recodes, CutLooks, _MOST_BITS)
    assert isinstance(looks.basis, CutLooks)
    threshold, word = _threshold(name, fmt, looks.basis.cuts)
    for given, own in zip(looks.basis.cuts, threshold.cuts, strict=True):
        found = _sum_of_looks(looks.basis, given), _sum_of_threshold(own)
        if given.width != own.width or not all(found):
            raise NexusError(f"a sum of {len(given.terms)} terms in {name} {fmt} is not that of its terms")
    pairs = [
        (one, other)
        for given, own in zip(looks.basis.cuts, threshold.cuts, strict=True)
        for (one, weight), (other, weight_) in zip(given.terms, own.terms, strict=True)
        if one != TRUE or other != TRUE or weight == weight_
    ]
    graph = graph_of(looks, [*looks.word, *(one for one, _ in pairs)])
    theirs = _cut_threshold(threshold, [*word, *(other for _, other in pairs)])
    return optimiser.equal(to_blif(graph, graph.outputs.tolist()), theirs, seconds)


def _threshold(name: str, fmt: FloatFormat, cuts: Sequence[Cut]) -> tuple[CutThreshold, Word]:
    operation, basis = OPERATIONS[name], CutThreshold(cuts)
    words = [basis.input(port, of) for port, of in operation.inputs(fmt, fmt)]
    basis.bits = list(basis.builder.input("sums", None, _MOST_BITS))
    return basis, operation.build(basis, words, fmt, fmt)


def _cut_threshold(basis: CutThreshold, word: Word) -> str:
    """Constants stay constants; the rest are outputs of a network."""
    real = [basis.real(bit) for bit in word]
    there = [bit for bit in real if bit not in (NEVER, ALWAYS)]
    graph = lower(basis.builder.finish([("out", there, None)]), "outputs")
    found = iter(graph.outputs.tolist())
    known = {NEVER: FALSE, ALWAYS: TRUE}
    return to_blif(graph, [known[bit] if bit in known else next(found) for bit in real])


def _sum_of_looks(basis: CutLooks, cut: Cut) -> bool:
    """Whether the cells' sum of opaque terms, ANDs of two opaque bits among them, is their sum."""
    opaque: dict[Bit, Bit] = {basis.zero: basis.zero, basis.one: basis.one}

    def leaf(bit: Bit) -> Bit:
        return opaque.setdefault(bit, Signal(N_CONSTANTS + len(opaque) - 2))

    parts = ((bit.factors if isinstance(bit, Conjunction) else (bit,), weight) for bit, weight in cut.terms)
    terms = [(tuple(map(leaf, bits)), weight) for bits, weight in parts]
    cells = Looks(len(opaque) - 2, basis.recodes)
    given = [(cells.and_(*bits), weight) for bits, weight in terms]
    word = [int(bit) for bit in cells.sum_bits(given, cut.width, cut.most)]  # type: ignore[arg-type]
    expected = _weighted([(tuple(map(int, bits)), weight) for bits, weight in terms], cut.width)  # type: ignore[arg-type]
    return integer(cells.graph, word, cut.width) == expected


def _sum_of_threshold(cut: Cut) -> bool:
    """Whether the threshold cells' sum of opaque terms is their sum."""
    known = [bit for bit in dict.fromkeys(bit for bit, _ in cut.terms) if bit not in (NEVER, ALWAYS)]
    cells = Threshold()
    inputs = cells.builder.input("terms", None, len(known))
    opaque: dict[Bit, Bit] = {
        NEVER: NEVER,
        ALWAYS: ALWAYS,
        **dict(zip(known, inputs, strict=True)),
    }
    word = [cells.real(bit) for bit in cells.sum_bits([(opaque[b], w) for b, w in cut.terms], cut.width, cut.most)]
    there = [bit for bit in word if bit not in (NEVER, ALWAYS)]
    network = cells.builder.finish([("out", there, None)])
    graph = LookGraph(network.n_inputs - 1)
    nodes = _signal_nodes(network, graph)
    of = dict(zip(there, (nodes[signal] for signal in reversed(network.outputs[0].signals)), strict=True))
    of |= {NEVER: FALSE, ALWAYS: TRUE}
    leaf = dict(zip(known, (nodes[signal] for signal in reversed(network.inputs[0].signals)), strict=True))
    leaf |= {NEVER: FALSE, ALWAYS: TRUE}
    expected = _weighted([((leaf[bit],), weight) for bit, weight in cut.terms], cut.width)
    return integer(graph, [of[bit] for bit in word], cut.width) == expected


def _weighted(terms: Sequence[tuple[Monomial, int]], width: int) -> Polynomial:
    """The sum of weight times a product of nodes, modulo 2^width."""
    found: Polynomial = defaultdict(int)
    for nodes, weight in terms:
        if FALSE not in nodes:
            found[tuple(sorted({*nodes} - {TRUE}, reverse=True))] += weight
    return {monomial: c % (1 << width) for monomial, c in found.items() if c % (1 << width)}


def integer(graph: LookGraph, word: Sequence[int], width: int) -> Polynomial:
    """The integer that nodes spell, LSB first, as a polynomial over the leaves modulo 2^width.

    Raises:
        NexusError: it becomes too large on the way.
    """
    waiting: dict[int, Polynomial] = defaultdict(lambda: defaultdict(int))
    final: Polynomial = defaultdict(int)

    def put(monomial: Monomial, c: int) -> None:
        (waiting[monomial[0]] if monomial and monomial[0] >= graph.first else final)[monomial] += c

    for i, node in enumerate(word):
        if node != FALSE:
            put(() if node == TRUE else (node,), 1 << i)
    looks = graph.looks
    for node in range(graph.first + len(looks) - 1, graph.first - 1, -1):
        table, inputs = looks[node - graph.first]
        factors = _polynomial(table, inputs)
        for monomial, c in waiting.pop(node, {}).items():
            if c % (1 << width):
                for own, factor in factors:
                    put(tuple(sorted({*monomial[1:], *own}, reverse=True)), c * factor)
        if sum(map(len, waiting.values())) > _MOST_MONOMIALS:
            raise NexusError(f"the polynomial of a sum of {width} bits has more than {_MOST_MONOMIALS} terms")
    return {monomial: c % (1 << width) for monomial, c in final.items() if c % (1 << width)}


def _polynomial(table: int, inputs: Sequence[int]) -> list[tuple[Monomial, int]]:
    """A truth table as the polynomial, linear in each input, that it is on bits."""
    c = [table >> m & 1 for m in range(1 << len(inputs))]
    for i in range(len(inputs)):
        for m in range(len(c)):
            if m >> i & 1:
                c[m] -= c[m ^ 1 << i]
    return [(tuple(one for i, one in enumerate(inputs) if m >> i & 1), factor) for m, factor in enumerate(c) if factor]
