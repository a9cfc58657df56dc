"""Every kind of network learns one small image by heart, for every target, and the same from one seed.

Forests are in test_growing.py.
"""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cristae import extensions
from cristae.geometry import Box
from cristae.labels import UNKNOWN, boundary_classes
from cristae.models import ModelLibrary
from cristae.prediction import form_of, load_predictor, predict
from cristae.prediction.instances import InMemory
from cristae.training import Budget, TrainedModel, TrainingRequest, inspect_and_plan, train
from cristae.training.pairs import read_pairs
from cristae.volumes import ArrayImage, VoxelSize

SIZE = VoxelSize(5, 5, 5)
SEEN = {
    "2D": {"dimensions": "2", "context": "0", "patch_zyx": "1,16,16", "batch": "8"},
    "2.5D": {"dimensions": "2", "context": "1", "patch_zyx": "1,16,16", "batch": "8"},
    "3D": {"dimensions": "3", "patch_zyx": "8,16,16", "batch": "2"},
}
LEARNED = [
    *(("network", seen) for seen in SEEN),
    ("deep network", "2.5D"),
    ("added network", "2D"),
    ("added network", "3D"),
]
EVERY_NETWORK = pytest.mark.parametrize(("learner", "seen"), LEARNED)
EVERY_TARGET = pytest.mark.parametrize("target", ["classes", "masks", "instances"])


def data_for(target: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image, (z, y, x), and its labels: (z, y, x), or (masks, z, y, x)."""
    ids = np.zeros((8, 16, 16), np.uint8)
    corners = [(z, y, x) for z in (0, 4) for y in (2, 8) for x in (2, 8)]
    for number, (z, y, x) in enumerate(corners, 1):
        ids[z : z + 4, y : y + 6, x : x + 6] = number  # objects that touch
    odd, inner = ids % 2 == 1, np.zeros(ids.shape, bool)
    inner[:, 4:6] = inner[:, 10:12] = True
    inner &= ids > 0
    seen = {"classes": odd, "masks": inner, "instances": boundary_classes(ids, SIZE) == 2}[target]
    labels = {"classes": (ids > 0) + odd.astype(np.uint8), "masks": np.stack([ids > 0, inner])}
    noise = np.random.default_rng(0).normal(0, 8, ids.shape)
    image = 60 + 60.0 * (ids > 0) + 60 * seen + noise
    return image.clip(1, 255).astype(np.uint8), labels.get(target, ids).astype(np.uint8)


def request_for(target: str, learner: str, seen: str, steps: int, seed: int = 0) -> TrainingRequest:
    image, labels = data_for(target)
    settings = {"validation": "0", **SEEN[seen]}
    settings |= {"features": "8", "levels": "2", "learning_rate": "0.02", "downsample_zyx": "1,1,1"}
    settings |= {"augmentation": "0", "precision": "float32", "rare_share": "0"}
    if learner == "deep network":
        settings |= {"levels": "3", "deep_supervision": "on"}
    if learner == "added network":
        settings |= {"learner": "convolutions"}
    pair = (ArrayImage(image, SIZE), ArrayImage(labels, SIZE))
    return TrainingRequest(
        [pair], "m", target=target, budget=Budget(steps=steps), settings=settings, seed=seed,  # type: ignore[arg-type]
    )  # fmt: skip


def trained(request: TrainingRequest, folder: Path) -> TrainedModel:
    return train(request, inspect_and_plan(request, "cpu"), folder=folder, device="cpu")


@pytest.fixture(autouse=True)
def _an_added_network(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch import nn

    class Convolutions(nn.Sequential):
        def __init__(self, dims: int, in_channels: int, features: int, levels: int) -> None:
            convolution, norm = (nn.Conv2d, nn.BatchNorm2d) if dims == 2 else (nn.Conv3d, nn.BatchNorm3d)
            layers: list[nn.Module] = []
            for channels in (in_channels, *[features] * levels):
                layers += [convolution(channels, features, 3, padding=1), norm(features), nn.ReLU()]
            super().__init__(*layers)
            reach = levels + 1
            self.maps, self.stride_zyx = features, (1, 1, 1)
            self.halo_zyx = (0 if dims == 2 else reach, reach, reach)

    monkeypatch.setattr(extensions, "_registry", extensions._Registry())
    extensions.register_network("convolutions", Convolutions)


def overlaps(model: TrainedModel, request: TrainingRequest, folder: Path) -> list[float]:
    """Dice of each class, each mask, or of interior and boundary, predicted where it was trained."""
    image, labels = request.pairs[0]
    target = str(model.record["target"])
    predictor = load_predictor(ModelLibrary(folder / "models").add(model.record, model.weights), "cpu")
    output = InMemory((form_of(model.record, "labels").channels, *image.shape_czyx[1:]))
    predict(predictor, image, output)
    whole = Box.of_shape(image.shape_czyx[1:])
    if target == "masks":
        pairs = list(zip(output.voxels > 0, labels.read(whole) > 0, strict=True))
    else:
        truth = read_pairs(request)[0].targets(whole)
        known = truth != UNKNOWN
        pairs = [((output.voxels[0] == number) & known, truth == number) for number in (1, 2)]
    return [float(2 * (ours & theirs).sum() / (ours.sum() + theirs.sum())) for ours, theirs in pairs]


@EVERY_NETWORK
@EVERY_TARGET
def test_one_patch_is_learned_by_heart(target: str, learner: str, seen: str, tmp_path: Path) -> None:
    request = request_for(target, learner, seen, steps=80)
    found = overlaps(trained(request, tmp_path), request, tmp_path)
    assert min(found) >= 0.99, found


@EVERY_NETWORK
@EVERY_TARGET
def test_the_same_seed_gives_the_same_weights(target: str, learner: str, seen: str, tmp_path: Path) -> None:
    one, same, other = (
        trained(request_for(target, learner, seen, steps=2, seed=seed), tmp_path / str(number)).weights
        for number, seed in enumerate((0, 0, 1))
    )
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert any(not np.array_equal(one[name], other[name]) for name in one)
