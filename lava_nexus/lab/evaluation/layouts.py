"""What an evaluation found: a table of its own, and the layouts of both papers, published rows above measured ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lava_nexus.lab.configs.evaluation import EvaluateConfig
from lava_nexus.lab.published import published
from lava_nexus.lab.report import Report, Table, columns
from lava_nexus.lab.trial import trial

_NEXUS = {"mmlu": "MMLU", "hellaswag": "HellaSwag", "arc": "ARC", "truthfulqa": "TruthfulQA"}
_ENGINES = {"pytorch": "original (PyTorch)", "gates": "gates", "nls": "NLSpike"}
_NLS = {"winogrande": "WinoGrande", "hellaswag": "HellaSwag", "arc": "ARC-c", "piqa": "PIQA"}


_HEADER = ("task", "engine", "items", "tokens", "shots", "acc", "acc_norm", "acc_norm by tokens", "perplexity")
_SHARES = {"acc": "accuracy", "acc_norm": "accuracy_normalised", "acc_norm by tokens": "accuracy_by_tokens"}
_NOTES = (
    "A choice is scored by the sum of the log-likelihoods of its tokens after the question: acc. acc_norm divides that "
    "by the bytes of the choice's text, as common harnesses do, or by its tokens. Softmax's logarithm is taken by the "
    "host, in float64, from the logits.",
    "Perplexity is a token's. Windows do not overlap, and the first token of each is not scored; with a stride every "
    "token but the first is scored once, after at least window - stride others. Published tables state neither their "
    "windows nor whether accuracy is normalised; the tables below take acc.",
)


@dataclass(frozen=True)
class TaskResult:
    """One task by one engine.

    Attributes:
        task: its name.
        kind: of the task.
        engine: "gates" (every operation exact), "nls" (what the config says by LIF populations) or "pytorch".
        items: questions, or windows of text.
        tokens: that were scored.
        shots: solved examples before each question.
        accuracy: share (0..1) of questions whose right choice has the largest likelihood; None for text.
        accuracy_normalised, accuracy_by_tokens: the same with each log-likelihood divided by the choice's bytes, or by
            its tokens.
        perplexity: exp of the mean negative log-likelihood a token; None for questions.
        invalid: items in which a logit was NaN; they count as wrong, and leave no perplexity.
    """

    task: str
    kind: str
    engine: str
    items: int
    tokens: int
    shots: int
    accuracy: float | None
    accuracy_normalised: float | None
    accuracy_by_tokens: float | None
    perplexity: float | None
    invalid: int


def evaluation_report(
    config: EvaluateConfig, model: str, results: Sequence[TaskResult], seconds: float, notes: Sequence[str]
) -> Report:
    """What was measured, then both papers' tables."""
    values = [asdict(r) for r in results]
    return Report(
        title=f"{model}, {config.format}, {config.executor} executor",
        name="evaluation",
        config=config.resolved(),
        tables=[
            Table("", _HEADER, [[_shown(r, field) for field in _HEADER] for r in results], None),
            *_layouts(model, config, results),
        ],
        notes=[*_NOTES, *notes],
        values={"model": model, "executor": config.executor, "results": values, "wall_seconds": seconds},
        data={"tasks.csv": columns(values)},
    )


def _layouts(model: str, config: EvaluateConfig, results: Sequence[TaskResult]) -> list[Table]:
    """Those tables that hold a task of these results, of the papers that the config names."""
    if trial() is not None:
        return []
    kinds = {result.kind for result in results}
    found = []
    wanted = ("nexus", "nls") if config.layouts is None else config.layouts
    if "perplexity" in kinds and "nexus" in wanted:
        found.append(_perplexity(model, config, results))
    if kinds & set(_NEXUS) and "nexus" in wanted:
        found.append(_nexus_tasks(model, config, results))
    if kinds & set(_NLS) and "nls" in wanted:
        found.append(_nls_tasks(model, config, results))
    return found


