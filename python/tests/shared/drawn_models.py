"""Models whose weights are drawn by lot: what they answer is meaningless, and always the same."""

from pathlib import Path

import numpy as np
import torch

from cristae.models import ModelLibrary
from cristae.networks import Preprocessing, Statistics, UNetConfig, build, halo


def add_model(
    home: Path,
    name: str,
    *,
    target: str = "classes",
    voxel_size_nm: list[float] | None = None,
    normalisation: str = "training",
    seed: int = 5,
) -> None:
    config = UNetConfig(
        dims=3,
        in_channels=1,
        out_channels=3,
        features=(4, 6),
        kernels_zyx=((1, 3, 3), (3, 3, 3)),
        strides_zyx=((1, 2, 2),),
    )
    torch.manual_seed(seed)
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
        "preprocessing": Preprocessing(3, normalisation, Statistics((100.0,), (50.0,))).to_dict(),
        "halo_zyx": list(halo(config)),
        "plan": {"sentences": ["It was drawn by lot."], "settings": {}},
        "metrics": {"dice": 0.5},
        "data": [],
        "outputs": ["labels", "probabilities"],
    }
    ModelLibrary(home / "models").add(record, weights)
