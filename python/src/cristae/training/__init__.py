"""From images with labels to a trained model: plan, patches, augmentation, losses, the loop.

What needs torch is loaded when it is asked for: the server reads the choices of a training without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cristae.training.choices import Choices

if TYPE_CHECKING:
    from cristae.training.budget import Budget
    from cristae.training.plan import Plan
    from cristae.training.request import TrainedModel, TrainingRequest
    from cristae.training.training import inspect_and_plan, train

__all__ = ["Budget", "Choices", "Plan", "TrainedModel", "TrainingRequest", "inspect_and_plan", "train"]

_MODULES = {
    "Budget": "budget",
    "Plan": "plan",
    "TrainedModel": "request",
    "TrainingRequest": "request",
    "inspect_and_plan": "training",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
