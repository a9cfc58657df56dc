"""Objects of a label image made better by hand or by rule: each step says what it did."""

from cristae.labels.cleaning.border import remove_at_border
from cristae.labels.cleaning.holes import fill_holes
from cristae.labels.cleaning.merging import merge, merge_groups, merge_in
from cristae.labels.cleaning.objects import Objects, OnProgress, smallest_type
from cristae.labels.cleaning.small import remove_small
from cristae.labels.cleaning.smoothing import smooth
from cristae.labels.cleaning.splitting import boxes_of, split, split_in

__all__ = [
    "Objects",
    "OnProgress",
    "boxes_of",
    "fill_holes",
    "merge",
    "merge_groups",
    "merge_in",
    "remove_at_border",
    "remove_small",
    "smallest_type",
    "smooth",
    "split",
    "split_in",
]
