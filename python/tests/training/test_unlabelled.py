"""Unlabelled patches: which voxels, what the teacher is sure of, what that costs, and that it can go on."""

from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cristae.errors import Cancelled, InvalidInput
from cristae.geometry import Box
from cristae.labels import UNKNOWN
from cristae.networks import Preprocessing, Statistics, UNet, UNetConfig
from cristae.training import Budget, TrainedModel, TrainingRequest, inspect_and_plan, train
from cristae.training.losses import compared
from cristae.training.pairs import read_pairs
from cristae.training.patches import prepare_patches
from cristae.training.unlabelled import (
    LABELLED,
    UNLABELLED,
    PseudoLabels,
    UnlabelledReader,
    UnlabelledSampler,
    sure_targets,
    unlabelled_loss,
    weight_of,
)
from cristae.volumes import ArrayImage, VoxelSize

SMALL = {"features": "4", "levels": "2", "batch": "2", "patch_zyx": "1,32,32", "downsample_zyx": "1,1,1"}
SIZE = VoxelSize(50, 5, 5)
CONFIG = UNetConfig(2, 1, 2, (4, 8), ((1, 3, 3), (1, 3, 3)), ((1, 2, 2),))


def request_for(labelled: int = 1, depth: int = 4, **choices: Any) -> TrainingRequest:
    """Bright squares, of which the first sections are labelled."""
    random = np.random.default_rng(0)
    mask = random.integers(0, 2, (depth, 5, 5), np.uint8).repeat(8, 1).repeat(8, 2)
    image = (100 + 80 * mask + random.integers(0, 20, mask.shape)).astype(np.uint8)
    mask[labelled:] = 0
    given: dict[str, Any] = {"model_name": "m", "budget": Budget(steps=12), "settings": SMALL}
    return TrainingRequest([(ArrayImage(image, SIZE), ArrayImage(mask, SIZE))], **{**given, **choices})


def trained(request: TrainingRequest, folder: Path, **choices: Any) -> TrainedModel:
    return train(request, inspect_and_plan(request, "cpu"), folder=folder, device="cpu", **choices)


def test_only_what_leaves_little_doubt_becomes_a_target() -> None:
    # 0.9526 and 0.9474 of the first class, then certainty of the second, then none
    logits = torch.tensor([[[3.0, 2.89, 0.0, 0.0], [0.0, 0.0, 9.0, 0.0]]])
    assert sure_targets(logits).tolist() == [[0, UNKNOWN, 1, UNKNOWN]]


def test_of_masks_all_must_be_sure_and_their_combination_known() -> None:
    members = torch.tensor([[False, False], [True, False], [True, True]])  # nobody drew the second alone
    logits = torch.tensor([[[-9.0, 9.0, 9.0, -9.0, 9.0], [-9.0, -9.0, 9.0, 9.0, 0.0]]])
    assert sure_targets(logits, members).tolist() == [[0, 1, 2, UNKNOWN, UNKNOWN]]
    assert sure_targets(logits, members).dtype == torch.uint8


def test_the_loss_of_classes_is_what_a_hand_calculates() -> None:
    logits = torch.tensor([[[log(3.0), 0.0, 0.0, 0.0], [0.0, 0.0, log(9.0), 0.0]]])
    targets = torch.tensor([[0, 1, UNKNOWN, UNKNOWN]], dtype=torch.uint8)
    # Shares 3/4 and 1/2 of the targets; two of four voxels count.
    cross_entropy = (log(4 / 3) + log(2)) / 4
    entropies = (
        0.75 * log(4 / 3) + 0.25 * log(4),
        log(2),
        0.9 * log(10 / 9) + 0.1 * log(10),
        log(2),
    )
    wanted = 0.5 * cross_entropy + 0.05 * sum(entropies) / 4
    seen = torch.ones(1, 4, dtype=torch.bool)
    assert float(unlabelled_loss(compared(logits, targets), seen)) == pytest.approx(wanted)
    # Without the last two: what is held out costs nothing, and has no part in the mean.
    wanted = 0.5 * 2 * cross_entropy + 0.05 * sum(entropies[:2]) / 2
    seen[0, 2:] = False
    assert float(unlabelled_loss(compared(logits, targets), seen)) == pytest.approx(wanted)


