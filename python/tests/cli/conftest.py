"""A home with a model whose weights are random: what it answers is meaningless, and always the same."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

# Test modules are imported without packages; this lets the rooms share `drawn_models`.
sys.path.insert(0, str(Path(__file__).parents[1] / "shared"))

from drawn_models import add_model

torch.set_num_threads(1)


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
