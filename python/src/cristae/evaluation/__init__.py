"""A prediction against the truth: voxel metrics, metrics of objects, and reports."""

from cristae.evaluation.classes import evaluate_classes
from cristae.evaluation.instances import evaluate_instances
from cristae.evaluation.masks import evaluate_masks
from cristae.evaluation.probabilities import evaluate_probabilities
from cristae.evaluation.report import report
from cristae.evaluation.scores import ReportNotWritten, Scores

__all__ = [
    "ReportNotWritten",
    "Scores",
    "evaluate_classes",
    "evaluate_instances",
    "evaluate_masks",
    "evaluate_probabilities",
    "report",
]
