"""The digits transformer trained with PyTorch: same config, same machine, same PyTorch, same bits.

Images are shifted a little, so that training sees digits that are not centred.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.files import in_checkout
from lava_nexus.lab.configs.model import TrainDigitsConfig
from lava_nexus.lab.report import Report, conclude
from lava_nexus.lab.training.witness import DigitsTransformer, witness_logits
from lava_nexus.lab.trial import marked, smaller
from lava_nexus.models.checkpoint import save_checkpoint
from lava_nexus.models.digits import DIGITS, WEIGHTS, DigitsSplit, load_split, patches
from lava_nexus.progress import Work

QUICK_EPOCHS = 3


@dataclass(frozen=True, eq=False)
class TrainedDigits:
    """What a training gives.

    Attributes:
        tensors: float32 weights, names and shapes of `DIGITS.tensors`.
        losses: mean loss of the training images, one an epoch.
        train_accuracy: share (0..1) of the training images, unshifted, classified rightly.
        test_accuracy: share of the test images.
        smallest_margin: least difference of the two largest logits on a test image.
        seconds: wall time of training and evaluation.
    """

    tensors: dict[str, NDArray[np.float32]]
    losses: tuple[float, ...]
    train_accuracy: float
    test_accuracy: float
    smallest_margin: float
    seconds: float


@marked
def train_digits(config: TrainDigitsConfig, out: Path, quick: bool = False) -> dict[str, Any]:
    """Trains, writes `digits.safetensors` and `training.json` to `out`, and installs the weights if so configured.

    A quick training is three epochs, is held to no accuracy and never installed.

    Returns:
        the report that was written.

    Raises:
        NexusError: the training diverged, or the accuracy is below what is required of weights to install.
    """
    install = config.install and not quick and in_checkout()
    if quick:
        config = smaller(config, config.model_copy(update={"epochs": min(config.epochs, QUICK_EPOCHS)}))
    trained = train(config)
    weights = out / WEIGHTS.name
    metadata = _metadata(config, trained)
    save_checkpoint(weights, trained.tensors, metadata)
    required = config.required_accuracy
    good_enough = trained.test_accuracy >= required
    if install and good_enough:
        save_checkpoint(WEIGHTS, trained.tensors, metadata)
    reached = f"test accuracy {trained.test_accuracy:.4f}"
    failure = f"{reached} is below required_accuracy {required}, so the weights in '{weights}' were not installed"
    found = Report(
        title="The digits transformer trained by PyTorch",
        name="training",
        config=config.resolved(),
        lead=[f"{reached} after {trained.seconds:.1f} s of training, weights in {weights}"]
        + ([f"installed as {WEIGHTS}"] if install and good_enough else []),
        values={**_values(trained), "quick": quick, "weights": str(weights)}
        | {"installed": str(WEIGHTS) if install and good_enough else None},
        failure=failure if install and not good_enough else "",
    )
    return conclude(found, out)


def train(config: TrainDigitsConfig) -> TrainedDigits:
    """The training itself, in memory, on one core.

    AdamW on cross-entropy, warm-up and cosine learning rate, random order and shifts. The weights after the last step
    are kept; the test images are looked at after that, once.

    Raises:
        NexusError: a loss that is NaN or infinite.
    """
    split = load_split()
    started = time.perf_counter()
    with reproducible(config.seed):
        model = DigitsTransformer(DIGITS, config.dropout)
        losses = tuple(_epochs(model, split, config))
        tensors = {name: tensor.detach().numpy().copy() for name, tensor in model.state_dict().items()}
        train_logits = witness_logits(tensors, patches(split.train_images))
        test_logits = witness_logits(tensors, split.test_tokens)
    ranked = np.sort(test_logits, axis=1)
    return TrainedDigits(
        tensors,
        losses,
        train_accuracy=_accuracy(train_logits, split.train_labels),
        test_accuracy=_accuracy(test_logits, split.test_labels),
        smallest_margin=float((ranked[:, -1] - ranked[:, -2]).min()),
        seconds=time.perf_counter() - started,
    )


@contextmanager
def reproducible(seed: int, threads: int | None = 1) -> Iterator[None]:
    """Deterministic kernels, PyTorch's generator seeded, `threads` (None: as they are); all put back afterwards."""
    before, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        try:
            torch.manual_seed(seed)
            torch.set_num_threads(threads or before)
            torch.use_deterministic_algorithms(True)
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic)
            torch.set_num_threads(before)


