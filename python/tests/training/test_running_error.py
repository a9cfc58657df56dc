"""Patches where the network errs: what is remembered, when it counts, and that a break changes nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cristae.errors import Cancelled
from cristae.labels import read_labels
from cristae.training import Budget, TrainingRequest, inspect_and_plan, train
from cristae.training import trainer as trainer_module
from cristae.training.losses import compared, patch_errors
from cristae.training.regions import Region
from cristae.training.running_error import RunningError
from cristae.training.sampling import PatchSampler
from cristae.volumes import ArrayImage, VoxelSize


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_an_error_is_a_running_mean_and_unseen_cells_count_as_usual() -> None:
    errors = RunningError([(1, 4, 12)], (1, 4, 4))
    one, two = (errors.cells(0, np.array([[0, 0, x]])) for x in (0, 8))
    errors.tell(1, one, numbers(1.0))
    errors.tell(2, np.concatenate([one, two]), numbers(2.0, 0.5))
    known = errors.at(4)
    assert known[one].item() == pytest.approx(1.0 + 0.3 * (2.0 - 1.0))
    assert known[two].item() == 0.5
    unseen = np.setdiff1d(np.arange(known.size), [one, two])
    assert known[unseen] == pytest.approx((1.3 + 0.5) / 2)


def test_the_errors_of_the_last_step_do_not_count_yet_whenever_they_come() -> None:
    early, late = RunningError([(1, 8, 8)], (1, 8, 8)), RunningError([(1, 8, 8)], (1, 8, 8))
    cell = early.cells(0, np.array([[0, 0, 0]]))
    for errors in (early, late):
        errors.tell(1, cell, numbers(3.0))
    early.tell(2, cell, numbers(9.0))
    assert early.at(3).tolist() == late.at(3).tolist() == [3.0] * 4


def test_what_is_remembered_goes_into_a_checkpoint_and_back() -> None:
    errors = RunningError([(2, 8, 8), (1, 20, 20)], (1, 8, 8))
    errors.tell(1, errors.cells(1, np.array([[0, 19, 2], [5, -3, 99]])), numbers(1.0, 2.0))
    errors.at(3)
    errors.tell(3, errors.cells(0, np.array([[1, 7, 7]])), numbers(4.0))
    again = RunningError([(2, 8, 8), (1, 20, 20)], (1, 8, 8))
    again.load_state(errors.state())
    assert again.at(4).tolist() == errors.at(4).tolist()
    assert again.at(5).tolist() == errors.at(5).tolist()
    assert 4.0 in errors.at(5)


def sampler_of(error_share: float, rare_share: float = 0.0) -> PatchSampler:
    labels = np.zeros((1, 64, 256), np.uint8)
    labels[:, ::7] = 1
    region = Region(
        ArrayImage(labels), ArrayImage(labels), read_labels(ArrayImage(labels), (1, *labels.shape))
    )
    return PatchSampler([region], [[1]], (1, 32, 32), rare_share, seed=0, error_share=error_share)


def test_more_patches_are_drawn_where_the_errors_are_large() -> None:
    sampler = sampler_of(error_share=0.5)
    for step in range(1, 101):
        middles = [place.start_zyx[2] + 16 for place in sampler.draw(step, 8)]
        sampler.tell(step, numbers(*(1.0 if middle > 192 else 0.05 for middle in middles)))
    middles = [place.start_zyx[2] + 16 for step in range(101, 201) for place in sampler.draw(step, 8)]
    right = sum(middle > 180 for middle in middles) / len(middles)
    # A quarter of half the patches, and nearly all of the others.
    assert 0.45 < right < 0.7


def test_without_a_share_nothing_changes_and_nothing_is_remembered() -> None:
    labels = sampler_of(error_share=0.0)
    assert labels.running_error is None
    assert labels.state() == {}
    assert labels.draw(5, 8) == sampler_of(error_share=0.0).draw(5, 8)


def test_the_error_of_a_patch_is_that_of_its_known_voxels() -> None:
    # Two patches of two sections each; in the second one everything is unknown but a voxel.
    chances = torch.full((4, 2, 2, 2), 0.5)
    chances[0, 1], chances[0, 0] = 0.8, 0.2
    targets = torch.full((4, 2, 2), 255, dtype=torch.uint8)
    targets[0], targets[1, 0, 0], targets[2, 1, 1] = 1, 0, 1
    errors = patch_errors(compared(chances.log(), targets), 2)
    expected = [-(4 * np.log(0.8) + np.log(0.5)) / 5, -np.log(0.5)]
    assert errors.tolist() == pytest.approx(expected, rel=1e-5)


def test_a_training_that_is_broken_off_draws_what_it_would_have_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_module, "_CHECKPOINT_EVERY_S", 0.0)
    random = np.random.default_rng(0)
    mask = random.integers(0, 2, (4, 12, 12), np.uint8).repeat(8, 1).repeat(8, 2)
    image = (100 + 80 * mask + random.integers(0, 20, mask.shape)).astype(np.uint8)
    size = VoxelSize(50, 5, 5)
    small = {"features": "4", "levels": "2", "batch": "4", "patch_zyx": "1,32,32", "downsample_zyx": "1,1,1"}

    def request_for(share: str) -> TrainingRequest:
        pair = (ArrayImage(image, size), ArrayImage(mask, size))
        return TrainingRequest([pair], "m", budget=Budget(steps=9), settings={**small, "error_share": share})

    request = request_for("0.75")
    plan = inspect_and_plan(request, "cpu")
    assert any("75% where it errs most" in sentence for sentence in plan.sentences)
    unbroken = train(request, plan, folder=tmp_path / "unbroken", device="cpu")
    for stop in (3, 2):
        asked = iter(range(100))
        with pytest.raises(Cancelled):
            train(
                request, plan, folder=tmp_path / "broken", device="cpu",
                should_stop=lambda stop=stop, asked=asked: next(asked) == stop,
            )  # fmt: skip
    resumed = train(request, plan, folder=tmp_path / "broken", device="cpu")
    for name, weights in unbroken.weights.items():
        assert np.array_equal(weights, resumed.weights[name]), name
    without = request_for("0")
    plain = train(without, inspect_and_plan(without, "cpu"), folder=tmp_path / "plain", device="cpu")
    assert not np.array_equal(plain.weights["head.weight"], unbroken.weights["head.weight"])
