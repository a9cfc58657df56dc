"""Tiles in, labels out."""

from cristae.prediction.doubts import tell_doubts
from cristae.prediction.ensemble import Answering, Ensemble, load_models
from cristae.prediction.instances import predict_objects, predicted_objects
from cristae.prediction.predicting import (
    Form,
    OutputKind,
    form_of,
    output_kinds,
    predict,
    predict_tiles,
    refuse_to_split,
)
from cristae.prediction.predictor import Predictor, load_predictor
from cristae.prediction.running import Output

__all__ = [
    "Answering",
    "Ensemble",
    "Form",
    "Output",
    "OutputKind",
    "Predictor",
    "form_of",
    "load_models",
    "load_predictor",
    "output_kinds",
    "predict",
    "predict_objects",
    "predict_tiles",
    "predicted_objects",
    "refuse_to_split",
    "tell_doubts",
]
