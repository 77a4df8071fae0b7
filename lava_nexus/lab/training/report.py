"""The report of a training by gates: its steps, the same in other formats, and other ways to a spiking network."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.interpret import run_program
from lava_nexus.files import prepare_folder
from lava_nexus.formats import FLOAT32
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.configs.model import TrainDigitsConfig
from lava_nexus.lab.figures.costs import Curve, curve_figure
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.runs.digits import approximate_program
from lava_nexus.lab.spread import spread
from lava_nexus.lab.training.lockstep import Lockstep, StepRow, batch_of, rate_of, store_of, train_in_lockstep
from lava_nexus.lab.training.side import Side
from lava_nexus.lab.training.train_digits import reproducible
from lava_nexus.lab.training.witness import DigitsTransformer, witness_logits
from lava_nexus.lab.trial import marked, smaller
from lava_nexus.models.checkpoint import save_checkpoint
from lava_nexus.models.digits import DIGITS, digits_program, load_split
from lava_nexus.programs import Program
from lava_nexus.store import Store

Tensors = Mapping[str, NDArray[Any]]
_COUNTED = 32  # test images whose SynOps are counted
_HIDDEN, _TIME_STEPS = 64, 16  # of lava-dl's networks


@dataclass(frozen=True)
class Way:
    """One way to a network that names digits.

    Attributes:
        name: what it is.
        accuracy: share (0..1) of the test images named rightly.
        synops: mean an image, None where nothing spikes.
        seconds: of training.
        losses: of every update; empty where it has none of its own.
    """

    name: str
    accuracy: float
    synops: float | None
    seconds: float
    losses: tuple[float, ...] = ()


def synops_by_gates(tensors: Tensors) -> float:
    """SynOps of an image by gates, counted on the first test images."""
    return _counted(digits_program(dict(tensors), DIGITS, FLOAT32))[1]


def _torch(config: TrainDigitsConfig, trained: Tensors) -> Way:
    """The same model, batches and optimiser by PyTorch's own kernels."""
    split, began = load_split(), time.perf_counter()
    criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    with reproducible(config.seed):
        model = DigitsTransformer(DIGITS, config.dropout)
        settings = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
        optimiser = torch.optim.AdamW(model.parameters(), **settings)
        side = Side("torch", model, optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, rate_of(config)))
        steps = range(config.gates.steps)
        losses = tuple(side.step(*batch_of(split, config, step), criterion)[0] for step in steps)
        tensors = {name: tensor.detach().numpy().copy() for name, tensor in model.state_dict().items()}
        accuracy = float((witness_logits(tensors, split.test_tokens).argmax(1) == split.test_labels).mean())
    return Way("the same transformer by PyTorch's kernels", accuracy, None, time.perf_counter() - began, losses)


def _surrogate(config: TrainDigitsConfig, trained: Tensors) -> Way:
    from lava_nexus.lab.training.baselines import surrogate_digits

    gates = config.gates
    found = surrogate_digits(_HIDDEN, _TIME_STEPS, gates.steps, gates.batch, config.seed)
    name = f"lava-dl slayer, surrogate gradients: 64-{_HIDDEN}-10 LIF neurons, {_TIME_STEPS} steps"
    return Way(name, found.accuracy, found.synops, found.seconds, found.losses)


def _bootstrap(config: TrainDigitsConfig, trained: Tensors) -> Way:
    from lava_nexus.lab.training.baselines import bootstrap_digits

    gates = config.gates
    epochs = max(1, round(gates.steps * gates.batch / len(load_split().train_images)))
    found = bootstrap_digits(_HIDDEN, _TIME_STEPS, epochs, config.seed)
    name = f"lava-dl bootstrap: 64-{_HIDDEN}-10 LIF neurons, {_TIME_STEPS} steps"
    return Way(name, found.accuracy, found.synops, found.seconds)


