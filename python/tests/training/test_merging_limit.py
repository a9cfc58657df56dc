"""With what objects are joined is searched after the training, kept in the model, and used by predictions."""

from pathlib import Path

import numpy as np
import pytest

from cristae.errors import CorruptData
from cristae.events import Event, Note
from cristae.geometry import Box
from cristae.labels import merging
from cristae.labels.objects import MERGE_BELOW
from cristae.models import ModelLibrary
from cristae.models.record import check_record
from cristae.prediction import instances, load_predictor, predict_objects
from cristae.training import Budget, TrainedModel, TrainingRequest, inspect_and_plan, train
from cristae.training.regions import Region
from cristae.volumes import ArrayImage, VoxelSize

SIZE = VoxelSize(10, 10, 10)
IN_3D = {"dimensions": "3", "patch_zyx": "16,16,16", "batch": "1"}
IN_2D = {"dimensions": "2", "patch_zyx": "1,16,16", "batch": "4"}


def cells(shape: tuple[int, int, int] = (32, 40, 40), side: int = 8) -> tuple[ArrayImage, ArrayImage]:
    """Cubes that touch, with dark boundaries."""
    z, y, x = np.indices(shape)
    ids = (1 + (z // side) * 100 + (y // side) * 10 + x // side).astype(np.uint16)
    wall = (y % side == 0) | (x % side == 0) | (z % side == 0)
    noise = np.random.default_rng(0).normal(0, 10, shape)
    image = (180 - 120.0 * wall + noise).clip(1, 255).astype(np.uint8)
    return ArrayImage(image, SIZE), ArrayImage(ids, SIZE)


def request_for(steps: int = 2, **settings: str) -> TrainingRequest:
    chosen = {"features": "4", "levels": "2", "precision": "float32", "validation": "0.3"}
    return TrainingRequest(
        [cells()], "m", target="instances", budget=Budget(steps=steps), settings=chosen | settings
    )


def trained(request: TrainingRequest, folder: Path) -> tuple[TrainedModel, list[str]]:
    told: list[Event] = []
    plan = inspect_and_plan(request, "cpu")
    model = train(request, plan, folder=folder, device="cpu", on_event=told.append)
    return model, [event.sentence for event in told if isinstance(event, Note)]


@pytest.mark.parametrize("seen", [IN_3D, IN_2D])
def test_the_limit_is_searched_on_the_part_held_out_and_told(seen: dict[str, str], tmp_path: Path) -> None:
    model, told = trained(request_for(steps=30, **seen), tmp_path)
    decoder = model.record["decoder"]
    assert decoder["merge_below"] in merging.LIMITS
    assert decoder["objects"] >= merging.FEWEST_OBJECTS
    assert 0 <= decoder["adapted_rand_error"] <= decoder["usual_adapted_rand_error"] <= 1
    assert [f"less than {decoder['merge_below']:g}, {decoder['reason']}." in said for said in told].count(
        True
    ) == 1


def test_a_limit_that_a_person_chose_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "tried_limits", None)
    model, told = trained(request_for(merge_below="0.35", **IN_3D), tmp_path)
    assert model.record["decoder"]["merge_below"] == 0.35
    assert model.record["plan"]["settings"]["merge_below"] == "0.35"
    assert "Objects are joined across boundaries of less than 0.35, as you chose." in told


def test_without_a_part_held_out_the_limit_is_the_usual_one(tmp_path: Path) -> None:
    model, told = trained(request_for(validation="0", **IN_3D), tmp_path)
    assert model.record["decoder"]["merge_below"] == MERGE_BELOW
    assert any("shows no object, too few to choose by" in said for said in told)


def test_predictions_use_what_the_model_has_and_older_models_the_usual_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[float] = []
    usual = instances.Boundaries

    def seen(size: VoxelSize | None, below: float) -> instances.Boundaries:
        used.append(below)
        return usual(size, below)

    monkeypatch.setattr(instances, "Boundaries", seen)
    model, _ = trained(request_for(merge_below="0.35", **IN_3D), tmp_path)
    older = {name: value for name, value in model.record.items() if name != "decoder"}
    for number, record in enumerate((model.record, older)):
        package = ModelLibrary(tmp_path / str(number)).add(record, model.weights)
        predict_objects(load_predictor(package, "cpu"), cells()[0])
    assert used == [0.35, MERGE_BELOW]


def test_a_record_with_another_limit_than_there_can_be_is_not_believed(tmp_path: Path) -> None:
    model, _ = trained(request_for(merge_below="0.35", **IN_3D), tmp_path)
    package = ModelLibrary(tmp_path / "models").add(model.record, model.weights)
    for wrong in (2, "0.3", None, True):
        with pytest.raises(CorruptData, match="decoder"):
            check_record({**package.record, "decoder": {"merge_below": wrong, "reason": ""}})


def test_the_ids_of_the_part_held_out_are_those_of_the_labels_there_and_0_elsewhere() -> None:
    from cristae.labels import read_labels

    image, labels = cells((8, 8, 24))
    reading = read_labels(labels, image.shape_czyx, target="instances", unknown=2)
    region = Region(image, labels, reading, held_out=Box((2, 0, 4), (8, 8, 24)))
    found = region.held_out_ids(Box((0, -2, 0), (8, 6, 28)))
    assert found.shape == (8, 8, 28)
    assert (found[2:, 2:, 4:8] == 1).all()
    assert not found[:2].any()
    assert not found[:, :2].any()
    assert not found[:, :, :4].any()
    assert not found[:, :, 8:16].any(), "unknown"
    assert (found[2:, 2:, 16:24] == 3).all()
    assert not found[:, :, 24:].any(), "beyond the image"
