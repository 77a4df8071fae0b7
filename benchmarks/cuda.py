"""Gate circuits on a GPU: operations and multiply-accumulates a second beside the limit of their look-ups; a record.

The limit is multiprocessors x 64 LOP3 a clock x the largest clock x 32 operand sets to a word, over an operation's
look-ups. Every sum is compared with plain float arithmetic of the GPU in the same order.

Usage: python -m benchmarks.cuda [--record benchmarks/records/cuda.json] [--quick]

As a module: a script of that name would hide NVIDIA's package `cuda`, which CuPy imports.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.circuits.native import NativeLayer
from lava_nexus.cli import run_guarded
from lava_nexus.errors import NexusError
from lava_nexus.execute.cuda import CudaExecutor
from lava_nexus.execute.cuda.device import cupy, machine
from lava_nexus.execute.cuda.golden import against_golden
from lava_nexus.execute.cuda.native.units import INTEGERS, units_for
from lava_nexus.execute.executor import Count
from lava_nexus.execute.native.layer import native_sums
from lava_nexus.formats import BFLOAT16, FLOAT32, FloatFormat
from lava_nexus.lab.figures.gpu_page import table
from lava_nexus.lab.figures.speed import speed_figure
from lava_nexus.lowering.ordered import ordered_graph
from lava_nexus.populations.native.limbs import Limbs
from lava_nexus.programs.order import named_order
from lava_nexus.programs.product import Rounded

Row = dict[str, Any]

SHAPES = [(64, 256, 32768), (16, 256, 32768), (1, 4096, 4096)]
"""Tokens, inputs, outputs of layers."""
OPERATIONS = [("add", 1 << 28), ("mul", 1 << 28), ("exp", 1 << 26), ("gelu", 1 << 25)]

VERIFIED = ("exp", "gelu")
"""Functions held against their golden functions on all 2^32 inputs."""

PUBLISHED = "published code, CPU"
"""What stands beside ours in `speeds.json`."""

_STRICT = r"""
extern "C" __global__ void strict(const float *x, const float *w, float *y, int terms, int columns) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y;
  if (column >= columns) return;
  float sum = 0;
  for (int k = 0; k < terms; k++) {
    const float p = __fmul_rn(x[row * (long long)terms + k], w[column * (long long)terms + k]);
    sum = k ? __fadd_rn(sum, p) : p;
  }
  y[row * (long long)columns + column] = sum;
}
"""


def gpu_there(quick: bool) -> bool:
    """Whether there is a GPU to measure on; a quick run says that there is none.

    Raises:
        NexusError: there is none, and the run is not a quick one.
    """
    try:
        cupy()
    except NexusError as error:
        if not quick:
            raise
        print(f"nothing is measured: {error}")
        return False
    return True


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """Median device seconds of a piece of work, after one that compiles."""
    xp = cupy()
    work()
    taken = []
    for _ in range(repeats):
        start, stop = xp.cuda.Event(), xp.cuda.Event()
        start.record()
        work()
        stop.record()
        stop.synchronize()
        taken.append(xp.cuda.get_elapsed_time(start, stop) / 1e3)
    return float(np.median(taken))


def limit(looks: int) -> float:
    """Operations a second if every LOP3 slot of the GPU did a look-up."""
    xp = cupy()
    device = xp.cuda.Device()
    attributes = device.attributes
    return float(attributes["MultiProcessorCount"] * 64 * attributes["ClockRate"] * 1e3 * 32 / looks)


def looks(variant: Any, *circuits: Circuit) -> int:
    """Look-ups of the circuits together."""
    return sum(len(ordered_graph(one.network, variant).tables) for one in circuits)


def of_sample(executor: CudaExecutor, work: Callable[[], Any]) -> Row:
    """How sure the SynOps are, where a sample is counted."""
    if executor.sample is None:
        return {}
    with executor.apart(add=False) as tallies:
        work()
    synops: Any = tallies.synops
    return {"fraction": synops.counted / synops.sets, "standard error": synops.error / synops.value}


def operation(name: str, sets: int, count: Count, basis: str, repeats: int) -> Row:
    """One FP32 operation on arrays on the GPU, packing included."""
    xp = cupy()
    target = circuit(name, FLOAT32, basis=basis)
    executor = CudaExecutor(count=count)
    rng = xp.random.default_rng(0)
    operands = [rng.standard_normal(sets, dtype=np.float32).view(np.uint32) for _ in target.inputs]
    begun = time.perf_counter()
    executor.invoke(target, [one[:1024] for one in operands])
    cold = time.perf_counter() - begun
    taken = seconds(lambda: executor.invoke(target, operands), repeats)
    number = looks("spikes" if count is True else "outputs", target)
    row = {"what": f"{target.label}, {basis}", "counting": count, "sets": sets, "look-ups": number}
    row |= of_sample(executor, lambda: executor.invoke(target, operands))
    bytes_each = 4 * (len(target.inputs) + 1)
    return row | {"a second": sets / taken, "limit": min(limit(number), 4.3e12 / bytes_each), "first call": cold}


def layer(shape: tuple[int, int, int], fmt: FloatFormat, count: Count, basis: str, repeats: int) -> Row:
    """A linear layer in index order; FP32 sums are compared with plain float arithmetic."""
    xp = cupy()
    tokens, inputs, outputs = shape
    first, then = circuit("mul", fmt, basis=basis), circuit("add", fmt, basis=basis)
    executor = CudaExecutor(count=count)
    rng = xp.random.default_rng(0)
    x, w = (rng.standard_normal(size, dtype=np.float32) for size in ((tokens, inputs), (outputs, inputs)))
    if fmt is BFLOAT16:
        operands = [(one.view(np.uint32) >> 16).astype(np.uint16) for one in (x, w)]
    else:
        operands = [one.view(np.uint32) for one in (x, w)]
    how = Rounded(first, then, named_order("sequential", inputs))
    found = executor.contracted(how, operands[0], operands[1], None)
    unequal = None
    if fmt is FLOAT32:
        strict = xp.empty((tokens, outputs), np.float32)
        kernel = xp.RawKernel(_STRICT, "strict", options=("-fmad=false",))
        kernel((-(-outputs // 128), tokens), (128,), (x, w, strict, np.int32(inputs), np.int32(outputs)))
        unequal = int((strict.view(np.uint32) != found).sum())
    taken = seconds(lambda: executor.contracted(how, operands[0], operands[1], None), repeats)
    number, macs = looks("spikes" if count is True else "outputs", first, then), tokens * inputs * outputs
    row = of_sample(executor, lambda: executor.contracted(how, operands[0], operands[1], None))
    row |= {"what": f"{fmt} multiply-accumulate, {basis}", "counting": count, "shape": list(shape), "look-ups": number}
    return row | {"a second": macs / taken, "limit": limit(number), "unequal to strict float": unequal}


def native_layer(shape: tuple[int, int, int], fmt: FloatFormat, count: bool, repeats: int) -> Row:
    """A linear layer of native products, its gates at both ends included; some sums are compared with the golden's."""
    tokens, inputs, outputs = shape
    executor, rng = CudaExecutor(count=count), np.random.default_rng(0)
    x, w = (
        fmt.to_patterns((scale * rng.standard_normal(size)).astype(np.float32).astype(fmt.dtype))
        for size, scale in (((tokens, inputs), 1), ((outputs, inputs), inputs**-0.5))
    )
    layer, given = NativeLayer(Limbs(fmt, fmt, fmt, w, "layer")), executor.place(x)
    begun = time.perf_counter()
    found = executor.fetch(native_sums(layer, given, executor))
    cold = time.perf_counter() - begun
    unequal = int((found[:1] != layer.by_doubles(x[:1])).sum())
    taken = seconds(lambda: native_sums(layer, given, executor), repeats)
    row = {"what": f"{fmt} native products", "counting": count, "shape": list(shape), "first call": cold}
    units = "integer" if units_for(layer.limbs) is INTEGERS else "float64"
    row |= {"units": units, "groups": len(layer.limbs.groups)}
    return row | {"a second": tokens * inputs * outputs / taken, "unequal of a row": unequal, "compared": outputs}


