"""Deep-learning segmentation of electron microscopy.

Four functions do the work on NumPy arrays, Zarr arrays and files: :func:`train`, :func:`predict`,
:func:`evaluate` and :func:`measure`. The command line and the server use the same rooms.
"""

from cristae.door import evaluate, measure, predict, train
from cristae.extensions import register_augmentation, register_loss, register_network

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "evaluate",
    "measure",
    "predict",
    "register_augmentation",
    "register_loss",
    "register_network",
    "train",
]
