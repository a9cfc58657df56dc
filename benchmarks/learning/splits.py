"""What is trained on and what is scored: the same for every learner, with a gap between the two."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile
from numpy.typing import NDArray

from cristae.labels import boundary_classes
from cristae.volumes import VoxelSize


@dataclass(frozen=True)
class Split:
    """One question.

    Attributes
    ----------
    name, question
        For the page.
    target
        What Cristae is told to learn.
    raw, labels
        The annotated part (z, y, x); for "instances" the labels are ids.
    test_raw, truth, scored
        What is predicted, the classes that are true in it, and the sections that count.
    wanted
        The class whose Dice and IoU are told.
    voxel_size_nm
        z, y, x.
    nnunet
        The configuration of nnU-Net that suits the data.
    """

    name: str
    question: str
    target: Literal["classes", "instances"]
    raw: NDArray[Any]
    labels: NDArray[Any]
    test_raw: NDArray[Any]
    truth: NDArray[np.uint8]
    scored: tuple[int, int]
    wanted: int
    voxel_size_nm: tuple[float, float, float]
    nnunet: str

    @property
    def classes(self) -> NDArray[np.uint8]:
        """The labels as the classes that a network learns; for learners that know no objects."""
        if self.target == "classes":
            return self.labels.astype(np.uint8)
        return boundary_classes(self.labels, VoxelSize(*self.voxel_size_nm))

    def score(self, predicted: NDArray[Any]) -> tuple[float, float]:
        """Return Dice and IoU of the wanted class, counted here and by nobody's own evaluation."""
        sections = slice(*self.scored)
        ours, true = predicted[sections] == self.wanted, self.truth[sections] == self.wanted
        both, either = int((ours & true).sum()), int((ours | true).sum())
        return 2 * both / (both + either), both / either


def read_split(name: str, data: Path) -> Split:
    """Read a question from the folder with the data sets.

    Parameters
    ----------
    name
        "vnc" (Gerhard et al. 2013, figshare 856713) or "fib25" (Janelia FlyEM, NeuroProof examples); the
        folder of that name holds ``raw.tif`` and ``mitochondria.tif`` or ``neurons.tif``.
    data
        The folder above.
    """
    folder = data / name
    raw = tifffile.imread(folder / "raw.tif")
    if name == "vnc":
        mask = (tifffile.imread(folder / "mitochondria.tif") > 0).astype(np.uint8)
        return Split(
            name,
            "mitochondria in serial sections, 50 x 4.6 x 4.6 nm: trained on sections 0-7, scored on 10-11",
            "classes",
            raw[:8],
            mask[:8],
            raw[9:12],  # one section more than is scored: networks see neighbours
            mask[9:12],
            (1, 3),
            1,
            (50.0, 4.6, 4.6),
            "2d",
        )
    neurons = tifffile.imread(folder / "neurons.tif")
    size = (10.0, 10.0, 10.0)
    return Split(
        name,
        "boundaries of neurons, 10 nm: trained on z 0-79, scored on z 95-124",
        "instances",
        raw[:80],
        neurons[:80],
        raw[90:125],
        boundary_classes(neurons[90:125], VoxelSize(*size)),
        (5, 35),
        2,
        size,
        "3d_fullres",
    )
