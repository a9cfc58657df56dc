"""What a label image means, is told, and when it is refused (the table S2)."""

# ruff: noqa: E501 -- tables read best with one case a line

import tracemalloc

import numpy as np
import pytest

from cristae.errors import InvalidInput
from cristae.labels import UNKNOWN, read_labels
from cristae.volumes import ArrayImage, LabelClass, VoxelSize


class AnyArray:
    """An image of a type that the store does not keep, as another library may hand over."""

    def __init__(self, voxels):
        self._voxels = np.asarray(voxels)
        self.shape_czyx = (1, *self._voxels.shape)
        self.dtype, self.voxel_size, self.name, self.notes = self._voxels.dtype, None, "", ()

    def read(self, box_zyx):
        return self._voxels[None][(slice(None), *box_zyx.slices)].copy()


def read(voxels, **keywords):
    voxels = np.asarray(voxels)
    if voxels.ndim == 2:
        voxels = voxels[None]
    image = ArrayImage(voxels) if voxels.dtype in (np.uint8, np.uint16, np.float32) else AnyArray(voxels)
    return read_labels(image, (1, *voxels.shape), **keywords)


def stack(*sections, dtype=np.uint8):
    """Sections of 4 x 4: a number fills the left half, the rest is 0."""
    voxels = np.zeros((len(sections), 4, 4), dtype)
    for section, value in zip(voxels, sections, strict=True):
        section[:, :2] = value
    return voxels


def sentence_of(voxels, **keywords):
    with pytest.raises(InvalidInput) as refusal:
        read(voxels, **keywords)
    return refusal.value.sentence


HALF = np.array([[1, 1, 0, 0]], np.uint8)
# fmt: off
REFUSED = [
    # name,                       labels,                                    keywords,                  words
    ("nothing drawn",             np.zeros((3, 4, 4), np.uint8),             {},                        ["empty", "Draw"]),
    ("nothing but unknown",       np.array([[0, 255]], np.uint8),            {"unknown": 255},          ["empty", "0/255 mask", "do not name it as unknown"]),
    ("strokes, none drawn",       np.zeros((1, 4, 4), np.uint8),             {"unknown": 0},            ["empty"]),
    ("one class everywhere",      np.ones((2, 4, 4), np.uint8),              {},                        ["Only one class", "Leave some background"]),
    ("one class, full sections",  np.stack([np.ones((4, 4)), np.zeros((4, 4))]).astype(np.uint8), {},   ["Only one class", "empty sections: background"]),
    ("one stroke class",          HALF,                                      {"unknown": 0},            ["Only one class", "'background'"]),
    ("background strokes only",   HALF,                                      {"unknown": 0, "background": 1}, ["every known voxel is background"]),
    ("mask beside classes",       np.array([[0, 1, 2, 255]], np.uint8),      {},                        ["255", "Name 255 as the unknown value"]),
    ("grey beside mask",          np.array([[0, 127, 255]], np.uint8),       {},                        ["255", "127"]),
    ("NaN",                       np.array([[0, 1, np.nan]], np.float32),    {},                        ["NaN"]),
    ("infinity",                  np.array([[0, 1, np.inf]], np.float32),    {},                        ["infinity"]),
    ("probabilities",             np.array([[0, 0.25, 1]], np.float32),      {},                        ["fractions", "0.25"]),
    ("negative",                  np.array([[0, 1, -1]], np.int16),          {},                        ["-1", "as the unknown value"]),
    ("negative object",           np.array([[0, 1, -1]], np.int16),          {"target": "instances"},   ["-1"]),
    ("float ids past 2^24",       np.array([[0, 1, 2.0**25]], np.float32),   {"target": "instances"},   ["16,777,216", "Remap Labels"]),
    ("ids past 2^63",             np.array([[0, 2**63]], np.uint64),         {"target": "instances"},   ["2^63"]),
    ("complex",                   np.array([[0, 1j]]),                       {},                        ["complex"]),
    ("grey values",               np.arange(2000, dtype=np.uint16)[None],    {},                        ["1024 different values", "grey-value"]),
    ("300 ids as classes",        np.arange(300, dtype=np.uint16)[None],     {},                        ["instances"]),
    ("unlisted value",            np.array([[0, 1, 2]], np.uint8),           {"classes": [LabelClass(1, "er")]}, ["value 2", "classes that were named"]),
    ("one object, no background", np.ones((1, 4, 4), np.uint8),              {"target": "instances"},   ["one object", "two touching"]),
    ("objects with classes",      HALF,                                      {"target": "instances", "classes": [LabelClass(1, "er")]}, ["objects", "leave the names out"]),
    ("no objects",                np.zeros((1, 4, 4), np.uint8),             {"target": "instances"},   ["empty"]),
    ("sections out of range",     stack(1, 1),                               {"z": (1, 5)},             ["1:5", "0:2"]),
    ("empty range",               stack(1, 1),                               {"z": (1, 1)},             ["1:1"]),
    ("range without labels",      stack(1, 0),                               {"z": (1, 2)},             ["empty"]),
    ("unheard-of target",         HALF,                                      {"target": "surfaces"},    ["surfaces", "instances"]),
    ("unheard-of rule",           HALF,                                      {"empty_sections": "maybe"}, ["maybe"]),
]
# fmt: on