def _perplexity(model: str, config: EvaluateConfig, results: Sequence[TaskResult]) -> Table:
    table = published("tasks")["nexus_perplexity"]
    columns = ("method", "precision", "channels", "perplexity", "degradation")
    rows = [["published", *(_text(row[c]) for c in columns)] for row in table["rows"]]
    for task in dict.fromkeys(r.task for r in results if r.kind == "perplexity"):
        both = {r.engine: r.perplexity for r in results if r.task == task}
        ann = both.get("pytorch")
        base = "gates" if ann is None else "pytorch"
        if ann is not None:
            rows.append([f"measured, {task}", f"{model}, PyTorch", config.format, "-", f"{ann:.6g}", "-"])
        bits = str(config.float_format.bits)
        for engine, label in (("gates", "gates"), ("nls", "NLSpike")):
            if engine not in both:
                continue
            value, against = both[engine], both[base]
            worse = None if value is None or against is None or engine == base else f"{value - against:+.2g}"
            shown = "NaN" if value is None else f"{value:.6g}"
            rows.append([f"measured, {task}", f"{model}, {label}", config.format, bits, shown, worse or "-"])
    return _section("Perplexity, as NEXUS lays it out", ("", *columns), rows, table["source"])


def _nexus_tasks(model: str, config: EvaluateConfig, results: Sequence[TaskResult]) -> Table:
    table = published("tasks")["nexus_tasks"]
    header = ["", "model", "channels", *(f"{name}, {who}" for name in _NEXUS.values() for who in ("ANN", "SNN"))]
    rows = [
        ["published", row["model"], "32", *(cell for name in _NEXUS.values() for cell in row[name])]
        for row in table["rows"]
    ]
    for engine in ("gates", "nls"):
        if any(r.engine == engine for r in results):
            both = ("pytorch", engine)
            cells = [_accuracy(results, kind, name, who) for kind, name in _NEXUS.items() for who in both]
            rows.append(["measured", f"{model}, {_ENGINES[engine]}", str(config.float_format.bits), *cells])
    return _section("Tasks, as NEXUS lays them out, accuracy in percent", header, rows, table["source"])


def _nls_tasks(model: str, config: EvaluateConfig, results: Sequence[TaskResult]) -> Table:
    table = published("tasks")["nls_tasks"]
    names = table["tasks"]
    rows = []
    for row in table["rows"]:
        plain = row["original"] or [None] * len(names)
        rows.append(["published", row["model"], "original", *map(_text, plain), _text(row["original_average"])])
        deltas = [None if d is None else f"{d:+.1f}" for d in row["deltas"] or [None] * len(names)]
        rows.append(["published", row["model"], "NLSpike, change", *map(_text, deltas), f"{row['delta_average']:+.1f}"])
    measured = {who: [_accuracy(results, _kind_of(name), name, who) for name in names] for who in _ENGINES}
    for who, label in _ENGINES.items():
        if any(r.engine == who for r in results):
            rows.append(["measured", model, label, *measured[who], _average(measured[who])])
    if any(r.engine == "nls" for r in results):
        pairs = zip(measured["nls"], measured["gates"], strict=True)
        changes = ["-" if "-" in pair else f"{float(pair[0]) - float(pair[1]):+.2f}" for pair in pairs]
        rows.append(["measured", model, "NLSpike, change", *changes, _average(changes, "+.2f")])
    return _section(
        "Tasks, as NLSpike lays them out, accuracy in percent",
        ["", "model", "", *names, "average"],
        rows,
        table["source"],
    )


def _average(cells: Sequence[str], how: str = ".2f") -> str:
    known = [float(cell) for cell in cells if cell != "-"]
    return f"{sum(known) / len(known):{how}}" if len(known) == len(cells) else "-"


def _kind_of(name: str) -> str:
    return next((kind for kind, usual in _NLS.items() if usual == name), "arc")


def _accuracy(results: Sequence[TaskResult], kind: str, name: str, engine: str) -> str:
    """Of the task that bears the column's name, else of the only one of that kind."""
    mine = [r for r in results if r.kind == kind and r.engine == engine and r.accuracy is not None]
    named = [r for r in mine if r.task.lower() == name.lower()]
    if not named and len(mine) == 1 and (mine[0].task == kind or kind != "arc"):
        named = mine if name != "ARC-e" else []
    return f"{100 * (named[0].accuracy or 0.0):.2f}" if named else "-"


def _text(value: Any) -> str:
    return "-" if value is None else str(value)


def _section(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], source: str) -> Table:
    return Table(title, header, rows, None, f"- Published: {source}.")


def _shown(result: TaskResult, field: str) -> Any:
    if field in _SHARES:
        share = getattr(result, _SHARES[field])
        return None if share is None else f"{100 * share:.2f} %"
    return getattr(result, field)
