from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cristae.errors import Cancelled, InvalidInput, OutOfMemory
from cristae.events import Event, Note, Progress
from cristae.geometry import Box
from cristae.networks import Frame, broken_in, build
from cristae.prediction import (
    Form,
    Predictor,
    fitting,
    form_of,
    load_predictor,
    output_kinds,
    predict,
    predict_objects,
    predict_tiles,
    running,
    smaller,
)
from cristae.prediction.devices import MOST_VOXELS_ON_CPU
from cristae.prediction.instances import InMemory
from cristae.prediction.tiling import tiling
from cristae.volumes import ArrayImage, VoxelSize


def predicted(predictor: Predictor | Any, voxels: NDArray[np.generic], **choices: Any) -> NDArray[np.uint8]:
    image = ArrayImage(voxels)
    channels = form_of(predictor.record, choices.get("kind", "labels")).channels
    output = InMemory((channels, *image.shape_czyx[1:]))
    output.voxels[:] = 99
    predict(predictor, image, output, **choices)
    return output.voxels


def test_the_label_image_does_not_depend_on_tile_size_or_grid_offset(
    predictor: Predictor, tissue: NDArray[np.uint8]
) -> None:
    whole = predicted(predictor, tissue)
    assert len(np.unique(whole)) == 3  # it would be easy to agree on one class
    for tile, offset in [
        ((13, 64, 64), (0, 0, 0)),
        ((8, 48, 64), (0, 0, 0)),
        ((8, 48, 64), (2, 8, 16)),
        ((4, 64, 40), (1, 4, 4)),
    ]:
        assert np.array_equal(
            predicted(predictor, tissue, tile_shape_zyx=tile, grid_offset_zyx=offset), whole
        )


