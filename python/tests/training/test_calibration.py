"""Calibration against what is known of made-up logits, and its way into the last layer."""

import pytest
import torch

from cristae.networks import UNet, UNetConfig
from cristae.training.calibration import Calibration, calibrate, known_logits
from cristae.training.losses import compared, dice_ce

N = 60_000


def truth_and_logits(seed: int = 0, share: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    """Targets, and logits that tell their true probabilities."""
    generator = torch.Generator().manual_seed(seed)
    log_odds = torch.randn(N, generator=generator) * 2 + torch.logit(torch.tensor(share))
    targets = (torch.rand(N, generator=generator) < torch.sigmoid(log_odds)).long()
    return targets, torch.stack((-log_odds / 2, log_odds / 2), dim=1)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_made_the_network_too_sure(factor: float) -> None:
    targets, honest = truth_and_logits()
    assert calibrate(honest * factor, targets).temperature == pytest.approx(factor, rel=0.08)


def test_the_biases_undo_a_shift_of_the_edge_between_classes() -> None:
    generator = torch.Generator().manual_seed(1)
    targets = torch.randint(0, 3, (N,), generator=generator)
    logits = 3.0 * torch.nn.functional.one_hot(targets, 3) + torch.randn(N, 3, generator=generator)
    assert calibrate(logits, targets).biases == (0.0, 0.0, 0.0)
    shifted = logits + torch.tensor([0.0, 1.5, -1.5])
    found = calibrate(shifted, targets)
    before, after = (
        (guess == targets).float().mean()
        for guess in (
            shifted.argmax(1),
            (shifted / found.temperature + torch.tensor(found.biases)).argmax(1),
        )
    )
    assert found.biases[0] == 0
    assert found.biases[1] < 0 < found.biases[2]
    assert after > before + 0.02


def test_each_mask_gets_its_own_threshold() -> None:
    generator = torch.Generator().manual_seed(2)
    targets = torch.randint(0, 4, (N,), generator=generator)
    members = torch.tensor([[False, False], [True, False], [False, True], [True, True]])
    logits = (members[targets].float() - 0.5) * 4 + torch.randn(N, 2, generator=generator)
    found = calibrate(logits + torch.tensor([0.0, 2.5]), targets, members)
    assert found.biases[0] == 0
    assert found.biases[1] < -0.5


def test_a_class_of_which_little_is_known_keeps_its_edge() -> None:
    targets = torch.zeros(N, dtype=torch.long)
    targets[:500] = 1
    logits = torch.stack((torch.ones(N), torch.zeros(N)), dim=1)
    assert calibrate(logits, targets).biases == (0.0, 0.0)


@pytest.mark.parametrize("upscale", [(1, 1, 1), (1, 2, 2)])
def test_the_last_layer_takes_the_calibration_over(upscale: tuple[int, int, int]) -> None:
    config = UNetConfig(2, 1, 3, (4, 8), ((1, 3, 3),) * 2, ((1, 2, 2),), upscale)
    network = UNet(config).eval()
    x = torch.randn(1, 1, 16, 16)
    before = network(x)
    calibration = Calibration(2.5, (0.0, 0.5, -1.0))
    network.load_state_dict(calibration.folded(network.state_dict(), upscale))
    expected = before / 2.5 + torch.tensor([0.0, 0.5, -1.0]).view(1, 3, 1, 1)
    assert torch.allclose(network(x), expected, atol=1e-5)


def test_known_voxels_are_drawn_evenly_and_unknown_ones_never() -> None:
    targets = torch.zeros(2, 50, 60, dtype=torch.uint8)
    targets[:, 25:] = 255
    targets[1, :25] = 1
    logits = torch.stack((targets.float(), -targets.float()), dim=1)
    everything, all_targets = known_logits([(logits, targets)])
    assert everything.shape == (3000, 2)
    assert torch.equal(everything[:, 0], all_targets.float())
    some, their_targets = known_logits([(logits, targets)], most=1000)
    assert 850 < len(some) < 1150
    assert 0.4 < their_targets.float().mean() < 0.6
    assert dice_ce(compared(logits, targets)).isfinite()
