"""Sums of squares beyond 64 bits: exact about the centre of an object, or not defined."""

import numpy as np
import pytest

from cristae.geometry import Box
from cristae.measuring.inputs import Units
from cristae.measuring.rows import Rows
from cristae.measuring.runs import runs_of
from cristae.measuring.shape import shape_columns
from cristae.measuring.sums import PAIRS, IntensitySums, Shapes, ShapeSums


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


class ManyTimes:
    """Runs whose voxels count as if each were there so many times."""

    def __init__(self, runs, times):
        self._runs, self.times, self.lengths = runs, times, runs.lengths * times

    def __getattr__(self, name):
        return getattr(self._runs, name)

    def sums(self, voxels):
        return self._runs.sums(voxels) * self.times


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_values_of_very_large_objects_have_their_deviation(dtype):
    top = np.iinfo(dtype).max
    ids, raw = np.array([[[4, 4, 9, 9]]]), np.array([[[0, top, top, top]]], dtype)
    rows, sums = Rows(), IntensitySums(np.dtype(dtype))
    runs = runs_of(ids, Box((0, 0, 0), (1, 1, 4)))
    for _ in range(1000):
        sums.add(rows.of_all(runs.ids), ManyTimes(runs, 10**9), raw)
    found = {name: values.tolist() for name, values in sums.columns(rows).items()}
    assert found["std"] == [top / 2, 0]
    assert found["mean"] == [top / 2, top]


def test_the_surface_of_a_very_large_object_does_not_wrap():
    ids = np.array([[[4, 4]]])
    rows, sums = Rows(), ShapeSums()
    runs = runs_of(ids, Box((0, 0, 0), (1, 1, 2)))
    many = ManyTimes(runs, 10**9)
    many.lengths = runs.lengths
    for _ in range(1000):
        sums.add(rows.of_all(runs.ids), many, np.full((1, 1, 2), 2**27, np.int32))
    assert sums.counted(rows).exposure.tolist() == [2.0 * 10**12 * 2**27]
