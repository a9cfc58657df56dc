"""Objects that reach the border of the volume are taken away: they may go on beyond it."""

import numpy as np

from cristae.labels.cleaning.objects import Objects, OnProgress, told, unheard, were
from cristae.labels.ids import read_ids


def remove_at_border(objects: Objects, on_progress: OnProgress = unheard) -> tuple[Objects, str]:
    """Remove the objects that have a voxel at a face of the volume; in a single section, at its edge.

    Parameters
    ----------
    objects
        The objects.
    on_progress
        Gets the share of the volume that was looked at.

    Returns
    -------
    objects, sentence
        Those that stay with their ids, and what was done.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> labels = np.zeros((3, 3, 3), np.uint8)
    >>> labels[1, 1, 1], labels[0, 1, 1] = 7, 8
    >>> rest, sentence = remove_at_border(Objects.of(ArrayImage(labels)))
    >>> rest.ids.tolist(), sentence
    ([7], '1 of 2 objects touched the border and was removed.')
    """
    depth, height, _ = objects.shape_zyx
    found = np.empty(0, np.int64)
    for box in objects.slabs(on_progress):
        ids = read_ids(objects.image, box)
        faces = [ids[..., 0], ids[..., -1]]
        faces += [ids[:, 0]] * (box.start[1] == 0) + [ids[:, -1]] * (box.stop[1] == height)
        if not objects.is_flat:
            faces += [ids[0]] * (box.start[0] == 0) + [ids[-1]] * (box.stop[0] == depth)
        found = np.union1d(found, np.concatenate([face.reshape(-1) for face in faces]).astype(np.int64))
    reach = np.isin(objects.ids, found)
    count = int(np.count_nonzero(reach))
    sentence = (
        f"{told(count, objects.ids.size)} touched the border and {were(count, objects.ids.size)} removed."
    )
    return objects.renamed(np.where(reach, 0, objects.ids)), sentence
