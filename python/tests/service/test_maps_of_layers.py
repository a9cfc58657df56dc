"""The layers of models and their maps over gRPC, against a real server with real workers."""

import numpy as np
import pytest
import tifffile
from drawn_models import add_model
from running import RunningServer, image

from cristae import cli
from cristae.errors import CorruptData, InvalidInput, LimitExceeded, NotFound
from cristae.v1 import common_pb2, jobs_pb2
from cristae.volumes import ArrayImage, VoxelSize

SHAPE = (6, 40, 52)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("home") / "home"
    add_model(root, "mito")
    add_model(root, "coarse", voxel_size_nm=[50.0, 9.2, 9.2])
    with RunningServer(root, real_work=True, limits={"max_maps_bytes": 150_000}) as running:
        yield running


def stack():
    voxels = np.random.default_rng(1).integers(0, 255, SHAPE).astype(np.uint8)
    return ArrayImage(voxels, VoxelSize(50, 4.6, 4.6, "nm"), name="stack.tif")


def maps(client, layer, region=None, **more):
    spec = {"model_name": "mito", "image_volume_id": client.upload(stack()), "output": "activations", **more}
    box = {} if region is None else {"region": part(region)}
    return jobs_pb2.PredictionSpec(layer=layer, **spec, **box)


def part(region):
    return common_pb2.Box(
        **{f"{axis}_start": start for axis, (start, _) in zip("zyx", region, strict=True)},
        **{f"{axis}_stop": stop for axis, (_, stop) in zip("zyx", region, strict=True)},
    )


def test_the_layers_of_a_model_are_listed_with_their_maps_and_how_coarse_they_are(client):
    layers = {layer.name: layer for layer in client.layers("mito")}
    second = layers["encoder.1"]
    assert (second.kind, second.maps, second.is_part) == ("ResidualBlock", 6, False)
    assert (second.reduction_z, second.reduction_y, second.reduction_x) == (1, 2, 2)
    whole = [name for name, layer in layers.items() if not layer.is_part]
    assert whole == ["encoder.0", "encoder.1", "up.0", "decoder.0", "head"]
    assert "encoder.1.first.0" in layers
    assert "output.activations" in client.server().features
    with pytest.raises(NotFound, match=r"no model 'mitoo'.*mito"):
        client.layers("mitoo")


@pytest.mark.parametrize(
    ("model", "region", "words"),
    [
        ("mito", ((1, 3), (5, 30), (7, 52)), ["--z", "1:3", "--y", "5:30", "--x", "7:52"]),
        ("coarse", ((2, 3), (0, 40), (0, 52)), ["--z", "2:3"]),  # which sees the image at half its size
    ],
)
def test_the_maps_of_a_part_are_those_of_the_command_line(
    server, client, tmp_path, monkeypatch, model, region, words
):
    done = client.wait(client.submit_prediction(maps(client, "encoder.1", region, model_name=model)).job_id)
    assert done.title == f"stack.tif with {model}, encoder.1"
    assert done.prediction.layer == "encoder.1"
    assert done.prediction.region == part(region)
    (output,) = done.result.outputs
    assert output.output == "activations"
    found = client.download(output.volume_id)

    given, out = tmp_path / "stack.tif", tmp_path / "maps.tif"
    tifffile.imwrite(given, stack()._voxels[0], imagej=True, metadata={"axes": "ZYX"})
    monkeypatch.setenv("CRISTAE_HOME", str(server.home.root))
    options = ["--model", model, "--layer", "encoder.1", "--voxel-size", "50,4.6,4.6", "--out", str(out)]
    assert cli.main(["activations", str(given), *options, *words]) == 0
    expected = tifffile.imread(out)  # ImageJ's order, without axes of one voxel
    assert found.dtype == np.float32
    assert found.shape[0] == 6
    assert found.std() > 0
    # The worker may compute with another number of threads, which adds in another order.
    np.testing.assert_allclose(found.swapaxes(0, 1).reshape(expected.shape), expected, atol=1e-6)

    (volume,) = (volume for volume in client.volumes() if volume.volume_id == output.volume_id)
    assert volume.spec.name == f"stack-{model}-encoder.1.tif"
    side = 9.2 if model == "mito" else 18.4
    size = volume.spec.voxel_size
    assert (size.z_nm, size.y_nm, size.x_nm) == pytest.approx((50, side, side))


def test_without_a_part_the_maps_are_those_of_the_whole_image(client):
    done = client.wait(client.submit_prediction(maps(client, "head")).job_id)
    assert client.download(done.result.outputs[0].volume_id).shape == (3, *SHAPE)


@pytest.mark.parametrize(
    ("layer", "region", "more", "error", "words"),
    [
        ("encoder.7", None, {}, InvalidInput, "no layer 'encoder.7'. It has encoder.0, encoder.1, up.0"),
        ("", None, {}, InvalidInput, "The maps of which layer"),
        ("head", None, {"output": "labels"}, InvalidInput, "for the output activations, not labels"),
        ("", ((0, 1), (0, 9), (0, 9)), {"output": ""}, InvalidInput, "for the output activations"),
        ("head", None, {"flips": True}, InvalidInput, "without flips"),
        ("head", None, {"more_models": ["coarse"]}, InvalidInput, "of one model"),
        ("head", ((0, 7), (0, 40), (0, 52)), {}, InvalidInput, "beyond the image of 6 x 40 x 52 voxels"),
        ("head", ((0, 2**64 - 1), (0, 40), (0, 52)), {}, InvalidInput, "beyond the image"),
        ("head", ((3, 3), (0, 40), (0, 52)), {}, InvalidInput, "empty"),
        (
            "encoder.0",
            None,
            {},
            LimitExceeded,
            "4 maps of encoder.0, of 6 x 40 x 52 voxels .* would take 195.0 KiB; this server makes 146.5 KiB "
            "at most. Ask for one section, for a part of it, or for a coarser layer",
        ),
    ],
)
def test_maps_that_cannot_be_are_refused_before_they_are_queued(client, layer, region, more, error, words):
    before = len(client.jobs())
    with pytest.raises(error, match=words):
        client.submit_prediction(maps(client, layer, region, **more))
    assert len(client.jobs()) == before


def test_a_model_that_cannot_be_looked_at_is_told_of_in_a_sentence(server, client):
    add_model(server.home.root, "spoilt", seed=6)
    (weights,) = server.home.models.glob("spoilt*/weights.safetensors")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(CorruptData, match="weights of the model spoilt are not those"):
        client.layers("spoilt")
    with pytest.raises(CorruptData):
        client.submit_prediction(maps(client, "head", model_name="spoilt"))


def test_maps_of_an_image_with_other_channels_are_refused(client):
    colour = client.upload(image(shape=(3, 6, 40, 50)))
    with pytest.raises(InvalidInput, match="3 channels"):
        client.submit_prediction(maps(client, "head", image_volume_id=colour))
