"""Whole commands on a local cluster of one and two single-thread workers, beside threads of one process, interleaved.

Seconds on the wall and, behind them, of processors, which others on the machine disturb less. Ideal is half the wall
time on two workers, and no more work. `--only` and `--join` measure rows one by one, on processors of their own.

Usage: python benchmarks/on_cluster.py [--quick] [--repeats N] [--only WORD ...] [--share S] [--rates FILE]
       [--join FILE ...] [--out FILE]
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
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.cli import run_guarded
from lava_nexus.cluster import ClusterConfig
from lava_nexus.config import build_config
from lava_nexus.crew import crew
from lava_nexus.files import write_text
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.markdown import markdown
from lava_nexus.lab.plan import Rates, planned
from lava_nexus.store import processor, processors

Taken = dict[str, list[tuple[float, float]]]
"""(wall, processor) seconds of each round, by way."""
Run = dict[str, Any]

LONG = 4  # times the sets of a verification, for a run of a minute on two threads
WINDOW = 16  # tokens of an item
WARM = 0.05  # of the whole size, run first, so that caches are full
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
    whole = (int((1 << 28) * share), max(2, int(40 * share)), max(1, int(200 * share)))
    sets, cells, items = (1 << 16, 4, 2) if quick else whole
    verified = {"inputs": "sample", "operations": ["fma"], "bases": ["threshold"], "corners": 0}
    noisy = {"operations": ["add"], "formats": ["float32"], "bases": ["threshold"], "noise_on": ["membrane"]}
    sweep = {"kind": "noise", **noisy, "theory_sets": 0, "injections": 1}
    sigmas = [round(0.01 * (i + 1), 2) for i in range(cells // 2)]
    text = " ".join(f"word{i % 97}" for i in range(WINDOW * items))
    small = MODEL | {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    task = {"kind": "perplexity", "file": text, "window": WINDOW}

    def sample(size: int, fmt: str = "float32") -> dict[str, Any]:
        return {"jobs": [{**verified, "formats": [fmt], "size": size}], "threads": 2}

    return {
        f"a minute: {LONG * sets:,} operand sets": ("verify", sample(LONG * sets), ("2 threads", "2 workers")),
        f"{sets:,} operand sets of FP64 fma": ("verify", sample(sets, "float64"), SCALED),
        f"{cells} cells of a sweep": (
            "robustness",
            {"sweep": {**sweep, "sigmas": sigmas}, "trials": 200 if quick else 800_000, "seeds": 2 if quick else 10},
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


def commands(chosen: dict[str, tuple[Job, Job]], repeats: int) -> Iterator[Run]:
    """Commands, each behind a small one that fills caches; the ways take turns."""
    for name, (small, (command, config, ways)) in chosen.items():
        taken: Taken = {way: [] for way in ways}
        with tempfile.TemporaryDirectory() as folder:
            seconds(*small[:2], None, Path(folder))
        for _ in range(repeats):
            for way in ways:
                with tempfile.TemporaryDirectory() as folder:
                    taken[way].append(seconds(command, config, WAYS[way], Path(folder)))
                print(name, way, *(f"{one:.2f}" for one in taken[way][-1]), sep=" | ", flush=True)
        yield {"row": name, "taken": taken}


def plans(quick: bool, repeats: int, rates: Rates) -> Iterator[Run]:
    """A run of two layers without a cluster and on 1, 2 and 4 workers, the same in every count, beside its plan."""
    shape = MODEL if quick else MODEL | {"hidden_size": 512, "intermediate_size": 1536}
    config = {"model": {"kind": "transformer", "architecture": shape, "tokens": 2 if quick else 32}}
    first = None
    with tempfile.TemporaryDirectory() as folder:
        seconds("run", config | {"model": config["model"] | {"tokens": 1}}, None, Path(folder))
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
        plan = planned(build_config(RunConfig, config, "benchmark"), workers, 1, rates, processors())
        print(workers, taken, f"{plan.wall:.1f}", sep=" | ", flush=True)
        yield {"row": workers or "no cluster", "taken": {"run": taken}, "planned": plan.wall}


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


def killed(pieces: int, length: float, repeats: int) -> Iterator[Run]:
    """What a worker costs that is killed at the end of a piece: seconds with and without it."""
    taken: Taken = {"": [], "killed": []}
    for _ in range(repeats):
        for how, rows in taken.items():
            with tempfile.TemporaryDirectory() as folder:
                flag = f"{folder}/flag" if how else None
                rows.append(timed(partial(spread, flag, [(n, length) for n in range(pieces)])))
    print(pieces, length, taken, sep=" | ", flush=True)
    yield {"row": f"{pieces} pieces of {length:g} s", "taken": taken, "length": length}


def spread(flag: str | None, pieces: list[tuple[int, float]]) -> list[int]:
    """The pieces by two workers."""
    with crew(ClusterConfig(workers=2, threads=1, wait_seconds=300)) as workers:
        return list(workers.map(working, flag, pieces))


def timed(action: Callable[[], Any]) -> tuple[float, float]:
    """(wall, processor of workers) seconds."""
    began, used = time.perf_counter(), of_children()
    action()
    return time.perf_counter() - began, of_children() - used


def shown(pair: Any) -> str:
    """Wall and processors."""
    return f"{pair[0]:.1f} ({pair[1]:.1f})"


def command_row(run: Run, found: dict[str, Any]) -> list[Any]:
    """Of a command."""
    (first, first_used), (two, two_used) = (found[way] for way in WAYS if way in found)
    cells = [shown(found[way]) if way in found else None for way in WAYS]
    return [
        run["row"],
        *cells,
        f"{first / two:.2f} ({two_used / first_used:.2f})",
        len(next(iter(run["taken"].values()))),
    ]


def plan_row(run: Run, found: dict[str, Any]) -> list[Any]:
    """Of a run that was planned."""
    wall, plan = found["run"][0], run["planned"]
    return [run["row"], shown(found["run"]), f"{plan:.1f}", f"{plan / wall:.2f}"]


def killed_row(run: Run, found: dict[str, Any]) -> list[Any]:
    """Of a worker that was killed."""
    return [run["row"], *map(shown, (found[""], found["killed"], (found["killed"] - found[""]) / run["length"]))]


TABLES: dict[str, tuple[str, tuple[str, ...], Callable[[Run, dict[str, Any]], list[Any]]]] = {
    "commands": (
        "Whole commands, seconds on the wall and, in brackets, of processors; medians of rounds.",
        ("work", *WAYS, "times as fast (processors more)", "rounds"),
        command_row,
    ),
    "plans": (
        "A LLaMA shape of two layers beside its plan; counts are the same integers on any number of workers.",
        ("workers", "wall (processor) seconds", "planned wall", "planned / measured"),
        plan_row,
    ),
    "killed": (
        "A worker killed (SIGKILL) at the very end of a piece of two workers.",
        ("work", "wall (processor) seconds", "with a worker killed", "more, in pieces"),
        killed_row,
    ),
}


def tables(runs: list[Run]) -> list[dict[str, Any]]:
    """A table for each kind of run and place."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for run in sorted(runs, key=lambda run: [*TABLES].index(run["table"])):
        title, header, row = TABLES[run["table"]]
        table = {"title": title, "header": header, "rows": [], "where": run["where"]}
        medians = {way: np.median(rounds, axis=0) for way, rounds in run["taken"].items()}
        found.setdefault((run["table"], run["where"]), table)["rows"].append(row(run, medians))
    return [*found.values()]


