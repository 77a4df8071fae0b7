"""Wall time of whole commands on a local cluster of one and two workers, beside threads of one process.

Usage: python benchmarks/on_cluster.py [--quick] [--repeats N]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

_MODEL = {
    **{"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128},
    **{"num_hidden_layers": 1, "vocab_size": 256, "max_position_embeddings": 512, "rms_norm_eps": 1e-6},
}


def jobs(quick: bool) -> dict[str, tuple[str, dict[str, Any]]]:
    """Command and config by what is done, those of the quick run small."""
    bits, cells, items = (18, 4, 2) if quick else (28, 40, 200)
    verified = {"inputs": "sample", "operations": ["mul"], "formats": ["float32"], "bases": ["threshold"]}
    sweep = {"kind": "noise", "logic": ["xor"], "noise_on": ["membrane"], "theory_sets": 0}
    sigmas = [round(0.01 * (i + 1), 2) for i in range(cells // 2)]
    text = " ".join(f"word{i % 97}" for i in range(8 * items + 1))
    return {
        f"2^{bits} operand sets of FP32 mul": (
            "verify",
            {"jobs": [{**verified, "size": 1 << bits, "corners": 0}], "threads": 2},
        ),
        f"{cells} cells of a sweep": (
            "robustness",
            {"sweep": {**sweep, "sigmas": sigmas}, "trials": 200 if quick else 200_000, "seeds": 2},
        ),
        f"{items} windows of text": (
            "evaluate",
            {
                "model": {"architecture": _MODEL},
                "tasks": [{"kind": "perplexity", "file": text, "window": 8}],
                "pytorch": False,
            },
        ),
    }


def seconds(command: str, config: dict[str, Any], cluster: Any, folder: Path) -> float:
    """Wall time of the whole command, start of Python and of the cluster among it."""
    given = {**config, "out": str(folder / "out"), **({} if cluster is None else {"cluster": cluster})}
    for task in given.get("tasks", []):
        if not Path(task["file"]).suffix:
            (folder / "text.txt").write_text(task["file"])
            given["tasks"] = [{**task, "file": str(folder / "text.txt")}]
    (folder / "config.yaml").write_text(json.dumps(given))
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "lava_nexus", command, str(folder / "config.yaml")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def main(quick: bool, repeats: int) -> None:
    """Prints the table; the first run of each, which fills caches, does not count."""
    ways = {"threads": None, **{f"{n} worker{'s' * (n > 1)}": {"at": "local", "workers": n} for n in (1, 2)}}
    print(f"seconds of a whole command, median of {repeats}\n")
    print("| work | " + " | ".join(ways) + " | 1 worker / 2 workers |")
    print("|---" * (len(ways) + 2) + "|")
    for name, (command, config) in jobs(quick).items():
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(repeats + (not quick)):
            for way, cluster in ways.items():
                with tempfile.TemporaryDirectory() as folder:
                    taken[way].append(seconds(command, config, cluster, Path(folder)))
        medians = {way: float(np.median(times[-repeats:])) for way, times in taken.items()}
        cells = [f"{medians[way]:.1f}" for way in ways]
        print(f"| {name} | " + " | ".join(cells) + f" | {medians['1 worker'] / medians['2 workers']:.2f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="once, small: that everything runs")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    main(arguments.quick, 1 if arguments.quick else arguments.repeats)
