"""What the network sees: the same voxel looks the same in every tile."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.networks import Frame, Preprocessing, Statistics
from cristae.networks.preprocessing import mean_pooled, mirrored, normalised
from cristae.networks.statistics import image_statistics, section_statistics


class Held:
    """An image in memory, (c, z, y, x)."""

    def __init__(self, values: NDArray[np.generic]) -> None:
        self.values = values
        self.shape_czyx = values.shape
        self.boxes: list[Box] = []

    def read(self, box_zyx: Box) -> NDArray[np.generic]:
        assert Box.of_shape(self.shape_czyx[1:]).contains(box_zyx)
        self.boxes.append(box_zyx)
        return self.values[(slice(None), *box_zyx.slices)].copy()


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(1, 255, shape, dtype=np.uint8)


PLAIN = Statistics((0.0,), (1.0,))


@given(st.integers(1, 9), st.integers(0, 12), st.integers(0, 12))
def test_mirrored_ends_are_numpys_reflection(length: int, before: int, after: int) -> None:
    expected = np.pad(np.arange(length), (before, after), mode="reflect" if length > 1 else "edge")
    assert mirrored(-before, length + after, length).tolist() == expected.tolist()


@given(st.data())
def test_a_tile_sees_the_same_numbers_as_the_whole_volume(data: st.DataObject) -> None:
    dims = data.draw(st.sampled_from([2, 3]))
    kind = data.draw(st.sampled_from(["training", "section", "image"]))
    shape = tuple(data.draw(st.integers(1, n)) for n in (5, 13, 13))
    factors = (1, 2, 2) if dims == 2 else (2, 2, 1)
    preprocessing = Preprocessing(dims, kind, Statistics((90.0,), (40.0,)), factors, context=int(dims == 2))
    frame = Frame(Held(noise(1, *shape)), preprocessing, (1, 2, 2))
    whole = frame.read(Box.of_shape(frame.padded_shape_zyx))
    start, stop = [], []
    for length, step in zip(frame.padded_shape_zyx, frame.step_zyx, strict=True):
        first = data.draw(st.integers(0, length // step - 1))
        last = data.draw(st.integers(first + 1, length // step))
        start.append(first * step)
        stop.append(last * step)
    tile = frame.read(Box(tuple(start), tuple(stop)))
    z, y, x = (slice(a // f, b // f) for a, b, f in zip(start, stop, factors, strict=True))
    expected = whole[z, :, y, x] if dims == 2 else whole[:, :, z, y, x]
    assert np.array_equal(tile, expected)


def test_neighbour_sections_come_as_channels_and_are_mirrored_at_the_ends() -> None:
    values = np.broadcast_to(np.arange(1, 4, dtype=np.uint8)[:, None, None], (3, 2, 2))[None]
    preprocessing = Preprocessing(2, "training", Statistics((2.0,), (1.0,)), context=1)
    seen = Frame(Held(values), preprocessing, (1, 1, 1)).read(Box((0, 0, 0), (3, 2, 2)))
    assert seen.shape == (3, 3, 2, 2)
    assert seen[:, :, 0, 0].tolist() == [[0, -1, 0], [-1, 0, 1], [0, 1, 0]]


def test_two_channels_keep_their_order_in_every_section() -> None:
    values = np.array([[10, 20], [30, 40]], dtype=np.uint8)[:, :, None, None]  # c, z
    preprocessing = Preprocessing(2, "training", Statistics((10.0, 35.0), (5.0, 5.0)), context=1)
    seen = Frame(Held(values), preprocessing, (1, 1, 1)).read(Box((0, 0, 0), (1, 1, 1)))
    assert seen[0, :, 0, 0].tolist() == [2, 1, 0, -1, 2, 1]


def test_an_image_like_the_training_data_is_normalised_as_they_were() -> None:
    values = noise(1, 4, 16, 16)
    frame = Frame(Held(values), Preprocessing(3, "training", Statistics((120.0,), (60.0,))), (1, 1, 1))
    assert frame.doubt() is None
    seen = frame.read(Box((0, 0, 0), (4, 16, 16)))
    assert np.allclose(seen[0], (values - 120.0) / 60.0, atol=1e-6)


def test_the_deviation_of_a_constant_image_is_told_as_nought() -> None:
    seven = Held(np.full((1, 2, 16, 16), 7, np.uint8))
    frame = Frame(seven, Preprocessing(3, "training", Statistics((120.0,), (60.0,))), (1, 1, 1))
    assert "(mean 7, deviation 0) are unlike" in (frame.doubt() or "")
    assert not frame.read(Box((0, 0, 0), (2, 16, 16))).any()
    close = Frame(seven, Preprocessing(3, "training", Statistics((6.5,), (1.0,))), (1, 1, 1))
    assert "deviation 0" in (close.doubt() or "")


def test_an_image_of_another_scale_is_normalised_by_itself_and_said_to_be_so() -> None:
    values = noise(1, 4, 16, 16)
    wide = values.astype(np.uint16) * 200
    preprocessing = Preprocessing(3, "training", Statistics((120.0,), (60.0,)))
    frame = Frame(Held(wide), preprocessing, (1, 1, 1))
    assert "unlike" in (frame.doubt() or "")
    whole = frame.read(Box((0, 0, 0), (4, 16, 16)))
    assert np.allclose(whole.mean(), 0, atol=1e-4)
    fresh = Frame(Held(wide), preprocessing, (1, 1, 1))
    assert np.array_equal(fresh.read(Box((1, 4, 4), (2, 8, 8)))[0, 0], whole[0, 0, 1:2, 4:8, 4:8])


def test_a_single_section_is_its_own_neighbour() -> None:
    seen = Frame(Held(noise(1, 1, 4, 4)), Preprocessing(2, "section", PLAIN, context=1), (1, 4, 4)).read(
        Box((0, 0, 0), (1, 4, 4))
    )
    assert np.array_equal(seen[0, 0], seen[0, 1])
    assert np.array_equal(seen[0, 2], seen[0, 1])


def test_reduction_is_the_mean_of_the_voxels() -> None:
    values = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    assert mean_pooled(values, (1, 2, 2))[0, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]


def test_sections_of_different_brightness_look_alike() -> None:
    section = noise(1, 1, 16, 16).astype(np.float32)
    values = np.concatenate([section, section * 3 + 20], axis=1)
    seen = Frame(Held(values), Preprocessing(2, "section", PLAIN), (1, 1, 1)).read(
        Box((0, 0, 0), (2, 16, 16))
    )
    assert np.allclose(seen[0], seen[1], atol=1e-4)
    assert abs(seen.mean()) < 1e-4
    assert seen.std() == pytest.approx(1, abs=1e-3)


def test_black_corners_of_aligned_sections_do_not_count() -> None:
    values = noise(1, 1, 20, 20)
    whole = section_statistics(Held(values[:, :, 5:]), 0)
    values[:, :, :5] = 0
    assert section_statistics(Held(values), 0) == whole


def test_section_statistics_are_mean_and_deviation_of_every_channel() -> None:
    values = noise(2, 3, 50, 40)
    found = section_statistics(Held(values), 1)
    assert np.allclose(found.mean, values[:, 1].mean(axis=(1, 2)))
    assert np.allclose(found.std, values[:, 1].std(axis=(1, 2)))


def test_statistics_of_a_small_image_count_every_voxel() -> None:
    values = noise(1, 5, 60, 70)
    assert np.allclose(image_statistics(Held(values)).mean, values.mean())


def test_statistics_of_a_huge_image_read_little_of_it() -> None:
    class Endless(Held):
        def read(self, box_zyx: Box) -> NDArray[np.generic]:
            self.boxes.append(box_zyx)
            return np.ones((1, *box_zyx.shape), dtype=np.uint8)

    image = Endless(np.zeros((1, 1, 1, 1), dtype=np.uint8))
    image.shape_czyx = (1, 10_000, 10_000, 10_000)
    image_statistics(image)
    assert sum(box.size for box in image.boxes) <= 64 * 8 * 128 * 128


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan, np.inf])
def test_constant_and_broken_sections_become_finite_numbers(value: float) -> None:
    values = np.full((1, 1, 4, 4), value, dtype=np.float32)
    for kind in ("section", "image", "training"):
        seen = Frame(Held(values), Preprocessing(2, kind, PLAIN), (1, 1, 1)).read(Box((0, 0, 0), (1, 4, 4)))
        assert np.isfinite(seen).all()


def test_voxels_that_are_no_numbers_become_average_grey() -> None:
    values = noise(1, 1, 8, 8).astype(np.float32)
    values[0, 0, 2, 3:6] = np.nan, np.inf, -np.inf
    seen = Frame(Held(values), Preprocessing(2, "section", PLAIN), (1, 1, 1)).read(Box((0, 0, 0), (1, 8, 8)))
    assert (seen[0, 0, 2, 3:6] == 0).all()


def test_an_image_with_other_channels_is_refused_with_advice() -> None:
    with pytest.raises(InvalidInput, match=r"2 channel.*trained on 1"):
        Frame(Held(noise(2, 1, 4, 4)), Preprocessing(2, "section", PLAIN), (1, 1, 1))


def test_preprocessing_is_rebuilt_from_its_json() -> None:
    preprocessing = Preprocessing(2, "section", Statistics((1.5,), (2.0,)), (1, 2, 2), 1)
    assert Preprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict()))) == preprocessing


@pytest.mark.parametrize(
    "change",
    [
        {"normalisation": "magic"},
        {"dims": 4},
        {"downsample_zyx": [2, 2, 2]},
        {"downsample_zyx": [1, 2]},
        {"statistics": {"mean": [0], "std": [0]}},
        {"statistics": {"mean": [float("nan")], "std": [1]}},
        {"statistics": {"mean": [0, 1], "std": [1]}},
        {"context": -1},
    ],
)
def test_a_damaged_record_is_refused_with_a_sentence(change: dict[str, object]) -> None:
    record = Preprocessing(2, "section", PLAIN, (1, 2, 2), 1).to_dict()
    with pytest.raises(InvalidInput, match=r"\.$"):
        Preprocessing.from_dict({**record, **change})


def test_the_halo_is_told_in_voxels_of_the_image_on_the_grid_of_tiles() -> None:
    frame = Frame(Held(noise(1, 1, 40, 40)), Preprocessing(2, "section", PLAIN, (1, 2, 2)), (1, 8, 8))
    assert frame.step_zyx == (1, 16, 16)
    assert frame.padded_shape_zyx == (1, 48, 48)
    assert frame.halo_zyx((0, 37, 5)) == (0, 80, 16)


def in_float64(
    raw: np.ndarray, mean: np.ndarray, std: np.ndarray, factors: tuple[int, int, int]
) -> np.ndarray:
    """Normalise, cut, average: one after the other, as the docstring has it."""
    values = np.clip((raw.astype(np.float64) - mean) / std, -8, 8)
    c, *sides = values.shape
    split = [c] + [part for side, by in zip(sides, factors, strict=True) for part in (side // by, by)]
    return values.reshape(split).mean(axis=(2, 4, 6))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32"])
@pytest.mark.parametrize("factors", [(1, 1, 1), (1, 2, 2), (2, 3, 4), (1, 16, 16)])
@pytest.mark.parametrize("deviation", [40.0, 0.05])
def test_quick_and_slow_normalisation_are_the_same(
    dtype: str, factors: tuple[int, int, int], deviation: float
) -> None:
    random = np.random.default_rng(0)
    raw = random.normal(100, deviation, (2, 4, 48, 48)).clip(0, 250).astype(dtype)
    raw[:, :, 0, 0] = np.iinfo(dtype).max if raw.dtype.kind != "f" else 1e6  # hot pixels
    mean = np.array([100.0, 99.5], np.float32).reshape(2, 1, 1, 1)
    std = np.full((2, 1, 1, 1), deviation, np.float32)
    found = normalised(raw, mean, std, factors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, in_float64(raw, mean, std, factors), atol=2e-5, rtol=1e-5)


def test_which_way_a_section_is_normalised_does_not_depend_on_its_neighbours() -> None:
    raw = np.random.default_rng(0).integers(0, 256, (1, 6, 32, 32), dtype=np.uint8)
    mean = np.full((1, 6, 1, 1), 120.0, np.float32)
    std = np.array([40, 3, 50, 60, 2, 45], np.float32).reshape(1, 6, 1, 1)  # of two sections voxels are cut
    together = normalised(raw, mean, std, (1, 2, 2))
    alone = [
        normalised(raw[:, z : z + 1], mean[:, z : z + 1], std[:, z : z + 1], (1, 2, 2)) for z in range(6)
    ]
    assert (together == np.concatenate(alone, axis=1)).all()
    assert together.max() == 8


def test_whole_numbers_are_added_without_an_overflow() -> None:
    for dtype, factors in (("uint8", (1, 16, 16)), ("uint8", (2, 16, 16)), ("uint16", (16, 16, 16))):
        full = np.full((1, 16, 32, 32), np.iinfo(dtype).max, dtype)
        assert (mean_pooled(full, factors) == np.iinfo(dtype).max).all()


def test_what_is_kept_of_a_section_is_little() -> None:
    image = Held(noise(1, 4000, 1, 1))
    frame = Frame(image, Preprocessing(2, "section", PLAIN), (1, 1, 1))
    whole = Box.of_shape((4000, 1, 1))
    tracemalloc.start()
    frame.take(whole, [Statistics((z / 7,), (z + 0.5,)) for z in range(4000)])
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 4000 * 40  # bytes: a volume may have a hundred thousand sections
    seen = frame.read(whole).ravel()
    expected = np.clip((image.values.ravel() - np.arange(4000) / 7) / (np.arange(4000) + 0.5), -8, 8)
    assert np.allclose(seen, expected, atol=1e-3)
