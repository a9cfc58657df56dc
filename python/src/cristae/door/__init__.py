"""The engine on arrays and files, without a server."""

from cristae.door.augmented import augment
from cristae.door.calls import predict, train
from cristae.door.objects import clean, measure
from cristae.door.scoring import evaluate

__all__ = ["augment", "clean", "evaluate", "measure", "predict", "train"]
