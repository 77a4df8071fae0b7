"""The exported Verilog of add, mul and div in Verilator: operands at every edge, each result `depth` edges later."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.circuits import Circuit
from lava_nexus.export import to_verilog

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("verilator", "g++", "make"))),
    reason="Verilator with a C++ compiler and make is not installed (Debian: apt-get install verilator g++ make)",
)

OPERATIONS = {"add": np.add, "mul": np.multiply, "div": np.divide}
_BENCH = """
#include <cstdio>
#include "Vtop.h"
double sc_time_stamp() { return 0; }
int main() {
    Vtop top;
    unsigned long long strobe, a, b;
    while (scanf("%llu %llu %llu", &strobe, &a, &b) == 3) {
        top.strobe = strobe; top.a = a; top.b = b;
        for (int edge = 0; edge < 2; edge++) { top.clk = edge; top.eval(); }
        const unsigned long long add = top.add, mul = top.mul, div = top.div;
        printf("%llu %llu %llu\\n", add, mul, div);
    }
}
"""
_FLAGS = ("--cc", "--exe", "--build", "-O0", "-CFLAGS", "-O0", "-Wno-fatal", "-Wno-lint", "-Wno-style")


def _simulated(circuits: dict[str, Circuit], rows: list[tuple[int, int, int]], folder: Path) -> np.ndarray:
    """uint64 [edges, circuits]: all circuits beside one another, fed with the same (strobe, a, b) at each edge."""
    modules = [to_verilog(one) for one in circuits.values()]
    names = [text.split("module ")[1].split()[0] for text in modules]
    width = next(iter(circuits.values())).inputs[0].width - 1
    ports = f"input clk, input strobe, input [{width}:0] a, input [{width}:0] b"
    outputs = "".join(f", output [{width}:0] {name}" for name in circuits)
    bodies = [
        f"  {module} of_{name} (.clk(clk), .strobe(strobe), .a(a), .b(b), .out({name}));"
        for module, name in zip(names, circuits, strict=True)
    ]
    (folder / "top.v").write_text("\n".join([*modules, f"module top ({ports}{outputs});", *bodies, "endmodule", ""]))
    (folder / "bench.cpp").write_text(_BENCH)
    command = ["verilator", *_FLAGS, "--top-module", "top", "--Mdir", "made", "top.v", "bench.cpp"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-2000:]
    text = "".join(f"{strobe} {a} {b}\n" for strobe, a, b in rows)
    ran = subprocess.run([folder / "made" / "Vtop"], input=text, capture_output=True, text=True, check=True)
    return np.array(ran.stdout.split(), np.uint64).reshape(len(rows), len(circuits))


def _operands(bits: int, sets: int) -> np.ndarray:
    """uint64 [sets, 2]: corners with corners, then random patterns."""
    rng, top = np.random.default_rng(0), 1 << bits
    corners = np.array([0, 1, top // 2 - 1, top // 2, top // 2 + 1, top - 1, top // 4, 3 * top // 8], np.uint64)
    pairs = np.stack(np.meshgrid(corners, corners), -1).reshape(-1, 2)
    return np.vstack([pairs, rng.integers(0, top, (sets - len(pairs), 2), dtype=np.uint64)])


@pytest.mark.parametrize(
    ("fmt", "kind", "word"),
    [
        (nexus.FLOAT8_E4M3FN, ml_dtypes.float8_e4m3fn, np.uint8),
        pytest.param(nexus.FLOAT32, np.float32, np.uint32, marks=[pytest.mark.slow, pytest.mark.timeout(1200)]),
    ],
    ids=["FP8", "FP32"],
)
def test_results_stand_at_the_stated_depth_one_set_an_edge(fmt, kind, word, tmp_path):
    circuits = {name: nexus.circuit(name, fmt) for name in OPERATIONS}
    sets, deepest = 1_000, max(one.depth for one in circuits.values())
    operands = _operands(fmt.bits, sets)
    rows = [(1, int(a), int(b)) for a, b in operands] + [(0, 0, 0)] * deepest
    found = _simulated(circuits, rows, tmp_path)
    x, y = (column.astype(word).view(kind) for column in operands.T)
    for column, (name, operation) in enumerate(OPERATIONS.items()):
        # Row e is what stands after edge e + 1, the first edge having taken the first set.
        depth = circuits[name].depth
        result = found[depth - 1 : depth - 1 + sets, column].astype(word)
        with np.errstate(all="ignore"):
            expected = operation(x, y).astype(kind)
        nan = np.isnan(expected.astype(np.float64)) & np.isnan(result.view(kind).astype(np.float64))
        assert (nan | (result == expected.view(word))).all(), name
        assert not found[: depth - 1, column].any() and not found[depth - 1 + sets :, column].any(), name
