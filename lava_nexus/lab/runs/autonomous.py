"""Text that neurons alone wrote: a decoder that runs by itself, beside `generate`, with steps, counts and joules."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.chip.autonomous.neurons import PARTS
from lava_nexus.energy.autonomous import energy_of_autonomous
from lava_nexus.errors import NexusError
from lava_nexus.execute.autonomous import AutonomousRun
from lava_nexus.execute.executor import LEVELS
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.lab.configs.execution import AutonomousModel, RunConfig
from lava_nexus.lab.figures.phases import phase_names, phases_figure
from lava_nexus.lab.markdown import joules_in_range
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.trial import marked, shrunk
from lava_nexus.models.autonomous import Autonomous, autonomous, tiny_decoder
from lava_nexus.models.model import Model, load
from lava_nexus.models.stages import forward_stages
from lava_nexus.models.stream import cache_of
from lava_nexus.models.text import decoded, encoded
from lava_nexus.progress import doing, say

FIGURE = "phases.png"
_QUICK_LENGTH, _QUICK_PROMPT = 9, "Reada"


@dataclass(frozen=True)
class Language:
    """Texts to tokens and back: by characters, or by a checkpoint's tokenizer."""

    characters: tuple[str, ...]
    folder: Path | None

    def tokens(self, text: str) -> list[int]:
        """Of a prompt.

        Raises:
            NexusError: a character that the decoder does not have.
        """
        if self.folder is not None:
            return encoded(self.folder, text)
        wrong = [character for character in text if character not in self.characters]
        if wrong:
            raise NexusError(f"prompt {text!r} holds {wrong[0]!r}, which the decoder of characters does not have")
        return [self.characters.index(character) for character in text]

    def text(self, tokens: Sequence[int]) -> str:
        """Of tokens."""
        if self.folder is not None:
            return decoded(self.folder, list(tokens)) or ""
        return "".join(self.characters[token] for token in tokens)


@marked
def run_autonomous(config: RunConfig, out: Path, quick: bool = False) -> dict[str, Any]:
    """Runs the sequences one after the other, holds them against `generate`, writes report and figure to `out`.

    With `quick` one prompt and few positions.

    Raises:
        NexusError: a model that cannot run by itself, a run whose control was lost, or a bit that differs.
    """
    asked = config.model
    assert isinstance(asked, AutonomousModel)
    length, prompts = asked.max_length, asked.prompts
    if quick:
        length, prompts = min(length, _QUICK_LENGTH), (_QUICK_PROMPT if asked.checkpoint is None else prompts[0],)
        shrunk(f"{length} of {asked.max_length} positions, one sequence")
    model, language = _model(asked, config)
    made = autonomous(
        model,
        max_length=length,
        chips=asked.chips,
        chip=config.chip,
        prompt=min(asked.prompt, length),
        block=asked.block,
    )
    say(f"{made!r}")
    began = time.perf_counter()
    session, runs = made.session(), []
    for prompt in prompts:
        with doing(f"the network writes what follows {prompt!r}"):
            runs.append(session.sequence(language.tokens(prompt)))
        say(f"{prompt}|{language.text(runs[-1].tokens)}")
    seconds = time.perf_counter() - began
    differing = [f"{p!r}: {found}" for p, run in zip(prompts, runs, strict=True) if (found := _unequal(model, run))]
    return conclude(_report(config, made, language, runs, differing, seconds, out), out)


def _model(asked: AutonomousModel, config: RunConfig) -> tuple[Model, Language]:
    if asked.checkpoint is None:
        model, characters = tiny_decoder(config.float_format)
        return model, Language(characters, None)
    fmt = config.float_format
    return load(asked.checkpoint, format=fmt, norm_format=fmt), Language((), asked.checkpoint)


def _unequal(model: Model, run: AutonomousRun) -> str:
    """What differs from `generate` and from the caches of a pass over the same tokens; empty for nothing."""
    with doing("holding tokens and caches against generate"):
        want = model.generate(run.prompt, max(1, len(run.tokens)), ends=model.spec.ends).tokens[len(run.prompt) :]
        if list(run.tokens) != want.tolist():
            return f"tokens {list(run.tokens)}, generate gives {want.tolist()}"
        passed = np.array([[*run.prompt, *run.tokens]])[:, : run.passed]
        forward = model.forward(ReferenceExecutor())
        stages = forward_stages(model.spec, passed.shape[1], logits="none", keep=True)
        caches = cache_of(forward.through(stages, forward.enter(passed))[0])
    words = {name: int((run.caches[name] != array[0]).sum()) for name, array in caches.items()}
    wrong = [f"{count} words of cache '{name}' differ" for name, count in words.items() if count]
    steps = [] if run.taken == run.predicted else [f"{run.taken} steps taken, {run.predicted} predicted"]
    return "; ".join(wrong + steps)


