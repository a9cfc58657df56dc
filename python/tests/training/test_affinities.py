"""Affinities are made of the objects that a variant of a patch shows, and are learned and predicted."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_trainings import IN_2D, IN_3D

from cristae.errors import CorruptData, InvalidInput
from cristae.evaluation import evaluate_instances
from cristae.labels import UNKNOWN, affinities_of, affinity_classes, offsets_for, read_labels
from cristae.models.answers import offsets_of
from cristae.models.record import check_record
from cristae.prediction import load_predictor, predict_objects
from cristae.training import Budget, TrainingRequest, inspect_and_plan, train
from cristae.training.affinities import Pairs
from cristae.training.augmentation import Augmentation
from cristae.training.losses import LOSSES, compared, patch_errors
from cristae.training.patch_preview import preview_patches
from cristae.training.regions import Region
from cristae.training.validation import validate
from cristae.volumes import ArrayImage, VoxelSize

OFFSETS = offsets_for(1.0, in_depth=True, sections=16)
IN_SECTIONS = offsets_for(1.0, in_depth=False, sections=16)
SIZE = VoxelSize(5, 5, 5)


def some_ids(shape, seed=0):
    random = np.random.default_rng(seed)
    ids = random.integers(0, 4, shape)
    ids[random.random(shape) < 0.1] = UNKNOWN
    return ids


def test_pairs_on_the_device_are_those_of_the_labels():
    ids = some_ids((2, 10, 12, 11))
    truth, known = Pairs(OFFSETS)(torch.from_numpy(ids), 3)
    for one, said, told in zip(ids, truth.numpy(), known.numpy(), strict=True):
        expected = affinities_of(np.where(one == UNKNOWN, 0, one), OFFSETS, one != UNKNOWN)
        assert np.array_equal(said, expected[0])
        assert np.array_equal(told, expected[1])


def test_pairs_of_a_section_look_at_the_section_before_it():
    ids = some_ids((5, 3, 12, 11))
    truth, known = Pairs(IN_SECTIONS)(torch.from_numpy(ids), 2)
    for three, said, told in zip(ids, truth.numpy(), known.numpy(), strict=True):
        expected = affinities_of(np.where(three == UNKNOWN, 0, three), IN_SECTIONS, three != UNKNOWN)
        assert np.array_equal(said, expected[0][:, 1])
        assert np.array_equal(told, expected[1][:, 1])


@pytest.mark.parametrize("dims", [2, 3])
def test_variants_of_a_patch_have_the_affinities_that_their_objects_have(dims):
    # The image is the objects themselves: whatever is flipped, turned or bent, both must show the same.
    ids = torch.from_numpy(np.random.default_rng(1).integers(1, 200, (6, 8, 16, 16))).int()
    ids[:, :, ::5] = 0
    targets = ids[:, 2:5] if dims == 2 else ids
    x = (targets if dims == 2 else ids[:, None]).float()
    augmentation = Augmentation(dims, 1, turn_in_depth=True, intensity="off")
    seen, moved = augmentation(x, targets, torch.Generator().manual_seed(3))
    shown = seen.int() if dims == 2 else seen[:, 0].int()
    assert torch.equal(shown, moved)
    assert not torch.equal(moved, targets)
    offsets = IN_SECTIONS if dims == 2 else OFFSETS
    truth, _ = Pairs(offsets)(moved, dims)
    for one, said in zip(shown.numpy(), truth.numpy(), strict=True):
        expected = affinities_of(one, offsets)[0]
        assert np.array_equal(said, expected[:, 1] if dims == 2 else expected)


def test_bent_patches_keep_large_numbers_of_objects():
    ids = torch.from_numpy(np.random.default_rng(1).integers(256, 5000, (2, 8, 32, 32))).int()
    augmentation = Augmentation(3, 1, turn_in_depth=True, intensity="off", geometry="full")
    _, moved = augmentation(ids[:, None].float(), ids, torch.Generator().manual_seed(0))
    assert moved.dtype == ids.dtype
    assert set(moved.unique().tolist()) <= {UNKNOWN, *ids.unique().tolist()}
    assert (moved == UNKNOWN).any()  # beyond the patch


def test_a_flipped_section_has_its_neighbours_in_the_reverse_order():
    sections = torch.stack([torch.full((4, 4), number) for number in (1, 2, 3)])
    batch = sections[None].repeat(64, 1, 1, 1)
    _, moved = Augmentation(2, 1, intensity="off")(batch.float(), batch, torch.Generator().manual_seed(0))
    orders = {tuple(sample[:, 0, 0].tolist()) for sample in moved}
    assert orders == {(1, 2, 3), (3, 2, 1)}


def region(ids, **more):
    labels = ArrayImage(ids, SIZE)
    reading = read_labels(labels, (1, *ids.shape), target="instances", **more)
    return Region(ArrayImage(np.zeros(ids.shape, np.uint8)), labels, reading.by_affinities(OFFSETS))


@pytest.mark.parametrize("is_held", [False, True])
def test_no_object_has_the_number_of_what_is_unknown(is_held):
    ids = np.arange(1, 401, dtype=np.uint16).reshape(4, 10, 10)
    ids[0, 0, :3] = 0
    ids[0, 0, 3:5] = 999
    one = region(ids, unknown=999)
    if is_held:
        one.hold_in_memory()
    found = one.ids(one.annotated_box.grown((1, 0, 0)))
    assert (found[0] == UNKNOWN).all()  # beyond the image
    assert found[1, 0, :5].tolist() == [0, 0, 0, UNKNOWN, UNKNOWN]
    assert np.count_nonzero(found[1:-1] == UNKNOWN) == 2
    assert np.unique(found[1:-1]).size == 395 + 2
    assert found.max() < 1000
    targets = one.targets(one.annotated_box)
    assert np.array_equal(targets == UNKNOWN, found[1:-1] == UNKNOWN)
    assert np.array_equal(targets == 1, ~np.isin(found[1:-1], (0, UNKNOWN)))


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_what_is_unknown_of_a_pair_changes_no_loss(loss):
    ids = torch.from_numpy(some_ids((2, 10, 12, 11)))
    pairs = Pairs(OFFSETS)
    logits = torch.randn(2, 1 + len(OFFSETS), 10, 12, 11, generator=torch.Generator().manual_seed(0))
    _, known = pairs(ids, 3)
    other = torch.where(known, logits, torch.tensor(50.0))
    one, two = (compared(answers, ids, pairs) for answers in (logits, other))
    assert torch.equal(LOSSES[loss](one), LOSSES[loss](two))
    assert torch.equal(patch_errors(one, 2), patch_errors(two, 2))
    assert LOSSES[loss](one) > 0
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, one.truth.float(), reduction="none")
    assert torch.allclose(LOSSES["ce"](one), each[known].mean())


def test_a_network_to_which_every_pair_is_the_same_object_is_half_right_at_most():
    ids = torch.ones(1, 8, 16, 16, dtype=torch.int32)
    ids[..., 8:] = 2
    pairs, names = Pairs(OFFSETS[:3]), affinity_classes(OFFSETS[:3])
    truth = compared(torch.zeros(1, 4, 8, 16, 16), ids, pairs).truth
    yes, right = torch.full((1, 4, 8, 16, 16), 9.0), torch.where(truth, 9.0, -9.0)
    figures = [validate(torch.nn.Identity(), [(x, ids)], names, pairs) for x in (yes, right)]
    assert figures[0]["dice.same object 1 along x"] < 0.5
    assert figures[1]["dice.same object 1 along x"] == 1
    assert LOSSES["dice"](compared(yes, ids, pairs)) > 0.1
    assert LOSSES["dice"](compared(right, ids, pairs)) < 0.01


def vesicles(shape=(16, 48, 48), seed=0):
    """Cubes of two voxels, in a lattice that leaves out some, so that many touch; bright with dark edges."""
    random = np.random.default_rng(seed)
    there = random.random(tuple(length // 2 for length in shape)) < 0.3
    numbers = np.where(there, np.arange(1, there.size + 1).reshape(there.shape), 0)
    ids = numbers.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    return ids.astype(np.uint16)


def request(ids, settings, steps=4, **more):
    raw = np.where(ids > 0, 90 + 37 * (ids % 4), 20).astype(np.uint8)
    return TrainingRequest(
        [(ArrayImage(raw, SIZE), ArrayImage(ids, SIZE))],
        "vesicles",
        target="instances",
        budget=Budget(steps=steps),
        settings={"features": "4", "levels": "2", "precision": "float32"} | settings,
        **more,
    )


def touching_share(ids):
    """Return the share of the surface that touches another object, by every pair of neighbours."""
    touching = every = 0
    for axis in range(3):
        one, other = np.moveaxis(ids, axis, 0)[:-1], np.moveaxis(ids, axis, 0)[1:]
        both = ((one != other) & (one > 0) & (other > 0)).sum()
        touching += 2 * both
        every += (one != other).sum() + both
    return touching / every


def test_the_plan_names_affinities_for_objects_without_an_interior_and_a_person_chooses_them():
    plan = inspect_and_plan(request(vesicles(), IN_3D), "cpu")
    assert (plan.choices.objects, plan.offsets_zyx, plan.network.out_channels) == ("boundaries", (), 3)
    (said,) = (s for s in plan.sentences if "% of what is labelled lies in objects without an interior" in s)
    assert "Try objects=affinities, too" in said
    plan = inspect_and_plan(request(vesicles(), IN_3D | {"objects": "affinities"}), "cpu")
    assert plan.network.out_channels == 1 + len(plan.offsets_zyx)
    assert not any("Try objects=affinities" in sentence for sentence in plan.sentences)
    large = np.arange(1, 28, dtype=np.uint8).reshape(3, 3, 3).repeat(6, 0).repeat(12, 1).repeat(12, 2)
    large[:, 0] = 0
    plan = inspect_and_plan(request(large, IN_3D), "cpu")
    assert (plan.choices.objects, plan.offsets_zyx, plan.network.out_channels) == ("boundaries", (), 3)
    assert not any("affinities" in sentence for sentence in plan.sentences)
    (told,) = (s for s in plan.sentences if "touches another object" in s)
    assert told.startswith("The network learns the interior of objects and their boundary")
    assert f"{touching_share(large):.0%} touches" in told
    chosen = inspect_and_plan(request(large, IN_3D | {"objects": "affinities"}), "cpu")
    assert any(sentence.startswith("As you chose, the network learns which") for sentence in chosen.sentences)


@pytest.mark.parametrize(
    ("target", "settings", "said"),
    [
        ("classes", {"objects": "affinities"}, "the target is classes"),
        ("instances", {"objects": "affinities", "pseudo": "on"}, "does not go together"),
        (
            "instances",
            {"objects": "affinities", "merge_below": "0.3"},
            "merge_below=0.3 does not go together",
        ),
        ("instances", {"objects": "affinities", "learner": "forest"}, "has no use for .*objects=affinities"),
        ("instances", {"objects": "flows"}, "one of boundaries, affinities"),
    ],
)
def test_what_affinities_do_not_go_together_with_is_refused(target, settings, said):
    asked = request(np.minimum(vesicles(), 9).astype(np.uint8), settings)
    with pytest.raises(InvalidInput, match=said):
        inspect_and_plan(replace(asked, target=target, unknown=9), "cpu")


BY_PAIRS = {"objects": "affinities"}


class Trained:
    """What a predictor asks of a package."""

    def __init__(self, model):
        self.name, self.digest = "trained", "0" * 64
        self.record = json.loads(json.dumps(dict(model.record)))
        self._weights = model.weights

    def weights(self):
        return dict(self._weights)


def trained(asked, folder):
    return Trained(train(asked, inspect_and_plan(asked, "cpu"), folder=folder, device="cpu"))


@pytest.mark.parametrize("settings", [IN_2D, IN_3D | {"levels": "3", "deep_supervision": "on"}])
def test_a_model_of_affinities_tells_what_it_is_and_finds_objects(settings, tmp_path):
    ids = vesicles()
    variants = {"augment_geometry": "full", "augment_sections": "full"}
    asked = request(ids, settings | variants | BY_PAIRS, validation_z=(12, 16))
    model = trained(asked, tmp_path)
    check_record(model.record | {"weights_sha256": "0" * 64})
    assert offsets_of(model.record)[0] == (-1, 0, 0)
    assert [entry["name"] for entry in model.record["classes"]][:2] == ["object", "same object 1 along z"]
    assert "dice.object" in model.record["metrics"]
    image = asked.pairs[0][0]
    predictor = load_predictor(model, "cpu")
    found = predict_objects(predictor, image)
    assert found.shape == ids.shape
    assert model.record["decoder"] is None
    other = ArrayImage(np.zeros((16, 24, 24), np.uint8), VoxelSize(5, 10, 10))
    assert predict_objects(predictor, other).shape == (16, 24, 24)
    with pytest.raises(InvalidInput, match="in a part of it"):
        predict_objects(predictor, other, inside=ArrayImage(np.ones((16, 24, 24), np.uint8)))
    with pytest.raises(InvalidInput, match="by several processes"):
        predict_objects(predictor, other, helpers=object())
    half = ArrayImage((np.indices(ids.shape)[2] < 24).astype(np.uint8))
    assert not predict_objects(predictor, image, inside=half)[..., 24:].any()


def test_a_little_training_parts_vesicles_that_touch(tmp_path):
    ids = vesicles((8, 32, 32))
    asked = request(ids, BY_PAIRS | {"dimensions": "3", "patch_zyx": "8,32,32", "batch": "1", "features": "8",
                          "validation": "0", "learning_rate": "0.01"}, steps=60)  # fmt: skip
    found = predict_objects(load_predictor(trained(asked, tmp_path), "cpu"), asked.pairs[0][0])
    assert evaluate_instances(found, ids)["f1_50"] > 0.7


def test_offsets_that_are_none_are_refused_in_a_record(tmp_path):
    model = trained(request(vesicles((8, 16, 16)), IN_3D | BY_PAIRS | {"validation": "0"}, steps=1), tmp_path)
    record = model.record | {"weights_sha256": "0" * 64}
    for offsets in ([], [[-1, 0, 0]], [[-1, -1, 0]] * 9, [["a", 0, 0]] * 9, "x", None, [[-1e9, 0, 0]] * 9):
        with pytest.raises(CorruptData, match="offsets_zyx"):
            check_record(record | {"offsets_zyx": offsets})


def test_a_preview_of_patches_shows_each_kind_of_pair(tmp_path):
    for settings, sections in ((IN_2D, 1), (IN_3D, 8)):
        asked = request(vesicles(), settings | BY_PAIRS)
        plan = inspect_and_plan(asked, "cpu")
        shown = preview_patches(asked, plan, 2, device="cpu")
        context = 2 * plan.preprocessing.context + 1 if sections == 1 else sections
        assert shown.shape[:2] == (1 + plan.network.out_channels, 2 * context)
        assert set(np.unique(shown[1:])) == {0, 1, UNKNOWN}


def test_of_a_neighbour_that_is_moved_the_network_sees_the_objects_that_its_targets_have():
    # The image is the objects themselves, seen by a network of sections.
    ids = torch.from_numpy(np.random.default_rng(3).integers(1, 200, (40, 3, 16, 16))).int()
    augmentation = Augmentation(2, 1, strength=1.0, intensity="off", sections="light")
    x, targets = augmentation(ids.float(), ids, torch.Generator().manual_seed(1))
    as_they_were = Augmentation(2, 1, sections="off", intensity="off")
    plain, _ = as_they_were(ids.float(), ids, torch.Generator().manual_seed(1))
    moved = (x != plain).flatten(2).any(dim=2)
    assert 3 < int(moved[:, [0, 2]].any(dim=1).sum()) < 40
    # Where grey values have another contrast they are no longer the numbers; shifts and doubles are whole.
    whole = (x == x.round()).flatten(2).all(dim=2)
    known = targets != UNKNOWN
    same = (x == targets) | ~known
    assert bool(same.flatten(2).all(dim=2)[whole].all())
    assert bool((~known).any())


def test_affinities_in_sections_are_pre_trained(tmp_path):
    random = np.random.default_rng(2)
    ids = random.integers(0, 5, (4, 5, 5)).repeat(8, 1).repeat(8, 2).astype(np.uint16)
    image = (100 + 20 * ids + random.integers(0, 20, ids.shape)).astype(np.uint8)
    size = VoxelSize(50, 5, 5)
    settings = {
        "objects": "affinities", "pretrain": "0.5", "features": "4", "levels": "2", "batch": "2",
        "patch_zyx": "1,32,32", "dimensions": "2",
    }  # fmt: skip
    request = TrainingRequest(
        [(ArrayImage(image, size), ArrayImage(ids, size))],
        model_name="m",
        target="instances",
        budget=Budget(steps=8),
        settings=settings,
    )
    model = train(request, inspect_and_plan(request, "cpu"), folder=tmp_path, device="cpu")
    assert model.record["training"]["steps"] == 4
