"""What is measured of the annotated data."""

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cristae.labels import read_labels
from cristae.training import regions
from cristae.training.fingerprint import Fingerprint, estimate_anisotropy, take_fingerprint
from cristae.training.regions import Region
from cristae.volumes import ArrayImage, VoxelSize


def measured(
    image: np.ndarray, labels: np.ndarray, size: VoxelSize | None = None, **more: Any
) -> Fingerprint:  # type: ignore[type-arg]
    held, given = ArrayImage(image), ArrayImage(labels)
    reading = read_labels(given, held.shape_czyx, voxel_size=size, **more)
    return take_fingerprint([Region(held, given, reading)], size)


@pytest.mark.parametrize(("step", "noise"), [(1, 0.0), (4, 0.0), (8, 0.0), (4, 0.2)])
def test_anisotropy_is_estimated_from_how_fast_the_image_changes(step: int, noise: float) -> None:
    random = np.random.default_rng(0)
    fine = gaussian_filter(random.normal(size=(80, 160, 160)), 5)
    coarse = fine[::step] / fine.std()
    coarse = coarse + noise * random.normal(size=coarse.shape)
    found = estimate_anisotropy(ArrayImage(coarse.astype(np.float32)), range(len(coarse)))
    assert found == pytest.approx(step, rel=0.35, abs=0.6)


@pytest.mark.parametrize("image", [np.zeros((4, 32, 32)), np.ones((1, 32, 32)), np.full((3, 20, 20), np.nan)])
def test_images_without_structure_count_as_isotropic_or_say_nothing_wrong(image: np.ndarray) -> None:  # type: ignore[type-arg]
    assert 1 <= estimate_anisotropy(ArrayImage(image.astype(np.float32)), range(len(image))) <= 32


def test_only_annotated_voxels_count() -> None:
    image = np.full((4, 10, 10), 200, np.uint8)
    image[1] = np.arange(100).reshape(10, 10) + 1
    labels = np.zeros((4, 10, 10), np.uint8)
    labels[1, :2] = 1
    found = measured(image, labels)
    assert found.annotated_sections == 1
    assert found.known_voxels == 100
    assert found.class_shares == (0.8, 0.2)
    assert found.statistics.mean == pytest.approx((50.5,))


def test_a_known_voxel_size_is_believed() -> None:
    image = np.random.default_rng(0).integers(0, 255, (4, 32, 32), dtype=np.uint8)
    labels = np.zeros((4, 32, 32), np.uint8)
    labels[:, :5] = 1
    found = measured(image, labels, VoxelSize(50, 5, 5))
    assert found.anisotropy == 10
    assert not found.anisotropy_is_estimated


def test_brightness_that_jumps_between_sections_is_noticed() -> None:
    quiet = np.random.default_rng(0).integers(80, 120, (8, 32, 32), dtype=np.uint8)
    labels = np.zeros((8, 32, 32), np.uint8)
    labels[:, :5] = 1
    jumping = quiet + (np.arange(8, dtype=np.uint8) % 2 * 60)[:, None, None]
    assert measured(quiet, labels).section_jump < 0.05
    assert measured(jumping, labels).section_jump > 1


def test_the_distance_of_flat_sections_is_estimated_too() -> None:
    flat = np.random.default_rng(0).normal(size=(12, 3, 64)).astype(np.float32)
    assert estimate_anisotropy(ArrayImage(flat), range(12)) >= 1


@pytest.mark.parametrize("slab_voxels", [2**24, 1])
@pytest.mark.parametrize(("size", "share"), [(None, 12 / 21), (VoxelSize(50, 5, 5), 8 / 16)])
def test_the_share_of_the_surface_that_touches_another_object(
    slab_voxels: int, size: VoxelSize | None, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In-plane 4 faces lie between objects and 8 at the background, across z 2 and 1; 9 is unknown."""
    monkeypatch.setattr(regions, "_SLAB_VOXELS", slab_voxels)
    labels = np.array([[[0, 1, 2, 0], [0, 1, 2, 0]], [[0, 1, 3, 0], [9, 2, 0, 0]]], np.uint8)
    image = np.random.default_rng(0).integers(0, 255, labels.shape, dtype=np.uint8)
    found = measured(image, labels, size, target="instances", unknown=9)
    assert found.touching == pytest.approx(share)
    assert found.drawn_in_sections == (size is not None)


def test_objects_are_looked_at_as_their_boundaries_are_drawn_though_the_voxel_size_is_unknown() -> None:
    """In each of 4 sections a face lies between objects, one at the background; across z 3 between them."""
    labels = np.array([[[1, 1, 2, 2]], [[3, 3, 3, 4]]], np.uint8).repeat(2, 0)
    labels[:, :, 0] = 0
    image = np.random.default_rng(0).integers(0, 255, labels.shape, dtype=np.uint8)
    held, given = ArrayImage(image), ArrayImage(labels)
    told = []
    for size in (VoxelSize(8, 1, 1), None):
        reading = read_labels(given, held.shape_czyx, target="instances", voxel_size=size)
        found = take_fingerprint([Region(held, given, reading)], None)
        told.append((found.drawn_in_sections, found.touching, found.anisotropy_is_estimated))
    in_sections, through_all = told
    assert in_sections == (True, pytest.approx(8 / 12), True)
    assert through_all == (False, pytest.approx(14 / 18), True)