def _epochs(model: DigitsTransformer, split: DigitsSplit, config: TrainDigitsConfig) -> Iterator[float]:
    count = len(split.train_images)
    steps = math.ceil(count / config.batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: relative_rate(step, config.epochs * steps, config.warmup)
    )
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    rng = np.random.default_rng(config.seed)
    model.train()
    with Work("training", config.epochs, "epochs") as bar:
        for epoch in range(config.epochs):
            total = 0.0
            for chosen in np.array_split(rng.permutation(count), steps):
                images = randomly_shifted(split.train_images[chosen], rng, config.max_shift, config.shift_probability)
                loss = criterion(model(torch.from_numpy(patches(images))), torch.from_numpy(split.train_labels[chosen]))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                total += loss.item() * len(chosen)
            if not math.isfinite(total):
                raise NexusError(
                    f"training diverged: the loss is {total} in epoch {epoch + 1}; "
                    f"learning_rate {config.learning_rate} may be too large"
                )
            bar.update()
            bar.note(f"loss {total / count:.4f}")
            yield total / count


def relative_rate(step: int, steps: int, warmup: float) -> float:
    """Learning rate over its largest: a straight rise in the first `warmup` (0..1) of the steps, then half a cosine."""
    rising = warmup * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 * (1.0 + math.cos(math.pi * (step - rising) / (steps - rising)))


def _accuracy(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return float((logits.argmax(axis=1) == labels).mean())


def _metadata(config: TrainDigitsConfig, trained: TrainedDigits) -> dict[str, str]:
    return {
        "seed": str(config.seed),
        "epochs": str(config.epochs),
        "test_accuracy": repr(trained.test_accuracy),
        "torch": torch.__version__,
        "spec": json.dumps(asdict(DIGITS), sort_keys=True),
    }


def _values(trained: TrainedDigits) -> dict[str, Any]:
    return {
        "spec": asdict(DIGITS),
        "parameters": DIGITS.parameters,
        "multiply_accumulates_per_image": DIGITS.multiply_accumulates,
        "accuracy": {"train": trained.train_accuracy, "test": trained.test_accuracy},
        "smallest_margin": trained.smallest_margin,
        "losses": list(trained.losses),
        "wall_seconds": trained.seconds,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def shifted(images: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float32]:
    """Images [n, h, w], each moved down by rows[n] and right by columns[n] pixels; what is uncovered is 0."""
    _, height, width = images.shape
    margin = int(max(np.abs(rows).max(initial=0), np.abs(columns).max(initial=0)))
    padded = np.pad(images, ((0, 0), (margin, margin), (margin, margin)))
    row_index = margin - rows[:, None] + np.arange(height)
    column_index = margin - columns[:, None] + np.arange(width)
    moved = padded[np.arange(len(images))[:, None, None], row_index[:, :, None], column_index[:, None, :]]
    return np.asarray(moved)


def randomly_shifted(
    images: NDArray[np.float32], rng: np.random.Generator, max_shift: int, probability: float
) -> NDArray[np.float32]:
    """Images [n, h, w]; each with this probability moved by -max_shift..max_shift pixels along each axis, else left."""
    shifts = rng.integers(-max_shift, max_shift, size=(2, len(images)), endpoint=True)
    rows, columns = shifts * (rng.random(len(images)) < probability)
    return shifted(images, rows, columns)
