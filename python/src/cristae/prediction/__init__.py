"""Tiles in, labels out."""

from cristae.prediction.devices import choose_device, describe
from cristae.prediction.instances import predict_objects
from cristae.prediction.predicting import Form, Output, OutputKind, form_of, output_kinds, predict
from cristae.prediction.predictor import Predictor, load_predictor

__all__ = [
    "Form",
    "Output",
    "OutputKind",
    "Predictor",
    "choose_device",
    "describe",
    "form_of",
    "load_predictor",
    "output_kinds",
    "predict",
    "predict_objects",
]
