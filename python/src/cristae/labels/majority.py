"""Several people's labels of one image as one label image: what most of them say, unknown where they tie."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels.scan import SLAB_VOXELS, as_integers, slabs
from cristae.settings import Limits
from cristae.volumes import Image

UNKNOWN_VOTE = 2**32 - 1
"""Stands for a tie where no unknown value was named; no label image has so many values."""

MOST_ANNOTATORS = Limits.max_annotators


class MajorityVote:
    """Label images of the same voxels, of several annotators, as one.

    Each annotator has a vote for every voxel, but for those that he marked as unknown (of masks: in any
    channel) and for sections where he drew nothing while he drew in others. The value with the most votes
    counts. Voxels without a vote, and ties, are unknown. Only kinds can be voted on; the ids of objects are
    different numbers for everyone.

    Parameters
    ----------
    annotators
        Two or more label images of the same shape, (c, z, y, x). Each channel is voted on by itself.
    unknown
        The value of unknown voxels, if any.
    empty_are_unknown
        Whether sections where an annotator drew nothing are without his vote.
    masks
        Whether the channels are masks: any value but 0 is inside. Several channels always are.
    names
        What people call the labels of each, for sentences; those of a server's volumes may be older than
        theirs, and are not given.

    Attributes
    ----------
    annotators
        The label images that are voted on.
    unknown_value
        `unknown`, or another one if there are ties and none was given, or None.
    sentence
        How far they agree, for people.

    Raises
    ------
    InvalidInput
        The shapes differ, someone drew nothing at all, or no label has a majority anywhere.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> three = [ArrayImage(np.array([[[0, 1, v]]], np.uint8)) for v in (1, 2, 2)]
    >>> vote = MajorityVote(three)
    >>> vote.read(Box.of_shape((1, 1, 3))).tolist()
    [[[[0, 1, 2]]]]
    >>> print(vote.sentence)
    3 annotators: they all agree on 66.7 % of the voxels that more than one of them labelled.
    """

    def __init__(
        self,
        annotators: Sequence[Image],
        *,
        unknown: int | None = None,
        empty_are_unknown: bool = True,
        masks: bool = False,
        names: Sequence[str] = (),
    ) -> None:
        if not 2 <= len(annotators) <= MOST_ANNOTATORS:
            raise InvalidInput(
                f"A vote takes the labels of 2 to {MOST_ANNOTATORS} annotators, not of {len(annotators)}."
            )
        first = annotators[0]
        told = [
            f"annotator {n}{f' ({name})' if name else ''}"
            for n, name in enumerate(names or [""] * len(annotators), 1)
        ]
        for who, labels in zip(told, annotators, strict=True):
            if labels.shape_czyx != first.shape_czyx:
                both = (labels.shape_czyx, first.shape_czyx)
                left_out = 1 if all(channels == 1 for channels, *_ in both) else 0
                theirs, ours = (" x ".join(map(str, shape[left_out:])) for shape in both)
                axes = ", ".join("czyx"[left_out:])
                raise InvalidInput(
                    f"The labels of {who} are {theirs} voxels ({axes}), those of {told[0]} {ours}. All must "
                    "show the same image."
                )
        self.annotators, self._unknown = annotators, unknown
        self.shape_czyx = first.shape_czyx
        self._masks = masks or first.shape_czyx[0] > 1
        self.voxel_size = next((size for a in annotators if (size := a.voxel_size)), None)
        self.name = first.name
        self.notes = tuple(dict.fromkeys(note for labels in annotators for note in labels.notes))
        self._tie = UNKNOWN_VOTE if unknown is None else unknown
        # A negative unknown value stays what it is: other images of a training have it too.
        self.dtype: np.dtype[Any] = np.dtype(np.float32 if self._tie < 0 else np.uint32)
        self._looked_at = np.ones((len(annotators), self.shape_czyx[1]), bool)
        self._looked_at = self._sections_looked_at(empty_are_unknown, told)
        agreed, shared, tied = self._counted()
        self.unknown_value = UNKNOWN_VOTE if unknown is None and tied else unknown
        agreement = "no voxel was labelled by more than one of them"
        if shared:
            of_shared = f"{100 * agreed / shared:.1f} % of the voxels that more than one of them labelled"
            agreement = f"they all agree on {of_shared}"
        share = 100 * tied / int(np.prod(self.shape_czyx))
        self.sentence = f"{len(annotators)} annotators: {agreement}" + (
            f"; {share:.1f} % of all are ties or without a vote, and unknown." if tied else "."
        )

    def read(self, box_zyx: Box) -> npt.NDArray[np.generic]:
        """Return what most annotators say about the voxels (c, z, y, x) of a box, a fresh array.

        The type is uint32, or float32 where the unknown value is negative.
        """
        votes, silent = self._votes(box_zyx)
        return self._elected(votes, silent)[0].astype(self.dtype)

    def _votes(self, box_zyx: Box) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Return values (annotators, c, z, y, x), and where an annotator has no vote."""
        votes = np.stack(
            [as_integers(a.read(box_zyx), may_be_unknown=True).astype(np.int64) for a in self.annotators]
        )
        silent = np.zeros(votes.shape, bool) if self._unknown is None else votes == self._unknown
        if self._masks:  # 1 and 255 are both inside
            votes = np.where(silent, votes, votes != 0)
            if self._unknown != 0:  # which is outside of a mask, and refused where masks are looked for
                silent |= silent.any(axis=1, keepdims=True)
        silent |= ~self._looked_at[:, None, box_zyx.start[0] : box_zyx.stop[0], None, None]
        return votes, silent

    def _elected(
        self, votes: npt.NDArray[np.int64], silent: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Return the elected values (c, z, y, x), and which are unknown."""
        support = np.stack([((votes == own) & ~silent).sum(axis=0) for own in votes])
        support[silent] = 0
        most = support.max(axis=0)
        elected = np.take_along_axis(votes, support.argmax(axis=0)[None], axis=0)[0]
        unknown = (most == 0) | ((support == most) & (votes != elected)).any(axis=0)
        return np.where(unknown, self._tie, elected), unknown

    def _sections_looked_at(self, empty_are_unknown: bool, told: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return in which sections each annotator drew something, (annotators, z), or all."""
        drawn = np.zeros_like(self._looked_at)
        for box in self._slabs():
            votes, silent = self._votes(box)
            drawn[:, box.start[0] : box.stop[0]] |= ((votes != 0) & ~silent).any(axis=(1, 3, 4))
        for who, sections in zip(told, drawn, strict=True):
            if not sections.any():
                raise InvalidInput(f"The labels of {who} are empty. Leave them out.")
        return drawn if empty_are_unknown else np.ones_like(drawn)

    def _counted(self) -> tuple[int, int, int]:
        """Return on how many voxels all votes agree, of how many with several votes; how many are unknown."""
        agreed = shared = tied = labelled = 0
        for box in self._slabs():
            votes, silent = self._votes(box)
            elected, unknown = self._elected(votes, silent)
            several = (~silent).sum(axis=0) > 1
            agreed += int((((votes == elected) | silent).all(axis=0) & several).sum())
            shared += int(several.sum())
            tied += int(unknown.sum())
            labelled += int(((elected != 0) & ~unknown).sum())
        if not labelled:
            raise InvalidInput(
                "No voxel got the same label from most of the annotators, so there is nothing to learn. Give "
                "labels of the same image, in which a class has the same value with everyone: not 1 here and "
                "255 there."
            )
        return agreed, shared, tied

    def _slabs(self) -> list[Box]:
        share = max(1, SLAB_VOXELS // (len(self.annotators) * self.shape_czyx[0]))
        return list(slabs(self.shape_czyx[1:], voxels=share))
