"""Several annotators of one image: counted by hand."""

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels import UNKNOWN_VOTE, MajorityVote, MasksAsOne, find_masks, read_labels, unknown_of
from cristae.volumes import ArrayImage

TIE = UNKNOWN_VOTE


def vote(*rows: list[int], unknown: int | None = None, **choices: bool) -> MajorityVote:
    """A vote on one row of voxels."""
    return MajorityVote([ArrayImage(np.array([[row]], np.uint8)) for row in rows], unknown=unknown, **choices)


def elected(counted: MajorityVote) -> list[int]:
    values: list[int] = counted.read(Box.of_shape(counted.shape_czyx[1:])).ravel().tolist()
    return values


def test_the_majority_counts_and_ties_are_unknown() -> None:
    three = vote([0, 1, 1, 1, 2], [0, 0, 1, 2, 2], [0, 0, 1, 3, 1])
    assert elected(three) == [0, 0, 1, TIE, 2]
    assert three.unknown_value == TIE
    assert three.sentence == (
        "3 annotators: they all agree on 40.0 % of the voxels that more than one of them labelled; "
        "20.0 % of all are ties or without a vote, and unknown."
    )
    two = vote([0, 1, 1], [0, 1, 2])
    assert elected(two) == [0, 1, TIE]
    assert vote([0, 1], [0, 1]).unknown_value is None


def test_who_marked_a_voxel_as_unknown_has_no_vote_there() -> None:
    counted = vote([9, 1, 9, 9], [1, 0, 9, 2], [1, 1, 9, 1], unknown=9)
    assert elected(counted) == [1, 1, 9, 9]
    assert counted.unknown_value == 9
    # Three of four have several votes: 1 and 1; 1, 0 and 1; 2 and 1.
    assert "all agree on 33.3 % of the voxels that more than one" in counted.sentence


def test_what_somebody_did_not_label_is_no_disagreement() -> None:
    one = np.array([[[1, 0]], [[1, 1]], [[0, 1]], [[0, 0]]], np.uint8)
    two = np.array([[[1, 0]], [[0, 0]], [[1, 1]], [[0, 0]]], np.uint8)
    counted = MajorityVote([ArrayImage(one), ArrayImage(two)])
    # Section 0: both of 2 agree; section 1: one labelled it; section 2: 1 of 2; section 3: nobody.
    assert counted.sentence == (
        "2 annotators: they all agree on 75.0 % of the voxels that more than one of them labelled; "
        "37.5 % of all are ties or without a vote, and unknown."
    )
    apart = [np.array([[[1, 0]], [[0, 0]]], np.uint8), np.array([[[0, 0]], [[1, 0]]], np.uint8)]
    assert MajorityVote([ArrayImage(each) for each in apart]).sentence == (
        "2 annotators: no voxel was labelled by more than one of them."
    )


def test_an_annotator_has_no_vote_in_sections_where_he_drew_nothing() -> None:
    one = np.array([[[1, 0]], [[1, 1]]], np.uint8)
    two = np.array([[[1, 0]], [[0, 0]]], np.uint8)
    three = np.array([[[1, 1]], [[0, 0]]], np.uint8)
    images = [ArrayImage(labels) for labels in (one, two, three)]
    assert elected(MajorityVote(images)) == [1, 0, 1, 1]
    assert elected(MajorityVote(images, empty_are_unknown=False)) == [1, 0, 0, 0]


def test_each_mask_is_voted_on_by_itself_whatever_its_value() -> None:
    one = np.array([[[[255, 0]]], [[[255, 255]]]], np.uint8)
    two = np.array([[[[1, 0]]], [[[0, 1]]]], np.uint8)
    assert elected(MajorityVote([ArrayImage(one), ArrayImage(two)])) == [1, 0, TIE, 1]


def test_a_single_mask_is_voted_on_whatever_its_value() -> None:
    assert elected(vote([0, 255, 255, 0], [0, 1, 0, 0], masks=True)) == [0, 1, TIE, 0]


def test_who_marked_a_voxel_as_unknown_in_one_mask_has_no_vote_on_the_others() -> None:
    # Of three voxels the first is inside mask 1 with all. Only the third person knows the second voxel: it is
    # in mask 2. Nobody knows the third.
    both = [
        ([1, 9, 9], [0, 0, 0]),
        ([1, 9, 0], [0, 0, 9]),
        ([1, 0, 9], [0, 1, 1]),
    ]
    images = [ArrayImage(np.array(masks, np.uint8)[:, None, None]) for masks in both]
    counted = MajorityVote(images, unknown=9)
    assert elected(counted) == [1, 0, 9, 0, 1, 9]
    # Several voted on the first voxel only, on both masks; 2 of 6 are without a vote.
    assert counted.sentence == (
        "3 annotators: they all agree on 100.0 % of the voxels that more than one of them labelled; "
        "33.3 % of all are ties or without a vote, and unknown."
    )
    masks = find_masks([counted], unknown=9)
    one = MasksAsOne(counted, masks, 9)
    assert masks.combinations == ((0,), (1,))
    assert one.read(Box.of_shape((1, 1, 3))).ravel().tolist() == [1, 2, 255]


