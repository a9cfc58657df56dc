"""What label values mean: classes, unknown voxels, annotated sections, objects."""

from cristae.labels.affinities import affinities_of, affinity_classes, offsets_for
from cristae.labels.agreement import share_classes
from cristae.labels.boundaries import BOUNDARY_CLASSES, boundary_classes
from cristae.labels.ids import checked_ids, read_ids
from cristae.labels.majority import UNKNOWN_VOTE, MajorityVote
from cristae.labels.masks import Masks, MasksAsOne, check_mask_values, find_masks, mask_classes
from cristae.labels.numbering import Numbering, number_classes
from cristae.labels.objects import objects_from
from cristae.labels.reading import UNKNOWN, LabelReading, check_range, read_labels
from cristae.labels.scan import as_integers, count_values, scan_values, signed, slabs
from cristae.labels.several import about_image, annotators_of, image_told, unknown_of, voted
from cristae.labels.shapes import check_same_shape
from cristae.labels.thickness import ObjectStatistics

__all__ = [
    "BOUNDARY_CLASSES",
    "UNKNOWN",
    "UNKNOWN_VOTE",
    "LabelReading",
    "MajorityVote",
    "Masks",
    "MasksAsOne",
    "Numbering",
    "ObjectStatistics",
    "about_image",
    "affinities_of",
    "affinity_classes",
    "annotators_of",
    "as_integers",
    "boundary_classes",
    "check_mask_values",
    "check_range",
    "check_same_shape",
    "checked_ids",
    "count_values",
    "find_masks",
    "image_told",
    "mask_classes",
    "number_classes",
    "objects_from",
    "offsets_for",
    "read_ids",
    "read_labels",
    "scan_values",
    "share_classes",
    "signed",
    "slabs",
    "unknown_of",
    "voted",
]
