"""The limit up to which bodies are joined: searched where the true objects are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import adapted_rand_error, variation_of_information

from cristae.labels.merging import LIMITS, _sums, best_limit, merge_score, tried_limits
from cristae.labels.objects import MERGE_BELOW

same = arrays(np.int64, 40, elements=st.integers(0, 3))


@given(same, same)
def test_the_score_is_made_of_the_errors_that_scikit_image_finds(true, found):
    score, error = merge_score(_sums(true, found, np.arange(4)))
    there = true > 0
    if not there.any():
        assert (score, error) == (0, 0)
        return
    split, merged = variation_of_information(true[there], found[there])
    squares = np.bincount(true[there] * 4 + found[there]) @ np.bincount(true[there] * 4 + found[there])
    both = (np.bincount(true[there]) ** 2).sum() + (np.bincount(found[there]) ** 2).sum()
    assert error == pytest.approx(1 - 2 * squares / both)
    assert score**2 == pytest.approx(error * (split + 2 * merged), abs=1e-9)


def test_the_error_of_large_objects_is_the_adapted_rand_error():
    generator = np.random.default_rng(0)
    true, found = generator.integers(1, 6, (2, 100_000))
    _, error = merge_score(_sums(true, found, np.arange(6)))
    assert error == pytest.approx(adapted_rand_error(true, found)[0], abs=1e-4)


def cells(wall, side=8, rows=3, columns=8):
    """Return cubes of cells with a wall between two halves of each, and what a network says of them."""
    shape = (side, rows * side, columns * side)
    _, y, x = np.indices(shape)
    truth = 1 + (y // side) * columns + x // side
    boundary = np.where((y % side == 0) | (x % side == 0), 0.95, 0.02)
    boundary[x % side == side // 2] = wall
    return 1 - boundary, boundary, truth


def test_walls_within_objects_raise_the_limit():
    found = best_limit([tried_limits(*cells(0.45), None)])
    assert found.below == 0.5
    assert found.objects == 24
    assert found.error < found.usual_error / 2
    assert found.sentence.startswith(
        "Objects are joined across boundaries of less than 0.5, because on the 24"
    )


def test_the_limit_stays_where_nothing_else_is_better():
    found = best_limit([tried_limits(*cells(0.02), None)])
    assert found.below == MERGE_BELOW
    assert "no other limit was better, beyond chance, on the 24 objects" in found.sentence


def test_the_limit_falls_where_walls_are_faint():
    _, boundary, truth = cells(0.02)
    faint = np.where(boundary > 0.5, 0.15, boundary)
    found = best_limit([tried_limits(1 - faint, faint, truth, None)])
    assert found.below <= MERGE_BELOW


def test_few_objects_choose_nothing():
    found = best_limit([tried_limits(*cells(0.45, columns=3), None)])
    assert (found.below, found.objects, found.error) == (MERGE_BELOW, 9, None)
    assert "shows 9 objects, too few to choose by" in found.sentence
    assert "shows no object" in best_limit([]).sentence


def test_what_one_part_alone_says_does_not_count():
    other = LIMITS.index(MERGE_BELOW) + 2
    usual, worse, better = (
        np.array([both, 100, 100, log, 400, 400, 50.0]) for both, log in ((80, 380), (76, 376), (98, 398))
    )
    parts = np.tile(usual, (4, len(LIMITS), 1))
    parts[:, other] = worse, worse, worse, better
    assert merge_score(parts.sum(axis=0)[other]) < merge_score(parts.sum(axis=0)[0])
    assert best_limit([(parts, 30)]).below == MERGE_BELOW
    parts[:, other] = better
    assert best_limit([(parts[:2], 15), (parts[2:], 15)]).below == LIMITS[other]
    assert best_limit([(parts[:1], 30)]).below == MERGE_BELOW, "one part alone"


def test_of_limits_that_are_as_good_the_one_next_to_the_usual_one_is_taken():
    usual, better = (np.array([both, 100, 100, log, 400, 400, 50.0]) for both, log in ((80, 380), (98, 398)))
    parts = np.tile(usual, (4, len(LIMITS), 1))
    parts[:, [0, 4, 5, 6]] = better
    assert best_limit([(parts, 30)]).below == 0.3


def test_a_block_without_objects_has_nothing_to_say():
    empty = np.zeros((2, 6, 6), np.float32)
    sums, objects = tried_limits(empty, empty, np.zeros((2, 6, 6), int), None)
    assert objects == 0
    assert not sums.any()