@pytest.mark.parametrize(
    ("voxels", "keywords", "words"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_labels_that_cannot_be_learned_from_are_refused_with_advice(voxels, keywords, words):
    sentence = sentence_of(voxels, **keywords)
    for word in words:
        assert word in sentence


def test_rgb_labels_are_refused():
    with pytest.raises(InvalidInput, match="RGB"):
        read_labels(ArrayImage(np.ones((3, 2, 4, 4), np.uint8)), (1, 2, 4, 4))


def test_a_mask_of_0_and_255_is_one_class():
    reading = read(stack(255, 255), classes=[LabelClass(1, "mitochondria", 0xFF0000)])
    assert reading.classes == (LabelClass(1, "mitochondria", 0xFF0000),)
    assert reading.voxel_counts == {0: 16, 1: 16}
    assert reading.sentences == (
        "All 2 sections carry labels.",
        "Class numbers in results: 1 'mitochondria' is the value 255.",
        "One class: 1 'mitochondria', 50.0 % of the annotated voxels.",
    )
    assert np.array_equal(reading.to_classes(stack(255, 255), 0), stack(1, 1))


@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.uint16, np.uint32, np.int16, np.int64, np.float32, np.float64]
)
def test_the_number_type_of_labels_does_not_matter(dtype):
    reading = read(stack(1, 0, 1, dtype=dtype))
    targets = reading.to_classes(stack(1, 0, 1, dtype=dtype), 0)
    assert targets.dtype == np.uint8
    assert np.array_equal(targets[[0, 2]], stack(1, 1))
    assert (targets[1] == UNKNOWN).all()


def test_sections_without_labels_are_not_annotated_when_training():
    reading = read(stack(1, 0, 2, 0, 0))
    assert reading.annotated_sections == (0, 2)
    assert reading.sentences[0] == "2 of 5 sections carry labels; the 3 others count as not annotated."
    assert reading.voxel_counts == {0: 16, 1: 8, 2: 8}
    targets = reading.to_classes(stack(1, 0, 2, 0, 0), 0)
    assert (targets[[1, 3, 4]] == UNKNOWN).all()
    assert (reading.to_classes(stack(0, 2), 1)[0] == UNKNOWN).all(), "z0 is the first section of the block"


def test_sections_without_labels_are_background_if_the_person_says_so():
    reading = read(stack(1, 0, 2), empty_sections="background")
    assert reading.annotated_sections == (0, 1, 2)
    assert "the 1 other counts as background" in reading.sentences[0]
    assert reading.voxel_counts[0] == 32


def test_evaluation_counts_every_section_unless_told_otherwise():
    assert read(stack(1, 0), purpose="evaluation").annotated_sections == (0, 1)
    assert read(stack(1, 0), purpose="evaluation", empty_sections="unknown").annotated_sections == (0,)


@pytest.mark.parametrize("voxels", [np.zeros((2, 4, 4), np.uint8), np.ones((2, 4, 4), np.uint8)])
def test_evaluation_accepts_truth_that_could_not_be_learned_from(voxels):
    assert read(voxels, purpose="evaluation").annotated_sections == (0, 1)


def test_a_section_of_nothing_but_unknown_voxels_is_not_annotated():
    voxels = stack(1, 255)
    assert read(voxels, unknown=255).annotated_sections == (0,)


