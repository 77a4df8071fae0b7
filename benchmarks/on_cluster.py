"""Whole commands on a local cluster of one and two single-thread workers, beside threads of one process, interleaved.

Seconds on the wall and, behind them, of processors, which others on the machine disturb less. Ideal is half the wall
time on two workers, and no more work.

Usage: python benchmarks/on_cluster.py [--quick] [--repeats N] [--only WORD ...] [--share S] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.cluster import ClusterConfig
from lava_nexus.config import build_config
from lava_nexus.crew import crew
from lava_nexus.files import write_text
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.markdown import markdown
from lava_nexus.lab.plan import Rates, planned
from lava_nexus.store import processor, processors

Found = tuple[tuple[str, ...], list[list[Any]]]

LONG = 4  # times the sets of a verification, for a run of a minute on two threads
MODEL = {
    **{"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128},
    **{"num_hidden_layers": 2, "vocab_size": 256, "max_position_embeddings": 512, "rms_norm_eps": 1e-6},
}
WAYS: dict[str, Any] = {
    "2 threads": None,
    **{f"{n} worker{'s' * (n > 1)}": {"at": "local", "workers": n, "threads": 1, "wait_seconds": 300} for n in (1, 2)},
}


Job = tuple[str, dict[str, Any], tuple[str, ...]]
"""Command, config, ways."""
SCALED = ("1 worker", "2 workers")


def jobs(quick: bool, share: float) -> dict[str, Job]:
    """By what is done; those of the quick run small, of `share` of the whole size else."""
    sets, cells, items = (1 << 16, 4, 2) if quick else (int((1 << 28) * share), int(40 * share), int(200 * share))
    verified = {"inputs": "sample", "operations": ["mul"], "formats": ["float32"], "bases": ["threshold"], "corners": 0}
    sweep = {"kind": "noise", "logic": ["xor"], "noise_on": ["membrane"], "theory_sets": 0}
    sigmas = [round(0.01 * (i + 1), 2) for i in range(cells // 2)]
    text = " ".join(f"word{i % 97}" for i in range(8 * items + 1))
    small = MODEL | {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    task = {"kind": "perplexity", "file": text, "window": 8}

    def sample(size: int) -> dict[str, Any]:
        return {"jobs": [{**verified, "size": size}], "threads": 2}

    return {
        f"a minute: {LONG * sets:,} operand sets": ("verify", sample(LONG * sets), ("2 threads", "2 workers")),
        f"{sets:,} operand sets of FP32 mul": ("verify", sample(sets), SCALED),
        f"{cells} cells of a sweep": (
            "robustness",
            {"sweep": {**sweep, "sigmas": sigmas}, "trials": 200 if quick else 400_000, "seeds": 2},
            SCALED,
        ),
        f"{items} windows of text": (
            "evaluate",
            {"model": {"architecture": small}, "tasks": [task], "pytorch": False},
            SCALED,
        ),
    }


def of_children() -> float:
    """Seconds of processors of processes that were started here and have ended, with all that they started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds(command: str, config: dict[str, Any], cluster: Any, folder: Path) -> tuple[float, float]:
    """(wall, processor) of the whole command, start of Python and of the cluster among it."""
    given = {**config, "out": str(folder / "out"), **({} if cluster is None else {"cluster": cluster})}
    for task in given.get("tasks", []):
        (folder / "text.txt").write_text(task["file"])
        given["tasks"] = [{**task, "file": str(folder / "text.txt")}]
    (folder / "config.yaml").write_text(json.dumps(given))
    run = [sys.executable, "-m", "lava_nexus", command, str(folder / "config.yaml")]
    return timed(partial(subprocess.run, run, check=True, stdout=subprocess.DEVNULL))


def commands(chosen: dict[str, Job], repeats: int) -> Found:
    """Commands: the ways take turns, and of several rounds the first one, which fills caches, does not count."""
    rows = []
    for name, (command, config, ways) in chosen.items():
        taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(repeats + (repeats > 1)):
            for way in ways:
                with tempfile.TemporaryDirectory() as folder:
                    taken[way].append(seconds(command, config, WAYS[way], Path(folder)))
        found = {way: np.median(times[-repeats:], axis=0).tolist() for way, times in taken.items()}
        (first, first_used), (two, two_used) = found.values()
        ratio = f"{first / two:.2f} ({two_used / first_used:.2f})"
        cells = [f"{found[way][0]:.1f} ({found[way][1]:.1f})" if way in ways else None for way in WAYS]
        rows.append([name, *cells, ratio])
        print(*rows[-1], sep=" | ", flush=True)
    return ("work", *WAYS, "times as fast (processors more)"), rows


