"""Random forests: grown in seconds, equal to scikit-learn's, packaged and used as networks are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from python.tests.training.test_training import blobs, dice, request_for, trained
from scipy.ndimage import maximum_filter
from sklearn.ensemble import RandomForestClassifier

from cristae.errors import Cancelled, InvalidInput
from cristae.events import Event, Note, Progress
from cristae.models import ModelLibrary
from cristae.networks import Forest
from cristae.networks.forest import _LEAST_SHARE
from cristae.prediction import form_of, load_predictor, predict
from cristae.prediction.instances import InMemory
from cristae.training import TrainedModel, growing, train
from cristae.training import inspect_and_plan as plan_of
from cristae.volumes import ArrayImage

FOREST = {"learner": "forest"}


def used(
    model: TrainedModel, image: np.ndarray[Any, Any], folder: Path, **choices: Any
) -> np.ndarray[Any, Any]:
    """Predict with the package of the model, as a user would."""
    predictor = load_predictor(ModelLibrary(folder / "models").add(model.record, model.weights), "cpu")
    output = InMemory((form_of(model.record, choices.get("kind", "labels")).channels, *image.shape))
    predict(predictor, ArrayImage(image), output, **choices)
    return output.voxels


def test_a_forest_learns_in_seconds_and_is_used_as_every_model(tmp_path: Path) -> None:
    image, discs = blobs(6, 96)
    model = trained(request_for(image, discs, settings=FOREST, validation_z=(5, 6)), tmp_path)
    assert model.record["network"]["kind"] == "forest"
    assert any("random forest" in sentence for sentence in model.record["plan"]["sentences"])
    assert model.record["metrics"]["dice"] > 0.8
    other, truth = blobs(3, 96, seed=1)
    found = used(model, other, tmp_path)
    assert dice(found[0] == 1, truth == 1) > 0.8
    tiled = used(model, other, tmp_path / "tiled", tile_shape_zyx=(1, 80, 84), grid_offset_zyx=(0, 3, 5))
    assert np.array_equal(tiled, found)


def test_a_forest_is_scikit_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grown: list[tuple[RandomForestClassifier, np.ndarray[Any, Any]]] = []

    class Watched(RandomForestClassifier):  # type: ignore[misc]
        def fit(self, features: np.ndarray[Any, Any], targets: np.ndarray[Any, Any]) -> "Watched":
            grown.append((self, features))
            super().fit(features, targets)
            return self

    monkeypatch.setattr(growing, "RandomForestClassifier", Watched)
    image, discs = blobs(4, 64)
    model = trained(request_for(image, discs, settings=FOREST), tmp_path)
    theirs, features = grown[0]
    forest = Forest(growing.ForestConfig.from_dict(model.record["network"]))
    forest.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in model.weights.items()})
    ours = forest._mean_shares(torch.from_numpy(features), *forest._tables()).numpy()
    assert np.allclose(ours, theirs.predict_proba(features), atol=1e-5)
    assert ours.min() < _LEAST_SHARE  # some pixels are clear


def test_the_same_seed_grows_the_same_forest(tmp_path: Path) -> None:
    image, discs = blobs(4, 64)
    one, same, other = (
        trained(request_for(image, discs, settings=FOREST, seed=seed), tmp_path / str(number))
        for number, seed in enumerate((0, 0, 1))
    )
    assert all(np.array_equal(one.weights[name], same.weights[name]) for name in one.weights)
    assert one.weights["threshold"].shape != other.weights["threshold"].shape or not np.array_equal(
        one.weights["threshold"], other.weights["threshold"]
    )


def test_a_forest_learns_masks_that_overlap(tmp_path: Path) -> None:
    image, discs = blobs(5, 96)
    around = maximum_filter(discs, (1, 9, 9))
    image = (image - 40.0 * (around & ~discs)).clip(1, 255).astype(np.uint8)
    model = trained(
        request_for(image, np.stack([discs, around]), target="masks", settings=FOREST, validation_z=(4, 5)),
        tmp_path,
    )
    found = used(model, image, tmp_path)
    assert dice(found[0] == 255, discs == 1) > 0.8
    assert dice(found[1] == 255, around == 1) > 0.8


def test_a_few_strokes_are_enough(tmp_path: Path) -> None:
    image, discs = blobs(1, 96)
    strokes = np.zeros_like(discs)
    strokes[0, 40:44] = discs[0, 40:44] + 1  # 1 is background, 2 a disc, everything else unknown
    strokes[0, :, 20:24] = discs[0, :, 20:24] + 1
    from cristae.volumes import LabelClass

    classes = [LabelClass(1, "background"), LabelClass(2, "disc")]
    model = trained(request_for(image, strokes, unknown=0, classes=classes, settings=FOREST), tmp_path)
    assert dice(used(model, image, tmp_path)[0] == 1, discs == 1) > 0.7


@pytest.mark.parametrize("more", [{"dimensions": "3"}, {"downsample_zyx": "1,2,2"}])
def test_what_a_forest_cannot_do_is_refused(more: dict[str, str]) -> None:
    image, discs = blobs(4, 64)
    with pytest.raises(InvalidInput, match="learner=network"):
        plan_of(request_for(image, discs, settings=FOREST | more), "cpu")


def test_a_forest_stops_growing_when_asked(tmp_path: Path) -> None:
    image, discs = blobs(4, 64)
    request = request_for(image, discs, settings=FOREST)
    with pytest.raises(Cancelled):
        train(request, plan_of(request, "cpu"), folder=tmp_path, should_stop=lambda: True, device="cpu")


def test_a_forest_says_how_good_it_is_on_the_part_held_out(tmp_path: Path) -> None:
    image, discs = blobs(6, 96)
    events: list[Event] = []
    model = trained(request_for(image, discs, settings=FOREST, validation_z=(5, 6)), tmp_path, events.append)
    told = f"Dice {model.record['metrics']['dice']:.3f} on the part held out"
    assert [e.detail for e in events if isinstance(e, Progress)][-1] == told
    assert [point["dice"] for point in model.record["history"]] == [model.record["metrics"]["dice"]]
    assert model.preview == (tmp_path / "preview.png").read_bytes()


def test_a_forest_that_is_not_validated_is_not_spoken_of_as_a_network(tmp_path: Path) -> None:
    image, discs = blobs(4, 64)
    events: list[Event] = []
    model = trained(request_for(image, discs, settings=FOREST | {"validation": "0"}), tmp_path, events.append)
    (told,) = [e.sentence for e in events if isinstance(e, Note) and e.is_warning]
    assert "not validated" in told
    assert "weights" not in told
    assert "end early" not in told
    assert model.record["history"] == []