def test_unknown_voxels_are_never_counted():
    voxels = stack(1, 2)
    voxels[:, 0] = 9
    reading = read(voxels, unknown=9)
    assert reading.voxel_counts == {0: 12, 1: 6, 2: 6}
    assert (reading.to_classes(voxels, 0)[:, 0] == UNKNOWN).all()
    assert "25.0 % of the voxels there are unknown and never counted." in reading.sentences[-1]


def test_the_unknown_value_may_be_negative():
    voxels = np.array([[0, 1, -1]], np.int16)
    assert read(voxels, unknown=-1).to_classes(voxels[None], 0).tolist() == [[[0, 1, UNKNOWN]]]


def test_a_mistyped_unknown_value_is_told():
    assert read(stack(1, 1), unknown=7).warnings == ("No voxel of the labels has the unknown value 7.",)


def test_strokes_on_an_unknown_ground_with_a_background_stroke():
    voxels = np.array([[0, 1, 1, 2]], np.uint8)
    reading = read(voxels, unknown=0, classes=[LabelClass(1, "Background"), LabelClass(2, "mito")])
    assert reading.to_classes(voxels[None], 0).tolist() == [[[UNKNOWN, 0, 0, 1]]]
    assert reading.voxel_counts == {0: 2, 1: 1}
    assert "The value 1 is the background." in reading.sentences


def test_strokes_without_a_background_are_classes_that_fill_everything():
    voxels = np.array([[0, 1, 1, 2]], np.uint8)
    reading = read(voxels, unknown=0)
    assert reading.to_classes(voxels[None], 0).tolist() == [[[UNKNOWN, 1, 1, 2]]]
    assert any("No class is the background" in sentence for sentence in reading.sentences)


def test_only_the_chosen_sections_count():
    reading = read(stack(1, 2, 3, 0), z=(1, 4))
    assert reading.annotated_sections == (1, 2)
    assert reading.voxel_counts[1] == 0
    assert (reading.to_classes(stack(1), 0) == UNKNOWN).all()


def test_values_beyond_16_bit_become_listed_classes():
    voxels = np.array([[0, 5, 100_000]], np.uint32)
    reading = read(voxels, classes=[LabelClass(5, "a"), LabelClass(100_000, "b")])
    assert reading.to_classes(voxels[None], 0).tolist() == [[[0, 1, 2]]]


def test_objects_are_counted_and_measured():
    voxels = np.zeros((2, 20, 20), np.uint16)
    voxels[:, 2:7, 2:18], voxels[0, 10:15, 2:18] = 70, 7000
    reading = read(voxels, target="instances")
    assert reading.objects is not None
    assert reading.objects.count == 2
    assert reading.objects.median_volume_voxels == 120
    assert reading.objects.median_thickness_voxels == 5
    assert reading.sentences[-1] == (
        "2 objects, half of them larger than 120 voxels; their profiles are about 5 voxels thick."
    )


def test_one_voxel_is_one_voxel():
    with pytest.raises(InvalidInput, match=r"\(1 voxel in one part\)"):
        read(np.array([[0, np.nan]], np.float32))
    voxels = np.zeros((1, 9, 9), np.uint8)
    voxels[0, 3, 3], voxels[0, 6, 6] = 1, 2
    assert read(voxels, target="instances").sentences[-1] == (
        "2 objects, half of them larger than 1 voxel; their profiles are about 1 voxel thick."
    )
    voxels[0, 6, 6] = 0
    assert read(voxels, target="instances").sentences[-1] == (
        "1 object, of 1 voxel; its profiles are about 1 voxel thick."
    )


def test_the_width_of_strokes_is_not_the_thickness_of_objects():
    voxels = np.zeros((1, 40, 40), np.uint8)
    voxels[0, 5:10], voxels[0, 20:25] = 1, 2
    reading = read(voxels, unknown=0)
    assert reading.thickness_voxels == {}
    assert reading.stroke_width_voxels == 5
    assert (
        read(voxels, unknown=0, target="instances").sentences[-2]
        == "2 objects, half of them larger than 200 voxels."
    )
    voxels[voxels == 0], voxels[0, 30:33] = 9, 0
    whole = read(voxels, unknown=0)
    assert whole.thickness_voxels.keys() > {1, 2}
    assert whole.stroke_width_voxels == 0


def test_objects_that_are_drawn_whole_among_unknown_voxels_have_a_thickness():
    voxels = np.zeros((1, 200, 100), np.uint8)
    voxels[0, 20:41, 10:90], voxels[0, 100:125, 10:90] = 1, 2
    assert read(voxels, unknown=0).thickness_voxels == {1: 21.0, 2: 25.0}
    voxels[0, 150:153, 10:90] = 3
    assert read(voxels, unknown=0).thickness_voxels == {}


