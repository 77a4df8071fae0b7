"""docs/claims.md: what is claimed of whole models and of training, as measured on a GPU; written from records alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lava_nexus.errors import NexusError
from lava_nexus.lab.figures.gpu_page import NAMES, where
from lava_nexus.lab.markdown import markdown
from lava_nexus.lab.pages import filled
from lava_nexus.lab.published import PublishedUlp
from lava_nexus.lab.ulp.comparison import COMPARISONS, TITLES
from lava_nexus.lab.ulp.report import cell, printed

Row = Mapping[str, Any]

MARKS = ("end to end", "depth", "prompt", "training")
_KEPT = ("max", "mean", "zero_rate", "unequal_bits", "count", "error", "relative")


def kept(report: Row) -> dict[str, Any]:
    """What a record keeps of a report of configs/ulp_full.yaml or configs/train_1b.yaml.

    Raises:
        NexusError: a quick run, one that no GPU took part in, or another report.
    """
    found = report.get("ran") or report
    if report.get("quick") or not found.get("machine") or "versions" not in report:
        raise NexusError(
            "a record is made of reports of whole runs on a GPU, of a model's ULP or of a decoder's training"
        )
    names = ("config", "machine", "parameters", "steps", "compared", "unequal")
    if "steps" in report:
        return {"training": {name: report[name] for name in names}}
    rows = [
        {**row, "measured": {c: m and {name: m[name] for name in _KEPT} for c, m in row["measured"].items()}}
        for row in report["rows"]
    ]
    model = report["config"]["model"]
    return {"model": model["name"], "config": report["config"], **found, "rows": rows}


def page(text: str, record: Row, models: Row) -> str:
    """The page with what stands between its marks made anew.

    Args:
        text: of the page.
        record: `models` and `training`, as `kept` gives them.
        models: the record of `benchmarks.cuda_models`.

    Raises:
        NexusError: a mark is not there.
    """
    made = (_end_to_end(record["models"]), _depth(record["models"]), _prompt(models), _training(record["training"]))
    for name, content in zip(MARKS, made, strict=True):
        text = filled(text, name, lambda content=content: content, "docs/claims.md")  # type: ignore[misc]
    return text


def _end_to_end(models: Sequence[Row]) -> str:
    if not models:
        return "Not measured yet."
    header: tuple[str, ...] = (
        "",
        "weights",
        "layers",
        "tokens",
        "values",
        "unequal to strict float",
        "relative error to PyTorch",
    )
    header += (*(TITLES[name] for name in COMPARISONS[1:]), "published: against PyTorch")
    rows = []
    for model in models:
        depths = [row for row in model["rows"] if row["table"] == "depth"]
        whole = next(row for row in model["rows"] if row["name"] == "model")
        compared = [row["measured"]["strict"] for row in (*depths, whole)]
        pytorch = whole["measured"]["pytorch"]
        rows.append(
            [
                model["model"],
                model["config"]["model"].get("weights", "float32"),
                len(depths),
                whole["inputs"],
                f"{sum(one['count'] for one in compared):,}",
                f"{sum(one['unequal_bits'] for one in compared):,}",
                f"{pytorch['relative']:.2g}",
                *(cell(whole["measured"][name], with_error=True) for name in COMPARISONS[1:]),
                _published(whole),
            ]
        )
    return f"{where(models[0])}.\n\n{markdown(header, rows)}"


def _published(row: Row) -> str | None:
    return None if row["published"] is None else printed(PublishedUlp(**row["published"]))


def _depth(models: Sequence[Row]) -> str:
    """The rows beside which figures are published."""
    header = ("", "results", "published", *(TITLES[name] for name in COMPARISONS))
    rows = [
        [
            f"{model['model']}, {'after ' if row['table'] == 'depth' else ''}{row['name']}",
            row["measured"]["strict"]["count"],
            _published(row),
            *(cell(row["measured"][name], with_error=True) for name in COMPARISONS),
        ]
        for model in models
        for row in model["rows"]
        if row["published"] is not None
    ]
    return markdown(header, rows) if rows else "Not measured yet."


def _prompt(models: Row) -> str:
    """Rows of whole prompts whose every layer was compared."""
    compared = [row for row in models["rows"] if row.get("unequal bits by layer") is not None]
    header = ("shape", "GPUs", "layers", "tokens", "weights", "unequal bits, all layers", "against", "ms a token")
    rows = [
        [
            NAMES.get(row["shape"], row["shape"]),
            row.get("devices", 1),
            f"{len(row['unequal bits by layer'])} of {row['of']}",
            row["tokens"],
            row["weights"],
            sum(row["unequal bits by layer"]),
            row["against"],
            f"{1e3 * row['prompt seconds'] * row['of'] / row['layers'] / row['tokens']:.1f}",
        ]
        for row in compared
    ]
    return f"{where(models).removeprefix('One ')}.\n\n{markdown(header, rows)}"


def _training(record: Row | None) -> str:
    if record is None:
        return "Not measured yet."
    steps, config = record["steps"], record["config"]
    kinds = list(steps[0]["values"])
    header: tuple[str, ...] = (
        "step",
        "loss by gates",
        "in strict float",
        *(f"{kind}: unequal / compared" for kind in kinds),
    )
    header += ("forward by gates, s", "strict float, s")
    rows = [
        [
            step["step"],
            *step["loss"],
            *(f"{unequal:,} / {count:,}" for count, unequal in step["values"].values()),
            *(round(seconds, 2) for seconds in step["seconds"]),
        ]
        for step in steps
    ]
    lead = (
        f"{where(record)}: {record['parameters']:,} parameters, {config['decoder']['num_hidden_layers']} layers, "
        f"{len(steps)} steps of {config['gates']['batch']} x {config['decoder']['tokens']} tokens. "
        f"{record['unequal']:,} of {record['compared']:,} values are unequal."
    )
    return f"{lead}\n\n![Loss](images/train_1b.png)\n\n{markdown(header, rows)}"