def _report(
    config: RunConfig,
    made: Autonomous,
    language: Language,
    runs: Sequence[AutonomousRun],
    differing: Sequence[str],
    seconds: float,
    out: Path,
) -> Report:
    longest = max(runs, key=lambda run: run.passed)
    energy = energy_of_autonomous(made.placed, longest, config.energy_model)
    phases_figure(made.network, longest, "Which part is active when", out / FIGURE)
    tokens = sum(len(run.tokens) for run in runs)
    words = sum(int(array.size) for run in runs for array in run.caches.values())
    compared = "every token and every cached word is that of generate" if not differing else "; ".join(differing)
    return Report(
        title="A decoder that runs by itself",
        config=config.resolved(),
        lead=[
            *(f"`{language.text(run.prompt)}`**{language.text(run.tokens).rstrip()}** ({run.stop})" for run in runs),
            f"{tokens} tokens by neurons alone, {words:,} cached words: {compared}; steps taken are those predicted.",
        ],
        levels=[("all neurons, stepped where something changes", LEVELS["vectorised"])],
        tables=[
            _sequences(language, runs),
            _parts(made, longest),
            _phases(made, longest),
            Table("What crosses the chip's edge", ("port", "carries"), tuple(made.ports().items())),
            _energy(energy.to_dict(), longest),
        ],
        figures=[(FIGURE, "Phases of the last token of the longest sequence, and the steps that each token takes")],
        notes=list(energy.notes),
        values={
            "executor": config.executor,
            "inputs": tokens,
            "neurons": made.network.neurons,
            "parts": made.network.parts(),
            "synapses": made.network.synapses,
            "cores": len(made.placed.places),
            "chips": made.chips,
            "sequences": [_values(language, run) for run in runs],
            "energy": energy.to_dict(),
            "wall_seconds": seconds,
        },
        failure="; ".join(differing),
    )


def _values(language: Language, run: AutonomousRun) -> dict[str, Any]:
    return {
        "prompt": language.text(run.prompt), "text": language.text(run.tokens), "tokens": list(run.tokens),
        "stop": run.stop, "steps_predicted": run.predicted, "steps_taken": run.taken, "at": list(run.at),
        "spikes": dict(run.spikes), "synops": dict(run.synops), "active": dict(run.active),
        "sent": dict(run.sent), "received": dict(run.received),
    }  # fmt: skip


def _sequences(language: Language, runs: Sequence[AutonomousRun]) -> Table:
    header = ("prompt", "text", "ended by", "tokens", "steps predicted", "steps taken", "spikes", "SynOps")
    rows = []
    for run in runs:
        counts = (len(run.tokens), run.predicted, run.taken, sum(run.spikes.values()), sum(run.synops.values()))
        texts = (language.text(run.prompt), language.text(run.tokens).rstrip(), run.stop)
        rows.append((*texts, *(f"{n:,}" for n in counts)))
    return Table("Sequences, one after the other without a reset", header, rows, "sequences.csv")


def _parts(made: Autonomous, run: AutonomousRun) -> Table:
    neurons = made.network.parts()
    counted = (run.spikes, run.synops, run.active)
    rows = [(part, f"{neurons[part]:,}", *(f"{of[part] // run.passed:,}" for of in counted)) for part in PARTS]
    total = ("all", f"{made.network.neurons:,}", *(f"{sum(of.values()) // run.passed:,}" for of in counted))
    header = ("part", "neurons", "spikes a token", "SynOps a token", "active updates a token")
    return Table("Neurons by part", header, [*rows, total], "parts.csv")


def _phases(made: Autonomous, run: AutonomousRun) -> Table:
    names, phases = phase_names(made.network), made.network.phases
    last = run.passed - 1

    def of(kind: str) -> list[int]:
        mine = [phase for name, phase in zip(names, phases, strict=True) if name == kind]
        return [sum(phase.taken(position) for phase in mine) for position in (0, last, made.network.length - 1)]

    rows = [(kind, *(f"{n:,}" for n in of(kind))) for kind in dict.fromkeys(names)]
    periods = (made.network.period(position) for position in (0, last, made.network.length - 1))
    header = ("phase", "first token", f"token {last + 1}", "last position")
    return Table("Steps of a token by phase", header, [*rows, ("all", *(f"{n:,}" for n in periods))], "phases.csv")


def _energy(energy: dict[str, Any], run: AutonomousRun) -> Table:
    each = 1 / run.passed

    def told(span: dict[str, float], unit: str = "J") -> str:
        return joules_in_range({name: value * each for name, value in span.items()}, unit)

    shares = {
        name: {"low": energy["ranges"][name][0], "value": value, "high": energy["ranges"][name][1]}
        for name, value in energy["shares"].items()
    }
    rows = [("seconds", joules_in_range(energy["seconds_per_input"], "s")), ("machine", told(energy["machine"]))]
    rows += [
        ("work", told(energy["work"])),
        *((f"of it {name.replace('_', ' ')}", told(s)) for name, s in shares.items()),
    ]
    rows += [(what, text) for what, text in energy["definition"]]
    return Table("Joules and seconds a token, everything on the chip", ("what", "value"), rows, "energy.csv")
