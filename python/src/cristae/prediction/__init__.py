"""Tiles in, labels out."""

from cristae.prediction.instances import predict_objects
from cristae.prediction.predicting import Form, Output, OutputKind, form_of, output_kinds, predict
from cristae.prediction.predictor import Predictor, load_predictor

__all__ = [
    "Form",
    "Output",
    "OutputKind",
    "Predictor",
    "form_of",
    "load_predictor",
    "output_kinds",
    "predict",
    "predict_objects",
]
