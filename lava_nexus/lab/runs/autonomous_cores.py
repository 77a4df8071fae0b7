"""Decoders that run by themselves, core by core in Lava: what docs/autonomous.md shows of it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import LEVELS
from lava_nexus.execute.lava.autonomous import run_in_lava
from lava_nexus.execute.lava.lif import Level
from lava_nexus.lab.markdown import markdown
from lava_nexus.models.autonomous import Autonomous, autonomous, tiny_decoder
from lava_nexus.models.model import random_model

SMALLEST = {
    "model_type": "llama", "hidden_size": 2, "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 2,
    "intermediate_size": 2, "num_hidden_layers": 1, "vocab_size": 5, "max_position_embeddings": 4,
    "rms_norm_eps": 1e-2, "eos_token_id": 4,
}  # fmt: skip
"""Sizes of the smallest decoder, whose weights are random."""


def smallest() -> Autonomous:
    """One layer of width 2 in FP8, five tokens, two positions."""
    model = random_model(SMALLEST, seed=3, format="float8_e4m3fn", norm_format="float8_e4m3fn")
    return autonomous(model, max_length=2, prompt=1)


def tiny() -> Autonomous:
    """The decoder that comes with the package, two positions."""
    return autonomous(tiny_decoder()[0], max_length=2, prompt=1)


def in_lava(levels: Sequence[Level], whole: bool) -> str:
    """A table of sequences in Lava at each level; with `whole` two characters of the tiny decoder too.

    Raises:
        NexusError: a token, a step or a spike of any neuron that differs from the run stepped by changes.
    """
    asked: list[tuple[str, Autonomous, int, Level]] = [("smallest", smallest(), 2, level) for level in levels]
    if whole:
        asked.append(("tiny", tiny(), tiny_decoder()[1].index("R"), "vectorised"))
    rows = []
    for name, made, token, level in asked:
        run = made.run([token])
        began = time.perf_counter()
        found = run_in_lava(made.placed, run, level)
        seconds = time.perf_counter() - began
        if (found.tokens, found.at, found.taken) != (run.tokens, run.at, run.taken):
            raise NexusError(f"the {name} decoder in Lava, level {level}, gives other tokens or steps: {found.tokens}")
        if not np.array_equal(found.counts, run.counts):
            raise NexusError(f"the {name} decoder in Lava, level {level}, differs in spikes of a neuron")
        spikes = int(found.counts[made.network.n_inputs :].sum())
        counted = (made.network.neurons, found.cores, run.predicted, found.taken, spikes)
        rows.append((name, LEVELS[level], *(f"{n:,}" for n in counted), f"{seconds:.0f} s"))
    header = ("decoder", "level", "neurons", "cores", "steps predicted", "steps taken", "spikes", "simulated in")
    return markdown(header, rows)
