"""Objects of unknown voxel size are found with the proportions that they were learned with."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cristae.errors import Cancelled, CorruptData
from cristae.events import Event, Note, Progress
from cristae.labels import boundary_classes
from cristae.labels.objects import objects_from
from cristae.models import ModelLibrary, ModelPackage
from cristae.models.record import check_record
from cristae.prediction import Predictor, instances, load_predictor, predict, predict_objects
from cristae.prediction.affinity_decoding import Affinities
from cristae.prediction.answers import ANSWERS
from cristae.prediction.decoding import own_hands
from cristae.training import Budget, TrainingRequest, inspect_and_plan, train
from cristae.training.pairs import estimated_size
from cristae.volumes import ArrayImage, StoredVolume, VolumeWriter, VoxelSize

SHAPE = (12, 48, 48)
ESTIMATE = "estimated_proportions_zyx"


def drifting_cells(size: VoxelSize | None = None) -> tuple[ArrayImage, ArrayImage]:
    """Cells with walls that drift by some voxels from one coarse section to the next."""
    random = np.random.default_rng(0)
    z, y, x = np.indices(SHAPE)
    y, x = y + np.rint(3 * np.cumsum(random.normal(size=12)))[z], x + np.rint(4 * np.sin(z))
    ids = (1 + (y // 12 % 8) * 8 + x // 12 % 8).astype(np.uint8)
    wall = np.isin(boundary_classes(ids, VoxelSize(50, 5, 5)), 2)
    image = (180 - 110 * wall + random.normal(0, 25, SHAPE)).clip(1, 255).astype(np.uint8)
    return ArrayImage(image, size), ArrayImage(ids, size)


def request_for(
    size: VoxelSize | None = None, *, steps: int = 40, target: Any = "instances", **more: str
) -> TrainingRequest:
    settings = {"dimensions": "2", "patch_zyx": "1,32,32", "batch": "4", "features": "4", "levels": "2"}
    settings |= {"precision": "float32", "validation": "0.3"}
    if target == "instances" and not more:
        settings["merge_below"] = "0.3"
    return TrainingRequest(
        [drifting_cells(size)], "m", target=target, budget=Budget(steps=steps), settings=settings | more
    )


@dataclass
class Trained:
    """A model, and what became of it."""

    proportions: VoxelSize
    sentences: tuple[str, ...]
    package: ModelPackage
    older: ModelPackage
    """The same without the proportions, as it was written before."""


def trained(request: TrainingRequest, folder: Path) -> Trained:
    plan = inspect_and_plan(request, "cpu")
    model = train(request, plan, folder=folder / "checkpoints", device="cpu")
    older = {name: value for name, value in model.record.items() if name != ESTIMATE}
    packages = [
        ModelLibrary(folder / name).add(record, model.weights)
        for name, record in (("new", model.record), ("old", older))
    ]
    return Trained(estimated_size(request), plan.sentences, *packages)


@pytest.fixture(scope="module")
def coarse(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(request_for(), tmp_path_factory.mktemp("coarse"))


def by_hand(package: ModelPackage, image: ArrayImage, size: VoxelSize | None) -> NDArray[np.uint32]:
    """Return the objects in what the network says, with the limit of the model."""
    answers = instances.InMemory((3, *SHAPE))
    predict(load_predictor(package, "cpu", engine="torch"), image, answers, kind="probabilities")
    said = answers.voxels / np.float32(255)
    return objects_from(said[1], said[2], size, package.record["decoder"]["merge_below"])


def are_the_same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Tell whether two images show the same objects, whatever their numbers."""
    pairs = len(np.unique(np.stack([one, other]).reshape(2, -1), axis=1).T)
    return pairs == len(np.unique(one)) == len(np.unique(other))


def found_by(package: ModelPackage, image: ArrayImage, **choices: Any) -> NDArray[np.uint32]:
    return predict_objects(load_predictor(package, "cpu", engine="torch"), image, **choices)


class AsIfElsewhere:
    """Helpers that work here, and get what another process would be sent."""

    at_once = 1

    def __init__(self, package: ModelPackage, image: ArrayImage) -> None:
        self.predicted = 0
        self._predictor: Predictor = load_predictor(package, "cpu", engine="torch")
        self._image = image

    def predict(
        self, kind: Any, writer: VolumeWriter, folder: Path, on_event: Callable[[Event], None]
    ) -> None:
        self.predicted += 1
        predict(self._predictor, self._image, writer, kind=kind)

    def hands[Unit, Result](
        self, function: Callable[[Unit], Result], units: Sequence[tuple[int, Unit]]
    ) -> Iterator[tuple[int, Result]]:
        yield from own_hands(lambda: False)(pickle.loads(pickle.dumps(function)), units)  # noqa: S301


