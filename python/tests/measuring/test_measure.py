"""Size, place and form of objects: by hand, as scikit-image has them, and the same wherever it is cut."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import regionprops

from cristae.errors import Cancelled, InvalidInput, LimitExceeded
from cristae.evaluation.inputs import LabelArray
from cristae.measuring import Beside, measure
from cristae.volumes import ArrayImage, VoxelSize

SIZE = VoxelSize(50, 4, 5)


def measured(labels, beside=None, **given):
    given.setdefault("voxel_size", SIZE)
    return measure(LabelArray(np.asarray(labels)), beside, **given)


def images(raw=None, classes=None, other=None):
    return Beside(*(None if one is None else LabelArray(np.asarray(one)) for one in (raw, classes, other)))


def random_labels(seed, shape=(5, 7, 6), most=5):
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, most + 1, tuple(-(-n // 2) for n in shape))
    labels = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)[tuple(map(slice, shape))]
    return np.where(generator.random(shape) < 0.15, generator.integers(0, most + 1, shape), labels)


def test_every_column_of_a_small_box_is_what_a_person_computes():
    labels = np.zeros((4, 6, 8), np.uint8)
    labels[1:3, 2:5, 0:4] = 9
    found = measured(labels)
    row = dict(zip(found.objects.names, next(found.objects.rows()), strict=True))
    assert row["id"] == 9
    assert row["voxels"] == 24
    assert row["volume_nm3"] == 24 * 1000
    assert (row["centroid_z_px"], row["centroid_y_px"], row["centroid_x_px"]) == (1.5, 3, 1.5)
    assert (row["centroid_z_nm"], row["centroid_y_nm"], row["centroid_x_nm"]) == (75, 12, 7.5)
    assert [row[f"low_{a}_px"] for a in "zyx"] == [1, 2, 0]
    assert [row[f"high_{a}_px"] for a in "zyx"] == [3, 5, 4]
    # A box with the side a has the variance a^2 / 12 along it: 100, 12 and 20 nm.
    lengths = [2 * np.sqrt(5 * a**2 / 12) for a in (100, 20, 12)]
    assert [row[f"axis_{n}_nm"] for n in (1, 2, 3)] == pytest.approx(lengths)
    assert [row[f"axis_1_{a}"] for a in "zyx"] == pytest.approx([1, 0, 0])
    assert [row[f"axis_3_{a}"] for a in "zyx"] == pytest.approx([0, 1, 0])
    assert row["touches_border"] == 1
    assert row["sphericity"] == pytest.approx(np.pi ** (1 / 3) * (6 * 24000) ** (2 / 3) / row["surface_nm2"])
    assert found.unit == "nm"


def test_a_single_section_has_areas_and_perimeters_and_no_z():
    found = measured(np.array([[0, 0, 0, 0], [0, 3, 3, 0], [0, 0, 0, 0]]))
    row = dict(zip(found.objects.names, next(found.objects.rows()), strict=True))
    assert row["area_nm2"] == 2 * 4 * 5
    assert row["touches_border"] == 0
    assert row["axis_1_nm"] == pytest.approx(4 * np.sqrt(10**2 / 12))
    assert row["axis_2_nm"] == pytest.approx(4 * np.sqrt(4**2 / 12))
    assert (row["axis_1_y"], row["axis_1_x"]) == (0, 1)
    assert row["circularity"] == pytest.approx(4 * np.pi * 40 / row["perimeter_nm"] ** 2)
    assert not [name for name in found.objects.names if "_z_" in name or "volume" in name]


def test_axes_of_equal_length_have_no_direction():
    found = measured(
        np.array([[[0, 0, 0], [0, 1, 0], [0, 0, 0]]] * 1).repeat(1, 0), voxel_size=VoxelSize(4, 4, 4)
    )
    assert found.objects["axis_1_x"].tolist() == [None]
    assert found.objects["axis_1_nm"].tolist() == pytest.approx([4 * 4 / np.sqrt(12)])


@given(st.integers(0, 10**6), st.integers(1, 3))
def test_numbers_agree_with_scikit_image(seed, dimensions):
    shape = (5, 7, 6) if dimensions > 1 else (1, 7, 6)
    labels = random_labels(seed, shape)
    raw = np.random.default_rng(seed).integers(0, 65536, shape).astype(np.uint16)
    objects = measured(labels, images(raw=raw), slab_voxels=50).objects
    flat = shape[0] == 1
    sides = SIZE.zyx_nm[1:] if flat else SIZE.zyx_nm
    theirs = regionprops(labels[0] if flat else labels, raw[0] if flat else raw, spacing=sides)
    axes = "yx" if flat else "zyx"
    assert objects["id"].tolist() == [region.label for region in theirs]
    for row, region in enumerate(theirs):
        assert objects["area_nm2" if flat else "volume_nm3"][row] == pytest.approx(region.area)
        assert [objects[f"centroid_{a}_nm"][row] for a in axes] == pytest.approx(list(region.centroid))
        box = [objects[f"{end}_{a}_px"][row] for end in ("low", "high") for a in axes]
        assert box == list(region.bbox)
        for ours, name in (("mean", "mean"), ("min", "min"), ("max", "max"), ("std", "std")):
            assert objects[f"intensity_{ours}"][row] == pytest.approx(
                getattr(region, f"intensity_{name}"), abs=1e-6
            )
        inertia = region.inertia_tensor
        points = inertia if flat else np.trace(inertia) / 2 * np.eye(3) - inertia
        if flat:  # scikit-image's tensor of a section is that of the axis across
            points = np.trace(inertia) * np.eye(2) - inertia
        # They take a voxel for a point, we for a box.
        squares = np.linalg.eigvalsh(points + np.diag(np.square(sides)) / 12)[::-1]
        lengths = [objects[f"axis_{n}_nm"][row] for n in range(1, len(axes) + 1)]
        assert lengths == pytest.approx((2 * np.sqrt((len(axes) + 2) * squares)).tolist(), rel=1e-6)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 200))
def test_the_tables_are_the_same_to_the_last_bit_wherever_the_volume_is_cut(seed, slab_voxels):
    labels = random_labels(seed)
    generator = np.random.default_rng(seed)
    raw = generator.normal(0, 1000, labels.shape).astype(np.float32)
    raw[generator.random(labels.shape) < 0.1] = np.nan
    beside = images(raw, generator.integers(0, 3, labels.shape), random_labels(seed + 1, most=3))
    given = {"contacts": True, "skeletons": True}
    whole, cut = (measured(labels, beside, **given, slab_voxels=n) for n in (10**6, slab_voxels))
    assert whole.objects.names == cut.objects.names
    assert list(whole.objects.rows()) == list(cut.objects.rows())
    assert list(whole.contacts.rows()) == list(cut.contacts.rows())
    own, cut_own = (measured(labels, contacts=True, slab_voxels=n) for n in (10**6, slab_voxels))
    assert list(own.contacts.rows()) == list(cut_own.contacts.rows())


def test_far_from_the_origin_nothing_is_lost():
    class FarAway(LabelArray):
        """An object at the end of a volume that nobody could hold."""

        def __init__(self):
            super().__init__(np.ones((1, 1, 1), np.uint8))
            self.shape_czyx = (1, 2, 3, 1_000_000)

        def read(self, box):
            z, y, x = (np.arange(a, b) for a, b in zip(box.start, box.stop, strict=True))
            return ((z[:, None, None] < 2) & (y[:, None] < 3) & (x >= 999_990)).astype(np.uint8)[None]

    far = measure(FarAway(), voxel_size=SIZE).objects
    near = measured(np.ones((2, 3, 10), np.uint8)).objects
    for name in ("voxels", "surface_nm2", "axis_1_nm", "axis_2_nm", "axis_3_nm", "axis_1_z", "axis_1_x"):
        assert far[name].tolist() == near[name].tolist()
    assert far["centroid_x_px"].tolist() == [999_994.5]


def test_grey_values_that_are_no_numbers_do_not_count():
    raw = np.array([[[np.nan, 2.0, 4.0, np.inf, np.nan]]], np.float32)
    objects = measured(np.array([[[1, 1, 1, 1, 2]]]), images(raw)).objects
    assert objects["intensity_mean"].tolist() == [3, None]
    assert objects["intensity_std"].tolist() == [1, None]
    assert objects["intensity_min"].tolist() == [2, None]
    assert objects["intensity_max"].tolist() == [4, None]


def test_large_grey_values_that_hardly_differ_have_an_exact_spread():
    labels = np.ones((1, 1, 4), np.uint8)
    for dtype in (np.uint32, np.float32):
        raw = (np.array([[[0, 2, 0, 2]]]) + 2**23).astype(dtype)
        objects = measured(labels, images(raw)).objects
        assert objects["intensity_std"].tolist() == [1]
        assert objects["intensity_mean"].tolist() == [2**23 + 1]


def test_an_object_has_the_class_of_most_of_its_voxels_and_of_equals_the_smallest():
    labels = np.array([[[1, 1, 1, 2, 2, 0]]])
    objects = measured(labels, images(classes=np.array([[[3, 0, 3, 7, 4, 9]]]))).objects
    assert objects["class"].tolist() == [3, 4]
    assert objects["class_share"].tolist() == pytest.approx([2 / 3, 1 / 2])


def test_ids_up_to_2_to_the_63_are_exact():
    ids = [1, 2**32, 2**53 + 1, 2**63 - 1]
    for dtype in (np.int64, np.uint64):
        found = measured(np.array([[ids]], dtype), contacts=True, where="id != 4294967296")
        assert found.objects["id"].tolist() == [ids[0], *ids[2:]]
        assert [pair[:2] for pair in found.contacts.rows()] == list(pairwise(ids))


def test_a_million_objects_of_one_voxel_are_measured():
    labels = np.arange(1, 1_000_001).reshape(10, 100, 1000)
    objects = measured(labels).objects
    assert len(objects) == 1_000_000
    assert objects["voxels"].max() == 1
    assert len(set(objects["surface_nm2"].tolist())) == 1


def test_an_object_that_fills_the_volume_is_measured():
    row = measured(np.full((3, 4, 5), 7)).objects
    assert row["volume_nm3"].tolist() == [60_000]
    assert row["touches_border"].tolist() == [1]


def test_labels_without_any_object_make_an_empty_table_and_a_sentence():
    found = measured(
        np.zeros((2, 3, 4), np.uint8),
        images(*[np.zeros((2, 3, 4), np.uint8)] * 3),
        contacts=True,
        skeletons=True,
    )
    assert len(found.objects) == len(found.contacts) == 0
    assert found.sentences == ["The labels hold no object: every voxel is 0."]


def test_without_a_voxel_size_everything_is_in_voxels_and_says_so():
    found = measured(np.ones((2, 2, 2), np.uint8), voxel_size=None, where="volume_px3 > 7")
    assert found.objects["volume_px3"].tolist() == [8]
    assert not [name for name in found.objects.names if "nm" in name]
    assert "do not say how large a voxel is" in found.sentences[0]


@pytest.mark.parametrize(
    ("labels", "beside", "sentence"),
    [
        (np.full((1, 2, 2), 1.5), {}, "fractions"),
        (np.full((1, 2, 2), -1), {}, "negative id -1"),
        (np.full((1, 2, 2), 2**63, np.uint64), {}, "above 2\\^63 - 1"),
        (np.ones((3, 1, 2, 2), np.uint8), {}, "3 channels"),
        (
            np.ones((2, 3, 4)),
            {"raw": np.ones((2, 3, 5))},
            r"raw image is 2 x 3 x 5 .*, the labels are 2 x 3 x 4: one of the two belongs to",
        ),
        (np.ones((2, 3, 4)), {"classes": np.ones((2, 4, 3))}, "rows and columns look swapped"),
        (np.ones((2, 3, 4)), {"other": np.ones((1, 3, 4))}, "single section"),
        (np.ones((2, 3, 4)), {"raw": np.ones((2, 2, 3, 4))}, "2 channels"),
        (np.ones((2, 3, 4)), {"classes": np.full((2, 3, 4), 2**32)}, "2\\^32"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(labels, beside, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        measured(labels, images(**beside))


def test_rows_too_wide_for_exact_sums_are_refused():
    class Wide(LabelArray):
        shape_czyx = (1, 1, 1, 2**20 + 1)

        def __init__(self):
            self.voxel_size, self.name, self.notes, self.dtype = None, "", (), np.dtype(np.uint8)

    with pytest.raises(LimitExceeded, match="1048577 voxels wide"):
        measure(Wide())


class Unread(LabelArray):
    """Labels of which nobody may read a voxel."""

    def read(self, box_zyx):
        raise AssertionError(box_zyx)


@pytest.mark.parametrize("where", ["volume > 3", "id >", "skeleton_length_nm > 3", "distance_to_nm() < 3"])
def test_a_condition_that_cannot_be_read_is_refused_before_the_labels_are(where):
    unread = Unread(np.ones((2, 2, 2), np.uint8))
    with pytest.raises(InvalidInput):
        measure(unread, Beside(other=unread), where=where, voxel_size=SIZE)


def test_no_more_than_a_slab_and_what_is_beside_it_is_read_at_once():
    class Seen(LabelArray):
        largest = 0

        def read(self, box_zyx):
            self.largest = max(self.largest, box_zyx.size)
            return super().read(box_zyx)

    labels, other = (Seen(random_labels(seed, (30, 8, 8))) for seed in (1, 2))
    measure(labels, Beside(other=other), contacts=True, slab_voxels=128, voxel_size=SIZE)
    assert labels.largest == other.largest == (2 + 2) * 8 * 8


def test_measuring_stops_when_it_is_asked_to():
    with pytest.raises(Cancelled):
        measured(np.ones((2, 2, 2), np.uint8), should_stop=lambda: True)


def test_progress_never_goes_back_and_ends_at_the_end():
    events = []
    labels = ArrayImage(np.ones((6, 4, 4), np.uint8), SIZE)
    measure(labels, skeletons=True, slab_voxels=32, on_event=events.append)
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
