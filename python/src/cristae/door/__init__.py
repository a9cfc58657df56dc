"""The engine on arrays and files, without a server."""

from cristae.door.calls import evaluate, predict, train
from cristae.door.augmented import augment

__all__ = ["augment", "evaluate", "predict", "train"]
