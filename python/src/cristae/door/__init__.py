"""The engine on arrays and files, without a server."""

from cristae.door.augmented import augment
from cristae.door.calls import evaluate, predict, train
from cristae.door.objects import measure

__all__ = ["augment", "evaluate", "measure", "predict", "train"]