@pytest.mark.parametrize("side_nm", [2.0, 13.0])
@pytest.mark.parametrize("part", [None, Box((2, 10, 7), (11, 60, 80))])
def test_whatever_the_voxel_size_a_result_is_written_a_little_at_a_time(
    random_model: Any,
    tissue: NDArray[np.uint8],
    side_nm: float,
    part: Box | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the voxels of the image are finer than the model's, a tile is a large part of it."""
    model = random_model("volume", voxel_size_nm=[30.0, 8.0, 8.0])
    predictor = load_predictor(model, "cpu")
    values = tissue.astype(np.float32)
    values[6, 30:33, 40] = np.nan
    image = ArrayImage(values, VoxelSize(15, side_nm, side_nm))
    mask = ArrayImage((np.indices(tissue.shape).sum(axis=0) % 50 > 5).astype(np.uint8))
    written, read = [], []

    class Output(InMemory):
        def write(self, box_zyx: Box, voxels: NDArray[Any]) -> None:
            written.append(box_zyx)
            super().write(box_zyx, voxels)

    def found() -> tuple[NDArray[Any], int]:
        output = Output((3, *tissue.shape))
        bad = predict_tiles(predictor, image, output, kind="probabilities", inside=mask, part=part)
        return output.voxels, bad

    whole, bad = found()
    box = part or Box.of_shape(tissue.shape)
    assert bad == 3
    assert len(np.unique(whole[0][box.slices])) > 20
    monkeypatch.setattr(running, "_MOST_VOXELS", 3 * 3000)
    monkeypatch.setattr(running, "broken_in", lambda voxels: read.append(voxels.size) or broken_in(voxels))
    written.clear()
    again, bad = found()
    assert bad == 3
    assert np.array_equal(again, whole)
    assert max(one.size for one in written) <= 3000
    assert max(read) <= 3000
    assert sum(one.size for one in written) == box.size


@pytest.mark.parametrize("stride", [1, 4, 8])
def test_the_tiles_of_a_cube_of_256_voxels_read_at_most_one_and_a_half_times_as_many(stride: int) -> None:
    shape = (256, 256, 256)
    cut = tiling(shape, (stride,) * 3, (8, 8, 8), most_voxels=MOST_VOXELS_ON_CPU)
    read = sum(prod(tile.read_box.shape) for tile in cut.tiles)
    written = sum(prod(tile.write_box.shape) for tile in cut.tiles)
    assert written == prod(shape)
    assert written < read <= 1.5 * prod(shape)


def test_probabilities_differ_by_at_most_the_rounding_whatever_the_tile(
    predictor: Predictor, tissue: NDArray[np.uint8]
) -> None:
    whole = predicted(predictor, tissue, kind="probabilities").astype(int)
    tiled = predicted(predictor, tissue, kind="probabilities", tile_shape_zyx=(8, 48, 48)).astype(int)
    assert np.abs(whole - tiled).max() <= 1
    assert np.abs(whole.sum(axis=0) - 255).max() <= 2
    assert np.array_equal(whole.argmax(axis=0).shape, tissue.shape)


def test_uncertainty_is_the_entropy_of_the_probabilities(
    predictor: Predictor, tissue: NDArray[np.uint8]
) -> None:
    shares = predicted(predictor, tissue, kind="probabilities") / 255.0
    entropy = -np.sum(np.where(shares > 0, shares * np.log(np.maximum(shares, 1e-9)), 0), axis=0) / np.log(3)
    uncertainty = predicted(predictor, tissue, kind="uncertainty", tile_shape_zyx=(8, 48, 48))[0]
    assert np.abs(uncertainty - 255 * entropy).max() < 6  # the probabilities are rounded to 1/255


@pytest.mark.parametrize("kind", ["volume", "sections"])
def test_masks_may_overlap_and_do_not_depend_on_the_tiles(
    random_model: type, tissue: NDArray[np.uint8], kind: str
) -> None:
    masks = load_predictor(random_model(kind, target="masks"), "cpu")
    inside = predicted(masks, tissue)
    assert set(np.unique(inside)) == {0, 255}
    assert {1, 2} <= set(np.unique((inside > 0).sum(axis=0)))
    tiled = predicted(masks, tissue, tile_shape_zyx=(8, 48, 48), grid_offset_zyx=(2, 8, 8))
    assert np.array_equal(tiled, inside)
    shares = predicted(masks, tissue, kind="probabilities")
    sure = np.abs(shares.astype(int) - 127) > 1
    assert np.array_equal((shares > 127)[sure], (inside > 0)[sure])
    doubt = predicted(masks, tissue, kind="uncertainty")
    assert (doubt[np.abs(shares.astype(int) - 127) < 3] > 250).all()
    assert (doubt[(shares < 2) | (shares > 253)] < 30).all()


@pytest.mark.parametrize("kind", ["volume", "sections"])
def test_with_flips_a_mirrored_image_gives_the_mirrored_answer_whatever_the_tiles(
    random_model: type, tissue: NDArray[np.uint8], kind: str
) -> None:
    tissue = tissue[:, :64, :80]  # whole cells of the network's grid: their mirror image lies on it too
    alone, flipping = (load_predictor(random_model(kind), "cpu", flips=flips) for flips in (False, True))
    whole = predicted(flipping, tissue, kind="probabilities").astype(int)
    mirrored = predicted(flipping, tissue[:, ::-1], kind="probabilities").astype(int)[:, :, ::-1]
    assert np.abs(whole - mirrored).max() <= 1
    one = predicted(alone, tissue, kind="probabilities").astype(int)
    other = predicted(alone, tissue[:, ::-1], kind="probabilities").astype(int)[:, :, ::-1]
    assert np.abs(one - other).max() > 5  # else the test above says nothing
    tiled = predicted(flipping, tissue, kind="probabilities", tile_shape_zyx=(8, 48, 48)).astype(int)
    assert np.abs(whole - tiled).max() <= 1
    by_itself = predicted(random_model(kind), tissue, kind="probabilities", device="cpu", flips=True)
    assert np.array_equal(by_itself, whole)


def test_tiles_agree_with_the_untiled_network_as_it_was_trained(
    predictor: Predictor, tissue: NDArray[np.uint8], random_model: type
) -> None:
    kind = "sections" if predictor.config.dims == 2 else "volume"
    model = random_model(kind)
    plain = build(model.record["network"]).eval()
    plain.load_state_dict({name: torch.from_numpy(array) for name, array in model.weights().items()})
    frame = Frame(ArrayImage(tissue), predictor.preprocessing, predictor.stride_zyx)
    with torch.no_grad():
        logits = plain(torch.from_numpy(frame.read(Box.of_shape(frame.padded_shape_zyx))))
    untiled = (logits.transpose(0, 1) if kind == "sections" else logits[0]).argmax(dim=0).numpy()
    z, y, x = tissue.shape
    assert np.array_equal(
        predicted(predictor, tissue, tile_shape_zyx=(8, 48, 48))[0], untiled[:z, :y, :x].astype(np.uint8)
    )


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 200), (1, 75, 91), (2, 2, 2), (40, 5, 7)])
def test_a_single_section_and_an_image_smaller_than_a_tile_are_predicted(
    predictor: Predictor, shape: tuple[int, int, int]
) -> None:
    voxels = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    labels = predicted(predictor, voxels)
    assert labels.shape == (1, *shape)
    assert labels.max() < 3
    assert np.array_equal(labels, predicted(predictor, voxels, tile_shape_zyx=(4, 40, 48)))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_the_number_type_of_the_image_does_not_matter(
    predictor: Predictor, tissue: NDArray[np.uint8], dtype: type
) -> None:
    small = tissue[:4, :40, :40]
    assert np.array_equal(predicted(predictor, small.astype(dtype)), predicted(predictor, small))