def test_the_loss_of_masks_is_what_a_hand_calculates_and_has_a_slope_where_all_is_certain() -> None:
    members = torch.tensor([[False, False], [True, False]])
    logits = torch.tensor([[[log(3.0), 0.0], [0.0, -log(9.0)]]])  # voxels are columns
    targets = torch.tensor([[1, UNKNOWN]], dtype=torch.uint8)
    cross_entropy = (log(4 / 3) + log(2)) / 4  # of both masks in one of two voxels
    entropies = (
        0.75 * log(4 / 3) + 0.25 * log(4),
        log(2),
        log(2),
        0.9 * log(10 / 9) + 0.1 * log(10),
    )
    seen = torch.ones(1, 2, dtype=torch.bool)
    loss = unlabelled_loss(compared(logits, targets, members), seen)
    assert float(loss) == pytest.approx(0.5 * cross_entropy + 0.05 * sum(entropies) / 4)
    certain = torch.full((1, 2, 2), 200.0, requires_grad=True)
    unlabelled_loss(compared(certain, targets, members), seen).backward()  # type: ignore[no-untyped-call]
    assert certain.grad is not None
    assert torch.isfinite(certain.grad).all()


def test_nothing_is_taught_before_the_network_knows_something() -> None:
    assert [weight_of(p) for p in (0.0, 0.3, 1.0)] == [0.0, 0.0, 1.0]


def test_voxels_are_labelled_unlabelled_or_not_to_be_looked_at() -> None:
    (region,) = read_pairs(request_for(labelled=2))
    region.held_out = Box((1, 0, 0), (2, 40, 20))
    preprocessing = Preprocessing(2, "section", Statistics((140.0,), (40.0,)))
    reader = UnlabelledReader([region], preprocessing, CONFIG)
    x, kinds = reader.read(0, Box((0, 0, -4), (3, 40, 36)))
    assert x.shape == (3, 1, 40, 40)
    assert (kinds[:, :, :4] == UNKNOWN).all()  # beyond the image
    assert (kinds[0, :, 4:] == LABELLED).all()
    assert (kinds[1, :, 4:24] == UNKNOWN).all()  # held out
    assert (kinds[1, :, 24:] == LABELLED).all()
    assert (kinds[2, :, 4:] == UNLABELLED).all()


def test_patches_are_drawn_where_nothing_is_labelled_and_a_step_sees_the_same_ones_again() -> None:
    regions = read_pairs(request_for(labelled=3, depth=8))
    sampler = UnlabelledSampler(regions, (1, 32, 32), seed=4)
    places = [place for step in range(1, 30) for place in sampler.draw(step, 4)]
    assert all(place.start_zyx[0] >= 3 for place in places)
    assert all(0 <= start <= 8 for place in places for start in place.start_zyx[1:])
    assert len(set(places)) > 80
    assert sampler.draw(7, 4) == UnlabelledSampler(regions, (1, 32, 32), seed=4).draw(7, 4)


def test_what_is_held_out_is_not_drawn_although_its_labels_are_not_seen() -> None:
    (region,) = read_pairs(request_for(labelled=8, depth=8))
    region.held_out, region.gap_zyx = Box((4, 0, 0), (6, 40, 40)), (1, 0, 0)
    places = [
        place.start_zyx[0]
        for step in range(1, 30)
        for place in UnlabelledSampler([region], (1, 32, 32), seed=4).draw(step, 4)
    ]
    assert set(places) == {0, 1, 2, 7}


def test_the_network_does_not_become_sure_of_what_is_held_out() -> None:
    request = request_for(labelled=4, depth=8, settings=SMALL | {"pseudo": "on"})
    plan = inspect_and_plan(request, "cpu")
    patches = prepare_patches(request, plan, lambda _: None)
    (region,) = patches.regions
    region.held_out = Box((0, 0, 0), (8, 40, 20))
    network = UNet(plan.network)
    pseudo = PseudoLabels(patches, network, None)
    for step in range(1, 6):
        _, targets, seen = pseudo.of(step, 2, dict(network.state_dict()))
        places = UnlabelledSampler([region], patches.sampler.patch_zyx, patches.sampler.seed).draw(step, 2)
        for shown, target, place in zip(seen, targets, places, strict=True):
            x = place.start_zyx[2]
            assert bool((shown[:, : max(0, 20 - x)] == UNKNOWN).all())
            assert bool((shown[:, max(0, 20 - x) :] == 0).all())
            assert bool((target[shown == UNKNOWN] == UNKNOWN).all())
    pseudo.close()


@pytest.mark.parametrize("target", ["classes", "masks"])
def test_it_changes_the_weights_and_a_training_that_was_interrupted_ends_with_the_same(
    tmp_path: Path, target: Any
) -> None:
    request = request_for(settings=SMALL | {"pseudo": "on"}, target=target)
    whole = trained(request, tmp_path / "whole")
    asked = iter(range(100))
    with pytest.raises(Cancelled):
        trained(request, tmp_path / "cut", should_stop=lambda: next(asked) >= 9)
    again = trained(request, tmp_path / "cut")
    without = trained(request_for(target=target), tmp_path / "without")
    for name, weights in whole.weights.items():
        assert np.array_equal(weights, again.weights[name]), name
    assert not np.array_equal(whole.weights["head.weight"], without.weights["head.weight"])
    assert any("nothing is labelled" in sentence for sentence in whole.record["plan"]["sentences"])