def measured(given: argparse.Namespace) -> list[Run]:
    """What is asked for; where caches are cold, a small run of each comes first."""
    quick, only, repeats = given.quick, given.only, 1 if given.quick else given.repeats
    sized = zip(jobs(quick, given.share).items(), jobs(quick, given.share * WARM).values(), strict=True)
    chosen = {name: (small, job) for (name, job), small in sized if not only or any(word in name for word in only)}
    kinds: dict[str, Callable[[], Iterator[Run]]] = {
        "commands": lambda: commands(chosen, repeats),
        "plans": lambda: plans(quick, repeats, Rates.of(given.rates)),
        "killed": lambda: killed(8 if quick else 12, 0.1 if quick else 2.0, repeats),
    }
    where = f"{processor()['name']}, {processors()} of {os.cpu_count()} processors, {date.today()}"
    asked = [name for name in kinds if not only or name in only or (name == "commands" and chosen)]
    own = {"where": where, "quick": quick}
    return [{"table": name, **run, **own, "load": os.getloadavg()[0]} for name in asked for run in kinds[name]()]


def joined(files: list[Path]) -> list[Run]:
    """Runs that were measured one by one; rounds of one row in one place are rounds of one run."""
    found: dict[Any, Run] = {}
    for run in (run for file in files for run in json.loads(file.read_text())["runs"]):
        same = found.setdefault((run["table"], run["row"], run["where"]), run)
        if same is not run:
            same["taken"] = {way: [*rounds, *run["taken"][way]] for way, rounds in same["taken"].items()}
    return [*found.values()]


def main(given: argparse.Namespace) -> None:
    """Prints the tables; keeps them for docs/distributed.md."""
    runs = joined(given.join) if given.join else measured(given)
    shown = tables(runs)
    for table in shown:
        print(f"\n{table['title']}\n\n{markdown(table['header'], table['rows'])}\n\n{table['where']}")
    if given.out is not None:
        kept = {"quick": any(run["quick"] for run in runs), "tables": shown, "runs": runs}
        write_text(given.out, json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="once, small: that everything runs")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="of what is done, 'plans' or 'killed'")
    parser.add_argument("--share", type=float, default=1.0, metavar="S", help="of the whole sizes")
    parser.add_argument("--rates", type=Path, metavar="FILE", help="of this machine, by benchmarks/cluster_rates.py")
    parser.add_argument("--join", type=Path, nargs="+", default=[], metavar="FILE", help="kept rows, into one")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the tables are kept, docs/distributed.json")
    arguments = parser.parse_args()
    run_guarded(lambda: main(arguments))
