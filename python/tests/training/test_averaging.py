"""The average of the weights."""

import pytest
import torch
from torch import nn

from cristae.training.averaging import WeightAverage


def test_the_average_forgets_the_beginning() -> None:
    network = nn.Linear(1, 1, bias=False)
    average = WeightAverage(network)
    seen = []
    for step in range(1, 201):
        value = 100.0 if step <= 20 else 1.0
        network.weight.data.fill_(value)
        average.update(network, step)
        seen.append(average.tensors["weight"].item())
    assert seen[0] == 100.0
    assert seen[-1] == pytest.approx(1.0, abs=1e-3)


def test_the_average_looks_back_over_about_a_tenth_of_the_steps() -> None:
    network = nn.Linear(1, 1, bias=False)
    average = WeightAverage(network)
    for step in range(1, 1001):
        network.weight.data.fill_(float(step))
        average.update(network, step)
    # The mean of t weighted with t^10 ends at 11/12 of the last value, by calculus.
    assert average.tensors["weight"].item() == pytest.approx(1000 * 11 / 12, rel=0.01)


def test_statistics_of_batch_normalisation_are_averaged_with_the_weights() -> None:
    network = nn.BatchNorm1d(2)
    average = WeightAverage(network)
    network.running_mean = torch.tensor([1.0, 2.0])
    network.num_batches_tracked = torch.tensor(7)
    average.update(network, 1)
    assert average.tensors["running_mean"].tolist() == [1.0, 2.0]
    assert average.tensors["num_batches_tracked"].item() == 7


def test_the_average_does_not_follow_later_changes_of_the_network() -> None:
    network = nn.Linear(1, 1)
    average = WeightAverage(network)
    before = average.tensors["weight"].clone()
    network.weight.data.add_(1)
    assert torch.equal(average.tensors["weight"], before)
