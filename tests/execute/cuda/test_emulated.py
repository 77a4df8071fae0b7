"""Plans, tables and the text of kernels, run on the host: bits and counts are those of the bit-sliced executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.cuda import CudaExecutor
from lava_nexus.execute.cuda.golden import Held, against_golden
from lava_nexus.formats import FLOAT32
from tests.execute.cuda.cases import cases, record
from tests.execute.cuda.emulated import COMPILER, emulated

CASES = dict(cases())

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")


@pytest.mark.parametrize("count", ["activity", pytest.param(False, marks=pytest.mark.wide)])
@pytest.mark.parametrize(
    "name",
    ["sequential (3, 5, 7) bfloat16", "fma (2, 20, 64) bfloat16", "rows folded by add and max", "scores of heads"],
)
def test_kernels_on_the_host_give_what_the_cpu_gives(
    name: str, count: bool | str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with emulated(monkeypatch, tmp_path):
        found = record(CASES[name], CudaExecutor(count=count))
    assert found == record(CASES[name], BitslicedExecutor(count))


class _Wrong(BitslicedExecutor):
    def invoke(self, circuit: Circuit, operands: Any) -> Any:
        """One result of them all has a wrong bit."""
        found = super().invoke(circuit, operands)
        found[77] ^= 1
        return found


@pytest.mark.wide
def test_golden_functions_are_the_same_on_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target, first = circuit("sigmoid", FLOAT32), 0x3F7FFF00
    with emulated(monkeypatch, tmp_path):
        assert against_golden(BitslicedExecutor(), target, first, 512) == Held(512, 0, None)
        assert against_golden(_Wrong(), target, first, 512) == Held(512, 1, first + 77)
        with pytest.raises(NexusError, match="'add float32' has no golden function of one operand"):
            against_golden(BitslicedExecutor(), circuit("add", FLOAT32))
