"""The maps of layers against convolutions computed otherwise, and of parts against the whole."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import correlate

from cristae.errors import Cancelled, InvalidInput, OutOfMemory
from cristae.events import Note, Progress
from cristae.geometry import Box
from cristae.networks import Frame, Preprocessing
from cristae.prediction import activations as room
from cristae.prediction import load_predictor
from cristae.prediction.activations import Activations
from cristae.prediction.instances import InMemory
from cristae.prediction.resampling import ResampledImage
from cristae.volumes import ArrayImage, VoxelSize

type Models = Callable[..., Any]


def maps_of(seen: Activations, name: str, region: Box) -> NDArray[np.float32]:
    layer = seen.layer(name)
    shape = (layer.maps, *seen.box(layer, region).shape)
    output = InMemory(shape)
    maps = np.full(shape, np.nan, np.float32)
    output.voxels = maps  # type: ignore[assignment]
    seen.write(layer, region, output)
    assert np.isfinite(maps).all()
    return maps


def convolved(given: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float64]:
    """(c, z, y, x) with (maps, c, z, y, x), zero outside."""
    return np.stack(
        [
            sum(
                correlate(channel.astype(float), weights.astype(float), mode="constant")
                for channel, weights in zip(given, one, strict=True)
            )
            for one in kernel
        ]
    )


@pytest.mark.parametrize("kind", ["volume", "sections"])
def test_the_first_layer_is_the_convolution_of_what_the_network_sees(
    random_model: Models, tissue: NDArray[np.uint8], kind: str
) -> None:
    model = random_model(kind)
    preprocessing = Preprocessing.from_dict(model.record["preprocessing"])
    frame = Frame(ArrayImage(tissue), preprocessing, load_predictor(model, "cpu").stride_zyx)
    prepared = frame.read(Box.of_shape(frame.padded_shape_zyx))
    kernel = model.weights()["encoder.0.first.0.weight"]
    if kind == "sections":
        prepared, kernel = prepared.swapaxes(0, 1)[None], kernel[:, :, None]
    expected = convolved(prepared[0], kernel)
    seen = Activations(model, ArrayImage(tissue), "cpu")
    found = maps_of(seen, "encoder.0.first.0", Box.of_shape(tissue.shape))
    z, y, x = found.shape[1:]
    assert (z, y, x) == tuple(
        -(-n // r) for n, r in zip(tissue.shape, preprocessing.downsample_zyx, strict=True)
    )
    assert np.allclose(found, expected[:, :z, :y, :x], atol=1e-4)
    weights = model.weights()
    normalised = maps_of(seen, "encoder.0.first.1", Box.of_shape(tissue.shape))
    mean, variance, scale, shift = (
        weights[f"encoder.0.first.1.{name}"][:, None, None, None]
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    by_hand = (found - mean) / np.sqrt(variance + 1e-5) * scale + shift
    assert np.allclose(normalised, by_hand, atol=1e-4)
    assert normalised.min() < -0.1  # the next layer cuts what is negative, and may not do so here
    assert np.array_equal(
        maps_of(seen, "encoder.0.first.2", Box.of_shape(tissue.shape)), np.maximum(normalised, 0)
    )


@pytest.mark.parametrize("kind", ["volume", "sections"])
def test_maps_of_a_part_made_in_pieces_are_those_of_the_whole(
    random_model: Models, tissue: NDArray[np.uint8], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Activations(random_model(kind), ArrayImage(tissue), "cpu")
    names = ["encoder.0", "encoder.1", "up.0", "decoder.0", "head"]
    whole = {name: maps_of(seen, name, Box.of_shape(tissue.shape)) for name in names}
    pieces: list[Box] = []
    observed = room._observed

    def counted(predictor: Any, prepared: Any, wanted: Any) -> Any:
        pieces.append(prepared.shape)
        return observed(predictor, prepared, wanted)

    monkeypatch.setattr(room, "_observed", counted)
    monkeypatch.setattr(room, "voxels_at_once", lambda config, device: 1)
    region = Box((5, 17, 33), (9, 66, 91))
    for name in names:
        layer = seen.layer(name)
        part = maps_of(seen, name, region)
        box = seen.box(layer, region)
        assert np.allclose(part, whole[name][(slice(None), *box.slices)], atol=1e-4), name
    assert len(pieces) > 2 * len(names)


def test_where_the_memory_does_not_suffice_smaller_pieces_go_on_from_what_is_written(
    random_model: Models, tissue: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Any] = []
    seen = Activations(random_model("volume"), ArrayImage(tissue), "cpu", events.append)
    region = Box.of_shape(tissue.shape)
    whole = maps_of(seen, "encoder.1", region)
    observed = room._observed
    largest = [2**62]
    ran: list[int] = []

    def with_little_memory(predictor: Any, prepared: Any, wanted: Any) -> Any:
        if prepared.size > largest[0]:
            raise torch.OutOfMemoryError
        ran.append(prepared.size)
        if len(ran) == 2:  # another program takes some of it
            largest[0] = prepared.size // 2
        return observed(predictor, prepared, wanted)

    monkeypatch.setattr(room, "_observed", with_little_memory)
    monkeypatch.setattr(room, "voxels_at_once", lambda config, device: 12_000)
    events.clear()
    assert np.allclose(maps_of(seen, "encoder.1", region), whole, atol=1e-4)
    assert any(
        "did not suffice; trying pieces of at most" in getattr(event, "sentence", "") for event in events
    )
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) == len(ran)  # no piece twice
    largest[0] = 0
    with pytest.raises(OutOfMemory, match="does not suffice for the smallest"):
        maps_of(seen, "encoder.1", region)


def test_an_end_that_is_asked_for_comes_before_the_next_piece(
    random_model: Models, tissue: NDArray[np.uint8]
) -> None:
    seen = Activations(random_model("volume"), ArrayImage(tissue), "cpu")
    layer, region = seen.layer("head"), Box.of_shape(tissue.shape)
    output = InMemory((layer.maps, *seen.box(layer, region).shape))
    with pytest.raises(Cancelled):
        seen.write(layer, region, output, lambda: True)


def test_grey_values_unlike_those_of_the_training_are_warned_of(
    random_model: Models, tissue: NDArray[np.uint8]
) -> None:
    events: list[Any] = []
    bright = ArrayImage(tissue.astype(np.uint16) * 200)
    seen = Activations(random_model("volume"), bright, "cpu", events.append)
    assert not any(isinstance(event, Note) and event.is_warning for event in events)  # nothing is read yet
    maps_of(seen, "head", Box((0, 0, 0), (1, 8, 8)))
    assert any(isinstance(event, Note) and "unlike those" in event.sentence for event in events)


@pytest.mark.parametrize("grid", ["of the image", "of the model"])
def test_voxels_of_the_part_that_are_no_numbers_are_counted_once_and_told(
    random_model: Models, tissue: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, grid: str
) -> None:
    monkeypatch.setattr(room, "voxels_at_once", lambda config, device: 1)
    voxels = tissue.astype(np.float32)
    voxels[2, 20, 30] = np.nan  # a corner of the part
    voxels[3, 40:43, 50] = np.inf
    voxels[2, 19, 30] = np.nan  # beside the part
    model = random_model("sections", voxel_size_nm=None if grid == "of the image" else [30.0, 8.0, 8.0])
    events: list[Any] = []
    seen = Activations(model, ArrayImage(voxels, VoxelSize(30, 4, 4, "nm")), "cpu", events.append)
    maps_of(seen, "encoder.1", Box((2, 20, 30), (4, 61, 71)))
    warnings = [event.sentence for event in events if isinstance(event, Note) and event.is_warning]
    assert [told for told in warnings if "no number" in told] == [
        "4 voxels of the image are no numbers (NaN or infinite), and taken for the mean grey value."
    ]


def test_layers_tell_their_maps_and_how_coarse_they_are(
    random_model: Models, tissue: NDArray[np.uint8]
) -> None:
    image = ArrayImage(tissue, VoxelSize(30, 4, 4, "nm"))
    seen = Activations(random_model("volume", voxel_size_nm=[30.0, 4.0, 4.0]), image, "cpu")
    layers = {layer.name: layer for layer in seen.layers}
    coarse = layers["encoder.1"]
    assert (coarse.kind, coarse.maps, coarse.reduction_zyx) == ("ResidualBlock", 6, (2, 4, 4))
    assert layers["encoder.0"].reduction_zyx == (1, 2, 2)
    assert seen.voxel_size(coarse) == VoxelSize(60, 16, 16, "nm")
    assert str(seen.box(coarse, Box((1, 3, 4), (2, 5, 91)))) == "[0:1, 0:2, 1:23]"
    names = [layer.name for layer in seen.layers]
    assert (
        names.index("encoder.0") < names.index("encoder.1") < names.index("decoder.0") < names.index("head")
    )


def test_an_image_of_other_voxels_is_seen_on_the_grid_of_the_model(
    random_model: Models, tissue: NDArray[np.uint8]
) -> None:
    model = random_model("sections", voxel_size_nm=[30.0, 8.0, 8.0])
    fine = ArrayImage(tissue.repeat(2, 1).repeat(2, 2), VoxelSize(30, 4, 4, "nm"))
    seen = Activations(model, fine, "cpu")
    layer = seen.layer("encoder.0.first.0")
    assert seen.voxel_size(layer) == VoxelSize(30, 8, 8, "nm")
    assert seen.box(layer, Box((3, 20, 20), (4, 61, 60))) == Box((3, 10, 10), (4, 31, 30))
    coarse = ResampledImage(fine, tissue.shape).read(Box.of_shape(tissue.shape))[0]
    same = Activations(model, ArrayImage(coarse, VoxelSize(30, 8, 8, "nm")), "cpu")
    region = Box((3, 0, 0), (4, *fine.shape_czyx[2:]))
    ours = maps_of(seen, layer.name, region)
    theirs = maps_of(same, layer.name, Box((3, 0, 0), (4, *tissue.shape[1:])))
    assert np.allclose(ours, theirs, atol=1e-3)


def test_a_layer_that_is_not_there_and_a_part_beyond_the_image_are_refused(
    random_model: Models, tissue: NDArray[np.uint8]
) -> None:
    seen = Activations(random_model("volume"), ArrayImage(tissue), "cpu")
    with pytest.raises(
        InvalidInput, match=r"no layer 'encoder.9'. It has encoder.0, encoder.1, up.0, decoder.0, head, and"
    ):
        seen.layer("encoder.9")
    with pytest.raises(InvalidInput, match="13 x 75 x 91"):
        seen.box(seen.layer("head"), Box((0, 0, 0), (14, 75, 91)))