def plans(quick: bool, repeats: int) -> Found:
    """A run of two layers without a cluster and on 1, 2 and 4 workers, the same in every count, beside its plan."""
    shape = MODEL if quick else MODEL | {"hidden_size": 512, "intermediate_size": 1536}
    config = {"model": {"kind": "transformer", "architecture": shape, "tokens": 2 if quick else 32}}
    rates, rows, first = Rates.of(), [], None
    for workers in (0, 1) if quick else (0, 1, 2, 4):
        cluster = {"at": "local", "workers": workers, "threads": 1, "wait_seconds": 300} if workers else None
        taken = []
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as folder:
                taken.append(seconds("run", config, cluster, Path(folder)))
                report = json.loads((Path(folder) / "out" / "report.json").read_text())
            counted = {key: report[key] for key in ("spikes", "synops", "layers", "circuits", "neurons", "ulp")}
            first = first or counted
            assert counted == first, f"{workers} workers count otherwise"
        wall, used = (float(np.median([one[i] for one in taken])) for i in (0, 1))
        plan = planned(build_config(RunConfig, config, "benchmark"), workers, 1, rates, processors())
        rows.append(
            [workers or "no cluster", f"{wall:.1f} ({used:.1f})", f"{plan.wall:.1f}", f"{plan.wall / wall:.2f}"]
        )
        print(*rows[-1], sep=" | ", flush=True)
    return ("workers", "wall (processor) seconds", "planned wall", "planned / measured"), rows


def working(flag: str | None, piece: tuple[int, float]) -> int:
    """Takes so many seconds of a processor; piece 5 then ends its worker, once."""
    number, length = piece
    began = time.process_time()
    while time.process_time() - began < length:
        sum(range(1000))
    if flag is not None and number == 5 and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def killed(pieces: int, length: float, repeats: int) -> Found:
    """What a worker costs that is killed at the end of a piece: seconds with and without it."""
    taken: dict[str, list[tuple[float, float]]] = {"": [], "killed": []}
    for _ in range(repeats):
        for how, rows in taken.items():
            with tempfile.TemporaryDirectory() as folder:
                flag = f"{folder}/flag" if how else None
                rows.append(timed(partial(spread, flag, [(n, length) for n in range(pieces)])))
    plain, with_kill = (np.median(rows, axis=0) for rows in taken.values())
    cells = [f"{wall:.1f} ({used:.1f})" for wall, used in (plain, with_kill, (with_kill - plain) / length)]
    header = ("pieces", "seconds of one", "wall (processor)", "with a worker killed", "more, in pieces")
    print(pieces, length, *cells, sep=" | ", flush=True)
    return header, [[pieces, f"{length:g}", *cells]]


def spread(flag: str | None, pieces: list[tuple[int, float]]) -> list[int]:
    """The pieces by two workers."""
    with crew(ClusterConfig(workers=2, threads=1, wait_seconds=300)) as workers:
        return list(workers.map(working, flag, pieces))


def timed(action: Callable[[], Any]) -> tuple[float, float]:
    """(wall, processor of workers) seconds."""
    began, used = time.perf_counter(), of_children()
    action()
    return time.perf_counter() - began, of_children() - used


TITLES = {
    "commands": "Whole commands, seconds on the wall and, in brackets, of processors; medians of {repeats}, the first "
    "round left out.",
    "plans": "A LLaMA shape of two layers beside its plan; counts are the same integers on any number of workers.",
    "killed": "A worker killed (SIGKILL) at the very end of a piece of two workers.",
}


def main(quick: bool, repeats: int, only: list[str], share: float, out: Path | None) -> None:
    """Prints the tables; keeps them for docs/distributed.md."""
    chosen = {k: v for k, v in jobs(quick, share).items() if not only or any(word in k for word in only)}
    found = {}
    for name, measure in (
        ("commands", lambda: commands(chosen, repeats)),
        ("plans", lambda: plans(quick, repeats)),
        ("killed", lambda: killed(8 if quick else 12, 0.1 if quick else 2.0, repeats)),
    ):
        if not only or name in only or (name == "commands" and chosen):
            found[name] = measure()
    where = (
        f"{processor()['name']}, {processors()} processors, load {os.getloadavg()[0]:.1f} at the end, {date.today()}"
    )
    tables = []
    for name, (header, rows) in found.items():
        tables.append({"title": TITLES[name].format(repeats=repeats), "header": header, "rows": rows})
        print(f"\n{tables[-1]['title']}\n\n{markdown(header, rows)}")
    print(f"\n{where}")
    if out is not None:
        write_text(out, json.dumps({"where": where, "quick": quick, "tables": tables}, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="once, small: that everything runs")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="of what is done, or 'killed'")
    parser.add_argument("--share", type=float, default=1.0, metavar="S", help="of the whole sizes")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the tables are kept, docs/distributed.json")
    given = parser.parse_args()
    main(given.quick, 1 if given.quick else given.repeats, given.only, given.share, given.out)
