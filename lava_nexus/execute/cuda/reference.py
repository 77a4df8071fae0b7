"""The strict reference on GPUs: golden functions by plain float arithmetic and integer programs, in the stated order.

Whole models are compared with gates bit for bit where they run. Of the look-ups that stand for neurons nothing is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.bank import Bank
from lava_nexus.execute.cuda import plain
from lava_nexus.execute.cuda.device import cupy, fetched, launch, placed
from lava_nexus.execute.cuda.gpus import GpuExecutor
from lava_nexus.execute.cuda.sums import Tell
from lava_nexus.execute.cuda.tables import WORD, Kept, Matrices, Words
from lava_nexus.execute.executor import LEVELS, bank_rows
from lava_nexus.execute.operands import Patterns
from lava_nexus.execute.tallies import BankTally, ProgramResult, Tally
from lava_nexus.execute.watch import Watch
from lava_nexus.execute.weights import Remote
from lava_nexus.populations import Operator
from lava_nexus.programs.product import Fused, Product, Rounded
from lava_nexus.programs.program import Program

_TABLED = 16
"""Bits of an operand up to which functions are tables of all their results, made by the golden function."""


class CudaReference(GpuExecutor):
    """Golden functions on GPUs in place of neurons: nothing to count but invocations.

    Attributes:
        plans: whether programs run as few large steps, as neurons on GPUs do, or node by node.
    """

    name = "reference_cuda"
    level = LEVELS["reference"]
    count = False

    def __init__(
        self, devices: Sequence[int] | int | None = None, weight_memory: float | None = None, plans: bool = True
    ) -> None:
        """As every executor on GPUs."""
        super().__init__(devices, weight_memory)
        self.plans = plans
        self._results: dict[Circuit, Kept] = {}
        self._places: WeakKeyDictionary[Words, dict[Any, Kept]] = WeakKeyDictionary()

    def _planned(self, program: Program, feeds: Mapping[str, Patterns], watch: Watch | None) -> ProgramResult | None:
        return super()._planned(program, feeds, watch) if self.plans else None

    def applied(self, circuit: Circuit, operands: Sequence[Any], results: Sequence[Any]) -> Tally:
        """The golden function: on the GPU where it is plain arithmetic or a program, else by the host."""
        number, what = len(results[0]), plain.plain(circuit)
        if what is not None:
            given = [argument for x in operands for argument in (x, int(x.size > 1))]
            _launched(plain.elementwise(what), number, [*given, results[0], number, _tables(what)])
        elif len(circuit.inputs) == 1 and len(results) == 1 and circuit.inputs[0].width <= _TABLED:
            results[0][...] = self._table(circuit).take(operands[0])
        else:
            here = np.broadcast_arrays(*(fetched(x) for x in operands))
            for result, found in zip(results, circuit.golden.every_output(*here), strict=True):
                result[...] = placed(np.ascontiguousarray(found))
        return Tally(circuit, number)

    def products(
        self, how: Rounded | Fused, x: Any, parts: Sequence[tuple[Any, Matrices]], words: Words, result: Any
    ) -> Tell:
        """Sums of products in index order, a sum to a thread, put into a flat result."""
        fused, behind = isinstance(how, Fused), 0
        first, then = (plain.plain(one) for one in (how.multiply, how.fma if isinstance(how, Fused) else how.add))
        assert first is not None and then is not None
        for array, matrices in parts:
            weights, entries, half = self._right(array, matrices)
            own = (words.start >= behind) & (words.start < behind + matrices.size)
            table, number = self._placed(words, (behind, half, entries.tobytes()), own, matrices, entries, behind)
            text = plain.products(first, then, fused, half)
            _launched(text, WORD * number, [x, weights, result, table, number])
            behind += matrices.size
        later = words.products - words.sums
        counts = [(first.circuit, words.sums if fused else words.products), (then.circuit, later)]
        return lambda: [Tally(circuit, sets) for circuit, sets in counts if sets]

    def rows(self, circuit: Circuit, x: Any, words: Words, result: Any) -> Tell:
        """Rows of a flat array folded in index order, a row to a thread, put into a flat result."""
        what = plain.plain(circuit)
        assert what is not None
        none = Matrices(np.ones((5, 1), np.int64))
        table, number = self._placed(words, "rows", np.ones(words.number, np.bool_), none, none.entries, 0)
        _launched(plain.rows(what), WORD * number, [x, result, table, number])
        later = words.products - words.sums
        return lambda: [Tally(circuit, later)] if later else []

    def contracted(self, how: Product, left: Any, right: Any, bias: Any) -> Any:
        """As every executor on GPUs, of circuits that are plain arithmetic."""
        return super().contracted(how, left, right, bias) if _plain_sums(how) else None

    def invoke_bank(self, bank: Bank, operands: Any, columns: slice, terms: slice) -> Any:
        """The general circuit's golden function; see `Executor.invoke_bank`."""
        self.tallies.add(BankTally(bank, bank_rows(operands, columns, terms)))
        with self.apart(add=False):
            return self.invoke(bank.general, [operands[..., None], bank.weights[columns, terms].T[:, None, :]])

    def _operate(self, operator: Operator, x: NDArray[np.int64]) -> tuple[NDArray[np.int64], Tally]:
        return operator.golden(x), Tally(operator, len(x))

    def _table(self, circuit: Circuit) -> Any:
        """Every result of a function of one operand on the current GPU."""
        if circuit not in self._results:
            port = circuit.inputs[0]
            self._results[circuit] = Kept(circuit.golden(np.arange(1 << port.width, dtype=port.pattern_dtype)))
        return self._results[circuit].here()

    def _right(self, array: Any, matrices: Matrices) -> tuple[Any, NDArray[np.int64], bool]:
        """(right factors, where their matrices lie, whether they are upper halves alone)."""
        if not isinstance(array, Remote):
            return array, matrices.entries, False
        rows, terms = array.shape[-2:]
        if (found := self.weights.get(key := ("plain", array.key))) is None:
            there = self.weights.carrier.take(array)
            half = there.dtype != array.dtype
            made = cupy().ascontiguousarray(there.reshape(rows, terms).T)  # columns side by side, for threads
            found = self.weights.keep(key, (made.reshape(-1), half), made.nbytes, [array])
        weights, half = found
        first, column, term, columns, length = matrices.entries
        # Element (r, k) is at k * rows + r.
        moved = [first % terms * rows + first // terms, column // terms, term * rows, columns, length]
        assert (column % terms == 0).all() and (term == 1).all()
        return weights, np.array(moved), half

    def _placed(
        self,
        words: Words,
        key: Any,
        own: NDArray[np.bool_],
        matrices: Matrices,
        entries: NDArray[np.int64],
        behind: int,
    ) -> tuple[Any, int]:
        """The table of `plain.PLACES` for some of the words, and their number."""
        known = self._places.setdefault(words, {})
        if key not in known:
            of = {name: column[own] for name, column in words.entries.items()}
            m = np.searchsorted(matrices.starts, words.start[own] - behind, "right") - 1
            first, column, term = entries[0][m], entries[1][m], entries[2][m]
            first = first + WORD * of["right"] * column
            rows = [of["left"], first, column, term, of["length"], of["lanes"], of["into"]]
            known[key] = Kept(np.vstack(rows))
        return known[key].here(), int(own.sum())


def _launched(text: plain.Text, threads: int, arguments: list[Any]) -> None:
    if threads:
        launch(lambda: text.whole, text.key, threads, arguments, strict=True)


def _tables(what: plain.Plain) -> Any:
    return None if what.tables is None else what.tables.here()


def _plain_sums(how: Product) -> bool:
    circuits = (
        [how.multiply, how.fma if isinstance(how, Fused) else how.add] if isinstance(how, Rounded | Fused) else []
    )
    return all(plain.plain(circuit) is not None for circuit in circuits)