def test_that_masks_cannot_have_0_as_unknown_is_said_in_the_same_words_of_several_annotators() -> None:
    image = ArrayImage(np.array([[[[1, 0, 0]]], [[[0, 1, 0]]]], np.uint8))
    with pytest.raises(InvalidInput, match="0 is outside of a mask"):
        find_masks([MajorityVote([image, image], unknown=0)], unknown=0)


def test_classes_that_have_other_values_with_each_annotator_are_refused_in_words() -> None:
    with pytest.raises(InvalidInput, match="not 1 here and 255 there"):
        vote([0, 255, 255, 0], [0, 1, 1, 0])


@pytest.mark.parametrize("annotators", [2, 3, 5])
def test_it_is_what_counting_voxel_by_voxel_gives(annotators: int) -> None:
    random = np.random.default_rng(annotators)
    labels: list[NDArray[np.uint8]] = [
        random.integers(0, 4, (3, 5, 6), dtype=np.uint8) for _ in range(annotators)
    ]
    counted = MajorityVote([ArrayImage(one) for one in labels], unknown=3)
    for place in np.ndindex(3, 5, 6):
        votes = Counter(int(one[place]) for one in labels if one[place] != 3).most_common()
        tie = not votes or (len(votes) > 1 and votes[0][1] == votes[1][1])
        z, y, x = place
        box = Box((z, y, x), (z + 1, y + 1, x + 1))
        assert counted.read(box).item() == (3 if tie else votes[0][0])


def test_a_vote_is_read_as_any_labels_are_and_ties_need_no_warning() -> None:
    counted = vote([0, 1, 1, 0], [0, 1, 0, 0])
    reading = read_labels(counted, (1, 1, 1, 4), target="classes", unknown=counted.unknown_value)
    assert reading.to_classes(counted.read(Box((0, 0, 0), (1, 1, 4)))[0], 0).ravel().tolist() == [
        0,
        1,
        255,
        0,
    ]
    assert reading.sentences[-1] == "25.0 % of the voxels there are unknown and never counted."
    agreed = vote([0, 1], [0, 1])
    other = read_labels(agreed, (1, 1, 1, 2), target="classes", unknown=counted.unknown_value)
    assert not other.warnings


def test_a_negative_unknown_value_stays_what_it_is() -> None:
    rows = ([-1, 1, 2, -1, 0], [-1, 1, 1, 2, 0])
    images = [ArrayImage(np.array([[row]], np.float32)) for row in rows]
    counted = MajorityVote(images, unknown=-1)
    # Nobody knows the first voxel, the third is a tie, and only one person knows the fourth.
    assert elected(counted) == [-1, 1, -1, 2, 0]
    assert counted.read(Box.of_shape((1, 1, 5))).dtype == counted.dtype == np.float32
    assert unknown_of([images[0], counted], -1) == -1
    reading = read_labels(counted, (1, 1, 1, 5), unknown=-1)
    assert reading.voxel_counts == {0: 1, 1: 1, 2: 1}
    assert reading.to_classes(counted.read(Box.of_shape((1, 1, 5)))[0], 0).ravel().tolist() == [
        255,
        1,
        255,
        2,
        0,
    ]
    assert reading.sentences[-1] == "40.0 % of the voxels there are unknown and never counted."
    assert not reading.warnings


def test_masks_may_have_a_negative_unknown_value() -> None:
    one, two = (
        ArrayImage(np.array(masks, np.float32)[:, None, None])
        for masks in (([1, -1, 0], [0, 0, 1]), ([1, -1, 0], [0, 0, 1]))
    )
    counted = MajorityVote([one, two], unknown=-1)
    masks = find_masks([counted], unknown=-1)
    read = MasksAsOne(counted, masks, -1).read(Box.of_shape((1, 1, 3)))
    assert (masks.combinations, read.ravel().tolist()) == (((0,), (1,)), [1, 255, 2])


def test_labels_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"annotator 2 are 1 x 1 x 3 voxels \(z, y, x\), .* 1 x 1 x 2\."):
        vote([0, 1], [0, 1, 1])
    with pytest.raises(InvalidInput, match="annotator 3 are empty"):
        vote([0, 1], [0, 1], [0, 0])
    images = [ArrayImage(np.array([row], np.uint8)) for row in ([0, 1], [0, 0], [0, 1, 1])]
    with pytest.raises(InvalidInput, match=r"annotator 2 \(b\.tif\) are empty"):
        MajorityVote(images[:2], names=["a.tif", "b.tif"])
    with pytest.raises(InvalidInput, match=r"annotator 2 \(c\.tif\) are .* of annotator 1 \(a\.tif\) "):
        MajorityVote(images[::2], names=["a.tif", "c.tif"])
    for labels in ([], [[0, 1]], [[0, 1]] * 17):
        with pytest.raises(InvalidInput, match=f"of 2 to 16 annotators, not of {len(labels)}"):
            vote(*labels)
