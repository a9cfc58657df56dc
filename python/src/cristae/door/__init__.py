"""The engine on arrays and files, without a server."""

from cristae.door.augmented import augment
from cristae.door.calls import evaluate, predict, train

__all__ = ["augment", "evaluate", "predict", "train"]
