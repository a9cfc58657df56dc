import numpy as np
import pytest

from cristae.labels.agglomeration import LEVELS, SHARE, agglomerated


def wall(heights):
    """Two plates of 1 x n x 2 voxels whose n faces carry these boundary probabilities."""
    fragments = np.zeros((1, len(heights), 2), np.int64)
    fragments[..., 0], fragments[..., 1] = 1, 2
    boundary = np.zeros(fragments.shape)
    boundary[0, :, 1] = heights
    return fragments, boundary


@pytest.mark.parametrize(("open_faces", "joined"), [(0, False), (3, False), (5, True), (10, True)])
def test_bodies_are_joined_where_enough_of_the_wall_is_open(open_faces, joined):
    # 10 faces and a share of 0.4: four open faces are the limit.
    fragments, boundary = wall([0.0] * open_faces + [1.0] * (10 - open_faces))
    assert SHARE == 0.4
    assert (len(np.unique(agglomerated(fragments, boundary, below=0.5))) == 1) == joined


def test_a_joined_body_is_judged_by_all_its_faces():
    # 1 and 2 are open to each other. 3 touches 1 with two open faces and 2 with eight closed ones: alone the
    # first would join, together 2 of 10 faces are too few.
    fragments = np.zeros((1, 10, 3), np.int64)
    fragments[0, :2, 0], fragments[0, 2:, 0] = 1, 2
    fragments[0, :, 1:] = 3
    boundary = np.zeros(fragments.shape)
    boundary[0, 2:, 1] = 1.0
    boundary[0, :2, 1] = 0.1
    found = agglomerated(fragments, boundary, below=0.5)
    assert found[0, 0, 0] == found[0, 5, 0]
    assert found[0, 0, 2] != found[0, 0, 0]


def test_background_is_never_joined_and_lone_fragments_stay():
    fragments = np.array([[[1, 0, 2, 0, 3, 3]]])
    found = agglomerated(fragments, np.zeros(fragments.shape), below=0.5)
    assert np.array_equal(found, fragments)


def test_a_strength_is_exact_to_one_level():
    fragments, boundary = wall([0.5] * 10)
    assert agglomerated(fragments, boundary, below=0.5).max() == 2
    assert len(np.unique(agglomerated(fragments, boundary, below=0.5 + 1 / LEVELS))) == 1
