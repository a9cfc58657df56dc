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


@pytest.mark.parametrize("swap", [False, True])
def test_a_number_that_one_image_skips_is_the_class_that_was_drawn_in_another(swap: bool) -> None:
    readings = [reading(0, 1, 3, 3), reading(0, 1, 2, 0)]
    assert [entry.name for entry in readings[0].classes] == ["class 1", "unused 2", "class 3"]
    assert "skip the value 2:" in readings[0].warnings[0]
    for shared in share_classes(readings[::-1] if swap else readings):
        assert [(entry.value, entry.name) for entry in shared.classes] == [
            (1, "class 1"),
            (2, "class 2"),
            (3, "class 3"),
        ]
        assert shared.warnings == ()
        assert shared.voxel_counts in ({0: 1, 1: 1, 2: 0, 3: 2}, {0: 2, 1: 1, 2: 1, 3: 0})


def test_a_number_that_all_images_skip_stays_unused_and_told() -> None:
    first, second = share_classes([reading(0, 1, 6, 6), reading(0, 2, 4, 0)])
    names = ["class 1", "class 2", "unused 3", "class 4", "unused 5", "class 6"]
    assert [entry.name for entry in first.classes] == [entry.name for entry in second.classes] == names
    kept = "without voxels, so that every class keeps its number."
    assert first.warnings == (f"The labels skip the values 3 and 5: kept as classes {kept}",)
    assert second.warnings == (f"The labels skip the value 3: kept as a class {kept}",)


def test_the_unknown_value_between_classes_is_no_skipped_number() -> None:
    first, second = share_classes([reading(0, 1, 2, 4, unknown=2), reading(0, 2, 4, 4, unknown=2)])
    names = ["class 1", "unknown 2", "unused 3", "class 4"]
    assert [entry.name for entry in first.classes] == [entry.name for entry in second.classes] == names
    kept = "kept as a class without voxels, so that every class keeps its number."
    assert first.warnings == second.warnings == (f"The labels skip the value 3: {kept}",)
    assert first.to_classes(np.array([[[0, 1, 2, 4]]], np.uint8), 0).tolist() == [[[0, 1, UNKNOWN, 4]]]


def test_a_name_and_a_colour_are_kept_for_a_class_without_voxels_in_all_images() -> None:
    table = [LabelClass(1, "er", 0xFF0000), LabelClass(2, "mito", 0x00FF00), LabelClass(4, "golgi")]
    first, second = share_classes([reading(0, 1, 4, classes=table), reading(0, 1, classes=table)])
    assert [entry.name for entry in first.classes] == ["er", "mito", "unused 3", "golgi"]
    assert first.classes == second.classes
    assert first.classes[1].rgb == 0x00FF00
    assert any("'mito' (2)" in warning for warning in first.warnings)


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
