"""The length of centre lines that a person can tell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cristae.errors import InvalidInput
from cristae.evaluation.inputs import LabelArray
from cristae.measuring import measure, skeletons
from cristae.measuring.even_grid import even_grid
from cristae.measuring.skeletons import skeleton_length
from cristae.volumes import VoxelSize

SIDES = (50, 4, 5)


@pytest.mark.parametrize(("axis", "length"), [(0, 9 * 50), (1, 9 * 4), (2, 9 * 5)])
def test_a_straight_line_has_the_steps_between_its_voxels(axis, length):
    shape = [3, 3, 3]
    shape[axis] = 10
    mask = np.zeros(shape, bool)
    mask[tuple(slice(None) if a == axis else 1 for a in range(3))] = True
    assert skeleton_length(mask, SIDES) == length


def test_a_diagonal_has_diagonal_steps():
    mask = np.zeros((6, 6, 6), bool)
    mask[range(6), range(6), range(6)] = True
    assert skeleton_length(mask, (1, 1, 1)) == pytest.approx(5 * np.sqrt(3))


def test_a_corner_counts_no_edge_twice():
    mask = np.zeros((1, 8, 8), bool)
    mask[0, 1, 1:7] = mask[0, 1:7, 1] = True
    assert skeleton_length(mask, (1, 1, 1)) == pytest.approx(10, abs=1)


def test_a_ring_lacks_a_short_piece():
    mask = np.zeros((1, 29, 29), bool)
    mask[0, 1:28, 1:28] = True
    mask[0, 2:27, 2:27] = False
    around = 4 * 26
    assert around - 8 < skeleton_length(mask, (1, 1, 1)) < around


def test_the_arms_of_a_y_count_all():
    mask = np.zeros((1, 41, 41), bool)
    mask[0, 20:, 20] = True
    mask[0, range(20), range(20)] = mask[0, range(20), range(40, 20, -1)] = True
    assert skeleton_length(mask, (1, 1, 1)) == pytest.approx(20 + 2 * 20 * np.sqrt(2), abs=1)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("width", range(1, 11))
def test_a_rod_of_any_width_is_as_long_as_its_axis_and_half_the_way_to_two_corners(axis, width):
    """From the middle to a corner of a square it is less than half its diagonal longer than straight on."""
    shape = [width, width]
    shape.insert(axis, 60)
    corners = width * (np.sqrt(2) - 1)
    assert 59 <= skeleton_length(np.ones(shape, bool), (1, 1, 1)) <= 60 + 2 * corners


@pytest.mark.parametrize("width", range(1, 11))
def test_a_band_of_any_width_in_a_section_is_as_long_as_its_axis(width):
    assert skeleton_length(np.ones((1, width, 60), bool), (50, 4, 4)) == pytest.approx(4 * 59, abs=4 * 4)


@pytest.mark.parametrize("sections", [1, 2, 3, 4])
def test_a_rod_of_coarse_sections_has_no_branches(sections):
    """Ten pixels are as wide as a section is thick; at both ends the way to a corner counts at most."""
    along_z = np.ones((20, 10 * sections, 10 * sections), bool)
    along_x = np.ones((sections, 10 * sections, 200), bool)
    for mask, length in ((along_z, 19 * 50), (along_x, 199 * 5)):
        assert skeleton_length(mask, (50, 5, 5)) == pytest.approx(length, abs=2 * 25 * np.sqrt(2) * sections)


def rod(direction, length, radius, sides):
    """Return the voxels (z, y, x) that lie in a rod through the middle of the box."""
    along, sides = np.array(direction) / np.linalg.norm(direction), np.array(sides)
    reach = np.ceil((np.abs(along) * length / 2 + radius) / sides).astype(int) + 1
    places = np.moveaxis(np.mgrid[tuple(slice(-n, n + 1) for n in reach)], 0, -1) * sides
    distance = places @ along
    beside = np.linalg.norm(places - distance[..., None] * along, axis=-1)
    return (np.abs(distance) <= length / 2) & (beside <= radius)


@settings(max_examples=15, deadline=None)
@given(
    st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda d: np.linalg.norm(d) > 0.2),
    st.floats(1, 5),
    st.floats(20, 40),
    st.sampled_from([1, 2]),
)
def test_a_straight_rod_is_as_long_as_it_is_but_for_two_radii(direction, radius, length, sections):
    sides = (sections, 1, 1)
    found = skeleton_length(rod(direction, length, radius, sides), sides)
    assert abs(found - length) <= 2 * max(radius, sections) + sections


def test_a_large_object_is_looked_at_on_a_coarser_grid(monkeypatch):
    mask = rod((1, 2, 3), 60, 4, (1, 1, 1))
    fine = skeleton_length(mask, (1, 1, 1))
    monkeypatch.setattr(skeletons, "even_grid", lambda shape, sides: even_grid(shape, sides, mask.size // 8))
    coarse = skeleton_length(mask, (1, 1, 1))
    assert coarse != fine
    assert coarse == pytest.approx(fine, abs=6)


def test_a_single_voxel_has_no_length():
    assert skeleton_length(np.ones((1, 1, 1), bool), SIDES) == 0


def test_a_mask_of_other_axes_is_refused():
    with pytest.raises(InvalidInput, match="three axes"):
        skeleton_length(np.ones((2, 2), bool), SIDES)


def test_the_table_has_the_lengths_and_tells_of_objects_that_are_too_large(monkeypatch):
    labels = np.zeros((3, 5, 12), int)
    labels[1, 1, 1:11], labels[0:3, 3:5, 1:4] = 6, 9
    size = VoxelSize(*SIDES)
    objects = measure(LabelArray(labels), skeletons=True, voxel_size=size).objects
    assert objects["skeleton_length_nm"][0] == 45
    monkeypatch.setattr(skeletons, "LARGEST_BOX", 12)
    found = measure(LabelArray(labels), skeletons=True, voxel_size=size)
    assert found.objects["skeleton_length_nm"].tolist() == [45, None]
    assert "1 of 2 objects have no skeleton length (id 9)" in found.sentences[0]
