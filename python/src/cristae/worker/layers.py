"""The layers of a model, told to the server (``python -m cristae.worker --layers NAME``)."""

from dataclasses import asdict
from typing import Any

from cristae.models import ModelLibrary
from cristae.prediction import load_predictor
from cristae.prediction.activations import layers_of
from cristae.settings import Home


def layers_of_model(home: Home, model: str) -> dict[str, Any]:
    """Return the layers of a model of the library, in the order in which they compute.

    Raises
    ------
    CristaeError
        There is no such model, or its network cannot be built.
    """
    predictor = load_predictor(ModelLibrary(home.models).get(model), "cpu", folded=False)
    return {"layers": [asdict(layer) for layer in layers_of(predictor)]}