def test_the_plan_says_how_boundaries_are_drawn_and_the_record_keeps_it(coarse: Trained) -> None:
    assert coarse.proportions.z_nm > 3, "coarse enough to draw within sections"
    told = next(said for said in coarse.sentences if "the interior of objects" in said)
    assert "boundary (within sections only, as these are coarse)." in told
    assert coarse.package.record[ESTIMATE] == list(coarse.proportions.zyx_nm)
    assert coarse.package.record["voxel_size_nm"] is None, "an estimate is no length"
    assert coarse.package.record["display_unit"] == ""


def test_objects_are_found_with_the_proportions_that_they_were_learned_with(coarse: Trained) -> None:
    image, _ = drifting_cells()
    expected = by_hand(coarse.package, image, coarse.proportions)
    assert expected.max() > 5
    assert not are_the_same(expected, by_hand(coarse.package, image, None)), "it matters here"
    assert are_the_same(found_by(coarse.package, image), expected)


def test_an_older_model_predicts_as_before(coarse: Trained) -> None:
    image, _ = drifting_cells()
    assert ESTIMATE not in coarse.older.record
    assert are_the_same(found_by(coarse.older, image), by_hand(coarse.older, image, None))


def test_the_voxel_size_of_an_image_counts_more_than_an_estimate(coarse: Trained) -> None:
    size = VoxelSize(10, 10, 10)
    image, _ = drifting_cells(size)
    assert are_the_same(found_by(coarse.package, image), by_hand(coarse.package, image, size))


def test_an_image_without_a_voxel_size_is_taken_for_one_of_the_model_s(tmp_path: Path) -> None:
    size = VoxelSize(50, 5, 5)
    package = trained(request_for(size), tmp_path).package
    image, _ = drifting_cells()
    said: list[Event] = []
    expected = by_hand(package, image, size)
    assert not are_the_same(expected, by_hand(package, image, None)), "it matters here"
    assert are_the_same(found_by(package, image, on_event=said.append), expected)
    warned = [event.sentence for event in said if isinstance(event, Note) and event.is_warning]
    assert any("taken for that of the model, 50 x 5 x 5 nm" in sentence for sentence in warned)


def test_several_processes_find_the_same_and_go_on_with_no_search_of_another_kind(
    coarse: Trained, tmp_path: Path
) -> None:
    image, _ = drifting_cells()

    def stop(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "Finding objects":
            raise Cancelled("The prediction was cancelled.")

    def searched(package: ModelPackage, on_event: Callable[[Event], None]) -> tuple[NDArray[np.uint32], int]:
        helpers = AsIfElsewhere(package, image)
        found = found_by(
            package, image, helpers=helpers, scratch=tmp_path / "kept", source="it", on_event=on_event
        )
        return found, helpers.predicted

    with pytest.raises(Cancelled):
        searched(coarse.older, stop)
    found, predicted = searched(coarse.package, lambda event: None)
    assert predicted == 1, "what another decoder waited for does not count"
    assert are_the_same(found, by_hand(coarse.package, image, coarse.proportions))
    again, predicted = searched(coarse.package, lambda event: None)
    assert predicted == 0
    assert np.array_equal(again, found)
    assert StoredVolume(tmp_path / "kept" / ANSWERS).voxel_size is None, "an estimate is written nowhere"


def test_the_decoder_of_affinities_gets_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[VoxelSize | None] = []

    def seen(offsets: Any, size: VoxelSize | None) -> Affinities:
        used.append(size)
        return Affinities(offsets, size)

    monkeypatch.setattr(instances, "Affinities", seen)
    model = trained(request_for(steps=1, objects="affinities"), tmp_path)
    for package in (model.package, model.older):
        found_by(package, drifting_cells()[0])
    assert used == [model.proportions, None]


@pytest.mark.parametrize(("size", "target"), [(VoxelSize(50, 5, 5), "instances"), (None, "classes")])
def test_where_nothing_was_estimated_for_objects_the_record_has_no_estimate(
    size: VoxelSize | None, target: str, tmp_path: Path
) -> None:
    assert ESTIMATE not in trained(request_for(size, steps=1, target=target), tmp_path).package.record


def test_a_record_with_proportions_that_no_voxel_has_is_not_believed(coarse: Trained) -> None:
    for wrong in (None, [8.0], [8.0, 1.0, "1"], [0.0, 1.0, 1.0], [1e300, 1.0, 1.0], "8,1,1"):
        with pytest.raises(CorruptData, match=ESTIMATE):
            check_record({**coarse.package.record, ESTIMATE: wrong})
