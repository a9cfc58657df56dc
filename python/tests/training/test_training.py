"""Whole trainings on small made-up data: they learn, end in time, go on, and say what is wrong."""

import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as PngImage
from scipy.ndimage import gaussian_filter, maximum_filter

from cristae.errors import Cancelled, InvalidInput
from cristae.events import Event, Metrics, Note, PlanMade, Progress
from cristae.geometry import Box
from cristae.labels import MajorityVote
from cristae.models import ModelLibrary
from cristae.networks import Frame, Preprocessing, build, total_stride
from cristae.training import Budget, TrainedModel, TrainingRequest, inspect_and_plan, train
from cristae.training import pace as pace_module
from cristae.training import patches as patches_module
from cristae.training.augmentation import Augmentation
from cristae.training.pairs import read_pairs
from cristae.training.voxel_sizes import doubtful_sizes_told
from cristae.volumes import ArrayImage, LabelClass, VoxelSize

SMALL = {"features": "4", "levels": "2", "batch": "2", "patch_zyx": "1,32,32", "downsample_zyx": "1,1,1"}
SERIAL = VoxelSize(50, 5, 5)


def blobs(depth: int, side: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Dark discs on a grey, noisy ground, and their mask."""
    random = np.random.default_rng(seed)
    mask = np.zeros((depth, side, side), np.uint8)
    rows, columns = np.mgrid[:side, :side]
    for section in mask:
        for _ in range(max(2, side * side // 1000)):
            y, x = random.uniform(0, side, 2)
            section[(rows - y) ** 2 + (columns - x) ** 2 < 25] = 1
    image = 150 - 70.0 * mask + random.normal(0, 15, mask.shape)
    return image.clip(1, 255).astype(np.uint8), mask


def request_for(
    image: NDArray[np.generic], labels: NDArray[np.generic], size: VoxelSize | None = SERIAL, **choices: Any
) -> TrainingRequest:
    given: dict[str, Any] = {"model_name": "blobs", "budget": Budget(steps=4), "settings": SMALL}
    return TrainingRequest([(ArrayImage(image, size), ArrayImage(labels, size))], **{**given, **choices})


def trained(
    request: TrainingRequest, folder: Path, on_event: Callable[[Event], None] = lambda e: None
) -> TrainedModel:
    return train(request, inspect_and_plan(request, "cpu"), folder=folder, on_event=on_event, device="cpu")


def predicted(model: TrainedModel, image: NDArray[np.generic]) -> NDArray[np.int64]:
    network = build(model.record["network"]).eval()
    network.load_state_dict({name: torch.from_numpy(np.array(w)) for name, w in model.weights.items()})
    preprocessing = Preprocessing.from_dict(model.record["preprocessing"])
    frame = Frame(ArrayImage(image), preprocessing, total_stride(network.config))
    with torch.inference_mode():
        logits = network(torch.from_numpy(frame.read(Box.of_shape(frame.padded_shape_zyx))))
    classes = logits.argmax(1).numpy()
    classes = classes if preprocessing.dims == 2 else classes[0]
    z, y, x = frame.shape_zyx
    return classes[:z, :y, :x]


def dice(one: NDArray[Any], two: NDArray[Any]) -> float:
    return float(2 * (one & two).sum() / (one.sum() + two.sum()))


def test_discs_are_learned_and_found_in_sections_never_seen(tmp_path: Path) -> None:
    image, mask = blobs(8, 64)
    model = trained(request_for(image, mask * 255, budget=Budget(steps=50), validation_z=(7, 8)), tmp_path)
    other, truth = blobs(3, 50, seed=1)
    assert dice(predicted(model, other) == 1, truth == 1) > 0.8
    assert model.record["metrics"]["dice"] > 0.7


def test_objects_of_a_volume_are_learned_by_their_boundaries(tmp_path: Path) -> None:
    objects = np.arange(1, 28).reshape(3, 3, 3).repeat(8, 0).repeat(8, 1).repeat(8, 2).astype(np.uint16)
    from cristae.labels import boundary_classes

    boundary = boundary_classes(objects, None) == 2
    random = np.random.default_rng(0)
    image = (180 - 120.0 * boundary + random.normal(0, 10, objects.shape)).clip(1, 255).astype(np.uint8)
    request = request_for(
        image, objects, VoxelSize(10, 10, 10), target="instances", budget=Budget(steps=50),
        settings={"features": "4", "levels": "2", "batch": "1", "patch_zyx": "16,16,16", "validation": "0"},
    )  # fmt: skip
    model = trained(request, tmp_path)
    assert [cls["name"] for cls in model.record["classes"]] == ["interior", "boundary"]
    assert model.record["outputs"] == ["labels", "probabilities", "uncertainty", "instances"]
    assert dice(predicted(model, image) == 2, boundary) > 0.8


def test_the_record_goes_into_the_library_and_comes_back(tmp_path: Path) -> None:
    image, mask = blobs(4, 40)
    model = trained(
        request_for(image, mask, classes=[LabelClass(1, "disc", 0xFF0000)], job_id="j"), tmp_path / "a"
    )
    package = ModelLibrary(tmp_path / "models").add(model.record, model.weights)
    assert package.record["classes"] == [{"value": 1, "name": "disc", "rgb": 0xFF0000}]
    assert package.record["voxel_size_nm"] == [50.0, 5.0, 5.0]
    for name, weights in package.weights().items():
        assert np.array_equal(weights, model.weights[name])


def test_the_same_seed_gives_the_same_weights_and_another_one_others(tmp_path: Path) -> None:
    image, mask = blobs(4, 40)
    one = trained(request_for(image, mask, seed=5), tmp_path / "1")
    two = trained(request_for(image, mask, seed=5), tmp_path / "2")
    other = trained(request_for(image, mask, seed=6), tmp_path / "3")
    assert all(np.array_equal(one.weights[name], two.weights[name]) for name in one.weights)
    assert any(not np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_a_cancelled_training_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    image, mask = blobs(4, 40)
    varied = {f"augment_{group}": "full" for group in ("geometry", "intensity", "sections")}
    request = request_for(image, mask, budget=Budget(steps=12), settings=SMALL | varied)
    plan = inspect_and_plan(request, "cpu")
    unbroken = train(request, plan, folder=tmp_path / "unbroken", device="cpu")

    asked = iter(range(1000))
    with pytest.raises(Cancelled):
        train(request, plan, folder=tmp_path / "broken", should_stop=lambda: next(asked) == 5, device="cpu")
    notes: list[Event] = []
    resumed = train(request, plan, folder=tmp_path / "broken", on_event=notes.append, device="cpu")
    assert any(isinstance(e, Note) and "goes on from step 5" in e.sentence for e in notes)
    for name, weights in unbroken.weights.items():
        assert np.array_equal(weights, resumed.weights[name]), name


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"seed": 1}, "the seed"),
        ({"unknown": 7}, "the unknown value"),
        ({"empty_sections": "background"}, "the empty sections"),
        ({"classes": [LabelClass(1, "disc", 0xFF0000)]}, "the classes"),
        ({"digests": [("c" * 64, "b" * 64)]}, "the data"),
        ({"settings": SMALL | {"learning_rate": "0.001"}}, "the plan"),
    ],
)
def test_another_training_in_the_same_folder_starts_anew_and_says_why(
    tmp_path: Path, other: dict[str, Any], told: str
) -> None:
    image, mask = blobs(4, 40)
    digests = [("a" * 64, "b" * 64)]
    trained(request_for(image, mask, digests=digests), tmp_path)
    notes: list[Event] = []
    trained(request_for(image, mask, **{"digests": digests, **other}), tmp_path, notes.append)
    sentences = [e.sentence for e in notes if isinstance(e, Note)]
    assert not any("goes on" in sentence for sentence in sentences)
    assert any(sentence.endswith(f"it differs in {told}.") for sentence in sentences)


def test_a_training_of_minutes_ends_when_they_are_over(tmp_path: Path) -> None:
    image, mask = blobs(4, 40)
    start = time.monotonic()
    model = trained(request_for(image, mask, budget=Budget(minutes=0.05)), tmp_path)
    assert 2.5 < time.monotonic() - start < 120
    assert model.record["training"]["steps"] > 1


def test_what_happens_is_told_in_order(tmp_path: Path) -> None:
    image, mask = blobs(4, 64)
    events: list[Event] = []
    trained(request_for(image, mask, validation_z=(3, 4)), tmp_path, events.append)
    assert isinstance(events[0], PlanMade)
    fractions = [e.fraction for e in events if isinstance(e, Progress)]
    assert fractions == sorted(fractions)
    figures = [e.values for e in events if isinstance(e, Metrics)]
    assert {"loss", "learning_rate", "validation_loss"} <= set(figures[-1])
    steps = [e.step for e in events if isinstance(e, Metrics)]
    assert steps == sorted(set(steps))
    assert any(isinstance(e, Note) and "Held out for validation" in e.sentence for e in events)


@pytest.mark.parametrize("steps", [1, 40])
def test_curve_progress_and_model_end_with_the_same_figures(
    tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cristae.training.trainer._TOLD_EVERY_S", 0.0)
    image, mask = blobs(4, 64)
    mask = maximum_filter(mask, (1, 3, 3))  # edges that the calibration has to move
    events: list[Event] = []
    request = request_for(image, mask, validation_z=(3, 4), budget=Budget(steps=steps))
    record = trained(request, tmp_path, events.append).record
    last = events[-1]
    assert isinstance(last, Metrics)
    assert last.step == record["training"]["steps"] == steps
    assert last.values.items() >= record["metrics"].items()
    assert record["history"][-1] == {"step": last.step, **last.values}
    told = [event.detail for event in events if isinstance(event, Progress)][-1]
    assert told == f"step {steps} of {steps}, Dice {record['metrics']['dice']:.3f}"
    of_events = [{"step": e.step, **e.values} for e in events if isinstance(e, Metrics)]
    assert of_events == record["history"]


def test_a_training_that_ended_but_left_no_model_tells_only_its_end_again(tmp_path: Path) -> None:
    image, mask = blobs(4, 64)
    request = request_for(image, mask, validation_z=(3, 4), budget=Budget(steps=20))
    whole = trained(request, tmp_path)
    events: list[Event] = []
    again = trained(request, tmp_path, events.append)
    assert again.record["metrics"] == whole.record["metrics"]
    assert again.record["history"] == whole.record["history"]
    assert [e.step for e in events if isinstance(e, Metrics)] == [20]


def test_a_picture_of_the_part_held_out_is_new_with_each_validation_and_stays_with_the_model(
    tmp_path: Path,
) -> None:
    image, mask = blobs(4, 64)
    pictures: list[bytes] = []

    def look(event: Event) -> None:
        if isinstance(event, Metrics):
            pictures.append((tmp_path / "preview.png").read_bytes())

    model = trained(request_for(image, mask, validation_z=(3, 4), budget=Budget(steps=40)), tmp_path, look)
    assert len(pictures) > 5
    assert len(set(pictures)) > 5
    shown = np.asarray(PngImage.open(io.BytesIO(model.preview))).astype(int)
    height, width = shown.shape[0], (shown.shape[1] - 8) // 3
    raw, truth, found = (
        shown[:, at : at + width] for at in (0, width + 4, 2 * (width + 4))
    )  # of four patches, each 32 x 32
    assert (height, width) == (68, 68)
    disc = truth.any(axis=2) & (truth != 255).any(axis=2)
    assert dice(found.any(axis=2) & (found != 255).any(axis=2), disc) > 0.7
    assert raw[disc].mean() < raw[(truth == 0).all(axis=2)].mean() - 50  # discs are dark


def test_without_a_part_held_out_there_is_no_picture(tmp_path: Path) -> None:
    image, mask = blobs(4, 40)
    model = trained(request_for(image, mask, settings=SMALL | {"validation": "0"}), tmp_path)
    assert model.preview == b""
    assert not (tmp_path / "preview.png").exists()


@pytest.mark.parametrize("shape", [(1, 20, 20), (1, 7, 33), (2, 9, 9)])
def test_a_tiny_image_can_be_trained_on(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).integers(1, 255, shape, dtype=np.uint8)
    labels = (image > 128).astype(np.uint8)
    events: list[Event] = []
    model = trained(
        request_for(image, labels, settings={"features": "4", "batch": "2"}), tmp_path, events.append
    )
    assert predicted(model, image).shape == shape
    (told,) = [e.sentence for e in events if isinstance(e, Note) and "not validated" in e.sentence]
    assert ("validation-z" in told) == (shape[0] > 1)


@pytest.mark.parametrize(
    ("share", "said"),
    [
        ("0", "as was asked"),
        ("0.12", "The annotated part, 4 sections of 40 x 40 pixels, is too small to hold a part of it out."),
    ],
)
def test_a_training_without_a_part_held_out_says_why_and_what_follows(
    tmp_path: Path, share: str, said: str
) -> None:
    image, mask = blobs(4, 40)
    events: list[Event] = []
    trained(request_for(image, mask, settings=SMALL | {"validation": share}), tmp_path, events.append)
    warnings = [e.sentence for e in events if isinstance(e, Note) and e.is_warning]
    (told,) = [warning for warning in warnings if "not validated" in warning]
    assert said in told
    assert "does not end early, and its last weights are the model" in told
    assert ("choose sections to validate on (validation-z, in Fiji" in told) == (share != "0")
    (plan,) = [e for e in events if isinstance(e, PlanMade)]
    assert "The training takes 4 steps." in plan.sentences


def test_one_annotated_section_of_a_stack_is_enough(tmp_path: Path) -> None:
    image, mask = blobs(6, 40)
    mask[[0, 1, 3, 4, 5]] = 0
    model = trained(request_for(image, mask), tmp_path)
    assert any("1 of 6 sections" in sentence for sentence in model.record["plan"]["sentences"])


def test_several_channels_and_several_images_are_trained_on_together(tmp_path: Path) -> None:
    (image, mask), (image2, mask2) = blobs(3, 40), blobs(2, 48, seed=2)
    pairs = [
        (ArrayImage(np.stack([i, 255 - i]), SERIAL), ArrayImage(m, SERIAL))
        for i, m in ((image, mask), (image2, mask2))
    ]
    request = replace(request_for(image, mask), pairs=pairs)
    model = trained(request, tmp_path)
    assert model.record["channels"] == 2
    assert model.record["network"]["in_channels"] == 6


def test_of_several_images_parts_are_held_out_and_named(tmp_path: Path) -> None:
    pairs = []
    for seed in (0, 1):
        image, mask = blobs(3, 200, seed)
        pairs.append((ArrayImage(image, SERIAL, name=f"stack {seed}"), ArrayImage(mask, SERIAL)))
    events: list[Event] = []
    trained(TrainingRequest(pairs, "m", budget=Budget(steps=2), settings=SMALL), tmp_path, events.append)
    told = [e.sentence for e in events if isinstance(e, Note) and "Held out" in e.sentence]
    assert ["of stack 0" in told[0], "of stack 1" in told[1]] == [True, True]


def test_the_plan_says_of_which_of_several_images_it_speaks_and_how_far_annotators_agree() -> None:
    image, mask = blobs(3, 40)
    shifted = np.roll(mask, 2, axis=2)
    vote = MajorityVote([ArrayImage(mask), ArrayImage(shifted), ArrayImage(mask)])
    other, truth = blobs(3, 40, seed=1)
    truth[1] = 0
    pairs = [(ArrayImage(image, SERIAL, name="a.tif"), vote), (ArrayImage(other, SERIAL), ArrayImage(truth))]
    plan = inspect_and_plan(TrainingRequest(pairs, "m", settings=SMALL), "cpu")
    agreed = 100 * float((mask == shifted).mean())
    assert plan.sentences[0] == (
        f"Image 1 of 2, a.tif: 3 annotators: they all agree on {agreed:.1f} % of the voxels "
        "that more than one of them labelled."
    )
    assert (
        "Image 2 of 2: 2 of 3 sections carry labels; the 1 other counts as not annotated." in plan.sentences
    )


@pytest.mark.parametrize("target", ["classes", "masks"])
def test_the_plan_says_which_of_several_images_lacks_a_class_that_others_have(target: str) -> None:
    image, mask = blobs(3, 40)
    other, one = blobs(3, 40, seed=1)
    both, classes, name = mask.copy(), [], "class 2"
    both[:, :, 20:] *= 2
    if target == "masks":
        both, one = np.stack([mask, both == 2]), np.stack([one, np.zeros_like(one)])
        classes, name = [LabelClass(1, "er"), LabelClass(2, "mito")], "mito"
    pairs = [
        (ArrayImage(image, SERIAL, name="a.tif"), ArrayImage(both.astype(np.uint8))),
        (ArrayImage(other, SERIAL, name="b.tif"), ArrayImage(one.astype(np.uint8))),
    ]

    def told(pairs: list[tuple[ArrayImage, ArrayImage]]) -> list[str]:
        request = TrainingRequest(pairs, "m", target=target, classes=classes, settings=SMALL)
        return [s for s in inspect_and_plan(request, "cpu").sentences if "unlike in other images" in s]

    assert told(pairs) == [
        f"Image 2 of 2, b.tif: No {name!r} here, unlike in other images: any among the known voxels are "
        "learned as something else. If there are some, label them, or mark them as unknown."
    ]
    assert told(pairs[:1]) == told([pairs[0], (pairs[1][0], pairs[0][1])]) == []
    if target == "classes":
        assert told(pairs[1:]) == []  # the only image


def test_of_several_images_the_one_whose_labels_are_refused_is_named() -> None:
    image, mask = blobs(3, 40)
    good = (ArrayImage(image, SERIAL, name="a.tif"), ArrayImage(mask))
    empty = (ArrayImage(image, SERIAL, name="b.tif"), ArrayImage(np.zeros_like(mask)))
    with pytest.raises(InvalidInput, match=r"^Image 2 of 2, b\.tif: The labels are empty"):
        inspect_and_plan(TrainingRequest([good, empty], "m"), "cpu")
    two = ArrayImage(np.stack([mask, mask]))
    three = np.stack([mask, mask])
    three[0, 0, 0, :2] = 7, 9
    masks = [(good[0], two), (good[0], ArrayImage(three))]
    with pytest.raises(
        InvalidInput, match=r"^Image 2 of 2: Channel 1 of the labels holds the values 1 and 7"
    ):
        inspect_and_plan(TrainingRequest(masks, "m", target="masks"), "cpu")


def test_sections_to_validate_on_that_carry_no_labels_are_refused(tmp_path: Path) -> None:
    image, mask = blobs(8, 40)
    mask[6:] = 0  # not annotated
    with pytest.raises(InvalidInput, match=r"no labels in sections 7-8, .* \(6:8"):
        trained(request_for(image, mask, validation_z=(6, 8)), tmp_path)


def of_sizes(one: VoxelSize | None, two: VoxelSize | None, depth: int = 3) -> TrainingRequest:
    pairs = []
    for seed, size in enumerate((one, two)):
        image, mask = blobs(3 if seed == 0 else depth, 40, seed)
        pairs.append((ArrayImage(image, size), ArrayImage(mask, size)))
    return TrainingRequest(pairs, "m", settings=SMALL)


@pytest.mark.parametrize("other", [(50, 5, 5.6), (50, 10, 10), (40, 5, 5)])
def test_images_of_different_voxel_sizes_are_refused(other: tuple[float, float, float]) -> None:
    sizes = f"image 2 has {other[0]:g} x {other[1]:g} x {other[2]:g} nm, another one 50 x 5 x 5 nm"
    with pytest.raises(InvalidInput, match=sizes):
        inspect_and_plan(of_sizes(SERIAL, VoxelSize(*other)), "cpu")


def test_images_of_nearly_the_same_or_an_unknown_voxel_size_go_together() -> None:
    for other in (VoxelSize(50, 5.4, 4.6), None):
        inspect_and_plan(of_sizes(SERIAL, other), "cpu")
    inspect_and_plan(of_sizes(SERIAL, VoxelSize(1, 5, 5), depth=1), "cpu")
    inspect_and_plan(replace(of_sizes(SERIAL, VoxelSize(8, 8, 8)), voxel_size=SERIAL), "cpu")


def test_stacks_of_other_shapes_and_grey_values_are_learned_together(tmp_path: Path) -> None:
    one, mask = blobs(6, 64)
    other, truth = blobs(9, 48, seed=2)
    other = (other.astype(np.uint16) * 100 + 20_000)[:, :40]  # another microscope, with 16 bits
    isotropic = VoxelSize(5, 5, 5)
    pairs = [
        (ArrayImage(one, isotropic), ArrayImage(mask, isotropic)),
        (ArrayImage(other, isotropic), ArrayImage(truth[:, :40], isotropic)),
    ]
    settings = SMALL | {"dimensions": "3", "patch_zyx": "4,32,32", "batch": "4"}
    request = TrainingRequest(pairs, "both", settings=settings, budget=Budget(steps=60))
    plan = inspect_and_plan(request, "cpu")
    assert plan.preprocessing.normalisation == "image"
    model = train(request, plan, folder=tmp_path, device="cpu")
    for image, labels in ((one, mask), (other, truth[:, :40])):
        assert dice(predicted(model, image) == 1, labels == 1) > 0.7


def test_boundaries_are_the_same_in_all_images_whose_voxel_size_is_unknown() -> None:
    fine = gaussian_filter(np.random.default_rng(0).normal(size=(48, 64, 64)).astype(np.float32), 4)
    objects = np.arange(48).reshape(3, 4, 4).repeat(16, 0).repeat(16, 1).repeat(16, 2).astype(np.uint16) + 1
    pairs = [(ArrayImage(fine[::step].copy()), ArrayImage(objects[::step].copy())) for step in (1, 6)]
    regions = read_pairs(TrainingRequest(pairs, "m", target="instances"))
    assert len({region.reading.voxel_size for region in regions}) == 1


def test_a_voxel_size_that_only_a_later_image_tells_is_used() -> None:
    plan = inspect_and_plan(of_sizes(None, SERIAL), "cpu")
    assert any(sentence.startswith("Sections lie 10.0 times") for sentence in plan.sentences)


def test_a_class_that_the_part_held_out_lacks_is_told(tmp_path: Path) -> None:
    image, mask = blobs(8, 40)
    mask[0, :10, :10] = 3  # 2 is nowhere, and not missed
    events: list[Event] = []
    model = trained(request_for(image, mask, validation_z=(6, 8)), tmp_path, events.append)
    warned = [event.sentence for event in events if isinstance(event, Note) and event.is_warning]
    assert any(one.startswith("The part held out shows nothing of 'class 3': there are no") for one in warned)
    figures = model.record["metrics"]
    assert "dice.class 3" not in figures
    assert figures["dice"] == figures["dice.class 1"]


def test_objects_without_background_are_told_to_have_some(tmp_path: Path) -> None:
    image, _ = blobs(3, 40)
    labels = np.full(image.shape, 255, np.uint8)
    labels[1, 5:15, 5:15], labels[1, 25:35, 25:35] = 1, 2
    with pytest.raises(InvalidInput, match=r"lies inside of an object.* Leave some background"):
        trained(request_for(image, labels, target="instances", unknown=255), tmp_path)


def test_labels_in_the_place_of_the_image_are_doubted(tmp_path: Path) -> None:
    image, mask = blobs(3, 40)
    for learned, is_doubted in ((mask * 7, True), (image, False)):
        events: list[Event] = []
        request = request_for(learned, mask, settings={"features": "4"})
        trained(request, tmp_path / str(is_doubted), events.append)
        warned = [event.sentence for event in events if isinstance(event, Note) and event.is_warning]
        assert any(one.startswith("The image has patches of one value") for one in warned) == is_doubted


def test_sections_to_train_on_and_to_validate_on_can_be_chosen(tmp_path: Path) -> None:
    image, mask = blobs(8, 40)
    events: list[Event] = []
    trained(request_for(image, mask, z=(0, 4), validation_z=(6, 8)), tmp_path, events.append)
    told = [event.sentence for event in events if isinstance(event, Note)]
    assert any(
        "Held out for validation: sections 7-8 (z 6:8, y 0:40, x 0:40" in sentence for sentence in told
    )
    assert not any("shows nothing of" in sentence for sentence in told)
    with pytest.raises(InvalidInput, match="6:9"):
        trained(request_for(image, mask, validation_z=(6, 9)), tmp_path / "b")


def test_a_training_of_which_everything_is_held_out_is_refused(tmp_path: Path) -> None:
    image, mask = blobs(8, 40)
    events: list[Event] = []
    with pytest.raises(InvalidInput, match="Validate on fewer sections"):
        trained(request_for(image, mask, z=(0, 4), validation_z=(0, 4)), tmp_path, events.append)
    mask[4:] = 0  # not annotated
    with pytest.raises(InvalidInput, match="Validate on fewer sections"):
        trained(request_for(image, mask, validation_z=(0, 5)), tmp_path, events.append)
    assert not any(isinstance(event, PlanMade) for event in events)


def test_sections_chosen_to_train_and_to_validate_on_are_warned_of(tmp_path: Path) -> None:
    image, mask = blobs(8, 40)
    events: list[Event] = []
    request = request_for(image, mask, z=(0, 7), validation_z=(3, 5), budget=Budget(steps=1))
    trained(request, tmp_path, events.append)
    told = [event.sentence for event in events if isinstance(event, Note) and event.is_warning]
    assert [one for one in told if "chosen to train on and to validate on" in one] == [
        "Sections 4-5 were chosen to train on and to validate on: they only count for the validation, so "
        "that its figures are honest. Trained on are sections 1-3 and sections 6-7."
    ]


def test_masks_that_overlap_are_learned_side_by_side(tmp_path: Path) -> None:
    image, discs = blobs(6, 64)
    around = maximum_filter(discs, (1, 9, 9))  # every disc lies in this one too
    image = (image - 40.0 * (around & ~discs)).clip(1, 255).astype(np.uint8)
    notes: list[Event] = []
    model = trained(
        request_for(
            image, np.stack([discs, around]), target="masks", budget=Budget(steps=100), validation_z=(4, 6),
            settings={**SMALL, "features": "8", "learning_rate": "0.01"},
            classes=[LabelClass(1, "disc"), LabelClass(2, "surroundings")],
        ),
        tmp_path,
        notes.append,
    )  # fmt: skip
    assert [cls["name"] for cls in model.record["classes"]] == ["disc", "surroundings"]
    assert model.record["network"]["out_channels"] == 2
    assert {"dice", "iou", "dice.disc", "iou.surroundings"} <= set(model.record["metrics"])
    assert any("2 masks: 1 'disc'" in sentence for sentence in model.record["plan"]["sentences"])
    network = build(model.record["network"]).eval()
    network.load_state_dict({name: torch.from_numpy(np.array(w)) for name, w in model.weights.items()})
    frame = Frame(
        ArrayImage(image),
        Preprocessing.from_dict(model.record["preprocessing"]),
        total_stride(network.config),
    )
    with torch.inference_mode():
        inside = network(torch.from_numpy(frame.read(Box.of_shape(frame.padded_shape_zyx)))) > 0
    assert dice(inside[:, 0].numpy(), discs == 1) > 0.8
    assert dice(inside[:, 1].numpy(), around == 1) > 0.8


def test_a_training_on_sections_with_one_class_only_is_refused(tmp_path: Path) -> None:
    image, mask = blobs(8, 40)
    mask[:4] = 0
    request = request_for(image, mask, z=(0, 4), validation_z=(4, 8), empty_sections="background")
    with pytest.raises(InvalidInput, match="every known voxel is 'background'"):
        trained(request, tmp_path)


@pytest.mark.parametrize(("section_nm", "turned"), [(2, False), (5, True), (50, False)])
def test_volumes_are_turned_in_depth_only_where_voxels_are_cubes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section_nm: float, turned: bool
) -> None:
    made: list[Augmentation] = []

    def kept(*given: Any, **choices: Any) -> Augmentation:
        made.append(Augmentation(*given, **choices))
        return made[-1]

    monkeypatch.setattr(patches_module, "Augmentation", kept)
    image, mask = blobs(8, 24)
    settings = {"dimensions": "3", "features": "4", "levels": "2", "patch_zyx": "8,16,16", "batch": "1"}
    request = request_for(image, mask, VoxelSize(section_nm, 5, 5), settings=settings, budget=Budget(steps=1))
    trained(request, tmp_path)
    assert made[0].turn_in_depth == turned


def test_a_broken_voxel_spoils_nothing(tmp_path: Path) -> None:
    image, mask = blobs(4, 40)
    broken = image.astype(np.float32)
    broken[0, 3, 3], broken[1, 4, 4] = np.nan, np.inf
    model = trained(request_for(broken, mask), tmp_path)
    assert all(np.isfinite(weights).all() for weights in model.weights.values())


@pytest.mark.parametrize("held", [True, False])
def test_every_broken_voxel_of_the_annotated_sections_is_warned_of(
    held: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not held:
        monkeypatch.setattr(patches_module, "_SHARE_OF_MEMORY", 0.0)
    image, mask = blobs(6, 40)
    mask[4:] = 0  # not annotated
    broken = image.astype(np.float32)
    broken[3, 39, 38:], broken[0, 0, 0], broken[5, 0, 0] = np.nan, -np.inf, np.nan
    events: list[Event] = []
    trained(request_for(broken, mask), tmp_path, events.append)
    told = [sentence for event in events if isinstance(event, PlanMade) for sentence in event.sentences]
    told += [event.sentence for event in events if isinstance(event, Note) and event.is_warning]
    assert [one for one in told if "numbers" in one] == [
        "3 voxels of the image are no numbers (NaN or infinite), and taken for the mean grey value."
    ]


def test_the_plan_can_be_read_before_the_training_and_says_where_it_runs() -> None:
    image, mask = blobs(4, 40)
    plan = inspect_and_plan(request_for(image, mask, None), "cpu")
    assert plan.sentences[-1].startswith("It runs on the CPU")
    assert plan.sentences[-1].endswith("are measured with the first ones, and told then.")
    assert any("voxel size is not known" in sentence for sentence in plan.sentences)
    assert json.loads(json.dumps(plan.settings))["features"] == "4"


def test_without_an_image_there_is_no_training() -> None:
    with pytest.raises(InvalidInput, match="no image"):
        inspect_and_plan(TrainingRequest([], "m"), "cpu")


def test_on_a_slow_machine_the_batch_shrinks_so_that_there_are_enough_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace_module, "_FEWEST_STEPS", 100_000)
    image, mask = blobs(4, 40)
    notes: list[Event] = []
    request = request_for(image, mask, settings=SMALL | {"batch": "8"}, budget=Budget(minutes=0.05))
    trained(request, tmp_path, notes.append)
    assert any(isinstance(e, Note) and "each sees 2 patches" in e.sentence for e in notes)


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_image_is_refused(value: int) -> None:
    image, mask = blobs(2, 40)
    with pytest.raises(InvalidInput, match="constant"):
        inspect_and_plan(request_for(np.full_like(image, value), mask), "cpu")


def test_a_constant_image_among_others_is_refused_by_its_name() -> None:
    image, mask = blobs(2, 40)
    request = request_for(image, mask)
    first = request.pairs[0]
    dull = ArrayImage(np.full_like(image, 7)), first[1]
    with pytest.raises(InvalidInput, match="The image 2 is constant where it is annotated"):
        inspect_and_plan(replace(request, pairs=[first, dull]), "cpu")


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_an_image_without_finite_values_is_not_called_constant(value: float) -> None:
    image, mask = blobs(2, 40)
    with pytest.raises(InvalidInput, match="no finite grey value"):
        inspect_and_plan(request_for(np.full(image.shape, value, np.float32), mask), "cpu")


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (
            {"z": (0, 4), "validation_z": (6, 8)},
            "Trained on sections 1-4 and validated on sections 7-8 of 8 (0:4 and 6:8",
        ),
        ({"z": (0, 4)}, "Trained and validated on sections 1-4 of 8 (0:4"),
        ({"validation_z": (6, 8)}, "Validated on sections 7-8 of 8, which are not trained on (6:8"),
    ],
)
def test_the_plan_says_which_sections_are_trained_on(chosen: dict[str, Any], said: str) -> None:
    image, mask = blobs(8, 40)
    plan = inspect_and_plan(request_for(image, mask, **chosen), "cpu")
    assert f"{said}, where the first is 0)." in plan.sentences
    assert not any("alidated on" in s for s in inspect_and_plan(request_for(image, mask), "cpu").sentences)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_cannot_be_is_refused(seed: int) -> None:
    image, mask = blobs(2, 40)
    with pytest.raises(InvalidInput, match=rf"The seed is {seed}; give a whole number from 0 to 92233"):
        request_for(image, mask, seed=seed)


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_any_other_whole_number_is_a_seed(tmp_path: Path, seed: int) -> None:
    image, mask = blobs(2, 40)
    assert trained(request_for(image, mask, seed=seed, budget=Budget(steps=1)), tmp_path).weights


@pytest.mark.parametrize(
    ("size", "given", "warned"),
    [
        (VoxelSize(1000, 1000, 1000), None, True),
        (VoxelSize(50, 1000, 1000), None, True),
        (VoxelSize(1000, 1000, 1000), VoxelSize(50, 5, 5), False),
        (VoxelSize(1000, 999, 999), None, False),
        (None, None, False),
    ],
)
def test_a_voxel_size_that_is_a_programs_default_is_doubted(
    tmp_path: Path, size: VoxelSize | None, given: VoxelSize | None, warned: bool
) -> None:
    image, mask = blobs(4, 40)
    events: list[Event] = []
    trained(request_for(image, mask, size, voxel_size=given, budget=Budget(steps=1)), tmp_path, events.append)
    warnings = [e.sentence for e in events if isinstance(e, Note) and e.is_warning]
    assert any("surely a program's default?" in sentence for sentence in warnings) == warned


@pytest.mark.parametrize(
    ("of_image", "of_labels", "given", "told"),
    [
        (
            VoxelSize(0.05, 0.0046, 0.0046),
            None,
            None,
            "0.05 x 0.0046 x 0.0046 nm (z, y, x), smaller than an atom",
        ),
        (None, None, VoxelSize(0.05, 0.0046, 0.0046), "smaller than an atom: is the unit another one?"),
        (
            None,
            VoxelSize(50, 5, 5),
            None,
            "does not say its voxel size; that of its labels counts, 50 x 5 x 5 nm",
        ),
        (
            VoxelSize(50, 5, 5),
            VoxelSize(50, 6, 6),
            None,
            "its labels of 50 x 6 x 6 nm: that of the image counts",
        ),
        (VoxelSize(50, 5, 5), VoxelSize(50, 5.2, 5.2), None, ""),
        (VoxelSize(50, 5, 5), VoxelSize(50, 6, 6), VoxelSize(50, 5, 5), ""),
    ],
)
def test_voxel_sizes_that_cannot_be_or_do_not_agree_are_warned_of(
    of_image: VoxelSize | None, of_labels: VoxelSize | None, given: VoxelSize | None, told: str
) -> None:
    image, mask = blobs(2, 8)
    pair = (ArrayImage(image, of_image), ArrayImage(mask, of_labels))
    warnings = doubtful_sizes_told(TrainingRequest([pair], "m", voxel_size=given))
    assert len(warnings) == bool(told)
    assert all(told in warning for warning in warnings)
