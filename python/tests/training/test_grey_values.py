"""Changes of grey values that are not shown in the docstrings."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from cristae.training import grey_values


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def roughen(x: Tensor, strength: float, one: torch.Generator) -> None:
    grey_values.roughen(x, strength, one, generator(9))


@pytest.mark.parametrize(
    "change", [grey_values.light, grey_values.shade, grey_values.blur, grey_values.coarsen, roughen]
)
def test_no_strength_changes_nothing(change: Callable[[Tensor, float, torch.Generator], None]) -> None:
    x = torch.randn(8, 2, 16, 16, generator=generator())
    before = x.clone()
    change(x, 0.0, generator())
    assert torch.allclose(x, before, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "share"),
    [(grey_values.shade, 1 / 3), (grey_values.blur, 0.3), (grey_values.coarsen, 0.15), (roughen, 0.5)],
)
def test_each_change_befalls_its_share_of_the_samples(
    change: Callable[[Tensor, float, torch.Generator], None], share: float
) -> None:
    x = torch.randn(1000, 1, 4, 4, generator=generator())
    before = x.clone()
    change(x, 1.0, generator())
    assert float((x != before).flatten(1).any(dim=1).float().mean()) == pytest.approx(share, abs=0.05)


def test_a_gamma_of_one_changes_nothing_and_order_is_kept() -> None:
    values = torch.linspace(-6, 6, 101)
    same, bent = values.clone(), values.clone()
    grey_values.bend(same, 1.0)
    grey_values.bend(bent, 0.5)
    assert torch.allclose(same, values, atol=1e-5)
    assert bool((bent.diff() >= 0).all())
    assert bent[50] == pytest.approx(6 * 0.5**0.5 - 3, abs=1e-5)


def test_contrast_and_brightness_differ_from_sample_to_sample_within_their_ranges() -> None:
    x = torch.zeros(500, 1, 2)
    x[:, 0, 0], x[:, 0, 1] = 10.0, 11.0  # beyond the gamma curve
    grey_values.light(x, 1.0, generator())
    contrast = x[:, 0, 1] - x[:, 0, 0]
    brightness = x[:, 0, 0] - 10 * contrast
    assert float(contrast.min()) == pytest.approx(0.7, abs=0.02)
    assert float(contrast.max()) == pytest.approx(1.3, abs=0.02)
    assert float(brightness.min()) == pytest.approx(-0.3, abs=0.02)
    assert float(brightness.max()) == pytest.approx(0.3, abs=0.02)


def test_noise_has_the_deviation_that_was_drawn_and_is_in_no_other_sample() -> None:
    x = torch.zeros(400, 1, 32, 32)
    roughen(x, 2.0, generator())
    deviations = x.flatten(1).std(dim=1)
    assert float(deviations.max()) == pytest.approx(0.5, abs=0.05)
    assert float((deviations == 0).float().mean()) == pytest.approx(0.5, abs=0.1)
    noisy = x[deviations > 0.05].flatten(1)
    assert abs(float(torch.corrcoef(noisy[:2])[0, 1])) < 0.2


def test_a_volume_is_blurred_within_its_sections_only() -> None:
    x = torch.zeros(200, 1, 3, 5, 5)
    x[:, :, 1, 2, 2] = 9.0
    grey_values.blur(x, 1.0, generator())
    assert float(x[:, :, [0, 2]].abs().max()) == 0
    assert bool((x[:, :, 1].sum(dim=(1, 2, 3)).sub(9).abs() < 1e-4).all())  # 3 x 3 means keep the sum
