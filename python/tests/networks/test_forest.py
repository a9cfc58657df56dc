"""The forest that is a network against scikit-learn's, and its filters against SciPy's and NumPy's."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from cristae.errors import InvalidInput
from cristae.networks import Forest, ForestConfig, build, halo, total_stride
from cristae.networks.filters import FILTERS, FilterBank, reach, smoothed

CONFIG = ForestConfig(in_channels=1, out_channels=2, sigmas=(1.0,), trees=2, nodes=3, depth=1)


def picture(seed: int = 0, size: int = 40) -> torch.Tensor:
    return torch.randn(1, 1, size, size + 3, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("sigma", [0.7, 1.6, 3.5])
def test_a_smoothed_image_is_scipys(sigma: float) -> None:
    x = picture()
    radius = int(np.ceil(3 * sigma))
    theirs = ndimage.gaussian_filter(x[0, 0].numpy().astype(float), sigma, mode="nearest", radius=radius)
    assert np.allclose(smoothed(x, sigma)[0, 0].numpy(), theirs, atol=1e-5)


@pytest.mark.parametrize("sigma", [0.7, 1.6, 5.0])
def test_a_smoothed_pixel_is_bit_for_bit_the_same_in_every_tile(sigma: float) -> None:
    planes = torch.randn(2, 1, 70, 90, generator=torch.Generator().manual_seed(1))
    whole = smoothed(planes, sigma)
    edge = 15  # what the widest of them sees
    for top, left in ((0, 0), (3, 7), (19, 31)):
        tile = smoothed(planes[:, :, top : top + 47, left : left + 53], sigma)
        inside = whole[:, :, top + edge : top + 47 - edge, left + edge : left + 53 - edge]
        assert torch.equal(tile[:, :, edge:-edge, edge:-edge], inside)


def test_edges_ridges_and_texture_are_those_of_numpy() -> None:
    x, sigma = picture(), 1.6
    features = dict(zip(FILTERS, FilterBank([sigma])(x)[0].numpy(), strict=True))
    s = np.pad(smoothed(x, sigma)[0, 0].numpy().astype(float), 1, mode="edge")
    dy, dx = (s[2:, 1:-1] - s[:-2, 1:-1]) / 2, (s[1:-1, 2:] - s[1:-1, :-2]) / 2
    middle = s[1:-1, 1:-1]
    assert np.allclose(features["smoothed"], middle, atol=1e-5)
    assert np.allclose(features["edge"], np.hypot(dx, dy) * sigma, atol=1e-5)
    dyy, dxx = s[2:, 1:-1] - 2 * middle + s[:-2, 1:-1], s[1:-1, 2:] - 2 * middle + s[1:-1, :-2]
    dxy = (s[2:, 2:] - s[2:, :-2] - s[:-2, 2:] + s[:-2, :-2]) / 4
    hessian = np.linalg.eigvalsh(np.stack([dxx, dxy, dxy, dyy], -1).reshape(*dxx.shape, 2, 2)) * sigma**2
    assert np.allclose(features["ridge, larger"], hessian[..., 1], atol=1e-4)
    assert np.allclose(features["ridge, smaller"], hessian[..., 0], atol=1e-4)
    products = [
        smoothed(torch.from_numpy(a * b)[None, None].float(), sigma)[0, 0].numpy()
        for a, b in ((dx, dx), (dx, dy), (dx, dy), (dy, dy))
    ]
    tensor = np.linalg.eigvalsh(np.stack(products, -1).reshape(*dxx.shape, 2, 2)) * sigma**2
    assert np.allclose(features["texture, larger"], tensor[..., 1], atol=1e-4)
    assert np.allclose(features["texture, smaller"], tensor[..., 0], atol=1e-4)


def test_a_pixel_does_not_see_beyond_the_reach() -> None:
    sigmas = (0.7, 2.0)
    x = picture(size=60)
    changed = x.clone()
    changed[0, 0, 5, 5] += 10
    differs = (FilterBank(sigmas)(x) != FilterBank(sigmas)(changed)).any(dim=1)[0]
    rows, columns = torch.nonzero(differs, as_tuple=True)
    assert int(rows.max()) == int(columns.max()) == 5 + reach(sigmas)
    config = ForestConfig(1, 2, sigmas, 1, 1, 1)
    assert halo(config) == (0, reach(sigmas), reach(sigmas))
    assert total_stride(config) == (1, 1, 1)


def test_the_way_through_a_tree_is_the_one_of_its_thresholds() -> None:
    forest = Forest(CONFIG)
    # Both trees ask whether the smoothed grey value is at most 0.
    for tree, shares in enumerate(
        ([[0.5, 0.5], [0.9, 0.1], [0.3, 0.7]], [[0.5, 0.5], [0.7, 0.3], [0.1, 0.9]])
    ):
        forest.below[tree] = torch.tensor([1, 1, 2])
        forest.above[tree] = torch.tensor([2, 1, 2])
        forest.shares[tree] = torch.tensor(shares)
    x = picture()
    inside = forest(x).exp()[0, 1]
    expected = torch.where(smoothed(x, 1.0)[0, 0] <= 0, 0.2, 0.8)
    assert torch.allclose(inside, expected)
    masks = Forest(ForestConfig(**{**CONFIG.__dict__, "exclusive": False}))
    masks.load_state_dict(forest.state_dict())
    assert torch.allclose(torch.sigmoid(masks(x))[0, 1], expected)


def test_a_forest_comes_back_from_its_record() -> None:
    forest = build(CONFIG.to_dict())
    assert isinstance(forest, Forest)
    assert forest.config == CONFIG


@pytest.mark.parametrize(
    "change",
    [{"trees": 0}, {"nodes": 1 << 30}, {"sigmas": []}, {"sigmas": [1e9]}, {"trees": "x"}, {"more": 1}],
)
def test_a_record_of_no_forest_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        build(CONFIG.to_dict() | change)


def test_a_damaged_tree_leads_nowhere() -> None:
    forest = Forest(CONFIG)
    state = forest.state_dict()
    state["below"] = torch.full_like(state["below"], 99)
    with pytest.raises(RuntimeError, match="leads out of its tree"):
        forest.load_state_dict(state)