@pytest.mark.parametrize("value", [1, 255])
def test_one_number_for_unconnected_objects_is_refused(value):
    voxels = np.zeros((3, 9, 9), np.uint8)
    voxels[:, 1:4, 1:4], voxels[1, 5:8, 5:8] = value, value
    with pytest.raises(
        InvalidInput, match=rf"All objects have the same number \({value}\): number them, .*choose classes"
    ):
        read(voxels, target="instances")
    assert read(voxels, target="instances", purpose="evaluation").objects.count == 1


def test_a_single_object_is_warned_of():
    voxels = np.zeros((3, 9, 9), np.uint8)
    voxels[:, 1:4, 1:4] = 255
    (warning,) = read(voxels, target="instances").warnings
    assert warning.startswith("The labels have one object only (255)")


def test_profiles_of_one_object_on_sections_apart_may_be_connected_between_them():
    voxels = np.zeros((5, 9, 9), np.uint8)
    voxels[0, 1:4, 1:4], voxels[4, 5:8, 5:8] = 7, 7
    assert "one object only" in read(voxels, target="instances").warnings[0]
    with pytest.raises(InvalidInput, match="same number"):
        read(voxels, target="instances", empty_sections="background")


def test_two_objects_with_their_numbers_are_not_warned_of():
    voxels = np.zeros((1, 9, 9), np.uint8)
    voxels[0, 1:4, 1:4], voxels[0, 5:8, 5:8] = 1, 2
    assert read(voxels, target="instances").warnings == ()


def test_touching_objects_learn_the_boundary_between_them():
    voxels = np.array([[3, 3, 3, 9, 9, 9]], np.uint16)
    reading = read(voxels, target="instances")
    assert [entry.name for entry in reading.classes] == ["interior", "boundary"]
    assert reading.to_classes(voxels[None], 0).tolist() == [[[1, 1, 2, 2, 1, 1]]]


def test_unknown_voxels_make_no_boundary():
    voxels = np.array([[3, 3, 3, 0, 9, 9]], np.uint16)
    reading = read(voxels, target="instances", unknown=0)
    assert reading.to_classes(voxels[None], 0).tolist() == [[[1, 1, 1, UNKNOWN, 1, 1]]]


def test_sections_that_are_not_annotated_make_no_boundary():
    voxels = np.zeros((2, 4, 4), np.uint16)
    voxels[0, :, :2], voxels[0, :, 2:] = 1, 2
    targets = read(voxels, target="instances").to_classes(voxels, 0)
    assert targets[0].tolist() == [[1, 2, 2, 1]] * 4
    assert (targets[1] == UNKNOWN).all()


def test_thick_sections_have_boundaries_in_their_plane_only():
    voxels = np.zeros((2, 2, 4), np.uint8)
    voxels[0], voxels[1, :, 2:] = 1, 2
    reading = read(voxels, target="instances", voxel_size=VoxelSize(50.0, 4.6, 4.6))
    assert reading.to_classes(voxels, 0)[0].tolist() == [[1] * 4] * 2
    assert read(voxels, target="instances").to_classes(voxels, 0)[0].tolist() == [[2] * 4] * 2


@pytest.mark.parametrize("target", ["classes", "instances"])
def test_sections_that_do_not_fit_into_one_part_are_read_in_bands(target, monkeypatch):
    rng = np.random.default_rng(0)
    voxels = rng.integers(0, 4, (3, 37, 29)).astype(np.uint16)
    whole = read(voxels, target=target)
    monkeypatch.setattr("cristae.labels.scan.slabs.__defaults__", (None, 100, 1))
    banded = read(voxels, target=target)
    assert banded == whole


def test_memory_does_not_grow_with_the_number_of_sections():
    class Deep:
        dtype, voxel_size, name, notes = np.dtype(np.uint8), None, "", ()

        def __init__(self, depth):
            self.shape_czyx = (1, depth, 1024, 1024)

        def read(self, box_zyx):
            voxels = np.zeros((1, *box_zyx.shape), np.uint8)
            voxels[..., ::2] = 1
            return voxels

    def peak(depth):
        tracemalloc.start()
        read_labels(Deep(depth), (1, depth, 1024, 1024))
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    assert peak(64) < peak(16) + (1 << 20)
