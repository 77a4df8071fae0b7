"""SGD and AdamW by gates: each update against NumPy's FP32, one rounded operation after the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lava_nexus.torch import GateAdamW, GateSGD

F = np.float32


def _parameter(seed: int = 0) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(np.random.default_rng(seed).standard_normal(7).astype(F)))


def _grad(step: int) -> np.ndarray:
    return np.random.default_rng(100 + step).standard_normal(7).astype(F)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("executor", ["bitsliced", "reference"])
def test_sgd(executor: str, momentum: float) -> None:
    p = _parameter()
    by_hand, velocity = p.detach().numpy().copy(), None
    optimiser = GateSGD([p], lr=0.1, momentum=momentum, executor=executor)
    for step in range(3):
        p.grad = torch.from_numpy(_grad(step))
        optimiser.step()
        g = _grad(step)
        if momentum:
            velocity = g if velocity is None else velocity * F(momentum) + g
            g = velocity
        by_hand = by_hand - g * F(0.1)
        assert np.array_equal(p.detach().numpy().view(np.uint32), by_hand.view(np.uint32))


@pytest.mark.parametrize("executor", ["bitsliced", "reference"])
def test_adamw(executor: str) -> None:
    p, plain = _parameter(), _parameter()
    x, m, v = p.detach().numpy().copy(), np.zeros(7, F), np.zeros(7, F)
    options = {"lr": 3e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.3}
    optimiser, theirs = GateAdamW([p], **options, executor=executor), torch.optim.AdamW([plain], **options)
    for step in range(1, 4):
        g = _grad(step)
        p.grad, plain.grad = torch.from_numpy(g.copy()), torch.from_numpy(g.copy())
        optimiser.step()
        theirs.step()
        m = m * F(0.9) + g * F(1 - 0.9)
        v = v * F(0.999) + g * F(1 - 0.999) * g
        root = np.sqrt(v) / F((1 - 0.999**step) ** 0.5) + F(1e-8)
        x = x * F(1 - 3e-3 * 0.3) - m * F(3e-3 / (1 - 0.9**step)) / root
        assert np.array_equal(p.detach().numpy().view(np.uint32), x.view(np.uint32))
        assert torch.allclose(p, plain, rtol=1e-5)


def test_counts_and_the_state_of_a_plain_optimiser() -> None:
    p = _parameter()
    optimiser = GateSGD([p], lr=0.5, count=True)
    p.grad = torch.from_numpy(_grad(0))
    optimiser.step()
    kinds = {tally.circuit.name: tally.invocations for tally in optimiser.gates.tallies}
    assert kinds == {"mul": 7, "sub": 7}
    again = GateSGD([_parameter()], lr=0.1)
    again.load_state_dict(optimiser.state_dict())
    assert again.param_groups[0]["lr"] == 0.5
