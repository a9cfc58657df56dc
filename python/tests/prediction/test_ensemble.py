"""Several models that answer as one, against the answers of each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cristae.errors import Cancelled, InvalidInput
from cristae.events import Event, Note
from cristae.prediction import Ensemble, form_of, load_models, load_predictor, predict, predict_objects
from cristae.prediction.instances import InMemory
from cristae.volumes import ArrayImage

Make = Callable[..., Any]


def predicted(models: Any, voxels: NDArray[np.generic], **choices: Any) -> NDArray[np.uint8]:
    record = models[0].record if isinstance(models, list) else models.record
    image = ArrayImage(voxels)
    output = InMemory((form_of(record, choices.get("kind", "labels")).channels, *image.shape_czyx[1:]))
    predict(models, image, output, **choices)
    return output.voxels


@pytest.fixture(params=["volume", "sections"])
def models(request: pytest.FixtureRequest, random_model: Make) -> list[Any]:
    """Three models that differ in their last layer; of the sections, one sees other grey values too."""
    made = []
    for number in range(3):
        common = {"channels": 1, "working_voxel": {"downsample_zyx": [1, 1, 1]}}
        model = random_model(request.param, weights_sha256=str(number), **common)
        random = np.random.default_rng(number)
        head = model.weights()["head.weight"]
        model.weights()["head.weight"] = head + random.normal(0, 2, head.shape).astype(np.float32)
        model.digest = str(number) * 64
        model.name = f"m{number}"
        made.append(model)
    if request.param == "sections":
        preprocessing = made[1].record["preprocessing"]
        made[1].record["preprocessing"] = {**preprocessing, "normalisation": "image"}
    return made


def each(models: list[Any], tissue: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The probabilities of each model by itself, (models, classes, z, y, x)."""
    return np.stack([predicted(model, tissue, kind="probabilities") for model in models]) / 255


def test_the_mean_is_that_of_the_probabilities_and_uncertainty_is_its_entropy(
    models: list[Any], tissue: NDArray[np.uint8]
) -> None:
    alone = each(models, tissue)
    assert np.abs(alone[0] - alone[1]).max() > 0.2  # they do not all say the same
    mean = alone.mean(axis=0)
    together = predicted(models, tissue, kind="probabilities")
    assert np.abs(together - 255 * mean).max() < 1.01  # both were rounded
    entropy = -(mean * np.log(mean.clip(1e-9))).sum(axis=0) / np.log(3)
    for combine in ("mean", "vote"):
        unsure = predicted(models, tissue, kind="uncertainty", combine=combine)
        assert np.abs(unsure[0] - 255 * entropy).max() < 4  # the rounding weighs where shares are small
    labels = predicted(models, tissue)
    clear = np.sort(mean, axis=0)[-1] - np.sort(mean, axis=0)[-2] > 0.01
    assert np.array_equal(labels[0][clear], mean.argmax(axis=0)[clear])


def test_median_and_vote_are_what_numpy_says(models: list[Any], tissue: NDArray[np.uint8]) -> None:
    alone = each(models, tissue)
    median = np.median(alone, axis=0)
    together = predicted(models, tissue, kind="probabilities", combine="median")
    usual = median.sum(axis=0) > 0.8  # else the rounding to bytes weighs more
    assert usual.mean() > 0.9
    assert np.abs(together - 255 * median / median.sum(axis=0))[:, usual].max() < 1.6
    votes = np.stack([(alone.argmax(axis=1) == number).mean(axis=0) for number in range(3)])
    counted = predicted(models, tissue, kind="probabilities", combine="vote")
    margin = np.sort(alone, axis=1)
    clear = (margin[:, -1] - margin[:, -2] > 0.01).all(axis=0)
    assert np.abs(counted - 255 * votes)[:, clear].max() < 0.51
    labels = predicted(models, tissue, combine="vote")
    won = clear & (votes.max(axis=0) > 0.5)
    assert np.array_equal(labels[0][won], votes.argmax(axis=0)[won])
    mean = np.sort(alone.mean(axis=0), axis=0)
    tied = clear & (votes.max(axis=0) < 0.5) & (mean[-1] - mean[-2] > 0.01)
    assert tied.any()
    assert np.array_equal(labels[0][tied], alone.mean(axis=0).argmax(axis=0)[tied])


def test_masks_are_combined_each_by_itself(models: list[Any], tissue: NDArray[np.uint8]) -> None:
    for model in models:
        model.record["target"] = "masks"
    alone = each(models, tissue)
    votes = (alone > 0.5).mean(axis=0)
    clear = (np.abs(alone - 0.5) > 0.01).all(axis=0)
    labels = predicted(models, tissue, combine="vote")
    assert np.array_equal(labels[clear] == 255, votes[clear] > 0.5)
    assert set(np.unique(labels)) == {0, 255}
    median = predicted(models, tissue, kind="probabilities", combine="median")
    assert np.abs(median - 255 * np.median(alone, axis=0)).max() < 0.51
    mean = alone.mean(axis=0).clip(1e-9, 1 - 1e-9)
    entropy = -(mean * np.log2(mean) + (1 - mean) * np.log2(1 - mean))
    assert np.abs(predicted(models, tissue, kind="uncertainty") - 255 * entropy).max() < 4


def test_what_an_ensemble_says_does_not_depend_on_the_tiles(
    models: list[Any], tissue: NDArray[np.uint8]
) -> None:
    whole = predicted(models, tissue)
    tiled = predicted(models, tissue, tile_shape_zyx=(8, 48, 64), grid_offset_zyx=(2, 8, 16))
    assert np.array_equal(whole, tiled)


def test_one_model_in_a_list_is_that_model(models: list[Any], tissue: NDArray[np.uint8]) -> None:
    assert np.array_equal(predicted(models[:1], tissue), predicted(models[0], tissue))
    with pytest.raises(InvalidInput, match="'m0' is given twice"):
        load_models([models[0], models[0]], "cpu")


def test_an_ensemble_goes_on_only_from_tiles_of_the_same_models(
    models: list[Any], tissue: NDArray[np.uint8], tmp_path: Path
) -> None:
    whole = predicted(models, tissue)
    output = InMemory((1, *tissue.shape))
    given: dict[str, Any] = {"tile_shape_zyx": (8, 48, 48), "ledger": tmp_path / "tiles.jsonl"}
    asked = iter(range(100))
    with pytest.raises(Cancelled):
        predict(models, ArrayImage(tissue), output, should_stop=lambda: next(asked) >= 2, **given)
    output.resumed = True
    notes: list[Event] = []
    predict(models, ArrayImage(tissue), output, on_event=notes.append, **given)
    assert any(isinstance(n, Note) and "were finished before" in n.sentence for n in notes)
    assert np.array_equal(output.voxels, whole)
    for others in (models[:2], models[::-1]):
        notes.clear()
        predict(others, ArrayImage(tissue), output, on_event=notes.append, **given)
        assert not any(isinstance(n, Note) and "were finished before" in n.sentence for n in notes)


def test_objects_are_found_in_the_mean(models: list[Any], tissue: NDArray[np.uint8]) -> None:
    together = load_models(models, "cpu")
    assert isinstance(together, Ensemble)
    found = predict_objects(together, ArrayImage(tissue))
    assert found.shape == tissue.shape
    assert found.max() > 1
    assert not np.array_equal(found, predict_objects(load_predictor(models[0], "cpu"), ArrayImage(tissue)))