def test_voxels_that_are_no_numbers_are_counted_and_told(
    tissue: NDArray[np.uint8], random_model: type
) -> None:
    voxels = tissue[:4, :60, :60].astype(np.float32)
    voxels[1, 2, 3] = np.nan
    voxels[2, 50, 50:53] = np.inf
    told: list[Event] = []
    output = InMemory((1, *voxels.shape))
    predict(
        random_model("volume"), ArrayImage(voxels), output, tile_shape_zyx=(4, 48, 48), on_event=told.append
    )
    warnings = [event.sentence for event in told if isinstance(event, Note) and event.is_warning]
    assert len(warnings) == 1
    assert warnings[0].startswith("4 voxels of the image are no numbers")
    assert output.voxels.max() < 3


def test_a_constant_image_gives_labels_not_an_error(predictor: Predictor) -> None:
    assert predicted(predictor, np.full((3, 30, 30), 200, np.uint8)).shape == (1, 3, 30, 30)


def test_an_image_with_other_channels_than_the_training_is_refused(predictor: Predictor) -> None:
    with pytest.raises(InvalidInput, match="2 channels, the model was trained on 1"):
        predicted(predictor, np.zeros((2, 3, 30, 30), np.uint8))


def test_a_kind_of_result_that_the_model_cannot_give_is_refused(random_model: type) -> None:
    overlapping = load_predictor(random_model("volume", target="masks"), "cpu")
    with pytest.raises(InvalidInput, match="gives labels or probabilities or uncertainty, not instances"):
        predicted(overlapping, np.zeros((3, 30, 30), np.uint8), kind="instances")


def test_a_device_that_is_not_there_is_refused_and_never_replaced(random_model: type) -> None:
    with pytest.raises(InvalidInput, match="no such GPU"):
        load_predictor(random_model("volume"), "cuda:57")
    with pytest.raises(InvalidInput, match="not a device"):
        load_predictor(random_model("volume"), "toaster")


