"""The layers of models, found in a child process, and how much room their maps take."""

import json
import logging
from collections.abc import Sequence

from cristae.errors import CristaeError, LimitExceeded
from cristae.geometry import Box
from cristae.jobs.specs import PredictionSpec
from cristae.models import ModelPackage
from cristae.models.grid import model_grid
from cristae.models.layers import Layer, find_layer
from cristae.service.asking import FAILURES, ask_worker, last_words
from cristae.service.refusals import error_named
from cristae.settings import Home, Limits, size
from cristae.volumes import Image

_log = logging.getLogger(__name__)

_BYTES_OF_A_VOXEL = 4


class Layers:
    """The layers of the models of a home. Each model is looked at once, unless its network may change."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._known: dict[str, tuple[Layer, ...]] = {}

    def of(self, model: ModelPackage) -> tuple[Layer, ...]:
        """Return the layers of a model; the first time it takes seconds.

        Raises
        ------
        CristaeError
            The network cannot be built.
        """
        network, preprocessing = model.record["network"], model.record["preprocessing"]
        key = json.dumps([model.digest, network, preprocessing], sort_keys=True)
        if key in self._known:
            return self._known[key]
        try:
            told = ask_worker("--home", str(self._home.root), "--layers", model.name)
        except FAILURES as error:
            _log.exception("The layers of %r could not be looked at. %s", model.name, last_words(error))
            raise CristaeError(
                f"The layers of the model '{model.name}' could not be looked at. The server's owner finds "
                "the reason in its log."
            ) from error
        if "sentence" in told:
            raise error_named(told["code"], told["sentence"])
        layers = tuple(
            Layer(row["name"], row["kind"], row["maps"], tuple(row["reduction_zyx"]))
            for row in told["layers"]
        )
        if network.get("kind") != "added":  # the owner may change the code of such a one
            self._known[key] = layers
        return layers


def check_maps(
    spec: PredictionSpec, model: ModelPackage, layers: Sequence[Layer], image: Image, limits: Limits
) -> None:
    """Refuse maps of a layer that is not there, of a part that the image lacks, or that would be too large.

    Raises
    ------
    InvalidInput, LimitExceeded
        The sentence says what to ask for.
    """
    layer = find_layer(layers, spec.layer)
    shape = image.shape_czyx[1:]
    dims = model.record["network"].get("dims", 2)  # a forest, which does not say so, sees sections
    grid = model_grid(shape, image.voxel_size, model.record["voxel_size_nm"], dims=dims)
    box = layer.box(spec.region or Box.of_shape(shape), shape, grid)
    wanted = layer.maps * box.size * _BYTES_OF_A_VOXEL
    if wanted > limits.max_maps_bytes:
        voxels, room = " x ".join(map(str, box.shape)), size(wanted)
        raise LimitExceeded(
            f"The {layer.maps} maps of {layer.name}, of {voxels} voxels (z, y, x), would take {room}; "
            f"this server makes {size(limits.max_maps_bytes)} at most. Ask for one section, for a part of "
            "it, or for a coarser layer."
        )
