"""Deformation: hand-made maps give hand-computed patches, and labels stay with their image."""

import math

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from torch import Tensor

from cristae.labels import boundary_classes
from cristae.training.deformation import (
    FREEDOMS,
    Deformation,
    Freedom,
    _spline_basis,
    _tilts,
    _turns,
    control_points,
    draw_deformation,
)


def linear(matrix: list[list[float]], extent: tuple[float, ...], shape: tuple[int, ...]) -> Deformation:
    """A map without elastic moves; the matrix is for x, y[, z]."""
    axes = len(extent)
    points = control_points(
        shape,
        extent,
        torch.tensor([matrix], dtype=torch.float32),
        torch.zeros(1, axes, *(k + 3 for k in shape)),
    )
    return Deformation(points)


def ramp(*shape: int) -> Tensor:
    return torch.arange(math.prod(shape), dtype=torch.float32).view(1, 1, *shape)


def test_the_map_that_changes_nothing_gives_the_patch_back() -> None:
    still = linear([[1, 0], [0, 1]], (12, 20), (2, 3))
    image = ramp(12, 20)
    assert torch.allclose(still.image(image), image, atol=1e-3)
    assert torch.equal(still.labels(image.to(torch.uint8)), image.to(torch.uint8))


def test_no_freedom_is_the_map_that_changes_nothing() -> None:
    drawn = draw_deformation(3, (16, 16, 16), FREEDOMS["full"].scaled(0), torch.Generator().manual_seed(0))
    image = ramp(16, 16, 16).expand(3, 1, 16, 16, 16)
    assert torch.allclose(drawn.image(image), image, atol=1e-2)
    labels = (image % 7).to(torch.uint8)
    assert torch.equal(drawn.labels(labels), labels)


def test_a_quarter_turn_equals_the_exact_one() -> None:
    # The new patch shows at (x, y) what lay at (-y, x): a turn by 90 degrees.
    turned = linear([[0, -1], [1, 0]], (8, 8), (1, 1))
    image = ramp(8, 8)
    assert torch.allclose(turned.image(image), torch.rot90(image, 1, (-2, -1)), atol=1e-4)
    labels = image.to(torch.uint8)
    assert torch.equal(turned.labels(labels), torch.rot90(labels, 1, (-2, -1)))
    by_angle = Deformation(
        control_points((1, 1), (8, 8), _turns(torch.tensor([math.pi / 2]), 2), torch.zeros(1, 2, 4, 4))
    )
    assert torch.allclose(by_angle.image(image), turned.image(image), atol=1e-4)


def test_a_quarter_tilt_of_a_volume_equals_the_exact_one() -> None:
    # About the axis x (direction 0), y and z change places.
    tilt = _tilts(torch.tensor([math.pi / 2]), torch.tensor([0.0]))
    turned = Deformation(control_points((1, 1, 1), (6, 6, 6), tilt, torch.zeros(1, 3, 4, 4, 4)))
    image = ramp(6, 6, 6)
    found = turned.image(image)
    exact = [torch.rot90(image, k, (-3, -2)) for k in (1, 3)]
    assert min(float((found - one).abs().max()) for one in exact) < 1e-3


def test_every_tilt_is_a_rotation() -> None:
    tilts = _tilts(torch.tensor([0.3, -1.0, 2.0]), torch.tensor([0.0, 1.0, -2.5]))
    assert torch.allclose(tilts @ tilts.mT, torch.eye(3).expand(3, 3, 3), atol=1e-6)
    assert torch.allclose(torch.linalg.det(tilts), torch.ones(3), atol=1e-6)
    assert torch.allclose(tilts[:, 2, 2], torch.tensor([0.3, -1.0, 2.0]).cos(), atol=1e-6)


def test_zooming_out_by_two_shows_every_second_place_and_nothing_known_around() -> None:
    wide = linear([[2, 0], [0, 2]], (4, 4), (1, 1))
    # Old voxels lie at -1.5, -0.5, 0.5, 1.5; the new ones at twice that: -3, -1, 1, 3.
    image = ramp(4, 4)
    found = wide.image(image)[0, 0]
    assert found[1, 1] == pytest.approx(float(image[0, 0, :2, :2].mean()), abs=1e-4)
    assert found[2, 1] == pytest.approx(float(image[0, 0, 2:, :2].mean()), abs=1e-4)
    labels = wide.labels(torch.ones(1, 1, 4, 4, dtype=torch.uint8))[0, 0]
    assert labels.tolist() == [[255] * 4, [255, 1, 1, 255], [255, 1, 1, 255], [255] * 4]


def test_a_patch_of_other_proportions_turns_in_nanometres() -> None:
    # Rows twice as far apart as columns: 4 rows x 8 columns are a square, and a quarter turn is one.
    turned = linear([[0, -1], [1, 0]], (8, 8), (1, 1))
    image = torch.zeros(1, 1, 4, 8)
    image[..., 0, :] = 1.0  # the upper quarter
    found = turned.image(image)[0, 0]
    assert torch.allclose(found[:, :1], torch.zeros(4, 1), atol=1e-4) or torch.allclose(
        found[:, -1:], torch.zeros(4, 1), atol=1e-4
    )
    assert found.sum() == pytest.approx(8.0, abs=1e-3)
    assert torch.allclose(found.std(dim=0), torch.zeros(8), atol=1e-4)  # it is a band of columns now