def test_progress_comes_to_one_and_never_goes_back(predictor: Predictor, tissue: NDArray[np.uint8]) -> None:
    told: list[Event] = []
    predicted(predictor, tissue, tile_shape_zyx=(4, 40, 40), on_event=told.append)
    fractions = [event.fraction for event in told if isinstance(event, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    notes = [event.sentence for event in told if isinstance(event, Note)]
    assert "the CPU" in notes[-1]


def test_cancelling_stops_between_tiles_and_keeps_what_is_done(
    predictor: Predictor, tissue: NDArray[np.uint8], tmp_path: Path
) -> None:
    """Stopped after three tiles and started again, a prediction equals the unbroken one and does only the "
    "rest."""
    choices: Any = {"tile_shape_zyx": (4, 40, 40), "ledger": tmp_path / "tiles.jsonl"}
    unbroken = predicted(predictor, tissue, tile_shape_zyx=(4, 40, 40))
    image, output = ArrayImage(tissue), InMemory((1, *tissue.shape))
    output.resumed = True
    asked = iter(range(100))
    with pytest.raises(Cancelled):
        predict(predictor, image, output, should_stop=lambda: next(asked) >= 3, **choices)
    assert not np.array_equal(output.voxels, unbroken)
    done = (tmp_path / "tiles.jsonl").read_text().count('"done"')
    assert done == 3
    before = output.voxels.copy()
    told: list[Event] = []
    predict(predictor, image, output, on_event=told.append, **choices)
    assert np.array_equal(output.voxels, unbroken)
    assert any("3 of" in event.sentence for event in told if isinstance(event, Note))
    assert not np.array_equal(before, unbroken)


@pytest.mark.parametrize("interruptions", [[2], [1, 3], [4]])
def test_voxels_that_are_no_numbers_are_counted_in_all_tiles_however_often_it_was_interrupted(
    random_model: type, tissue: NDArray[np.uint8], tmp_path: Path, interruptions: list[int]
) -> None:
    broken = tissue.astype(np.float32)
    broken[0, 0, :3] = np.nan  # in the first tile
    broken[12, 74, 86:] = np.inf  # in the last one
    broken[6, 30, 30] = -np.inf
    predictor, image = load_predictor(random_model("volume"), "cpu"), ArrayImage(broken)
    output = InMemory((1, *tissue.shape))
    output.resumed = True
    choices: Any = {"tile_shape_zyx": (4, 40, 40), "ledger": tmp_path / "tiles.jsonl"}
    for tiles in interruptions:
        asked = iter(range(100))
        with pytest.raises(Cancelled):
            predict(predictor, image, output, should_stop=lambda: next(asked) >= tiles, **choices)  # noqa: B023
    told: list[Event] = []
    predict(predictor, image, output, on_event=told.append, **choices)
    warnings = [event.sentence for event in told if isinstance(event, Note) and event.is_warning]
    assert [sentence[: len("9 voxels of the image are")] for sentence in warnings] == [
        "9 voxels of the image are"
    ]
    told.clear()
    predict(predictor, image, output, on_event=told.append, **choices)  # every tile is finished
    assert any("9 voxels of the image are" in str(event) for event in told)


def test_a_tile_is_noted_only_after_its_voxels_are_safe_against_a_power_cut(
    predictor: Predictor, tissue: NDArray[np.uint8], tmp_path: Path
) -> None:
    ledger, written, noted_at_sync = tmp_path / "tiles.jsonl", [0], list[tuple[int, int]]()

    class Place(InMemory):
        def write(self, box_zyx: Box, voxels: NDArray[Any]) -> None:
            super().write(box_zyx, voxels)
            written[0] += 1

        def sync(self) -> None:
            noted_at_sync.append((written[0], ledger.read_text().count('"done"')))

    output = Place((1, *tissue.shape))
    predict(predictor, ArrayImage(tissue), output, tile_shape_zyx=(4, 40, 40), ledger=ledger)
    assert written[0] > 3
    assert noted_at_sync == [(number + 1, number) for number in range(written[0])]


def test_tiles_that_no_longer_fit_the_memory_are_gone_on_with_in_parts(
    tissue: NDArray[np.uint8], random_model: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = load_predictor(random_model("volume"), "cpu")
    unbroken = predicted(predictor, tissue)
    image, output = ArrayImage(tissue), InMemory((1, *tissue.shape))
    output.resumed = True
    choices: Any = {"ledger": tmp_path / "tiles.jsonl"}
    asked = iter(range(100))
    with monkeypatch.context() as context:
        context.setattr(fitting, "voxels_at_once", lambda *_: 15_000)  # of the network, 60,000 of the image
        with pytest.raises(Cancelled):
            predict(predictor, image, output, should_stop=lambda: next(asked) >= 1, **choices)

    def too_little(*_: Any) -> Any:
        raise OutOfMemory("The device's memory does not suffice.")

    monkeypatch.setattr(smaller, "fitting_tiling", too_little)
    told: list[Event] = []
    predict(predictor, image, output, on_event=told.append, **choices)
    sentences = [event.sentence for event in told if isinstance(event, Note)]
    assert any("from here on they are computed in parts of" in sentence for sentence in sentences)
    assert any(sentence.startswith("1 of ") for sentence in sentences)  # what was done counts
    assert np.array_equal(output.voxels, unbroken)


def test_every_kind_of_result_says_what_it_looks_like(random_model: type) -> None:
    record = random_model("volume").record
    assert output_kinds(record) == ("labels", "probabilities", "uncertainty", "instances")
    labels = form_of(record, "labels")
    assert (labels.channels, labels.dtype, [entry.name for entry in labels.classes]) == (
        1,
        "uint8",
        ["one", "two"],
    )
    assert form_of(record, "probabilities") == Form(3, "uint8", ())
    assert form_of(record, "uncertainty") == Form(1, "uint8", ())
    masks = random_model("volume", target="masks").record
    assert {form_of(masks, kind) for kind in output_kinds(masks)} == {Form(3, "uint8", ())}
    neurons = random_model("volume", target="instances").record
    assert output_kinds(neurons)[0] == "instances"
    assert form_of(neurons, "instances") == Form(1, "uint32", ())


def test_objects_are_numbered_without_a_gap_and_arrive_in_the_output(
    random_model: type, tissue: NDArray[np.uint8]
) -> None:
    model = random_model("volume", target="instances")
    image = ArrayImage(tissue, VoxelSize(10, 10, 10))
    whole = predict_objects(load_predictor(model, "cpu"), image)
    assert whole.dtype == np.uint32
    assert np.array_equal(np.unique(whole), np.arange(whole.max() + 1))
    kept = np.zeros((1, *tissue.shape), np.uint32)

    class Place:
        resumed = False

        def write(self, box_zyx: Box, voxels: NDArray[np.uint32]) -> None:
            kept[(slice(None), *box_zyx.slices)] = voxels

        def sync(self) -> None:
            pass

    predict(model, image, Place(), kind="instances", device="cpu")
    assert np.array_equal(kept[0], whole)