def verified(name: str) -> Row:
    """Every input of a function, the gates against the golden function, after a first run that compiles."""
    target, executor = circuit(name, FLOAT32), CudaExecutor(count=False)
    against_golden(executor, target, 0, 1 << 20)
    begun = time.perf_counter()
    found = against_golden(executor, target)
    taken = time.perf_counter() - begun
    return {"what": target.label, "sets": found.sets, "mismatches": found.mismatches, "seconds": taken}


def figure(record: Path, path: Path) -> Path:
    """Operations a second beside those of a CPU and of published code, from records alone."""
    kept = json.loads(record.with_name("speeds.json").read_text())
    speeds: dict[str, dict[str, float]] = {name: of for name, of in kept.items() if name != "what"}
    speeds["CPU, one thread, counted"] = {
        row["what"]: row["code, a second"]
        for row in json.loads(record.with_name("cpu.json").read_text())["rows"]
        if row["what"] in kept[PUBLISHED] and row["counting"] and row["threads"] == 1
    }
    for counting, name in ((True, "GPU, counted"), (False, "GPU, not counted")):
        speeds[name] = {
            row["what"].split()[0]: row["a second"]
            for row in json.loads(record.read_text())["rows"]
            if "sets" in row and row["what"].endswith("float32, threshold") and row["counting"] is counting
        }
    return speed_figure(speeds, "FP32 operations of gates: published code, one thread of a CPU, one H200", path)


