"""Plans that are watched for infinities and NaN: results are looked at on the GPU, and fetched where there are any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.cuda.device import cupy, digest_of, fetched, launch
from lava_nexus.execute.cuda.plan import Plan, Ran
from lava_nexus.execute.cuda.planner import Planner
from lava_nexus.execute.cuda.source import c_word, head
from lava_nexus.execute.cuda.steps import Placing
from lava_nexus.execute.watch import Watch
from lava_nexus.formats import FloatFormat
from lava_nexus.programs.program import Program


def ran_watched(plan: Plan, program: Program, executor: Placing, feeds: Mapping[str, Any], watch: Watch) -> Ran:
    """What the plan of a program gives; `watch` is told of the first node with an infinity or NaN, in program order.

    Where there is one the plan runs once more, and what its nodes gave is fetched.
    """
    lost = cupy().zeros(len(plan.formats), np.uint64)

    def look(buffer: int, array: Any) -> None:
        fmt = plan.formats[buffer]
        if isinstance(fmt, FloatFormat) and array.size:
            text = source(fmt)
            launch(lambda: text, digest_of("unfinite", text), array.size, [array, array.size, lost[buffer:]])

    ran = plan.run(executor, feeds, look)
    found = set(np.flatnonzero(fetched(lost)).tolist())
    watch.told = True
    if found:
        _tell(program, executor, feeds, watch, found)
    return ran


def _tell(program: Program, executor: Placing, feeds: Mapping[str, Any], watch: Watch, found: set[int]) -> None:
    planner = Planner(program, {name: len(patterns) for name, patterns in feeds.items()}, bool(executor.count))
    there: dict[int, NDArray[Any]] = {}

    def look(buffer: int, array: Any) -> None:
        if buffer in found:
            there[buffer] = fetched(array)

    planner.plan().run(executor, feeds, look)
    for node in program.nodes:
        buffer, at = planner.values[node.result.number]
        if buffer in found:
            watch(node, there[buffer][at])
        if watch.met is not None:
            return


def source(fmt: FloatFormat) -> str:
    """Kernel `run`: patterns of a format that are infinities or NaN are counted.

    run(const T *x, long long n, u64 *lost)
    """
    return "\n".join(
        [
            "typedef unsigned long long u64;",
            head("run", [f"const {c_word(8 * fmt.pattern_dtype.itemsize)} *x", "long long n", "u64 *lost"]),
            "  const long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
            f"  if (t < n && (u64)(x[t] & {fmt.sign_mask - 1:#x}ull) > {fmt.max_finite:#x}ull) atomicAdd(lost, 1ull);",
            "}",
            "",
        ]
    )
