"""Deep-learning segmentation of electron microscopy.

Three functions do the work on NumPy arrays, Zarr arrays and files: :func:`train`, :func:`predict` and
:func:`evaluate`. The command line and the server use the same rooms.
"""

from cristae.door import evaluate, predict, train
from cristae.extensions import register_augmentation, register_loss, register_network

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "evaluate",
    "predict",
    "register_augmentation",
    "register_loss",
    "register_network",
    "train",
]
