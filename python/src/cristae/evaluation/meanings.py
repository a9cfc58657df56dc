"""What each metric means, in words for whoever reads a report without the page of definitions."""

MEANINGS = {
    # Classes and masks.
    "iou": "overlap: voxels found and true, divided by those found or true; 1 is perfect",
    "dice": "overlap: twice the voxels found and true, divided by those found plus those true; 1 is perfect",
    "precision": "share of the found voxels that are right; low when too much was found",
    "recall": "share of the true voxels that were found; low when too little was found",
    "specificity": "share of the voxels outside of the true class that were left out; 1 is perfect",
    "accuracy": "share of all voxels that are right; near 1 for small classes whatever was found",
    "conformity": "1 - wrong voxels per right one; 1 is perfect, below 0 more are wrong than right",
    "voxels_truth": "voxels of the true class",
    "voxels_prediction": "voxels found",
    "hausdorff_nm": "largest distance between the found and the true surface, in nanometres; 0 is perfect",
    "hausdorff_95_nm": "the same without the farthest 5 % of the surface, so that a speck hardly counts",
    "mean_surface_distance_nm": "mean distance between the found and the true surface, in nanometres",
    "boundary_f1": "share of the found and the true surface that lie on each other; 1 is perfect",
    "best_threshold": "probability from which on a voxel belongs to the class, where the overlap is best",
    "best_iou": "iou at that threshold",
    "best_dice": "dice at that threshold",
    # Objects that are found.
    "f1_50": "objects found: share of the found and the true ones that match by at least half (IoU 0.5)",
    "f1_75": "the same where objects must match by three quarters (IoU 0.75)",
    "precision_50": "share of the found objects that match a true one by at least half",
    "recall_50": "share of the true objects that match a found one by at least half",
    "ap": "average precision: the mean of ap_0.50 to ap_0.95; 1 is perfect",
    "pq": "panoptic quality: sq times rq; 1 is perfect",
    "sq": "how well matched objects cover each other (mean IoU); 1 is perfect",
    "rq": "how many objects were found; the same as f1_50",
    "matched_iou": "the same as sq",
    "objects_truth": "true objects",
    "objects_prediction": "found objects",
    "objects_matched_50": "found objects that match a true one by at least half",
    "count_error": "found objects - true ones; 0 is perfect",
    "aji": "aggregated Jaccard index: overlap of all objects together with the ones they fit; 1 is perfect",
    "boundary_dice": "overlap of the found and the true outlines of objects; 1 is perfect",
    # Objects that were split or merged: pairs of voxels of true objects, and information.
    "rand_index": "share of the pairs of voxels that are in one object on both sides, or in two on both",
    "rand_error": "1 - rand_index; 0 is perfect",
    "adapted_rand_error": "how many pairs of voxels were wrongly merged or split; 0 is perfect",
    "adapted_rand_f1": "1 - adapted_rand_error; 1 is perfect",
    "adapted_rand_precision": "low when objects were merged; 1 is perfect",
    "adapted_rand_recall": "low when objects were split; 1 is perfect",
    "vi": "variation of information: how much was split and merged together, in bits; 0 is perfect",
    "vi_split": "how much objects were split, in bits; 0 is perfect",
    "vi_merge": "how much objects were merged, in bits; 0 is perfect",
    "v_rand": "pairs of voxels together in one true object and in one found object; 1 is perfect",
    "v_rand_split": "low when objects were split; 1 is perfect",
    "v_rand_merge": "low when objects were merged; 1 is perfect",
    "v_info": "like v_rand, but large objects count less; 1 is perfect",
    "v_info_split": "low when objects were split; 1 is perfect",
    "v_info_merge": "low when objects were merged; 1 is perfect",
    "v_rand_without_borders": "v_rand without the voxels at the edges of true objects",
    "v_info_without_borders": "v_info without the voxels at the edges of true objects",
    "v_rand_thinned": "v_rand with the found borders thinned to one pixel, as the challenge ISBI 2012 has it",
    "v_info_thinned": "v_info with the found borders thinned to one pixel, as the challenge ISBI 2012 has it",
    # What was compared.
    "voxels": "voxels compared",
    "unknown_voxels": "voxels left out, because nobody knows what they are",
}


def meaning_of(metric: str) -> str:
    """Return what a metric means, in a few words; nothing for what is no metric.

    Examples
    --------
    >>> meaning_of("rq"), meaning_of("name")
    ('how many objects were found; the same as f1_50', '')
    >>> meaning_of("ap_0.75")
    'objects that match by an IoU of 0.75 or more, divided by all of both sides'
    """
    if metric.startswith("ap_"):
        return f"objects that match by an IoU of {metric[3:]} or more, divided by all of both sides"
    return MEANINGS.get(metric, "")
