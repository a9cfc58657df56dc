"""A trained network, ready on a device: the input of one tile in, labels or probabilities out."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cristae.errors import CorruptData
from cristae.geometry import Box
from cristae.networks import Preprocessing, UNet, UNetConfig, build, halo, total_stride
from cristae.networks.devices import choose_device, memory_format

type Kind = Literal["labels", "probabilities"]
type Triple = tuple[int, int, int]


class Model(Protocol):
    """What this room needs of a :class:`cristae.models.ModelPackage`."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def digest(self) -> str:
        """Names exactly these weights and this record."""

    @property
    def record(self) -> Mapping[str, Any]:
        """The content of model.json."""

    def weights(self) -> dict[str, NDArray[Any]]:
        """Read the weights, by their names in the network."""


class Predictor:
    """A model on a device. Made by :func:`load_predictor`.

    Attributes
    ----------
    config
        The network's.
    preprocessing
        What has to be done with an image before.
    device
        Where it computes.
    record
        The model's record.
    """

    def __init__(
        self,
        network: UNet,
        preprocessing: Preprocessing,
        device: torch.device,
        record: Mapping[str, Any],
        digest: str,
    ) -> None:
        self.config: UNetConfig = network.config
        self.preprocessing = preprocessing
        self.device = device
        self.record = record
        self.digest = digest
        self._memory_format = memory_format(self.config.dims, device)
        fused = fold_normalisation(network.eval())
        self._network = fused.to(device).to(memory_format=self._memory_format)

    @property
    def halo_zyx(self) -> Triple:
        """Context that a voxel needs on each side, in input voxels of the network."""
        return halo(self.config)

    @property
    def stride_zyx(self) -> Triple:
        """The grid on which inputs must start and end, in input voxels of the network."""
        return total_stride(self.config)

    @property
    def channels(self) -> int:
        """Classes with the background."""
        return self.config.out_channels

    def forward(self, prepared: NDArray[np.float32]) -> Tensor:
        """Return the logits of a prepared input, (n, classes, [z,] y, x), on the device.

        Parameters
        ----------
        prepared
            What ``Frame.read`` gives: (z, c, y, x) for sections, (1, c, z, y, x) for volumes.
        """
        with torch.inference_mode():
            given = torch.from_numpy(prepared)
            if self.device.type == "cuda":
                given = given.pin_memory().to(self.device, non_blocking=True)
            logits: Tensor = self._network(given.contiguous(memory_format=self._memory_format))
            return logits

    def predict(self, prepared: NDArray[np.float32], kind: Kind, wanted: Box) -> NDArray[np.uint8]:
        """Predict one tile.

        Parameters
        ----------
        prepared
            What ``Frame.read`` gives.
        kind
            "labels": the most likely class; "probabilities": 0 to 255 for each class.
        wanted
            The part of the tile to return, on the grid of the image, relative to the tile (z, y, x).

        Returns
        -------
        numpy.ndarray
            (1, z, y, x) or (classes, z, y, x), uint8.
        """
        with torch.inference_mode():
            logits = self.forward(prepared)
            # Both kinds of network to (classes, z, y, x): sections lie on the batch axis.
            whole = logits.transpose(0, 1) if self.config.dims == 2 else logits[0]
            part = whole[(slice(None), *wanted.slices)]
            if kind == "labels":
                chosen = part.argmax(dim=0, keepdim=True).to(torch.uint8)
            else:
                chosen = (torch.softmax(part.float(), dim=0) * 255.0).round_().to(torch.uint8)
            labels: NDArray[np.uint8] = chosen.contiguous().cpu().numpy()
            return labels


def load_predictor(model: Model, device: str = "auto") -> Predictor:
    """Put a model on a device.

    Parameters
    ----------
    model
        A package of the library.
    device
        "auto", "cpu", "cuda:0"; see :func:`cristae.networks.devices.choose_device`.

    Raises
    ------
    CorruptData
        The weights do not fit the network that the record names.
    InvalidInput
        The device is not there, or the network is none that this version knows.
    """
    chosen = choose_device(device)
    network = build(model.record["network"])
    weights = {name: torch.from_numpy(array) for name, array in model.weights().items()}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CorruptData(
            f"The weights of the model '{model.name}' do not fit its network. "
            "The package is damaged; train the model again, or take it from a backup."
        ) from error
    preprocessing = Preprocessing.from_dict(model.record["preprocessing"])
    return Predictor(network, preprocessing, chosen, model.record, model.digest)


def fold_normalisation[Network: nn.Module](network: Network) -> Network:
    """Fold every batch normalisation into the convolution before it, in place: the same function, faster.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).eval()
    >>> [type(layer).__name__ for layer in fold_normalisation(net)]
    ['Conv2d', 'Identity', 'ReLU']
    """
    for module in network.modules():
        if not isinstance(module, nn.Sequential):
            continue
        for place in range(len(module) - 1):
            convolution, normalisation = module[place], module[place + 1]
            if isinstance(convolution, nn.Conv2d | nn.Conv3d) and isinstance(
                normalisation, nn.BatchNorm2d | nn.BatchNorm3d
            ):
                module[place] = fuse_conv_bn_eval(convolution, normalisation)
                module[place + 1] = nn.Identity()
    return network
