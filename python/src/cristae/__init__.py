"""Deep-learning segmentation of electron microscopy.

Five functions do the work on NumPy arrays, Zarr arrays and files: :func:`train`, :func:`predict`,
:func:`evaluate`, :func:`measure` and :func:`clean`. The command line and the server use the same rooms.
"""

from cristae.door import clean, evaluate, measure, predict, train
from cristae.extensions import register_augmentation, register_loss, register_network

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "clean",
    "evaluate",
    "measure",
    "predict",
    "register_augmentation",
    "register_loss",
    "register_network",
    "train",
]
