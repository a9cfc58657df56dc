"""From images with labels to a trained model: plan, patches, augmentation, losses, the loop."""

from cristae.training.plan import Choices, Plan
from cristae.training.request import Budget, TrainedModel, TrainingRequest
from cristae.training.training import inspect_and_plan, train

__all__ = ["Budget", "Choices", "Plan", "TrainedModel", "TrainingRequest", "inspect_and_plan", "train"]
