"""Configs of models that run: the executor and its options, a run of a model, an evaluation on tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lava_nexus.cluster import Cluster
from lava_nexus.config import Config
from lava_nexus.errors import NexusError
from lava_nexus.execute.run import DEFAULT_EXECUTOR
from lava_nexus.execute.sampled import DEFAULT_FRACTION
from lava_nexus.lab.configs import ChipName, EnergyModelName, StrategyText
from lava_nexus.lab.configs.model import ArithmeticConfig
from lava_nexus.lab.configs.origin import ModelSource
from lava_nexus.neurons import NeuronModel, NonIdealities

_MODEL = ("beta", "reset", "margin", "placement", "fraction_bits")
_OURS = ("regime", "streams")


class MembraneOptions(Config):
    """Options of the membrane executor; the defaults are ideal, memoryless neurons.

    Attributes:
        beta, reset, margin, placement, fraction_bits: see `neurons.NeuronModel`.
        regime: `reset` clears every membrane between operand sets, `streaming` takes one set a time step.
        streams: copies of every circuit, which share the operand sets in turn; None gives each set its own.
        noise, noise_on, spread, spread_shape, spread_unit, spread_fresh, lost, spurious, repeated, flipped,
            stuck_silent, stuck_firing: see `neurons.NonIdealities`.
    """

    beta: float = Field(default=0.0, ge=-1, le=1)
    reset: Literal["full", "hard", "soft"] = "full"
    margin: float = Field(default=0.5, ge=0, le=1)
    placement: Literal["margin", "middle"] = "margin"
    fraction_bits: int | None = Field(default=None, ge=0, le=32)
    regime: Literal["reset", "streaming"] = "reset"
    streams: int | None = Field(default=None, ge=1)
    noise: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    noise_on: Literal["membrane", "inputs", "active"] = "membrane"
    spread: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    spread_shape: Literal["normal", "uniform"] = "normal"
    spread_unit: Literal["theta", "weight"] = "theta"
    spread_fresh: bool = False
    lost: float = Field(default=0.0, ge=0, le=1)
    spurious: float = Field(default=0.0, ge=0, le=1)
    repeated: float = Field(default=0.0, ge=0, le=1)
    flipped: float = Field(default=0.0, ge=0, le=1)
    stuck_silent: float = Field(default=0.0, ge=0, le=1)
    stuck_firing: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _consistent(self) -> MembraneOptions:
        try:
            self.executor_options(0)
        except NexusError as error:
            raise ValueError(str(error)) from error
        if self.regime == "streaming" and self.streams is None and not self.model.memoryless:
            raise ValueError("regime 'streaming' needs streams: a stream of one set has nothing to remember")
        return self

    @property
    def model(self) -> NeuronModel:
        """Leak, reset and threshold."""
        return NeuronModel(**{name: getattr(self, name) for name in _MODEL})

    def executor_options(self, seed: int) -> dict[str, Any]:
        """Arguments of `MembraneExecutor`."""
        rest = [name for name in type(self).model_fields if name not in (*_MODEL, *_OURS)]
        non = NonIdealities(**{name: getattr(self, name) for name in rest})
        return {"model": self.model, "regime": self.regime, "streams": self.streams, "nonidealities": non, "seed": seed}


ExecutorName = Literal["lava", "loihi2", "bitsliced", "cuda", "membrane", "reference", "reference_cuda"]


LevelName = Literal[
    "word", "vectorised", "neurons", "lif", "word logic", "vectorised neurons", "LIF",
    "vectorised neurons in Lava's time steps",
]  # fmt: skip


class LavaOptions(Config):
    """How the Lava executor runs.

    Attributes:
        level: what evaluates a neuron in the operator Processes: `word` for compiled word operations, `vectorised` for
            a membrane each; `neurons` for vectorised neurons in Lava's time steps and `lif` for Lava's own LIF, circuit
            after circuit; or what reports say of these levels.
        neurons: layers that run at the level `neurons` beside the others, by the first words of their names.
        processes: most operating-system processes that a block may become.
    """

    level: LevelName = "word"
    neurons: tuple[str, ...] = ()
    processes: int = Field(default=20, ge=1, le=64)


class ExecutionConfig(ArithmeticConfig):
    """How a model computes, and on what.

    Attributes:
        executor: what evaluates the circuits; `loihi2` needs a chip and Intel's extension of Lava.
        timeout_seconds: wall time after which a run on Lava is ended with an error.
        lava: options of the Lava executor.
        level: stands for `lava.level` with all layers alike, for `--set level=neurons`.
        membrane: options of the membrane executor: leak, reset, noise, faults.
        devices: numbers of the GPUs of `cuda` and `reference_cuda`; the current one where there are none.
        weight_memory: GB of each of them that weights may stay in; None for most of what is free.
    """

    executor: ExecutorName = DEFAULT_EXECUTOR
    timeout_seconds: float = Field(default=600.0, gt=0, allow_inf_nan=False)
    lava: LavaOptions = LavaOptions()
    level: LevelName | None = None
    membrane: MembraneOptions = MembraneOptions()
    devices: tuple[Annotated[int, Field(ge=0)], ...] = ()
    weight_memory: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _used(self) -> ExecutionConfig:
        if self.membrane != MembraneOptions() and self.executor != "membrane":
            raise ValueError(f"options of 'membrane' are given, but executor is {self.executor}, not membrane")
        if self.level is not None and self.executor != "lava":
            raise ValueError(f"'level' is given, but executor is {self.executor}, not lava")
        if self._of_gpus and self.executor not in ("cuda", "reference_cuda"):
            raise ValueError(f"'{next(iter(self._of_gpus))}' is of GPUs, but executor is {self.executor}, not cuda")
        return self

    @property
    def _of_gpus(self) -> dict[str, Any]:
        """What is said of GPUs."""
        return {
            name: value for name in ("devices", "weight_memory") if (value := getattr(self, name)) not in ((), None)
        }

    @property
    def executor_options(self) -> dict[str, Any]:
        """What the executor is made with, for one sequence at a time."""
        if self.executor == "membrane":
            return self.membrane.executor_options(self.seed)
        if self.executor != "lava":
            return self._of_gpus
        lava = LavaOptions(level=self.level, processes=self.lava.processes) if self.level else self.lava
        own = {"level": lava.level, "processes": lava.processes, "neurons": lava.neurons}
        return {"batch": 1, "timeout": self.timeout_seconds, **own}


class DigitsModel(Config):
    """The transformer that classifies handwritten digits (`sklearn.datasets.load_digits`).

    Attributes:
        kind: which model this is.
        checkpoint: safetensors file with the weights; None for those that come with the package.
        images: how many of the test split to run, from the first; None for all.
        batch: images that pass through the network together.
    """

    kind: Literal["digits"]
    checkpoint: Path | None = None
    images: int | None = Field(default=None, ge=1)
    batch: int = Field(default=64, ge=1)


class TransformerModel(ModelSource):
    """A transformer, or some layers of one.

    Attributes:
        kind: which model this is.
        package, checkpoint, architecture, silu: where weights come from; see `ModelSource`.
        layers: first layer, and that behind the last, to run; None for the whole model. The first one takes the
            embeddings of the tokens, and what follows the layers runs if the last layer is among them.
        tokens: token ids, or how many seeded random ones.
        text: to be made tokens by the checkpoint's tokenizer.json, instead of `tokens`.
        prompt: what a user says, put into the checkpoint's chat template, instead of `tokens`.
        token_types: of each token, for models that have them; 0 where left out.
        logits: of all tokens, of the last one or of none.
        generate: most tokens to be generated after those given, by all layers; their counts are in the totals.
        temperature, top_k, top_p: how they are taken from logits, seeded by `seed`; a temperature of 0 is greedy.
    """

    kind: Literal["transformer"]
    layers: tuple[int, int] | None = None
    tokens: Annotated[int, Field(ge=1)] | tuple[int, ...] = 8
    text: str | None = None
    prompt: str | None = None
    token_types: tuple[int, ...] | None = None
    logits: Literal["all", "last", "none"] = "all"
    generate: int = Field(default=0, ge=0)
    temperature: float = Field(default=0.0, ge=0)
    top_k: int = Field(default=0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _can_be_done(self) -> TransformerModel:
        for key in ("text", "prompt"):
            if getattr(self, key) is not None and self.architecture is not None:
                raise ValueError(f"'{key}' needs a 'checkpoint' with a tokenizer")
        if self.text is not None and self.prompt is not None:
            raise ValueError("it has one of 'text' and 'prompt'")
        if self.generate and (self.layers is not None or self.logits == "none"):
            raise ValueError("'generate' needs all layers and logits")
        return self


class AutonomousModel(Config):
    """A decoder as one network that runs by itself; see `lava_nexus.autonomous`.

    Attributes:
        kind: which model this is.
        checkpoint: folder of a checkpoint; None for the decoder of characters that comes with the package.
        prompts: texts, each the beginning of a sequence.
        max_length: positions.
        prompt: most tokens of a prompt.
        block: positions that attention does together.
        chips: most chips; None for as many as it needs.
    """

    kind: Literal["autonomous"]
    checkpoint: Path | None = None
    prompts: Annotated[tuple[str, ...], Field(min_length=1)] = ("Now",)
    max_length: int = Field(default=72, ge=2)
    prompt: int = Field(default=8, ge=1)
    block: int = Field(default=8, ge=1)
    chips: int | None = Field(default=None, ge=1)


class RunConfig(ExecutionConfig):
    """One run of a model, computed as `ExecutionConfig` says.

    Attributes:
        model: what to run.
        energy_model: name of the constants, or a YAML file of them.
        place: strategy by which what ran is placed, "fit: chips=n", "folded: k" or "unrolled", so that `machine` is
            priced beside `work`; None for work alone.
        chip: what it is placed on; a name or a YAML file.
        cluster: where the sums of a transformer's linear layers are formed, see `lava_nexus.cluster`.
        count: `all` spikes, those of a `sample` of the operand sets, whose totals are estimates with standard errors
            (on `bitsliced` and `cuda`), or `none`.
        fraction: of the operand sets that a sample counts, drawn evenly, seeded by `seed`.
        out: folder for results.
    """

    model: Annotated[DigitsModel | TransformerModel | AutonomousModel, Field(discriminator="kind")]
    energy_model: EnergyModelName = "loihi1_pre_silicon"
    place: StrategyText | None = None
    chip: ChipName = "loihi2"
    cluster: Cluster = None
    count: Literal["all", "sample", "none"] = "all"
    fraction: float = Field(default=DEFAULT_FRACTION, gt=0, le=1)
    out: Path = Path("results/run")

    @property
    def executor_options(self) -> dict[str, Any]:
        """As of `ExecutionConfig`, and what is counted."""
        own = super().executor_options
        if self.count == "all":
            return own
        sampled = {"count": "sample", "fraction": self.fraction, "seed": self.seed}
        return own | (sampled if self.count == "sample" else {"count": False})

    @model_validator(mode="after")
    def _countable(self) -> RunConfig:
        if self.count != "all" and self.executor not in ("bitsliced", "cuda"):
            raise ValueError(f"'count: {self.count}' is for executors bitsliced and cuda, not {self.executor}")
        return self

    @model_validator(mode="after")
    def _spread(self) -> RunConfig:
        if self.cluster is not None and self.model.kind != "transformer":
            raise ValueError(f"the model '{self.model.kind}' is too small for a cluster; leave out 'cluster'")
        return self

    @model_validator(mode="after")
    def _by_itself(self) -> RunConfig:
        if self.model.kind == "autonomous" and (self.executor != "membrane" or self.place is not None):
            raise ValueError("a model that runs by itself takes executor membrane, and is placed whole without 'place'")
        return self

    @model_validator(mode="after")
    def _placed(self) -> RunConfig:
        if self.place is not None and isinstance(self.model, TransformerModel) and self.model.generate:
            raise ValueError("'place' is of one pass over the tokens, and 'generate' takes a pass for each new one")
        return self
