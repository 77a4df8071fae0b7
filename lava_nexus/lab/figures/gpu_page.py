"""The measured parts of docs/gpu.md, written from records: no figure in its tables and sentences is typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lava_nexus.errors import NexusError
from lava_nexus.lab.figures.cpu_table import processor_text

NAMES = {"qwen3_0.6b": "Qwen3-0.6B", "llama_2_7b": "LLaMA-2 7B", "llama_2_70b": "LLaMA-2 70B"}

Row = Mapping[str, Any]
MADE = "made by python scripts/gpu_page.py"


def page(text: str, operations: Row, models: Row, checks: Row, processor: Row) -> str:
    """The page with what stands between its marks made anew."""
    parts = {"operations": _operations(operations), "native": _native(operations), "models": _models(models)}
    for name, made in (*parts.items(), ("checks", _checks(checks)), ("processor", processor_text(processor))):
        begin, end = f"<!-- {name}: {MADE} -->\n", f"<!-- end of {name} -->\n"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise NexusError(f"docs/gpu.md lacks its mark '{begin.strip()}' or '{end.strip()}'")
        text = text[: text.index(begin) + len(begin)] + made + text[text.index(end) :]
    return text


def where(record: Row) -> str:
    """The machine and the date of a record."""
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
        f"{where(record)}. {unequal} FP32 sums are unequal to plain float arithmetic in the same order. "
        f"All 2^32 inputs, gates against golden functions on the GPU: {checked}.\n\n{table(record['rows'])}\n"
        f"The slowest first call, compiling what is not on disk, took {first['first call']:.1f} s ({first['what']}).\n"
    )


def _native(record: Row) -> str:
    """Layers of native products, counting off beside counting on, and gates of rounded sums of the same shape."""
    lines = [
        "| | size | groups | units | G/s, counting off | G/s, counting on | times gates in index order, off / on |",
        "|---|---|---|---|---|---|---|",
    ]
    key = lambda row: (row["what"].split()[0], *row["shape"])  # noqa: E731
    gates = {
        (key(row), row["counting"]): row["a second"]
        for row in record["rows"]
        if "shape" in row and row["what"].endswith("multiply-accumulate, threshold")
    }
    pairs: dict[Any, dict[bool, Row]] = {}
    for row in record["native"]:
        pairs.setdefault(key(row), {})[row["counting"]] = row
    for of, pair in pairs.items():
        first, speeds = pair[False], [pair[on]["a second"] for on in (False, True)]
        more = [f"{speed / gates[of, on]:.0f}" for on, speed in zip((False, True), speeds, strict=True)]
        cells = [first["what"], ", ".join(map(str, first["shape"])), str(first["groups"]), first["units"]]
        cells += [*(f"{speed / 1e9:,.0f}" for speed in speeds), " / ".join(more)]
        lines.append(f"| {' | '.join(cells)} |")
    unequal, sums = (sum(row[name] for row in record["native"]) for name in ("unequal of a row", "compared"))
    return "\n".join(lines) + f"\n\n{unequal} of {sums:,} sums that were compared with exact ones are unequal.\n"


def _models(record: Row) -> str:
    lines = [
        "| shape | GPUs | layers run | weights | kept on a GPU | first prompt, ms a token | prompt, ms a token | "
        "next token, s | unequal, to |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in record["rows"]:
        scale = row["of"] / row["layers"]
        first, prompt = (
            f"{1e3 * scale * row[of] / row['tokens']:.1f}" if of in row else "-"
            for of in ("first prompt seconds", "prompt seconds")
        )
        more = f"{scale * row['next token seconds']:.2f}"
        unequal = row.get("unequal bits by layer")
        against = "-" if unequal is None else f"{sum(unequal)} at {len(unequal)} layers, {row['against']}"
        layers = f"{row['layers']} of {row['of']}" + ("" if scale == 1 else f", times {scale:g}")
        kept = "all" if row.get("weight memory, GB") is None else f"{row['weight memory, GB']:g} GB"
        cells = [NAMES.get(row["shape"], row["shape"]), str(row.get("devices", 1)), layers, row["weights"], kept]
        lines.append(f"| {' | '.join([*cells, first, prompt, more, against])} |")
    tokens = record["rows"][0]["tokens"]
    return (
        f"{where(record).removeprefix('One ')}: prompts of {tokens} tokens, seeded weights, FP32 sums in index order, "
        "counting off, no logits; the first prompt brings the weights.\n\n" + "\n".join(lines) + "\n"
    )


def _checks(record: Row) -> str:
    lines = ["| format | operand sets of each | unequal in all | operations, seconds |", "|---|---|---|---|"]
    alike: dict[tuple[str, int], list[Row]] = {}
    for row in record["verified"]:
        to = "" if row["to"] == row["format"] else f" to {row['to']}"
        alike.setdefault((row["format"] + to, row["sets"]), []).append(row)
    for (fmt, sets), rows in alike.items():
        told = ", ".join(f"{row['operation']} {row['seconds']:.2g}" for row in rows)
        lines.append(f"| {fmt} | {sets:,} | {sum(row['mismatches'] for row in rows):,} | {told} |")
    counts = [
        "| | size | G/s, nothing counted | every spike | a sample | sets in it | standard error of SynOps |",
        "|---|---|---|---|---|---|---|",
    ]
    for (what, size), ways in _by_size(record["sampled"]).items():
        speeds = [f"{ways[way]['a second'] / 1e9:.1f}" for way in (False, True, "sample")]
        share, error = (f"{100 * ways['sample'][name]:.2g} %" for name in ("fraction", "standard error"))
        counts.append(f"| {' | '.join([what, size, *speeds, share, error])} |")
    return (
        f"{where(record)}. `lava-nexus verify CONFIG --set executor=cuda`, all operand sets, gates against golden "
        "functions, kernels on disk:\n\n"
        + "\n".join(lines)
        + "\n\nSampled counts, `fraction` 0.01:\n\n"
        + "\n".join(counts)
        + "\n"
    )


def _by_size(rows: Sequence[Row]) -> dict[tuple[str, str], dict[Any, Row]]:
    """Rows by what and size, then by what is counted."""
    found: dict[tuple[str, str], dict[Any, Row]] = {}
    for row in rows:
        size = ", ".join(map(str, row["shape"])) if "shape" in row else f"2^{row['sets'].bit_length() - 1}"
        found.setdefault((row["what"], size), {})[row["counting"]] = row
    return found


def table(rows: Sequence[Row]) -> str:
    """Rows of a record as Markdown: one line a circuit and size, counting off beside counting on."""
    lines = [
        "| | size | look-ups off / on | G/s, counting off | of the limit | G/s, counting on | of the limit |",
        "|---|---|---|---|---|---|---|",
    ]
    for (what, size), pair in _by_size(rows).items():
        number = " / ".join(f"{pair[on]['look-ups']:,}" for on in (False, True) if on in pair)
        cells = [
            cell
            for on in (False, True)
            for cell in (
                (f"{pair[on]['a second'] / 1e9:.1f}", f"{100 * pair[on]['a second'] / pair[on]['limit']:.0f} %")
                if on in pair
                else ("-", "-")
            )
        ]
        lines.append(f"| {what} | {size} | {number} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
