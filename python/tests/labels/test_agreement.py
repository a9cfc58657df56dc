"""Several label images of one training."""

import numpy as np
import pytest

from cristae.errors import InvalidInput
from cristae.labels import UNKNOWN, read_labels, share_classes
from cristae.volumes import ArrayImage, LabelClass


def reading(*values, **keywords):
    image = ArrayImage(np.array([values], np.uint8))
    return read_labels(image, image.shape_czyx, **keywords)


def test_a_class_may_be_absent_from_one_image():
    first, second = share_classes([reading(0, 1, 2), reading(0, 1, 1)])
    assert [entry.value for entry in first.classes] == [entry.value for entry in second.classes] == [1, 2]
    assert second.voxel_counts == {0: 1, 1: 2, 2: 0}
    assert second.to_classes(np.array([[[0, 1, 1]]], np.uint8), 0).tolist() == [[[0, 1, 1]]]


@pytest.mark.parametrize("other", [(0, 255), (0, 1), (0, 200)])
def test_masks_of_one_class_go_together_whatever_their_value(other):
    assert [len(r.classes) for r in share_classes([reading(0, 255), reading(*other)])] == [1, 1]


@pytest.mark.parametrize("swap", [False, True])
def test_a_mask_beside_classes_is_refused(swap):
    readings = [reading(0, 1, 2), reading(0, 255)]
    with pytest.raises(InvalidInput, match=r"255 was given another class number.*1 of 2 classes"):
        share_classes(readings[::-1] if swap else readings)


def test_named_classes_always_agree():
    table = [LabelClass(5, "er"), LabelClass(200, "mito")]
    first, second = share_classes([reading(0, 5, 200, classes=table), reading(0, 200, classes=table)])
    assert first.classes == second.classes


def test_objects_and_classes_do_not_mix():
    with pytest.raises(InvalidInput, match="one target"):
        share_classes([reading(0, 1), reading(0, 1, target="instances")])


def test_instances_pass_as_they_are():
    readings = [reading(0, 1, target="instances"), reading(0, 7, target="instances")]
    assert share_classes(readings) == readings


def test_an_image_of_which_nothing_is_known_agrees_with_all_others() -> None:
    drawn = np.array([[[0, 10, 20]]], np.uint8)
    readings = [
        read_labels(ArrayImage(labels), (1, 1, 1, 3), unknown=9, may_lack_labels=True)
        for labels in (drawn, np.full_like(drawn, 9))
    ]
    assert [reading.is_labelled for reading in readings] == [True, False]
    first, second = share_classes(readings)
    assert second.classes == first.classes
    assert (second.to_classes(np.full((1, 1, 3), 9, np.uint8), 0) == UNKNOWN).all()
