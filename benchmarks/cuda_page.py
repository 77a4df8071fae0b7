"""The measured parts of docs/gpu.md, written from records: figures in its tables and sentences are none that were typed.

Usage: python -m benchmarks.cuda_page [--check]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.cuda import table
from lava_nexus.errors import NexusError

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "gpu.md"
RECORDS = ROOT / "lava_nexus" / "energy" / "records"
NAMES = {"qwen3_0.6b": "Qwen3-0.6B", "llama_2_7b": "LLaMA-2 7B", "llama_2_70b": "LLaMA-2 70B"}

Row = Mapping[str, Any]


def page(text: str, operations: Row, models: Row) -> str:
    """The page with what stands between its marks made anew."""
    for name, made in (("operations", _operations(operations)), ("models", _models(models))):
        begin, end = f"<!-- {name}: made by python -m benchmarks.cuda_page -->\n", f"<!-- end of {name} -->\n"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise NexusError(f"{PAGE.name} lacks its mark '{begin.strip()}' or '{end.strip()}'")
        text = text[: text.index(begin) + len(begin)] + made + text[text.index(end) :]
    return text


def _where(record: Row) -> str:
    machine = record["machine"]
    cuda = f"{machine['driver'] // 1000}.{machine['driver'] % 1000 // 10}"
    return f"One {machine['device']} (driver of CUDA {cuda}, CuPy {machine['cupy']}), {machine['date']}"


def _operations(record: Row) -> str:
    checked = "; ".join(
        f"{row['what']} in {row['seconds']:.2g} s, {row['mismatches']} unequal" for row in record["verified"]
    )
    unequal = sum(row.get("unequal to strict float") or 0 for row in record["rows"])
    first = max(record["rows"], key=lambda row: row.get("first call", 0))
    return (
        f"{_where(record)}. {unequal} FP32 sums are unequal to plain float arithmetic in the same order. "
        f"All 2^32 inputs, gates against golden functions on the GPU: {checked}.\n\n{table(record['rows'])}\n"
        f"The slowest first call, which compiles what is not on disk, took {first['first call']:.1f} s ({first['what']}).\n"
    )


def _models(record: Row) -> str:
    lines = [
        "| shape | layers run | weights | prompt, ms a token | next token, s | unequal to the CPU |",
        "|---|---|---|---|---|---|",
    ]
    for row in record["rows"]:
        scale = row["of"] / row["layers"]
        prompt, more = 1e3 * scale * row["prompt seconds"] / row["tokens"], scale * row["next token seconds"]
        unequal = row.get("unequal bits by layer")
        against = "-" if unequal is None else f"{sum(unequal)} at {len(unequal)} layers ({row['against']})"
        layers = f"{row['layers']} of {row['of']}" + ("" if scale == 1 else f", times {scale:g}")
        cells = [NAMES.get(row["shape"], row["shape"]), layers, row["weights"], f"{prompt:.1f}", f"{more:.2f}", against]
        lines.append(f"| {' | '.join(cells)} |")
    tokens = record["rows"][0]["tokens"]
    return (
        f"{_where(record)}: prompts of {tokens} tokens, seeded weights, FP32 sums in index order, counting "
        "off, no logits.\n\n" + "\n".join(lines) + "\n"
    )


def main() -> None:
    """Writes the page, or says that it is not what the records give."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="writes nothing")
    given = parser.parse_args()
    records = [json.loads((RECORDS / name).read_text()) for name in ("cuda.json", "cuda_models.json")]
    made = page(PAGE.read_text(), *records)
    if given.check and made != PAGE.read_text():
        raise NexusError(f"{PAGE.name} is not what its records give; run python -m benchmarks.cuda_page")
    if not given.check:
        PAGE.write_text(made)


if __name__ == "__main__":
    main()
