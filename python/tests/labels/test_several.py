"""Several images and several annotators: whose labels count."""

import numpy as np
import pytest

from cristae.errors import InvalidInput, NotFound
from cristae.geometry import Box
from cristae.labels import MajorityVote, about_image, annotators_of, unknown_of, voted
from cristae.volumes import ArrayImage


def row(*values: int) -> ArrayImage:
    return ArrayImage(np.array([[values]], np.uint8))


def test_the_labels_of_one_annotator_are_his_and_those_of_several_a_vote() -> None:
    one, two, three = row(0, 1, 5), row(0, 0, 5), row(0, 1, 1)
    assert voted([one], target="instances") is one
    vote = voted([one, two, three], target="classes")
    assert vote.read(Box.of_shape((1, 1, 3))).ravel().tolist() == [0, 1, 5]
    assert annotators_of(vote) == (one, two, three)
    assert annotators_of(one) == (one,)
    with pytest.raises(InvalidInput, match="no majority of instances"):
        voted([one, two], target="instances")


def test_a_vote_on_masks_asks_only_whether_a_voxel_is_inside() -> None:
    vote = voted([row(0, 5, 1, 1), row(0, 1, 1, 0)], target="masks")
    assert isinstance(vote, MajorityVote)
    assert vote.read(Box.of_shape((1, 1, 4))).ravel().tolist() == [0, 1, 1, vote.unknown_value]


def test_the_unknown_value_of_all_is_that_of_ties_only_where_none_was_given() -> None:
    tied, agreed = (voted([row(0, 1, 1), other], target="classes") for other in (row(0, 1, 2), row(0, 1, 1)))
    assert unknown_of([row(0, 1), tied], None) == 2**32 - 1
    assert unknown_of([row(0, 1), agreed], None) is None
    assert unknown_of([row(0, 1), agreed], 9) == 9
    assert unknown_of([voted([row(0, 1, 9), row(0, 1, 2)], target="classes", unknown=9)], 9) == 9


def test_what_is_refused_for_another_reason_than_the_image_stays_as_it_is() -> None:
    with pytest.raises(NotFound, match=r"^Nobody is there"), about_image(2, 3, "b.tif"):
        raise NotFound("Nobody is there.")
    with pytest.raises(InvalidInput, match=r"^Image 2 of 3, b\.tif: The labels"), about_image(2, 3, "b.tif"):
        raise InvalidInput("The labels are empty.")
