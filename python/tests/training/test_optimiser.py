"""AdamW against the paper."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from cristae.training.optimiser import AdamW


def test_every_step_is_the_step_that_the_paper_describes() -> None:
    # Loshchilov and Hutter, "Decoupled weight decay regularization", algorithm 2, in float64.
    random = np.random.default_rng(0)
    network = nn.Linear(3, 1, bias=False).double()
    weights, mean, square = network.weight.detach().numpy().copy(), 0.0, 0.0
    optimiser = AdamW(network, weight_decay=0.1)
    for step in range(1, 31):
        gradient, rate = random.normal(size=(1, 3)), 0.05 / step
        network.weight.grad = torch.from_numpy(gradient.copy())
        optimiser.step(rate)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        weights = weights - rate * 0.1 * weights
        weights -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        assert np.allclose(network.weight.detach().numpy(), weights, rtol=1e-10)


def test_the_state_carries_over() -> None:
    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    unbroken = copy.deepcopy(network)

    def step(net: nn.Module, optimiser: AdamW) -> None:
        optimiser.clear()
        net(torch.ones(2, 3)).square().sum().backward()
        optimiser.step(0.1)

    first = AdamW(unbroken, 0.01)
    for _ in range(4):
        step(unbroken, first)
    second = AdamW(network, 0.01)
    step(network, second)
    third = AdamW(network, 0.01)
    third.load_state({name: tensor.clone() for name, tensor in second.state().items()})
    for _ in range(3):
        step(network, third)
    assert torch.equal(network.weight, unbroken.weight)


@pytest.mark.parametrize(("largest", "expected"), [(1.0, 1.0), (100.0, 5.0)])
def test_gradients_are_scaled_down_together_but_never_up(largest: float, expected: float) -> None:
    network = nn.Linear(2, 1, bias=False)
    network.weight.grad = torch.tensor([[3.0, 4.0]])
    AdamW(network, 0).clip(largest)
    assert network.weight.grad.norm().item() == pytest.approx(expected, rel=1e-4)
