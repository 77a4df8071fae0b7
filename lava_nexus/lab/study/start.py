"""The start of the text by the executors themselves, beside the study's plain arithmetic."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lava_nexus.execute.run import executor_named
from lava_nexus.formats import FLOAT32, FORMATS
from lava_nexus.lab.configs.study import Start
from lava_nexus.lab.study.decoder import Decoder, Way
from lava_nexus.models.model import Model
from lava_nexus.populations import Options
from lava_nexus.populations.catalogue import GATES, Nonlinear


def by_executor(model: Model, decoder: Decoder, tokens: NDArray[np.int64], how: Start) -> dict[str, Any]:
    """Logits of a sequence by an executor, and by plain sums of the same kind: how far they are apart.

    Args:
        model: with its weights.
        decoder: of them.
        tokens: ids [tokens].
        how: the run.
    """
    nonlinear = Nonlinear(dict.fromkeys(how.operators, Options())) if how.operators else GATES
    made = executor_named(how.executor, **({} if how.executor == "membrane" else {"count": False}))
    fmt, native = FORMATS[how.format], how.product == "native"
    arithmetic = replace(model.arithmetic, format=fmt, norm_format=FLOAT32, nonlinear=nonlinear)
    if native:
        arithmetic = replace(arithmetic, product="native", accumulate="exact")
    began = time.process_time()
    ours = Model(model.spec, model.source, arithmetic)(tokens, made).logits
    seconds = time.process_time() - began
    assert ours is not None
    ours = ours[0].astype(np.float32)
    way = Way("exact" if native else "sequential", fmt, nonlinear=nonlinear)
    with torch.no_grad():
        features = decoder.features(torch.from_numpy(tokens)[None].to(decoder.device), way)
        plain = decoder.logits(features[0], way).cpu().numpy()
    return {
        "perplexity": _perplexity(ours, tokens),
        "plain": _perplexity(plain, tokens),
        "equal_logits": float(np.mean(ours.view(np.uint32) == plain.view(np.uint32))),
        "largest_difference": float(np.abs(ours - plain).max()),
        "largest_logit": float(np.abs(ours).max()),
        "same_first": float(np.mean(ours.argmax(-1) == plain.argmax(-1))),
        "seconds": seconds,
    }


def _perplexity(logits: NDArray[Any], tokens: NDArray[np.int64]) -> float | None:
    """Of every token but the first, in FP64; None where there is none."""
    x = logits[:-1].astype(np.float64)
    if not len(x):
        return None
    x = x - x.max(-1, keepdims=True)
    likely = x - np.log(np.exp(x).sum(-1, keepdims=True))
    return math.exp(-float(np.take_along_axis(likely, tokens[1:, None], -1).mean()))
