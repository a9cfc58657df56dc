"""A trained network, ready on a device: the input of one tile in, labels or probabilities out."""

from collections.abc import Callable, Mapping
from functools import partial
from math import log
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cristae.errors import CorruptData, Unsupported
from cristae.geometry import Box, Triple
from cristae.models.answers import may_overlap, offsets_of
from cristae.networks import (
    AddedNetwork,
    Forest,
    Frame,
    Network,
    NetworkConfig,
    Preprocessing,
    ReadableImage,
    build,
    halo,
    total_stride,
)
from cristae.networks.devices import choose_device, memory_format
from cristae.prediction.engines import Engine, OpenVinoEngine, TorchEngine, is_worth_a_trial, quicker, usable

type Kind = Literal["labels", "probabilities", "uncertainty"]


_FLIPS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))


class Model(Protocol):
    """What this room needs of a :class:`cristae.models.ModelPackage`."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def digest(self) -> str:
        """Names exactly these weights."""

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
    digest
        Names exactly these weights and, of an added network, its source.
    flips
        Whether the answers for the image and its three in-plane mirror images are averaged.
    asked
        "auto", "torch" or "openvino": what was asked to compute the network.
    engine
        What does.
    network
        With its normalisation folded into the convolutions, unless its layers are to be seen as trained.
    """

    def __init__(
        self,
        network: Network,
        preprocessing: Preprocessing,
        device: torch.device,
        record: Mapping[str, Any],
        digest: str,
        flips: bool = False,
        folded: bool = True,
        engine: str = "auto",
    ) -> None:
        self.config: NetworkConfig = network.config
        self.preprocessing = preprocessing
        self.device = device
        self.record = record
        self.digest, self._code = digest, ""
        if isinstance(network, AddedNetwork):
            self._code = network.source_digest
            self.digest = f"{digest} with {network.source_digest}"
        self.flips = flips
        self._overlapping, self._offsets = may_overlap(record), offsets_of(record)
        self._memory_format = memory_format(self.config.dims, device)
        network = fold_normalisation(network.eval()) if folded else network.eval()
        self.network = network.to(device).to(memory_format=self._memory_format)
        is_forest = isinstance(network, Forest)
        if is_forest and engine == "openvino":  # it takes minutes to find that out by itself
            raise Unsupported("OpenVINO does not compute random forests. Leave the engine out.")
        self.asked = usable("torch" if is_forest and engine == "auto" else engine, device)
        self._torch = TorchEngine(self.network, self._memory_format)
        self.engine: Engine = self._torch

    @property
    def records(self) -> tuple[Mapping[str, Any], ...]:
        """The record, as of an ensemble with one member."""
        return (self.record,)

    @property
    def halo_zyx(self) -> Triple:
        """Context that a voxel needs on each side, in input voxels of the network."""
        if not self.flips or not self._offsets:
            return halo(self.config)
        # Of the mirror images, the answer for a pair lies at its other voxel.
        reach = (0, *(max(-offset[axis] for offset in self._offsets) for axis in (1, 2)))
        down = self.preprocessing.downsample_zyx
        z, y, x = (h + -(-r // d) for h, r, d in zip(halo(self.config), reach, down, strict=True))
        return z, y, x

    @property
    def stride_zyx(self) -> Triple:
        """The grid on which inputs must start and end, in input voxels of the network."""
        return total_stride(self.config)

    @property
    def channels(self) -> int:
        """Classes with the background, or masks."""
        return self.config.out_channels

    def doubt(self) -> str | None:
        """Return a sentence if the code of an added network was changed since the training, else None."""
        name, told = getattr(self.config, "name", ""), self.record.get("extensions")
        # Older models do not tell.
        then = told.get(f"network {name}") if isinstance(told, dict) else None
        if then is None or then == self._code:
            return None
        return (
            f"The file that adds the network {name!r} was changed after this model was trained with it: if "
            "the network computes something else now, what it finds is wrong. Bring the file back, or train "
            "anew."
        )

    def frame(self, image: ReadableImage) -> Frame:
        """See an image as the network sees it."""
        return Frame(image, self.preprocessing, self.stride_zyx)

    def blank(self, tile_zyx: Triple) -> NDArray[np.float32]:
        """Return zeros in the form of the input for a tile of voxels of the image."""
        z, y, x = (s // f for s, f in zip(tile_zyx, self.preprocessing.downsample_zyx, strict=True))
        channels = self.config.in_channels
        shape = (z, channels, y, x) if self.config.dims == 2 else (1, channels, z, y, x)
        return np.zeros(shape, np.float32)

    def forward(self, prepared: NDArray[np.float32]) -> Tensor:
        """Return the logits of a prepared input, (n, classes, [z,] y, x), on the device.

        Parameters
        ----------
        prepared
            What ``Frame.read`` gives: (z, c, y, x) for sections, (1, c, z, y, x) for volumes.
        """
        with torch.inference_mode():
            given = torch.from_numpy(prepared).to(self.device)
            # A tile ends on the network's grid on both sides, so that its mirror image lies on it too.
            if not self.flips:
                return self.engine(given)
            answers = [self._of_pairs(self.engine(given.flip(axes)).flip(axes), axes) for axes in _FLIPS]
            return torch.stack(answers).mean(dim=0)

    def _of_pairs(self, logits: Tensor, flipped: tuple[int, ...]) -> Tensor:
        """Return logits whose pairs lie as in the image, not as in the mirror image they were computed of.

        There, the voxel at an offset lies on the other side: what is said of a voxel and the one before it is
        said where the one behind it is meant. So these answers are moved by the offset.
        """
        for channel, offset in enumerate(self._offsets, 1):
            for axis in flipped:
                if offset[axis]:
                    logits[:, channel] = moved(logits[:, channel], offset[axis], axis)
        return logits

    def settle(
        self, read: Callable[[], NDArray[np.float32]], tiles: int, begun_with: str | None = None
    ) -> str:
        """Decide what computes so many tiles of one shape, and return its name.

        Parameters
        ----------
        read
            Returns the input of one of them.
        tiles
            How many there are.
        begun_with
            What computed those that are done, which is kept to.
        """
        name = begun_with or self.asked
        made, self.engine = self.engine, self._torch
        if name == "openvino":
            example = torch.from_numpy(read())
            if isinstance(made, OpenVinoEngine) and made.shape == example.shape:
                self.engine = made
                return made.name
            try:
                self.engine = OpenVinoEngine(self.network, example, torch.get_num_threads())
            except Exception as error:  # it does not know every operation that somebody's network may have
                raise Unsupported(
                    f"OpenVINO cannot compute this network ({str(error)[:200]}). Use the engine torch."
                ) from error
        elif is_worth_a_trial(name, tiles):
            shares = torch.sigmoid if self._overlapping else partial(torch.softmax, dim=1)
            self.engine = quicker(self._torch, self.network, torch.from_numpy(read()), tiles, shares)
        return self.engine.name

    def predict(self, prepared: NDArray[np.float32], kind: Kind, wanted: Box) -> NDArray[np.uint8]:
        """Predict one tile.

        Parameters
        ----------
        prepared
            What ``Frame.read`` gives.
        kind
            "labels": the most likely class, or 255 inside of each mask; "probabilities": 0 to 255 for each
            class or mask; "uncertainty": their entropy, 0 (sure) to 255 (all equally likely). Of affinities
            labels and uncertainty are those of the first channel, the objects.
        wanted
            The part of the tile to return, on the grid of the image, relative to the tile (z, y, x).

        Returns
        -------
        numpy.ndarray
            (1, z, y, x) or, with a channel for each class or mask, (c, z, y, x), uint8.
        """
        with torch.inference_mode():
            part = self._part(prepared, wanted)
            if self._offsets and kind != "probabilities":
                part = part[:1]
            answer = _masks(part, kind) if self._overlapping else _classes(part, kind)
            if self._offsets and kind == "labels":
                answer = answer // 255  # the class "object"
            voxels: NDArray[np.uint8] = answer.contiguous().cpu().numpy()
            return voxels

    def shares(self, prepared: NDArray[np.float32], wanted: Box) -> Tensor:
        """Return the probabilities of one tile on the device, (c, z, y, x), 0 to 1; see :meth:`predict`."""
        with torch.inference_mode():
            logits = self._part(prepared, wanted).float()
            return logits.sigmoid() if self._overlapping else logits.softmax(dim=0)

    def _part(self, prepared: NDArray[np.float32], wanted: Box) -> Tensor:
        """Return the logits of the wanted part of a tile, (c, z, y, x)."""
        logits = self.forward(prepared)
        # Both kinds of network to (classes, z, y, x): sections lie on the batch axis.
        whole = logits.transpose(0, 1) if self.config.dims == 2 else logits[0]
        return whole[(slice(None), *wanted.slices)]


def _classes(logits: Tensor, kind: Kind) -> Tensor:
    """Turn the logits of exclusive classes (c, z, y, x) into bytes.

    Examples
    --------
    >>> two = torch.tensor([[0.0, 30.0], [0.0, 0.0]]).view(2, 1, 1, 2)
    >>> _classes(two, "probabilities").flatten().tolist(), _classes(two, "uncertainty").flatten().tolist()
    ([128, 255, 128, 0], [255, 0])
    """
    if kind == "labels":
        return _largest(logits)[None]
    if kind == "probabilities":
        return _bytes(torch.softmax(logits.float(), dim=0))
    logs = torch.log_softmax(logits.float(), dim=0)
    return _bytes(-(logs.exp() * logs).sum(dim=0, keepdim=True) / log(len(logits)))


def _largest(logits: Tensor) -> Tensor:
    """Return which class of (c, z, y, x) is the largest, the first of several, as bytes.

    On a CPU this is fifteen times as quick as torch's own for two classes, three times for five.

    Examples
    --------
    >>> _largest(torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.5], [0.0, 0.0, 2.0]]).view(3, 1, 1, 3)).tolist()
    [[[0, 0, 2]]]
    """
    largest = logits[0]
    number = torch.zeros(largest.shape, dtype=torch.uint8, device=logits.device)
    for place in range(1, len(logits)):
        number.masked_fill_(logits[place] > largest, place)
        largest = torch.maximum(largest, logits[place])
    return number


def _masks(logits: Tensor, kind: Kind) -> Tensor:
    """Turn the logits of masks that may overlap (c, z, y, x) into bytes.

    Examples
    --------
    >>> two = torch.tensor([[0.0, 30.0], [-30.0, 1.0]]).view(2, 1, 1, 2)
    >>> _masks(two, "labels").flatten().tolist(), _masks(two, "uncertainty").flatten().tolist()
    ([0, 255, 0, 255], [255, 0, 0, 214])
    """
    if kind == "labels":
        return (logits > 0).to(torch.uint8) * 255
    inside = torch.sigmoid(logits.float())
    if kind == "probabilities":
        return _bytes(inside)
    return _bytes((torch.special.entr(inside) + torch.special.entr(1 - inside)) / log(2))


def _bytes(shares: Tensor) -> Tensor:
    """Turn numbers from 0 to 1 into 0 to 255."""
    return (shares * 255.0).round_().clamp_(0, 255).to(torch.uint8)


def moved(values: Tensor, offset: int, axis: int) -> Tensor:
    """Return for each voxel the value at an offset below 0 along an axis; the first ones keep their own.

    Examples
    --------
    >>> moved(torch.tensor([1, 2, 3, 4]), -1, -1).tolist()
    [1, 1, 2, 3]
    """
    length = values.shape[axis]
    if length <= -offset:
        return values
    first, others = values.narrow(axis, 0, -offset), values.narrow(axis, 0, length + offset)
    return torch.cat([first, others], dim=axis)


def load_predictor(
    model: Model, device: str = "auto", *, flips: bool = False, folded: bool = True, engine: str = "auto"
) -> Predictor:
    """Put a model on a device.

    Parameters
    ----------
    model
        A package of the library.
    device
        "auto", "cpu", "cuda:0"; see :func:`cristae.networks.devices.choose_device`.
    flips
        Average the answers for the image and its three in-plane mirror images: four times the time, and
        usually a little better.
    folded
        Whether normalisation becomes part of the convolutions before it: the same answers, faster.
    engine
        "torch", "openvino" (on CPUs), or "auto": what computes the tiles of a prediction sooner.

    Raises
    ------
    CorruptData
        The weights do not fit the network that the record names.
    InvalidInput
        The device is not there, or the network is none that this version knows.
    Unsupported
        The engine is not installed.
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
    return Predictor(network, preprocessing, chosen, model.record, model.digest, flips, folded, engine)


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
