"""Small networks with random weights: what they answer is meaningless, and exact to the voxel."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cristae.networks import Preprocessing, Statistics, UNetConfig, build
from cristae.prediction import Predictor, load_predictor

sys.path.insert(0, str(Path(__file__).parent))  # what several files of tests use lies beside them
torch.set_num_threads(1)

VOLUME = UNetConfig(
    dims=3,
    in_channels=1,
    out_channels=3,
    features=(4, 6),
    kernels_zyx=((1, 3, 3), (3, 3, 3)),
    strides_zyx=((2, 2, 2),),
    upscale_zyx=(1, 2, 2),
)
SECTIONS = UNetConfig(
    dims=2,
    in_channels=3,
    out_channels=3,
    features=(4, 8),
    kernels_zyx=((1, 3, 3), (1, 3, 3)),
    strides_zyx=((1, 2, 2),),
    upscale_zyx=(1, 1, 1),
)
PREPROCESSING = {
    "volume": Preprocessing(3, "training", Statistics((120.0,), (40.0,)), (1, 2, 2)),
    "sections": Preprocessing(2, "section", Statistics((120.0,), (40.0,)), (1, 1, 1), context=1),
}
CONFIG = {"volume": VOLUME, "sections": SECTIONS}


class RandomModel:
    """A model package without a package: what a predictor asks of one."""

    def __init__(self, kind: str, **more: Any) -> None:
        generator = torch.Generator().manual_seed(7)
        network = build(CONFIG[kind].to_dict())
        state = network.state_dict()
        for name, tensor in state.items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=generator)
                state[name] = noise.abs() + 0.5 if name.endswith("running_var") else noise * 0.4
        network.load_state_dict(state)
        size = (8, 3, 32, 32) if kind == "sections" else (1, 1, 8, 32, 32)
        with torch.no_grad():
            answers = network.eval()(torch.randn(size, generator=generator)).mean(
                dim=(0, *range(2, len(size)))
            )
        # Every class occurs about as often as the others; else it would be easy to agree.
        repeats = state["head.bias"].numel() // answers.numel()
        state["head.bias"] = state["head.bias"] - answers.repeat_interleave(repeats)
        self._weights = {name: tensor.numpy() for name, tensor in state.items()}
        self.name = f"random {kind}"
        self.digest = "0" * 64
        self.record: dict[str, Any] = {
            "target": "classes",
            "classes": [{"value": 1, "name": "one", "rgb": 255}, {"value": 2, "name": "two", "rgb": 0}],
            "network": CONFIG[kind].to_dict(),
            "preprocessing": PREPROCESSING[kind].to_dict(),
            "voxel_size_nm": None,
            **more,
        }

    def weights(self) -> dict[str, NDArray[Any]]:
        return self._weights


@pytest.fixture(scope="session")
def random_model() -> Callable[..., RandomModel]:
    return RandomModel


@pytest.fixture(scope="session", params=["volume", "sections"])
def predictor(request: pytest.FixtureRequest) -> Predictor:
    return load_predictor(RandomModel(request.param), "cpu")


@pytest.fixture
def tissue() -> NDArray[np.uint8]:
    """Smooth noise, (z, y, x), of a shape that is a multiple of nothing."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(3).normal(size=(13, 75, 91))
    smooth = gaussian_filter(noise, (0.7, 2, 2))
    return np.clip(128 + 200 * smooth / smooth.std() / 3, 0, 255).astype(np.uint8)
