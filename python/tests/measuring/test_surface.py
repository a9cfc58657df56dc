"""The surface of an object, against bodies whose surface is known."""

import numpy as np
import pytest

from cristae.evaluation.inputs import LabelArray
from cristae.measuring import measure
from cristae.measuring.surface import exposure, weights
from cristae.volumes import VoxelSize


def surface_of(mask, sides):
    found = measure(LabelArray(np.asarray(mask, np.uint8)), voxel_size=VoxelSize(*sides)).objects
    return float(found["perimeter_nm" if mask.ndim == 2 else "surface_nm2"][0])


def ball(radius, sides, shift=(0.3, 0.1, 0.4)):
    reach = [int(radius / side) + 2 for side in sides]
    z, y, x = np.ogrid[tuple(slice(-n, n + 1) for n in reach)]
    return sum(((a - s) * side) ** 2 for a, s, side in zip((z, y, x), shift, sides, strict=True)) <= radius**2


@pytest.mark.parametrize("sides", [(1, 1, 1), (8, 8, 8), (2, 1, 1), (4, 1, 1), (10, 4, 5)])
def test_a_sphere_has_its_surface_within_two_percent(sides):
    radius = 10 * max(sides)
    assert surface_of(ball(radius, sides), sides) == pytest.approx(4 * np.pi * radius**2, rel=0.02)


@pytest.mark.parametrize("sides", [(1, 1), (4, 4), (4, 5), (4, 8)])
def test_a_circle_has_its_perimeter_within_two_percent(sides):
    radius = 20 * max(sides)
    disc = ball(radius, (radius * 2, *sides), shift=(0, 0.1, 0.4))[2]
    assert surface_of(disc, (50, *sides)) == pytest.approx(2 * np.pi * radius, rel=0.02)


def slab_along(normal, sides, shape):
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1) - np.array(shape) / 2
    return (places * sides) @ normal


@pytest.mark.parametrize("sides", [(1, 1, 1), (4, 1, 1)])
def test_planes_of_all_directions_are_right_in_the_mean_and_none_is_far_off(sides):
    """Counted on voxels in the middle of a block, within a cylinder across the plane: its area is known."""
    steps, unit = weights(tuple(map(float, sides)))
    found = []
    generator = np.random.default_rng(0)
    shape = (24, 64, 64)
    for _ in range(40):
        normal = generator.normal(size=3)
        normal /= np.linalg.norm(normal)
        height = slab_along(normal, np.array(sides), shape)
        half = (height + generator.random() > 0).astype(np.uint8)
        places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1) - np.array(shape) / 2
        away = np.linalg.norm(places * sides - height[..., None] * normal, axis=-1)
        inside = (away < 9)[1:-1, 1:-1, 1:-1] & (half[1:-1, 1:-1, 1:-1] == 1)
        found.append(exposure(half, steps)[inside].sum() * unit / (np.pi * 81))
    assert np.mean(found) == pytest.approx(1, abs=0.05)
    assert min(found) > 0.75
    assert max(found) < 1.25


def test_the_faces_of_a_cube_count_with_nine_tenths_of_their_area():
    """As docs/objects.md says: no weights are right for planes of all directions, and these are the worst."""
    cube = np.zeros((34, 34, 34), bool)
    cube[2:32, 2:32, 2:32] = True
    assert surface_of(cube, (1, 1, 1)) == pytest.approx(0.905 * 6 * 30**2, rel=0.005)


@pytest.mark.parametrize("turn", [(1, 2, 0), (0, 2, 1)])
def test_cubes_as_voxels_have_no_special_axis(turn):
    mask = ball(7, (1, 2, 1))
    assert surface_of(mask, (1, 1, 1)) == pytest.approx(surface_of(mask.transpose(turn), (1, 1, 1)), rel=1e-6)


def test_a_border_of_the_volume_is_a_surface():
    sides = (1, 1, 1)
    inside = np.zeros((7, 7, 7), bool)
    inside[1:6, 1:6, 1:6] = True
    assert surface_of(np.ones((5, 5, 5), bool), sides) == surface_of(inside, sides)


def test_two_objects_that_touch_each_have_a_surface_between_them():
    labels = np.zeros((7, 7, 12), np.uint8)
    labels[1:6, 1:6, 1:6], labels[1:6, 1:6, 6:11] = 1, 2
    alone = np.where(labels == 1, 1, 0)
    found = measure(LabelArray(labels), voxel_size=VoxelSize(1, 1, 1)).objects
    assert found["surface_nm2"].tolist() == [surface_of(alone, (1, 1, 1))] * 2


def test_the_weights_by_hand_of_a_section_with_square_pixels():
    """Of lines at all angles, those across the axes and across the diagonals count by least squares.

    The mean of |cos| is 2 / pi, so the weights make 2 (w1 + sqrt(2) w2) 2 / pi = 1, whatever the squares say.
    """
    steps, unit = weights((1.0, 1.0))
    by_step = {step[1:]: weight * unit for step, weight in steps}
    assert by_step[(0, 1)] == by_step[(1, 0)]
    assert by_step[(1, 1)] == by_step[(1, -1)]
    total = 2 * (by_step[(0, 1)] + np.sqrt(2) * by_step[(1, 1)]) * 2 / np.pi
    assert total == pytest.approx(1, rel=1e-3)
