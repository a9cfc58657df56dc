"""The U-Net: shapes, exact tiling, its record, and that it can learn at all."""

import json
from dataclasses import replace

import pytest
import torch

from cristae.errors import InvalidInput
from cristae.networks import UNet, UNetConfig, build, halo, total_stride

SECTIONS = UNetConfig(
    dims=2,
    in_channels=3,
    out_channels=2,
    features=(4, 6, 8),
    kernels_zyx=((1, 3, 3), (1, 3, 3), (1, 3, 3)),
    strides_zyx=((1, 2, 2), (1, 2, 2)),
    upscale_zyx=(1, 2, 2),
)
VOLUMES = UNetConfig(
    dims=3,
    in_channels=1,
    out_channels=3,
    features=(4, 6, 8),
    kernels_zyx=((1, 3, 3), (3, 3, 3), (3, 3, 3)),
    strides_zyx=((1, 2, 2), (2, 2, 2)),
)

DEEPER = replace(SECTIONS, blocks=3, upscale_zyx=(1, 1, 1))
WIDER = replace(
    VOLUMES, features=(4, 6), kernels_zyx=((1, 5, 5), (5, 5, 5)), strides_zyx=((1, 2, 2),), blocks=2
)
ALL = pytest.mark.parametrize(
    "config", [SECTIONS, VOLUMES, DEEPER, WIDER], ids=["sections", "volumes", "deeper", "wider"]
)


def with_random_statistics(config: UNetConfig, seed: int = 0) -> UNet:
    """A network in evaluation, whose batch normalisation and last layer do something."""
    torch.manual_seed(seed)
    network = build(config.to_dict())
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.3)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    for parameter in network.head.parameters():
        parameter.data.uniform_(-0.5, 0.5)
    return network.eval()


def test_logits_of_sections_lie_on_the_finer_grid() -> None:
    logits = with_random_statistics(SECTIONS)(torch.randn(2, 3, 16, 24))
    assert logits.shape == (2, 2, 32, 48)


def test_a_fresh_network_answers_alike_for_all_voxels_of_a_cell() -> None:
    logits = build(SECTIONS.to_dict()).eval()(torch.randn(1, 3, 8, 8))
    cells = logits.unfold(2, 2, 2).unfold(3, 2, 2)
    assert torch.equal(cells.amax(dim=(-1, -2)), cells.amin(dim=(-1, -2)))
    assert logits.std() > 0.01
    assert (logits[:, 0] - logits[:, 1]).std() > 0.01


def test_logits_of_volumes_lie_on_the_grid_of_the_input() -> None:
    logits = with_random_statistics(VOLUMES)(torch.randn(1, 1, 4, 16, 8))
    assert logits.shape == (1, 3, 4, 16, 8)


def test_each_input_voxel_answers_for_its_own_block_of_output_voxels() -> None:
    # One level, kernel 1: an output voxel may depend on the input voxel that it lies in, and on no other.
    config = UNetConfig(2, 1, 2, (4,), ((1, 1, 1),), (), (1, 2, 3))
    network = with_random_statistics(config)
    x = torch.randn(1, 1, 4, 4)
    changed = x.clone()
    changed[0, 0, 1, 2] += 1
    difference = (network(changed) - network(x)).abs().amax(dim=1)[0] > 0
    assert difference.shape == (8, 12)
    rows, columns = torch.nonzero(difference, as_tuple=True)
    assert set(rows.tolist()) <= {2, 3}
    assert set(columns.tolist()) <= {6, 7, 8}


@ALL
def test_a_tile_with_its_halo_computes_what_the_whole_volume_computes(config: UNetConfig) -> None:
    network = with_random_statistics(config)
    stride, margin = total_stride(config)[-config.dims :], halo(config)[-config.dims :]
    shape = [4 * -(-2 * (m + s) // s // 2) * s for m, s in zip(margin, stride, strict=True)]
    x = torch.randn(1, config.in_channels, *shape)
    up = config.upscale_zyx[-config.dims :]
    cut, inner = [slice(None)] * 2, [slice(None)] * 2
    tile_inner = [slice(None)] * 2
    for length, m, s, u in zip(shape, margin, stride, up, strict=True):
        start = s  # on the grid
        stop = length - s
        cut.append(slice(start, stop))
        inner.append(slice((start + m) * u, (stop - m) * u))
        tile_inner.append(slice(m * u, (stop - start - m) * u))
    with torch.inference_mode():
        whole = network(x)[tuple(inner)]
        tile = network(x[tuple(cut)])[tuple(tile_inner)]
    assert whole.numel() > 0
    assert torch.allclose(whole, tile, atol=1e-4, rtol=0)


@ALL
def test_the_halo_is_not_larger_than_what_the_network_sees(config: UNetConfig) -> None:
    network = with_random_statistics(config).double()
    stride, margin = total_stride(config)[-config.dims :], halo(config)[-config.dims :]
    for axis, (s, m) in enumerate(zip(stride, margin, strict=True)):
        shape = [s_ * 2 for s_ in stride]
        shape[axis] = -(-(2 * m + 2 * s) // s) * s
        x = torch.randn(1, config.in_channels, *shape, dtype=torch.float64, requires_grad=True)
        furthest = 0
        up = config.upscale_zyx[-config.dims :]
        for voxel in range(m // s * s + s, m // s * s + 2 * s):
            index = (voxel - s) % shape[axis]
            response = network(x).select(2 + axis, index * up[axis]).sum()
            (gradient,) = torch.autograd.grad(response, x)
            others = [d for d in range(gradient.ndim) if d != 2 + axis]
            seen = torch.nonzero(gradient.abs().sum(others)).flatten()
            furthest = max(furthest, index - int(seen.min()), int(seen.max()) - index)
        assert furthest <= m
        assert furthest >= m - 1  # a dead unit may hide the outermost voxel


def test_a_network_is_rebuilt_from_its_json() -> None:
    for config in (VOLUMES, DEEPER):
        assert UNetConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_model_of_the_time_before_blocks_were_a_choice_still_loads() -> None:
    record = VOLUMES.to_dict()
    del record["blocks"]
    assert UNetConfig.from_dict(record) == VOLUMES
    parts = {name.split(".")[0] for name in build(record).state_dict()}
    assert parts == {"encoder", "up", "decoder", "head"}  # as in the weights of that time


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "transformer"},
        {"features": [4]},
        {"features": ["many", 6, 8]},
        {"kernels_zyx": [[2, 3, 3]] * 3},
        {"dims": 2},
        {"out_channels": 0},
        {"blocks": 9},
        {"blocks": None},
        {"surprise": 1},
    ],
)
def test_a_record_that_makes_no_network_is_refused_with_a_sentence(change: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=r"\.$"):
        build({**VOLUMES.to_dict(), **change})


def test_a_network_can_learn_one_patch_by_heart() -> None:
    torch.manual_seed(1)
    network = build(SECTIONS.to_dict())
    x = torch.randn(2, 3, 16, 16)
    truth = (torch.rand(2, 8, 8) > 0.5).long().repeat_interleave(4, 1).repeat_interleave(4, 2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(80):
        loss = torch.nn.functional.cross_entropy(network(x), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
