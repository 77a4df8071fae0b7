"""Every experiment: its command, its config, what runs it. Nothing is imported before it is asked for.

An experiment reads one YAML config and writes one report into the config's folder of results:

    find("run").conduct(config, out)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lava_nexus.config import Config, did_you_mean
from lava_nexus.errors import NexusError

if TYPE_CHECKING:
    from lava_nexus.lab.configs.execution import RunConfig
    from lava_nexus.lab.configs.model import TrainDigitsConfig
    from lava_nexus.lab.configs.tables import EnergyConfig

_CONFIGS = "lava_nexus.lab.configs"


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        command: of `lava-nexus`.
        title: what it does, for help.
        example: a config that comes with the repository.
        config_name: module and class of its config, below `lava_nexus.lab.configs`.
        run_name: module and function, below `lava_nexus.lab`, that is called with config, folder and `quick`.
        resumable: whether a run that was ended is gone on from; the function then takes `resume` and `restart` too.
        choices: keys of the config that have an option of their own, and its values.
    """

    command: str
    title: str
    example: str
    config_name: str
    run_name: str
    resumable: bool = False
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def config(self) -> type[Config]:
        """The class of its config."""
        found: type[Config] = _named(f"{_CONFIGS}.{self.config_name}")
        return found

    def conduct(self, config: Config, out: Path, quick: bool = False, **flags: bool) -> Any:
        """Runs it and writes its report to `out`, a folder that is there.

        Raises:
            NexusError: a mistake in what the config asks for, or a run that failed.
        """
        return _named(f"lava_nexus.lab.{self.run_name}")(config, out, quick, **flags)


def _named(name: str) -> Any:
    module, _, what = name.partition(":")
    return getattr(import_module(module), what)


def run_model(config: RunConfig, out: Path, quick: bool = False, **flags: bool) -> Any:
    """The digits transformer, another one layer by layer, or a decoder that runs by itself."""
    if config.model.kind == "digits":
        from lava_nexus.lab.runs.digits import run_digits

        return run_digits(config, out, quick)
    if config.model.kind == "autonomous":
        from lava_nexus.lab.runs.autonomous import run_autonomous

        return run_autonomous(config, out, quick)
    from lava_nexus.lab.runs.transformer import run_transformer

    return run_transformer(config, out, quick, **flags)


def train_model(config: TrainDigitsConfig, out: Path, quick: bool = False, **flags: bool) -> Any:
    """A training by gates, or by PyTorch, which is too short to be gone on from, as are steps of a decoder."""
    if config.decoder is not None:
        from lava_nexus.lab.training.decoder_steps import train_decoder_by_gates

        return train_decoder_by_gates(config, out, quick)
    if config.forward == "gates":
        from lava_nexus.lab.training.report import train_by_gates

        return train_by_gates(config, out, quick, **flags)
    from lava_nexus.lab.training.train_digits import train_digits

    return train_digits(config, out, quick)


def measure_energy(config: EnergyConfig, out: Path, quick: bool = False) -> Any:
    """The table beside the published one, or the map of precision, energy and error."""
    if config.measure.kind == "table":
        from lava_nexus.lab.energy.report import run_energy_table

        return run_energy_table(config, config.measure, out, quick)
    from lava_nexus.lab.energy.precision import run_precision_map

    return run_precision_map(config, config.measure, out, quick)


