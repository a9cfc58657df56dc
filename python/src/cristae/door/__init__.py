"""The engine on arrays and files, without a server."""

from cristae.door.calls import evaluate, predict, train

__all__ = ["evaluate", "predict", "train"]
