"""What docs/gpu.md says of the CPU, from the record of `benchmarks/bitsliced.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def processor_text(record: Row) -> str:
    """Where and how it was measured, and both tables."""
    machine, rows, layers = record["machine"], record["rows"], record["layers"]
    unequal = sum(row["unequal"] for row in (*rows, *layers[:1]))
    apart = sum(not row["counts alike"] for row in (*rows, *layers[:1]))
    return (
        f"{machine['processor']} ({machine['vectors']}, {machine['processors at hand']} processors at hand, load "
        f"{machine['load at the start']} when it began), {machine['date']}: FP32, million operations a second by the "
        f"loop / by straight-line code and how many times faster that is, median of {record['repeats']} (5 for what is "
        f"on one thread alone) on {record['sets']:,} operand sets. One thread by its processor time, two by the clock. "
        f"{unequal} results of both are unequal, {apart} counts.\n\n{operation_table(rows)}\n{layer_table(layers)}"
    )


def operation_table(rows: Sequence[Row]) -> str:
    """Rows of operations as Markdown: one line an operation, a column for each way to count and number of threads."""
    of: dict[str, dict[tuple[bool, int], Row]] = {}
    for row in rows:
        of.setdefault(row["what"], {})[row["counting"], row["threads"]] = row
    columns = sorted({key for pair in of.values() for key in pair}, key=lambda key: (not key[0], key[1]))
    titles = [f"{'counted' if count else 'not counted'}, threads: {threads}" for count, threads in columns]
    lines = ["| | neurons | look-ups | " + " | ".join(titles) + " |", "|---" * (3 + len(columns)) + "|"]
    for what, pair in of.items():
        cells = [_rates(pair[key]) if key in pair else "-" for key in columns]
        looks = " / ".join(f"{pair[count, 1]['look-ups']:,}" for count in (False, True) if (count, 1) in pair)
        lines.append(f"| {what} | {next(iter(pair.values()))['neurons']:,} | {looks} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def layer_table(rows: Sequence[Row]) -> str:
    """A layer by both ways as Markdown."""
    lines = [
        "| | by | multiply-accumulates | seconds | processor seconds | of them for seeded weights, some |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['shape']} | {row['by']} | {row['multiplications']:,} | {row['seconds']:.1f} | "
        f"{row['processor seconds']:.1f} | {row['weights, processor seconds']:.1f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _rates(row: Row) -> str:
    loop, code = (row[f"{way}, a second"] / 1e6 for way in ("loop", "code"))
    return f"{_shown(loop)} / {_shown(code)} ({code / loop:.1f})"


def _shown(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 99.5 else f"{rate:.1f}"