def main(record: Path | None, quick: bool) -> None:
    """Prints a row a measurement; writes the record."""
    if not gpu_there(quick):
        return
    repeats = 3 if quick else 5
    rows: list[Row] = []
    checked: list[Row] = []
    native: list[Row] = []

    def kept() -> None:
        if record:
            found = {"machine": machine(), "rows": rows, "native": native, "verified": checked}
            record.write_text(json.dumps(found, indent=1) + "\n")

    def done(row: Row) -> None:
        rows.append(row)
        size = row.get("shape") or row["sets"]
        share = 100 * row["a second"] / row["limit"]
        print(
            f"{row['what']:42} {'on ' if row['counting'] else 'off'} {size!s:18} {row['a second'] / 1e9:8.2f} G/s "
            f"of {row['limit'] / 1e9:7.1f} ({share:3.0f} %) {row.get('unequal to strict float', '')}",
            flush=True,
        )
        kept()

    for basis, counts in (("threshold", (False, True)), ("nexus", (False,))):
        for fmt in (FLOAT32, BFLOAT16):
            for shape in SHAPES[:1] if quick else SHAPES:
                for count in counts:
                    done(layer(shape, fmt, count, basis, repeats))
    for name, sets in OPERATIONS[:2] if quick else OPERATIONS:
        for basis, counts in (("threshold", (False, True)), ("nexus", (False,))):
            if basis == "threshold" or name in ("add", "mul"):
                for count in counts:
                    done(operation(name, sets, count, basis, repeats))
    for shape in SHAPES[:1] if quick else SHAPES:
        for fmt in (FLOAT32, BFLOAT16):
            for count in (False, True):
                native.append(native_layer(shape, fmt, count, repeats))
                print(native[-1], flush=True)
                kept()
    for name in () if quick else VERIFIED:
        checked.append(verified(name))
        print(checked[-1], flush=True)
        kept()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", type=Path, help="JSON file to write")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and repetitions")
    parser.add_argument("--table", type=Path, help="a record to print as Markdown; nothing is measured")
    parser.add_argument("--figure", type=Path, help="an image to draw from the record of --table")
    arguments = parser.parse_args()
    if arguments.table and arguments.figure:
        print(figure(arguments.table, arguments.figure))
    elif arguments.table:
        print(table(json.loads(arguments.table.read_text())["rows"]), end="")
    else:
        run_guarded(lambda: main(arguments.record, arguments.quick))