EXPERIMENTS = (
    Experiment(
        "run",
        "Runs a model as integrate-and-fire logic and writes a report.",
        "configs/digits.yaml",
        "execution:RunConfig",
        "experiments:run_model",
        resumable=True,
    ),
    Experiment(
        "map",
        "Maps a block or a model onto chips: instances, cores, time steps, traffic.",
        "configs/map_block_d256.yaml",
        "places:MapBlockConfig",
        "runs.mapping:run_map_block",
    ),
    Experiment(
        "energy",
        "Energy of operators, layers and a block, counted in runs, beside published figures.",
        "configs/energy/nexus_table.yaml",
        "tables:EnergyConfig",
        "experiments:measure_energy",
    ),
    Experiment(
        "ulp",
        "Measures ULP of layers and operations and writes them beside published figures.",
        "configs/ulp_components.yaml",
        "ulp_tables:UlpTablesConfig",
        "ulp.sections:run_ulp_tables",
    ),
    Experiment(
        "circuits",
        "Counts what circuits are made of and what they do, beside published counts.",
        "configs/circuit_table.yaml",
        "tables:CircuitTableConfig",
        "runs.circuits:run_circuit_table",
    ),
    Experiment(
        "evaluate",
        "Evaluates a language model on text and multiple-choice tasks.",
        "configs/eval/samples.yaml",
        "evaluation:EvaluateConfig",
        "evaluation.evaluate:run_evaluation",
        resumable=True,
    ),
    Experiment(
        "study",
        "A decoder on a text: perplexity and KL of formats, and of LIF populations by operator, option and layer.",
        "configs/study/random.yaml",
        "study:StudyConfig",
        "study.study:run_study",
        resumable=True,
    ),
    Experiment(
        "train",
        "Trains the digits transformer by PyTorch, or it or a decoder by gates beside strict float.",
        "configs/train_digits.yaml",
        "model:TrainDigitsConfig",
        "experiments:train_model",
        resumable=True,
        choices={"forward": ("torch", "gates")},
    ),
    Experiment(
        "verify",
        "Holds circuits against their references on all or many operand sets.",
        "configs/verify/float8.yaml",
        "verification:VerifyConfig",
        "verification.checks:verify",
    ),
    Experiment(
        "prove",
        "Proves circuits equal to SMT-LIB floating point on all operands.",
        "configs/proofs/basic.yaml",
        "verification:ProofConfig",
        "verification.prove:prove",
    ),
    Experiment(
        "functions",
        "The table of functions, from their certificates.",
        "configs/function_table.yaml",
        "verification:FunctionTableConfig",
        "verification.functions:function_table",
    ),
    Experiment(
        "corrections",
        "Finds the inputs that the precise programs of functions miss.",
        "configs/corrections.yaml",
        "verification:CorrectionsConfig",
        "verification.functions:find_corrections",
    ),
    Experiment(
        "export",
        "Writes a circuit for other tools: NIR, netx, Verilog, VCD, SANA-FE.",
        "configs/export.yaml",
        "places:ExportConfig",
        "runs.export:export_circuit",
    ),
    Experiment(
        "robustness",
        "Measures what breaks circuits, beside published tables, and what cures cost.",
        "configs/robustness/beta_scan.yaml",
        "robustness:RobustnessConfig",
        "robustness.sweep:run_robustness",
    ),
    Experiment(
        "diagnose",
        "Checks a set-up against known signatures of failure.",
        "configs/diagnose.yaml",
        "robustness:DiagnoseConfig",
        "robustness.diagnose:run_diagnosis",
    ),
    Experiment(
        "nls",
        "Measures operators of LIF populations beside published errors and exact gates.",
        "configs/nls_tables.yaml",
        "tables:NlsTablesConfig",
        "nls.tables:run_nls_tables",
    ),
    Experiment(
        "orders",
        "Measures orders of accumulation: ULP, neurons, SynOps and energy.",
        "configs/accumulate_orders.yaml",
        "tables:AccumulateConfig",
        "runs.accumulate:run_accumulate_orders",
    ),
    Experiment(
        "native",
        "Measures linear layers in the chip's own synapses, by part and format, beside gates and a GPU.",
        "configs/native/costs.yaml",
        "tables:NativeCostsConfig",
        "runs.native:run_native_costs",
    ),
    Experiment(
        "linear-lif",
        "Runs one linear layer of the digits transformer as LIF neurons in Lava.",
        "configs/linear_lif.yaml",
        "model:LinearLifConfig",
        "runs.linear_lif:run_linear_lif",
    ),
)
"""In the order of help."""


def find(command: str) -> Experiment:
    """The experiment of a command.

    Raises:
        NexusError: there is none of that name.
    """
    named = {one.command: one for one in EXPERIMENTS}
    if command not in named:
        raise NexusError(f"experiment '{command}' does not exist{did_you_mean(command, named)}")
    return named[command]
