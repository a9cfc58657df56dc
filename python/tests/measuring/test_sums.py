"""Sums of squares beyond 64 bits: exact about the centre of an object, or not defined."""

import numpy as np

from cristae.measuring.inputs import Units
from cristae.measuring.shape import shape_columns
from cristae.measuring.sums import PAIRS, Shapes


def wrapped(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def shapes_of(places):
    """Add up the places (z, y, x) of one object as Python's numbers, then cut them to 64 bits."""
    first = [sum(place[axis] for place in places) for axis in range(3)]
    second = [wrapped(sum(place[a] * place[b] for place in places)) for a, b in PAIRS]
    low = [min(place[axis] for place in places) for axis in range(3)]
    high = [max(place[axis] for place in places) + 1 for axis in range(3)]
    return Shapes(*(np.array([part], np.int64) for part in (len(places), 26, first, second, low, high)))


def test_squares_that_do_not_fit_into_64_bits_are_exact_about_the_centre():
    near = [(0, 0, 0), (0, 2, 5), (1, 3, 9), (4, 3, 1)]
    far = [(z + 2**31, y + 2**35, x + 2**36) for z, y, x in near]
    assert sum(x * x for _, _, x in far) > 2**70
    assert np.array_equal(shapes_of(far).covariance, shapes_of(near).covariance)
    assert np.allclose(
        shapes_of(near).covariance[0], [np.cov(np.array(near).T, bias=True)[pair] for pair in PAIRS]
    )


def test_an_object_too_large_for_exact_axes_has_none():
    counted = [np.array([part], np.int64) for part in (2**40, 26, [0] * 3, [0] * 6, [0] * 3, [2**14] * 3)]
    columns = shape_columns(np.array([1]), Shapes(*counted), Units((1, 1, 1), "nm", False), (2**14,) * 3, 1.0)
    assert columns["voxels"].tolist() == [2**40]
    for name in ("axis_1_nm", "axis_3_nm", "axis_1_z", "axis_3_x"):
        assert columns[name].tolist() == [None]