def _rate(config: TrainDigitsConfig, trained: Tensors) -> Way:
    """The weights trained by gates in an ordinary converted SNN: linear layers by spike counts, LIF operators."""
    values = {"model": {"kind": "digits"}, "executor": "bitsliced", "linear": "spikes", "nonlinear": "nls"}
    run = RunConfig.model_validate(values)
    tensors = dict(trained)
    exact = digits_program(tensors, DIGITS, FLOAT32)
    program = approximate_program(run, tensors, exact, "sequential", load_split())
    accuracy, synops = _counted(program, images=None)
    name = f"the trained transformer rate coded: signed spike counts, {run.spikes.steps} steps, LIF operators"
    return Way(name, accuracy, synops, 0.0)


def _counted(program: Program, images: int | None = _COUNTED) -> tuple[float, float]:
    """(accuracy, SynOps an image) over the first test images."""
    split = load_split()
    tokens, labels = split.test_tokens[:images], split.test_labels[:images]
    found = run_program(program, {"tokens": FLOAT32.to_patterns(tokens)}, BitslicedExecutor(count=True))
    logits = FLOAT32.from_patterns(found.outputs["logits"][:, 0])
    return float((np.asarray(logits).argmax(1) == labels).mean()), (found.tallies.synops or 0) / len(labels)


WAYS: dict[str, Callable[[TrainDigitsConfig, Tensors], Way]] = {
    "torch": _torch,
    "surrogate": _surrogate,
    "bootstrap": _bootstrap,
    "rate": _rate,
}
_BEHIND = ("rate",)  # those that need the weights trained by gates


WEIGHTS = "digits_by_gates.safetensors"
_QUICK = {"steps": 2, "batch": 4, "checkpoint_every": 1, "formats": (), "baselines": ()}
_STEP = (
    *("step", "loss by gates", "loss in strict float"),
    *("gradient norm by gates", "in strict float", "first difference"),
)


@marked
def train_by_gates(
    config: TrainDigitsConfig, out: Path, quick: bool = False, resume: bool = False, restart: bool = False
) -> dict[str, Any]:
    """Trains in lockstep, then in other formats and other ways; writes gate_training.md, .json, .csv and training.png.

    Raises:
        NexusError: forward values that differ, a loss that is not finite, a state that cannot be resumed.
    """
    if quick:
        config = smaller(config, config.model_copy(update={"gates": config.gates.model_copy(update=_QUICK)}))
    all_of_it = Trainings(config, out.resolve(), torch.get_num_threads())
    all_of_it.begin(resume, restart)
    independent = [way for way in config.gates.baselines if way not in _BEHIND]
    pieces = [config.gates.format, *config.gates.formats, *independent]
    trained = spread(
        config.cluster, Trainings.piece, all_of_it, [*enumerate(pieces)], "training", "ways", of_processor=True
    )
    found = trained[0]
    assert isinstance(found, Lockstep)
    save_checkpoint(out / WEIGHTS, found.tensors, {"seed": str(config.seed), "steps": str(config.gates.steps)})
    gates = Way(f"by gates, {config.gates.format}", found.accuracy, _synops(config, found, quick), found.seconds)
    formats = [_way(name, one) for name, one in zip(pieces[1:], trained[1:], strict=True) if isinstance(one, Lockstep)]
    ready = {name: one for name, one in zip(pieces, trained, strict=True) if isinstance(one, Way)}
    others = [ready.get(name) or WAYS[name](config, found.tensors) for name in config.gates.baselines]
    curve_figure(_curves(found, others), "Loss of training by gates and beside it", out / "training.png")
    values = conclude(_report(config, found, [gates, *formats, *others], quick), out)
    for store in all_of_it.stores:
        store.clear()
    return values