@pytest.mark.parametrize("target", ["classes", "masks"])
def test_where_everything_is_labelled_there_is_nothing_to_learn_from_and_no_plan(target: Any) -> None:
    request = request_for(labelled=4, settings=SMALL | {"pseudo": "on"}, target=target)
    with pytest.raises(InvalidInput, match="pseudo=on finds nothing"):
        inspect_and_plan(request, "cpu")


def with_a_stack_without_labels(request: TrainingRequest, unknown: int = 9) -> TrainingRequest:
    """Another stack, on the same scale of grey values, of which every voxel is unknown."""
    random = np.random.default_rng(1)
    shown = random.integers(0, 2, (5, 6, 6), np.uint8).repeat(8, 1).repeat(8, 2)
    raw = ArrayImage((100 + 80 * shown + random.integers(0, 20, shown.shape)).astype(np.uint8), SIZE, "raw")
    labels = np.full((request.pairs[0][1].shape_czyx[0], *shown.shape), unknown, np.uint8)
    return replace(request, pairs=[*request.pairs, (raw, ArrayImage(labels, SIZE))], unknown=unknown)


@pytest.mark.parametrize("choice", [{"pseudo": "on"}, {"pretrain": "0.25"}])
@pytest.mark.parametrize("target", ["classes", "masks", "instances"])
def test_a_stack_without_labels_joins_and_the_plan_says_so(target: Any, choice: dict[str, str]) -> None:
    alone = request_for(labelled=3, settings=SMALL | choice, target=target)
    request = with_a_stack_without_labels(alone)
    plan = inspect_and_plan(request, "cpu")
    (told,) = [sentence for sentence in plan.sentences if sentence.startswith("Image 2 of 2")]
    assert told.startswith("Image 2 of 2, raw: It carries no labels: it is looked at by what learns without")
    assert plan.choices == inspect_and_plan(alone, "cpu").choices
    with pytest.raises(InvalidInput, match="Image 2 of 2, raw: The labels are empty"):
        inspect_and_plan(replace(request, settings=SMALL), "cpu")
    turned = replace(request, pairs=request.pairs[::-1])
    with pytest.raises(InvalidInput, match="Image 1 of 2, raw: The labels are empty"):
        inspect_and_plan(turned, "cpu")


def test_labels_of_which_only_some_voxels_are_unknown_are_refused_as_before() -> None:
    request = with_a_stack_without_labels(request_for(settings=SMALL | {"pseudo": "on"}))
    labels = np.full((5, 48, 48), 9, np.uint8)
    labels[2, 3, 4] = 0
    pairs = [request.pairs[0], (request.pairs[1][0], ArrayImage(labels, SIZE))]
    with pytest.raises(InvalidInput, match="Image 2 of 2, raw: The labels are empty"):
        inspect_and_plan(replace(request, pairs=pairs), "cpu")


def test_a_stack_without_labels_is_drawn_from_but_never_for_what_has_labels(tmp_path: Path) -> None:
    settings = SMALL | {"pseudo": "on", "error_share": "0.5", "validation": "0.25"}
    request = with_a_stack_without_labels(request_for(labelled=4, depth=4, settings=settings))
    patches = prepare_patches(request, inspect_and_plan(request, "cpu"), lambda event: None)
    places = [place for step in range(1, 20) for place in patches.sampler.draw(step, 4)]
    assert {place.region for place in places} == {0}
    assert patches.regions[1].held_out is None
    sampler = UnlabelledSampler(patches.regions, (1, 32, 32), seed=0)
    places = [place for step in range(1, 20) for place in sampler.draw(step, 4)]
    assert {place.region for place in places} == {0, 1}
    reader = UnlabelledReader(patches.regions, patches.reader.preprocessing, CONFIG)
    assert (reader.read(1, Box((1, 0, 0), (2, 48, 48)))[1] == UNLABELLED).all()


@pytest.mark.parametrize("choice", [{"pseudo": "on"}, {"pretrain": "0.5"}])
def test_what_a_stack_without_labels_shows_changes_the_weights(
    choice: dict[str, str], tmp_path: Path
) -> None:
    alone = request_for(labelled=2, settings=SMALL | choice)
    both = trained(with_a_stack_without_labels(alone), tmp_path / "both")
    one = trained(alone, tmp_path / "one")
    assert not np.array_equal(both.weights["head.weight"], one.weights["head.weight"])
    assert any("carries no labels" in sentence for sentence in both.record["plan"]["sentences"])
