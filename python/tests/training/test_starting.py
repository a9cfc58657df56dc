"""Going on from a model: what is taken over, what is new, what does not go together."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from python.tests.training.test_training import blobs

from cristae.errors import CorruptData, InvalidInput
from cristae.events import Event, PlanMade
from cristae.geometry import Box
from cristae.models import ModelLibrary, ModelPackage
from cristae.networks import Frame, UNet, UNetConfig, total_stride
from cristae.prediction import load_predictor
from cristae.training import Budget, TrainedModel, TrainingRequest, inspect_and_plan, train
from cristae.training.first_weights import first_network, frozen, set_to_train
from cristae.training.starting import matching_rows, refuse_unfit
from cristae.volumes import ArrayImage, LabelClass, VoxelSize

SMALL = {"features": "4", "levels": "2", "batch": "2", "patch_zyx": "1,32,32", "downsample_zyx": "1,1,1"}
SERIAL = VoxelSize(50, 5, 5)
DISC, RING = LabelClass(1, "disc"), LabelClass(2, "ring")


def request_for(
    image: NDArray[np.generic],
    labels: NDArray[np.generic],
    size: VoxelSize | None = SERIAL,
    **choices: Any,
) -> TrainingRequest:
    given: dict[str, Any] = {"model_name": "next", "budget": Budget(steps=3), "settings": {}}
    return TrainingRequest([(ArrayImage(image, size), ArrayImage(labels, size))], **{**given, **choices})


def trained(request: TrainingRequest, folder: Path, on_event: Any = lambda event: None) -> TrainedModel:
    return train(request, inspect_and_plan(request, "cpu"), folder=folder, on_event=on_event, device="cpu")


def base_of(folder: Path, *, settings: dict[str, str] | None = None, **choices: Any) -> ModelPackage:
    """A model of discs in a library."""
    image, mask = blobs(4, 40)
    given = {"model_name": "base", "budget": Budget(steps=6), "classes": [DISC]} | choices
    request = request_for(image, mask, settings=SMALL | (settings or {}), **given)
    model = trained(request, folder / "first")
    return ModelLibrary(folder / "models").add(model.record, model.weights)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    return base_of(tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize("settings", [{}, {"normalisation": "training", "downsample_zyx": "1,2,2"}])
def test_before_its_first_step_the_network_answers_as_the_model_it_goes_on_from(
    settings: dict[str, str], tmp_path: Path
) -> None:
    base = base_of(tmp_path, settings=settings)
    image, mask = blobs(4, 40, seed=3)
    bright = (image // 2 + 100).astype(np.uint8)  # other statistics than those of the base
    plan = inspect_and_plan(request_for(bright, mask, start_from=base, classes=[DISC]), "cpu")
    assert isinstance(plan.network, UNetConfig)
    network = first_network(plan.network, 7, base, ["disc"]).eval()
    frame = Frame(ArrayImage(bright, SERIAL), plan.preprocessing, total_stride(plan.network))
    whole = Box.of_shape(frame.padded_shape_zyx)
    with torch.inference_mode():
        ours = torch.softmax(network(torch.from_numpy(frame.read(whole))), 1)[:, :, :40, :40]
    predictor = load_predictor(base, "cpu")
    theirs_frame = Frame(ArrayImage(bright, SERIAL), predictor.preprocessing, predictor.stride_zyx)
    theirs = predictor.predict(theirs_frame.read(whole), "probabilities", Box.of_shape(bright.shape))
    assert np.abs(ours.numpy().swapaxes(0, 1) * 255 - theirs).max() < 0.51  # rounded to bytes
    assert theirs.std() > 1  # it does see something


def test_a_class_is_known_again_by_its_name_wherever_it_stands(base: ModelPackage) -> None:
    image, mask = blobs(4, 40)
    two = mask * np.uint8(2)
    two[:, :10] = 1
    request = request_for(image, two, start_from=base, classes=[LabelClass(1, "er"), LabelClass(2, "disc")])
    plan = inspect_and_plan(request, "cpu")
    assert plan.sentences[0].startswith("The training goes on from the model 'base'")
    assert plan.sentences[1] == "Its last layer is new for er, which 'base' does not know."
    assert isinstance(plan.network, UNetConfig)
    ours = first_network(plan.network, 0, base, ["er", "disc"]).state_dict()
    theirs = base.weights()
    for name in ("head.weight", "head.bias"):
        assert np.array_equal(ours[name][[0, 2]], theirs[name])
        assert not np.isin(ours[name][1].numpy(), theirs[name]).any()
    assert np.array_equal(ours["encoder.1.first.0.weight"], theirs["encoder.1.first.0.weight"])


def test_rows_of_a_finer_answer_are_the_mean_of_the_models(tmp_path: Path) -> None:
    base = base_of(tmp_path, settings={"downsample_zyx": "1,2,2"})  # 4 answers a voxel and class
    image, mask = blobs(4, 40)
    plan = inspect_and_plan(
        request_for(image, mask, VoxelSize(50, 10, 10), start_from=base, classes=[DISC]), "cpu"
    )
    assert plan.choices.downsample_zyx == (1, 1, 1)  # so that the network sees voxels of 10 nm, as before
    assert isinstance(plan.network, UNetConfig)
    ours = first_network(plan.network, 0, base, ["disc"]).state_dict()["head.bias"]
    assert ours.tolist() == pytest.approx(base.weights()["head.bias"].reshape(2, 4).mean(1).tolist())


@pytest.mark.parametrize(
    ("nm", "downsample", "said"),
    [(5.0, 1, False), (2.5, 2, False), (7.0, 1, True), (1.6, 3, False)],
)
def test_the_network_goes_on_to_see_voxels_as_large_as_before(
    base: ModelPackage, nm: float, downsample: int, said: bool
) -> None:
    image, mask = blobs(4, 40)
    plan = inspect_and_plan(request_for(image, mask, VoxelSize(50, nm, nm), start_from=base), "cpu")
    assert plan.choices.downsample_zyx == (1, downsample, downsample)
    assert any("Objects look 0.71 times as large" in sentence for sentence in plan.sentences) == said


def test_network_normalisation_and_statistics_are_those_of_the_model(tmp_path: Path) -> None:
    base = base_of(tmp_path, settings={"normalisation": "training", "features": "6", "levels": "3"})
    image, mask = blobs(20, 40)
    isotropic = VoxelSize(5, 5, 5)  # would be 3D from scratch
    plan = inspect_and_plan(request_for(image // 2, mask, isotropic, start_from=base), "cpu")
    assert plan.network.to_dict() == base.record["network"]
    assert plan.preprocessing.to_dict() == base.record["preprocessing"]
    assert plan.choices.learning_rate == 5e-4
    faster = request_for(image, mask, start_from=base, settings={"learning_rate": "0.01"})
    assert inspect_and_plan(faster, "cpu").choices.learning_rate == 0.01


def test_a_frozen_encoder_and_its_statistics_stay_to_the_bit(base: ModelPackage, tmp_path: Path) -> None:
    image, mask = blobs(4, 40, seed=5)
    request = request_for(image, mask, start_from=base, settings={"freeze": "encoder", "batch": "2"})
    before, after = base.weights(), trained(request, tmp_path).weights
    encoder = [name for name in before if name.startswith("encoder.")]
    assert any("running_mean" in name for name in encoder)
    assert all(np.array_equal(before[name], after[name]) for name in encoder)
    assert not np.array_equal(before["decoder.0.0.weight"], after["decoder.0.0.weight"])
    assert not np.array_equal(before["decoder.0.1.running_mean"], after["decoder.0.1.running_mean"])
    thawed = trained(request_for(image, mask, start_from=base), tmp_path / "thawed").weights
    assert not np.array_equal(
        before["encoder.0.first.1.running_mean"], thawed["encoder.0.first.1.running_mean"]
    )


def test_nothing_is_frozen_without_a_model_to_start_from() -> None:
    image, mask = blobs(4, 40)
    with pytest.raises(InvalidInput, match="name the model to start from"):
        inspect_and_plan(request_for(image, mask, settings={"freeze": "encoder"}), "cpu")


def test_a_model_remembers_where_it_came_from_and_the_older_one_stays(
    base: ModelPackage, tmp_path: Path
) -> None:
    image, mask = blobs(4, 40, seed=5)
    digest, told = base.digest, list[Event]()
    second = trained(request_for(image, mask, start_from=base, classes=[DISC]), tmp_path / "a", told.append)
    assert second.record["started_from"] == {"name": "base", "weights_sha256": digest, "earlier": []}
    assert any(isinstance(event, PlanMade) and "'base'" in event.sentences[0] for event in told)
    package = ModelLibrary(base.path.parent).add(second.record, second.weights)
    third = trained(request_for(image, mask, start_from=package, model_name="third"), tmp_path / "b")
    assert third.record["started_from"] == {
        "name": "next",
        "weights_sha256": package.digest,
        "earlier": [{"name": "base", "weights_sha256": digest}],
    }
    again = ModelLibrary(base.path.parent).get("base")
    assert again.record == base.record
    assert again.weights().keys() == base.weights().keys()  # read_weights compares the digest


def test_from_a_model_of_the_same_things_one_section_teaches_more_than_four_from_scratch(
    tmp_path: Path,
) -> None:
    base = base_of(tmp_path, budget=Budget(steps=60))
    image, labels = blobs(8, 40, seed=11)
    noise = np.random.default_rng(1).normal(0, 10, image.shape)
    other = (100 + 0.4 * image + noise).clip(1, 255).astype(np.uint8)  # fainter and noisier than the base's
    dice = []
    for choices in ({"z": (0, 1), "start_from": base}, {"z": (0, 4), "settings": SMALL}):
        request = request_for(
            other, labels, validation_z=(5, 8), classes=[DISC], budget=Budget(steps=15), **choices
        )
        dice.append(trained(request, tmp_path / str(len(dice))).record["metrics"]["dice"])
    assert dice[0] > dice[1] + 0.1


def test_what_does_not_go_together_is_refused_before_the_start(base: ModelPackage, tmp_path: Path) -> None:
    image, mask = blobs(9, 40)
    both = ArrayImage(np.stack([image, image]), SERIAL)
    two_channels = TrainingRequest([(both, ArrayImage(mask, SERIAL))], "m", start_from=base)
    with pytest.raises(InvalidInput, match="trained on images with 1 channel, these have 2 channels"):
        inspect_and_plan(two_channels, "cpu")
    for settings in ({"dimensions": "3"}, {"context": "0"}, {"levels": "5"}, {"features": "8"}):
        with pytest.raises(InvalidInput, match="The network comes from the model 'base', with"):
            inspect_and_plan(request_for(image, mask, start_from=base, settings=settings), "cpu")
    halves = mask * (1 + (np.arange(40) >= 20)).astype(np.uint8)
    with pytest.raises(InvalidInput, match="trained on classes, these labels are read as inst"):
        inspect_and_plan(request_for(image, halves, start_from=base, target="instances"), "cpu")
    with pytest.raises(
        InvalidInput, match=r"pretrain=0\.25 would overwrite what the model 'base' has learned"
    ):
        inspect_and_plan(request_for(image, mask, start_from=base, settings={"pretrain": "0.25"}), "cpu")
    inspect_and_plan(request_for(image, mask, start_from=base, settings={"pretrain": "0"}), "cpu")
    volumes = {**base.record, "network": {**base.record["network"], "dims": 3}}
    with pytest.raises(InvalidInput, match="works in 3D, and these images are single sections"):
        refuse_unfit("base", volumes, target="classes", channels=1, sections=1, settings={})
    forest = {**base.record, "network": {"kind": "forest"}}
    with pytest.raises(InvalidInput, match="random forest"):
        refuse_unfit("base", forest, target="classes", channels=1, sections=9, settings={})


def test_weights_that_do_not_fit_their_own_network_are_told(base: ModelPackage) -> None:
    class Damaged:
        name = "base"
        record = base.record

        def weights(self) -> dict[str, NDArray[Any]]:
            return {k: v for k, v in base.weights().items() if k != "encoder.0.first.0.weight"}

    config = UNetConfig.from_dict(base.record["network"])
    with pytest.raises(CorruptData, match="do not fit its own network"):
        first_network(config, 0, Damaged(), ["disc"])


@pytest.mark.parametrize(
    ("theirs", "ours", "rows"),
    [
        (["a", "b"], ["b", "a"], [1, 0]),
        (["a"], ["a", "b"], [0, None]),
        (["class 1", "class 2"], ["a", "class 2"], [0, 1]),
        (["a", "b"], ["class 1", "class 2", "class 3"], [0, 1, None]),
        (["a", "b"], ["b", "class 2"], [1, None]),  # number 2 is taken already
        ([], ["a"], [None]),
    ],
)
def test_classes_are_matched_by_name_else_by_number_where_one_has_no_name(
    theirs: list[str], ours: list[str], rows: list[int | None]
) -> None:
    assert matching_rows(theirs, ours) == rows


def test_all_blocks_of_an_encoder_are_frozen_with_it() -> None:
    network = UNet(UNetConfig(2, 1, 2, (2, 4), ((1, 3, 3),) * 2, ((1, 2, 2),), blocks=2))
    frozen(network, "encoder")
    set_to_train(network, "encoder")
    still = {name.split(".")[0] for name, weights in network.named_parameters() if weights.requires_grad}
    assert still == {"up", "decoder", "head"}
    assert {name for name, part in network.named_children() if part.training} == still
