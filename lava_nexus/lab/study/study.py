"""A decoder on a text: perplexity and KL of formats and sums, and of LIF populations by operator, option and layer."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_nexus.crew import crew
from lava_nexus.documents import read_text
from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.study import Start, StudyConfig
from lava_nexus.lab.evaluation.scoring import alphabet
from lava_nexus.lab.report import conclude
from lava_nexus.lab.study.cases import cases_of
from lava_nexus.lab.study.decoder import Decoder, Way
from lava_nexus.lab.study.pages import study_report
from lava_nexus.lab.study.start import by_executor
from lava_nexus.lab.trial import marked, shrunk
from lava_nexus.models.model import Model, load, random_model
from lava_nexus.progress import Work
from lava_nexus.store import Store, processor
from lava_nexus.torch.support import check_gpu

Ids: TypeAlias = NDArray[np.int64]


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
    began = time.perf_counter()
    starts = [_start(one, quick) for one in config.start[: 1 if quick else None]]
    pieces: list[tuple[str, Way | Start]] = [(case.name, case.way) for case in cases]
    pieces += [(key, start) for key, start, _ in starts]
    facts: list[dict[str, Any]] = [{"case": case.name, "group": case.group, **case.facts} for case in cases]
    facts += [{"case": key, "group": "start", **own} for key, _, own in starts]
    found = _kept(store, Trials(config, tokens), pieces)
    rows = [of | row for of, row in zip(facts, found, strict=True)]
    seconds = time.perf_counter() - began
    conclude(study_report(config, name, tokens.shape, rows, seconds, out, quick), out)
    store.clear()
    return rows


def _start(one: Start, quick: bool) -> tuple[str, Start, dict[str, Any]]:
    """(key, what is run, columns of its row)."""
    how = one.model_copy(update={"tokens": min(one.tokens, 2)}) if quick else one
    facts = {**how.model_dump(exclude={"operators"}), "operators": ", ".join(how.operators) or "gates"}
    return f"start {how.executor} {how.product} {how.format} {how.tokens} {facts['operators']}", how, facts


@dataclass
class Trials:
    """What runs cases, made once a process: the model's weights are read there, and kept."""

    config: StudyConfig
    tokens: Ids

    @cached_property
    def bench(self) -> Bench:
        """With the weights and the exact run."""
        return Bench(opened(self.config), self.tokens, self.config.device)

    def found(self, what: Way | Start) -> dict[str, Any]:
        """What a case, or the start of the text, shows."""
        if isinstance(what, Way):
            return self.bench.measured(what)
        decoder, tokens = self.bench.decoder, self.tokens.ravel()[: what.tokens]
        return by_executor(decoder.model, decoder, tokens, what)

    def __getstate__(self) -> dict[str, Any]:
        """What a worker makes the rest of."""
        return {"config": self.config, "tokens": self.tokens}


def _kept(store: Store, trials: Trials, pieces: Sequence[tuple[str, Way | Start]]) -> list[dict[str, Any]]:
    """What every piece shows: from the store where it is there, else by the cluster or here, and kept."""
    held = [store.get(key) for key, _ in pieces]
    found = [None if piece is None else piece.values for piece in held]
    left = [number for number, values in enumerate(found) if values is None]
    bar = Work("study", len(pieces), "cases", len(pieces) - len(left))
    with crew(trials.config.cluster, of_processor=True) as workers, bar:
        results = workers.map(Trials.found, trials, [pieces[number][1] for number in left])
        for number in left:
            bar.note(pieces[number][0])
            found[number] = next(results)
            store.put(pieces[number][0], found[number] or {})
            bar.update()
    return [values for values in found if values is not None]


def opened(config: StudyConfig) -> Model:
    """The model: of a package, a path, or with random weights.

    Raises:
        NexusError: it is not there.
    """
    if config.architecture is not None:
        return random_model(config.architecture, config.seed)
    path = config.path
    assert path is not None
    return load(path)


def read_tokens(config: StudyConfig, model: Model, quick: bool) -> tuple[Ids, str]:
    """(ids [windows, window], what the model is called); what does not fill the last window is left out.

    Raises:
        NexusError: the text has too few tokens.
    """
    path = config.path
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
        "config": {key: value for key, value in config.resolved().items() if key not in ("out", "cluster")}
        | {"quick": quick},
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
        if device != "cpu":
            check_gpu(f"device is '{device}'")
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