def test_the_splines_are_those_of_scipy() -> None:
    knots, length = 3, 10
    basis = _spline_basis(length, knots).numpy()
    at = (np.arange(length) + 0.5) * knots / length
    for index in range(knots + 3):
        theirs = BSpline.basis_element(np.arange(index - 3, index + 2), extrapolate=False)(at)
        assert np.allclose(basis[:, index], np.nan_to_num(theirs), atol=1e-12)


def test_one_moved_control_point_moves_what_lies_at_it_by_two_thirds_along_each_axis() -> None:
    moves = torch.zeros(1, 2, 5, 5)
    moves[0, 0, 2, 2] = 3.0  # along x, the middle one of 2 + 3 points
    moved = Deformation(control_points((2, 2), (10, 10), torch.eye(2)[None], moves))
    still = Deformation(control_points((2, 2), (10, 10), torch.eye(2)[None], torch.zeros(1, 2, 5, 5)))
    difference = (moved.places((11, 11)) - still.places((11, 11))) * 5  # in voxels
    assert difference[0, 5, 5, 0] == pytest.approx(3.0 * (2 / 3) ** 2, abs=1e-5)
    assert float(difference[..., 1].abs().max()) < 1e-6


@pytest.mark.parametrize("name", ["light", "full"])
@pytest.mark.parametrize("extent", [(64.0, 64.0), (32.0, 48.0, 64.0)])
def test_no_place_is_folded_over_and_no_boundary_of_two_voxels_is_jumped(
    name: str, extent: tuple[float, ...]
) -> None:
    generator = torch.Generator().manual_seed(1)
    shape = tuple(int(length) for length in extent)
    drawn = draw_deformation(20, extent, FREEDOMS[name], generator)
    half = torch.tensor(extent[::-1]) / 2
    places = drawn.places(shape) * half
    columns = []
    for axis in range(len(shape), 0, -1):
        step = places.diff(dim=axis)
        columns.append(step[(slice(None), *(slice(length - 1) for length in shape))])
    jacobian = torch.stack(columns, dim=-1)
    assert float(torch.linalg.det(jacobian).min()) > 0
    assert float(jacobian.abs().amax()) < 2


def test_a_deformation_moves_no_further_than_its_freedom() -> None:
    freedom = Freedom(turn_deg=20, tilt_deg=0, zoom=1, stretch=1, elastic=0)
    drawn = draw_deformation(200, (32, 32), freedom, torch.Generator().manual_seed(2))
    places = drawn.places((32, 32))
    across = places[:, 16, 31] - places[:, 16, 0]
    angles = torch.rad2deg(torch.atan2(across[:, 1], across[:, 0]))
    assert float(angles.abs().max()) <= 20.001
    assert float(angles.max()) > 15
    assert float(angles.min()) < -15
    assert torch.allclose(across.norm(dim=1), across.norm(dim=1)[0].expand(200), atol=1e-5)


def test_unknown_stays_unknown_and_no_value_is_made_up() -> None:
    drawn = draw_deformation(4, (32, 32), FREEDOMS["full"], torch.Generator().manual_seed(3))
    labels = torch.full((4, 1, 32, 32), 255, dtype=torch.uint8)
    labels[..., 8:24, 8:24] = 7
    labels[..., 14:18, 14:18] = 2
    found = drawn.labels(labels)
    assert set(found.unique().tolist()) == {2, 7, 255}


@pytest.mark.parametrize("shape", [(96, 96), (32, 48, 48)])
def test_touching_objects_stay_apart_by_their_boundary(shape: tuple[int, ...]) -> None:
    random = torch.Generator().manual_seed(4)
    ids = torch.randint(1, 200, tuple(-(-n // 8) for n in shape), generator=random, dtype=torch.uint8)
    for axis, length in enumerate(shape):
        ids = ids.repeat_interleave(8, axis).narrow(axis, 0, length)
    stack = ids.numpy() if ids.ndim == 3 else ids.numpy()[None]
    learned = torch.from_numpy(boundary_classes(stack, None)).view(ids.shape)
    drawn = draw_deformation(8, [float(n) for n in shape], FREEDOMS["full"], torch.Generator().manual_seed(5))
    objects = drawn.labels(ids.expand(8, 1, *shape))
    classes = drawn.labels(learned.expand(8, 1, *shape))
    assert torch.equal(objects == 255, classes == 255)
    for axis in range(2, objects.ndim):
        one, two = (objects.narrow(axis, first, objects.shape[axis] - 1) for first in (0, 1))
        inside = [classes.narrow(axis, first, objects.shape[axis] - 1) == 1 for first in (0, 1)]
        both = inside[0] & inside[1]
        assert int(both.sum()) > 1000
        assert torch.equal(one[both], two[both])