@dataclass(frozen=True)
class Trainings:
    """Trainings that need nothing of each other.

    Attributes:
        config: of all.
        out: folder of the first one's state; those in other formats have one of their own in it.
        threads: of PyTorch, on which bits may depend.
    """

    config: TrainDigitsConfig
    out: Path
    threads: int

    def of(self, number: int, name: str) -> tuple[TrainDigitsConfig, Path]:
        """Config and folder of one by gates."""
        gates = self.config.gates.model_copy(update={"format": name})
        return self.config.model_copy(update={"gates": gates}), self.out / name if number else self.out

    @property
    def stores(self) -> list[Store]:
        """Where the states of those by gates are kept."""
        names = (self.config.gates.format, *self.config.gates.formats)
        return [store_of(*self.of(number, name)) for number, name in enumerate(names)]

    def begin(self, resume: bool, restart: bool) -> None:
        """Decides what becomes of states of an earlier run."""
        for name in self.config.gates.formats:
            prepare_folder(self.out / name)
        for store in self.stores:
            store.begin(resume, restart)
        if resume and not any(store.paths for store in self.stores):
            raise NexusError(f"folder '{self.stores[0].folder}' holds no state to resume from")

    def piece(self, piece: tuple[int, str]) -> Lockstep | Way:
        """One of them, from its last state on, also where another worker was ended in the middle of it."""
        number, name = piece
        torch.set_num_threads(self.threads)
        if number > len(self.config.gates.formats):
            return WAYS[name](self.config, {})
        config, folder = self.of(number, name)
        return train_in_lockstep(config, folder, resume=bool(store_of(config, folder).paths))


def _synops(config: TrainDigitsConfig, found: Lockstep, quick: bool) -> float | None:
    return synops_by_gates(found.tensors) if config.gates.format == "float32" and not quick else None


def _way(name: str, found: Lockstep) -> Way:
    """The same training with every operation of the forward pass in another format; weights stay float32."""
    losses = tuple(row.loss_gates for row in found.rows)
    return Way(f"by gates, {name}", found.accuracy, None, found.seconds, losses)


def _row(row: StepRow) -> tuple[Any, ...]:
    return row.step, row.loss_gates, row.loss_strict, row.norm_gates, row.norm_strict, row.difference or "none"


def _curves(found: Lockstep, ways: Sequence[Way]) -> list[Curve]:
    gates, strict = ([getattr(row, f"loss_{side}") for row in found.rows] for side in ("gates", "strict"))
    shown = [Curve("by gates", gates, wide=True), Curve("strict float", strict)]
    return shown + [Curve(w.name.split(":")[0], w.losses, apart="surrogate" in w.name) for w in ways if w.losses]


def _report(config: TrainDigitsConfig, found: Lockstep, ways: Sequence[Way], quick: bool) -> Report:
    gates, rows = config.gates, found.rows
    every = max(1, len(rows) // 10)
    shown = [_row(row) for row in rows if row.step % every == 0 or row.step == 1]
    table = [[way.name, f"{100 * way.accuracy:.2f} %", way.synops, way.seconds] for way in ways]
    same = "equal in every bit" if found.identical else "not equal"
    backward = "PyTorch's derivatives at the same operands" if gates.backward == "autograd" else "by gates too"
    optimiser = "PyTorch's AdamW" if gates.optimiser == "torch" else "AdamW by gates"
    notes = [
        f"After {len(rows)} steps of batch {gates.batch} the parameters of both models are {same}.",
        "Forward: every operation of the model a circuit of neurons, each rounded once. "
        f"Backward: {backward}. Optimiser: {optimiser}.",
        "Accuracy is on the 360 test images, in float32 by PyTorch for weights trained by gates.",
        "Other formats: operands and results of every forward operation are rounded to it; weights stay float32.",
        "The loss of surrogate gradients is a cross-entropy of spike rates: its scale is its own.",
    ]
    header = ("way", "accuracy", "SynOps an image", "seconds of training")
    return Report(
        title="Training by gates",
        name="gate_training",
        config={**config.resolved(), "quick": quick},
        tables=[Table("", _STEP, shown, None), Table("Ways", header, table, None)],
        figures=[("training.png", "Loss of training by gates and beside it.")],
        notes=[*notes, "A trial of a few steps."] if quick else notes,
        values={
            "steps": [asdict(row) for row in rows],
            "identical_parameters": found.identical,
            "ways": [asdict(way) for way in ways],
        },
        data={"gate_training.csv": (_STEP, [_row(row) for row in rows])},
    )
