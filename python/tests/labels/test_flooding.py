"""The flood against an independent watershed, where every voxel has a height of its own."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from skimage.segmentation import watershed

from cristae.labels.flooding import flooded

DEEPEST = 16.0


@given(st.randoms(use_true_random=False), st.sampled_from([(1, 1, 60), (1, 12, 15), (5, 6, 7), (12, 3, 1)]))
def test_it_floods_as_scikit_image_does_where_no_two_heights_are_equal(random, shape):
    generator = np.random.default_rng(random.getrandbits(32))
    size = int(np.prod(shape))
    boundary = generator.permutation(255)[:size].reshape(shape) / 255
    seeds = np.zeros(size, np.int64)
    seeds[generator.choice(size, min(3, size), replace=False)] = np.arange(1, 1 + min(3, size))
    mask = generator.random(shape) < 0.8
    found = flooded(boundary, np.zeros(shape), DEEPEST, seeds.reshape(shape), mask)
    assert np.array_equal(found, watershed(boundary, seeds.reshape(shape), mask=mask))


def test_of_equal_boundaries_the_deeper_voxel_comes_first():
    # 1 and 2 meet where it is least deep, wherever that is.
    depth = np.array([[[9.0, 7, 5, 3, 0.5, 0.1, 2, 9]]])
    seeds = np.array([[[1, 0, 0, 0, 0, 0, 0, 2]]])
    found = flooded(np.full(depth.shape, 0.3), depth, DEEPEST, seeds, np.ones(depth.shape, bool))
    assert found[..., :5].tolist() == [[[1] * 5]]
    assert found[..., 6:].tolist() == [[[2] * 2]]


def test_what_no_seed_reaches_stays_0_and_a_seed_outside_of_the_mask_does_not_count():
    mask = np.array([[[True, True, False, True, False]]])
    seeds = np.array([[[7, 0, 0, 0, 9]]])
    found = flooded(np.zeros(mask.shape), np.zeros(mask.shape), DEEPEST, seeds, mask)
    assert found.tolist() == [[[7, 7, 0, 0, 0]]]
