"""What the networks trained by lava-dl share: its modules, seeds, a step of training, accuracy."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lava_nexus.errors import NexusError
from lava_nexus.models.digits.training import reproducible

PIXELS, CLASSES = 64, 10


def lava_dl() -> tuple[ModuleType, ModuleType]:
    """lava-dl's bootstrap and slayer, without what they print when imported.

    Raises:
        NexusError: lava-dl is not installed.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from lava.lib.dl import bootstrap, slayer
    except ImportError as error:
        raise NexusError(f"a baseline needs lava-dl, which cannot be imported: {error}") from error
    return bootstrap, slayer


@contextlib.contextmanager
def training(seed: int) -> Iterator[None]:
    """PyTorch's generator and NumPy's global one, from which lava-dl draws, seeded and put back; no warnings."""
    state = np.random.get_state()
    with reproducible(seed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            np.random.set_state(state)


def descend(optimiser: torch.optim.Optimizer, logits: Tensor, labels: Tensor) -> float:
    """One step down the cross-entropy of logits [n, classes]; returns the loss before it."""
    loss = nn.functional.cross_entropy(logits, labels)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.item())


def accuracy_of(rates: Tensor, labels: NDArray[np.int64]) -> float:
    """Share (0..1) of rows [n, classes] whose largest entry is the label's."""
    return float((rates.argmax(1).numpy() == labels).mean())
