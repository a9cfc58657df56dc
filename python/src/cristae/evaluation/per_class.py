"""The scores of classes or masks, put together."""

from collections.abc import Mapping, Sequence

from cristae.evaluation.comparing import Comparison
from cristae.evaluation.distances import DISTANCES, surface_distances, tolerance_nm
from cristae.evaluation.scores import RATIOS, Scores, mean_scores
from cristae.volumes import VoxelSize


def class_scores(
    per_class: dict[str, dict[str, float | int | None]],
    counts: Mapping[str, float | int | None],
    comparison: Comparison,
    sentences: Sequence[str],
    *,
    distances: bool,
    voxel_size: VoxelSize | None,
) -> Scores:
    """Return the scores of classes or masks with their mean, and with distances if they are wanted.

    Parameters
    ----------
    per_class
        The voxel metrics by number; distances are added to them.
    counts
        What was counted of all together.
    comparison
        What is compared.
    sentences
        What was read and counted, for people.
    distances, voxel_size
        As for :func:`cristae.evaluation.evaluate_classes`.
    """
    table = {str(entry.value): entry.name for entry in comparison.classes}
    names = {key: table.get(key, f"class {key}") for key in per_class}
    ratios: Sequence[str] = RATIOS
    told, more = list(sentences), dict(counts)
    if distances:
        found, said = surface_distances(
            comparison, {int(key): name for key, name in names.items()}, voxel_size
        )
        for number, metrics in found.items():
            per_class[str(number)] |= metrics
        ratios, told = (*RATIOS, *DISTANCES), [*told, *said]
        more["boundary_tolerance_nm"] = None if voxel_size is None else tolerance_nm(voxel_size)
    scores = Scores({"classes": per_class, "mean": mean_scores(per_class, ratios), **more}, told, names)
    scores.comparison = comparison
    return scores
