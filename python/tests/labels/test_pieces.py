"""One object or several: found slab by slab as by one look at the whole."""

import numpy as np
import pytest
from scipy import ndimage

from cristae.labels.pieces import is_in_pieces
from cristae.volumes import ArrayImage


def in_pieces(voxels, unknown=None, slab_voxels=2**24):
    return is_in_pieces(ArrayImage(voxels), 5, unknown, range(len(voxels)), slab_voxels)


@pytest.mark.parametrize("slab_voxels", [1, 200, 2**24])
def test_every_slab_gives_the_answer_of_scipy(slab_voxels):
    answers = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        voxels = (rng.random((7, 9, 8)) < rng.choice([0.08, 0.15, 0.3])).astype(np.uint8) * 5
        voxels[3, 3, 3] = 5
        expected = ndimage.label(voxels, np.ones((3, 3, 3)))[1] > 1
        answers.add(expected)
        assert in_pieces(voxels, slab_voxels=slab_voxels) == expected
    assert answers == {False, True}


@pytest.mark.parametrize("slab_voxels", [1, 2**24])
def test_arms_that_meet_in_the_last_section_are_one_piece(slab_voxels):
    voxels = np.zeros((6, 5, 9), np.uint8)
    voxels[:, 2, [1, 4, 7]] = 5
    assert in_pieces(voxels, slab_voxels=slab_voxels)
    voxels[5, 2, 1:8] = 5
    assert not in_pieces(voxels, slab_voxels=slab_voxels)


def test_unknown_voxels_may_hide_what_joins_two_pieces():
    voxels = np.zeros((1, 1, 5), np.uint8)
    voxels[0, 0] = [5, 9, 5, 0, 9]
    assert in_pieces(voxels)
    assert not in_pieces(voxels, unknown=9)


def test_no_slab_is_read_beyond_the_second_piece():
    class Counted(ArrayImage):
        read_to = 0

        def read(self, box_zyx):
            self.read_to = max(self.read_to, box_zyx.stop[0])
            return super().read(box_zyx)

    voxels = np.zeros((50, 8, 8), np.uint8)
    voxels[1, 1, 1], voxels[2:, 5, 5] = 5, 5
    image = Counted(voxels)
    assert is_in_pieces(image, 5, None, range(50), slab_voxels=128)
    assert image.read_to == 3
