"""A home with a model whose weights are random: what it answers is meaningless, and always the same."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from cristae.models import ModelLibrary
from cristae.networks import Preprocessing, Statistics, UNetConfig, build, halo

torch.set_num_threads(1)


def add_model(
    home: Path, name: str, *, target: str = "classes", voxel_size_nm: list[float] | None = None
) -> None:
    config = UNetConfig(
        dims=3,
        in_channels=1,
        out_channels=3,
        features=(4, 6),
        kernels_zyx=((1, 3, 3), (3, 3, 3)),
        strides_zyx=((1, 2, 2),),
    )
    torch.manual_seed(5)
    network = build(config.to_dict())
    weights = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    weights["head.bias"] = np.zeros_like(weights["head.bias"])
    record = {
        "name": name,
        "target": target,
        "classes": [
            {"value": 1, "name": "mitochondria", "rgb": 255},
            {"value": 2, "name": "vesicles", "rgb": 9},
        ],
        "channels": 1,
        "voxel_size_nm": voxel_size_nm,
        "display_unit": "nm",
        "working_voxel": {"downsample_zyx": [1, 1, 1]},
        "network": config.to_dict(),
        "preprocessing": Preprocessing(3, "training", Statistics((100.0,), (50.0,))).to_dict(),
        "halo_zyx": list(halo(config)),
        "plan": {"sentences": ["It was drawn by lot."], "settings": {}},
        "metrics": {"dice": 0.5},
        "data": [],
        "outputs": ["labels", "probabilities"],
    }
    ModelLibrary(home / "models").add(record, weights)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the models "mito" and "neurons"; the environment names it."""
    folder = tmp_path / "home"
    add_model(folder, "mito")
    add_model(folder, "neurons", target="instances", voxel_size_nm=[10.0, 10.0, 10.0])
    monkeypatch.setenv("CRISTAE_HOME", str(folder))
    return folder


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """An ImageJ TIFF of 6 sections, 50 x 4.6 x 4.6 nm, in micron."""
    path = tmp_path / "stack.tif"
    voxels = np.random.default_rng(1).integers(0, 255, (6, 40, 52)).astype(np.uint8)
    tifffile.imwrite(
        path,
        voxels,
        imagej=True,
        resolution=(1 / 0.0046, 1 / 0.0046),
        metadata={"axes": "ZYX", "spacing": 0.05, "unit": "micron"},
    )
    return path
