"""Decoders that run by themselves, core by core in Lava, and in several formats, as docs/autonomous.md shows them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from lava_nexus.chip.autonomous.neurons import PARTS
from lava_nexus.energy.autonomous import energy_of_autonomous
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import LEVELS
from lava_nexus.execute.lava.autonomous import run_in_lava
from lava_nexus.execute.lava.lif import Level
from lava_nexus.lab.markdown import joules_in_range, markdown
from lava_nexus.models.autonomous import Autonomous, autonomous, tiny_decoder
from lava_nexus.models.model import random_model
from lava_nexus.progress import doing

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


FORMATS = ("float8_e5m2", "bfloat16", "float32")


def in_formats(prompt: str = "Now", max_length: int = 28, formats: Sequence[str] = FORMATS) -> str:
    """A table of the decoder that comes with the package in several formats: what it writes and what that takes.

    Raises:
        NexusError: tokens that are not those of `generate`, or other steps than predicted.
    """
    rows = []
    for name in formats:
        model, characters = tiny_decoder(name)
        given = [characters.index(character) for character in prompt]
        with doing(f"the decoder in {name}"):
            made = autonomous(model, max_length=max_length, prompt=len(given))
            run = made.run(given)
            want = model.generate(given, len(run.tokens), ends=model.spec.ends).tokens[len(given) :]
        if list(run.tokens) != want.tolist() or run.taken != run.predicted:
            raise NexusError(f"the decoder in {name} gives other tokens than generate, or other steps than predicted")
        energy, each = energy_of_autonomous(made.placed, run).to_dict(), 1 / run.passed
        told = [
            joules_in_range({end: value * by for end, value in energy[what].items()}, unit)
            for what, unit, by in (("seconds_per_input", "s", 1.0), ("work", "J", each), ("machine", "J", each))
        ]
        text = "".join(characters[token] for token in run.tokens).rstrip()
        parts = made.network.parts()
        numbers = (*(parts[part] for part in PARTS), made.network.neurons, made.network.synapses)
        counted = (*numbers, len(made.placed.places), run.taken // run.passed)
        counted = (*counted, *(sum(of.values()) // run.passed for of in (run.spikes, run.synops)))
        rows.append((name, f"`{prompt}`**{text}** ({run.stop})", *(f"{n:,}" for n in counted), *told))
    counts = (*PARTS, "neurons", "synapses", "cores", "steps a token", "spikes a token", "SynOps a token")
    names = ("text", *counts, "seconds a token", "work a token", "machine a token")
    return markdown(("", *(row[0] for row in rows)), list(zip(names, *(row[1:] for row in rows), strict=True)))
