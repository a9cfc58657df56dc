"""How thick structures are, against widths known by construction, also where the frame cuts them."""

import numpy as np
import pytest

from cristae.labels.thickness import median_thickness, profiles_of

ROWS, COLUMNS = np.mgrid[:200, :300]


def thickness(mask):
    (found,) = profiles_of(mask.astype(np.uint8)).thicknesses
    return found


def disc(y, x, radius):
    return (ROWS - y) ** 2 + (COLUMNS - x) ** 2 <= radius**2


@pytest.mark.parametrize("rows", [1, 3, 8, 20, 21, 64])
@pytest.mark.parametrize("first", [0, 50, "last"])
def test_a_band_is_as_thick_as_it_is_wide_wherever_it_lies(rows, first):
    first = 200 - rows if first == "last" else first
    mask = np.zeros((200, 300), bool)
    mask[first : first + rows] = True
    assert rows - 1 <= thickness(mask) <= rows
    assert thickness(mask.T) == thickness(mask)


@pytest.mark.parametrize("radius", [5, 20, 60])
def test_a_disc_is_as_thick_as_its_diameter(radius):
    assert thickness(disc(100, 150, radius)) == pytest.approx(2 * radius, abs=2)


def test_half_a_disc_at_the_frame_is_as_thick_as_its_radius():
    assert thickness(disc(0, 150, 40)) == pytest.approx(41, abs=2)


@pytest.mark.parametrize("corner", [(0, 0), (0, 100), (70, 120), (136, 236)])
def test_a_square_is_as_thick_as_its_side_in_a_corner_too(corner):
    y, x = corner
    mask = np.zeros((200, 300), bool)
    mask[y : y + 64, x : x + 64] = True
    assert thickness(mask) == pytest.approx(64, abs=1)


def test_nothing_is_thicker_than_the_image():
    assert thickness(np.ones((200, 300))) == pytest.approx(200, abs=1)
    assert thickness(np.ones((64, 64))) <= 64
    assert thickness(np.ones((1, 500))) == 1
    rng = np.random.default_rng(0)
    for _ in range(20):
        section = np.kron(rng.integers(0, 3, (5, 7)), np.ones((9, 11), int)).astype(np.uint8)
        assert profiles_of(section).thicknesses.max(initial=0) <= 45


def test_specks_that_a_brush_left_do_not_decide():
    discs = disc(60, 60, 30) | disc(60, 220, 30)
    specks = np.zeros_like(discs)
    specks[150, 10:50:10] = True
    clean, with_specks = (profiles_of(mask.astype(np.uint8)) for mask in (discs, discs | specks))
    assert with_specks.voxels.tolist().count(1) == 4, "more of them than of what was meant"
    assert median_thickness([with_specks]) == median_thickness([clean]) == pytest.approx(60, abs=2)
    small = disc(60, 60, 30) | disc(150, 200, 3)
    thick, thin = sorted(profiles_of(small.astype(np.uint8)).thicknesses)[::-1]
    assert median_thickness([profiles_of(small.astype(np.uint8))]) == (thick + thin) / 2, (
        "what is small is meant"
    )


def test_nothing_has_no_thickness():
    assert median_thickness([profiles_of(np.zeros((9, 9), np.uint8))]) == median_thickness([]) == 0
