"""Whether objects of a real volume come back from what a perfect network would say, however it is cut.

The data are instance labels of UroCell (Mekuc et al. 2020), NIfTI files ``mito_instance_*.nii.gz`` and
``fv_instance_*.nii.gz`` in one folder, which are not part of this repository. The truth are the connected
pieces of each id (by faces), as ids of distant parts cannot come back from what lies between them. Of each
file of mitochondria both halves of its sections are looked at, of each file of vesicles a part in its middle.
Affinities of mitochondria are for comparison, in such a part too, as they take the longest.

They are encoded as a training does it (boundaries, affinities) and decoded whole and in eight other layouts
of blocks. Nothing is trained: what is missed here, no network can find.

    python benchmarks/urocell.py --data FOLDER
"""

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cc3d
import nibabel
import numpy as np
from numpy.typing import NDArray

from cristae.evaluation import evaluate_instances
from cristae.geometry.box import grid
from cristae.labels import affinities_of, boundary_classes, offsets_for
from cristae.labels.agglomeration import SHARE
from cristae.prediction.affinity_decoding import Affinities
from cristae.prediction.decoders import Boundaries, Decoder, Pieces
from cristae.prediction.decoding import decode
from cristae.prediction.fragments import Desk, NumbersInMemory
from cristae.volumes import ArrayImage

REPORT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "urocell.md"
F1_GOAL, VI_GOAL = 0.98, 0.02
PART_ZYX = (64, 128, 128)
"""The part of each file of vesicles, and of mitochondria by affinities."""

PIECES = "pieces of the mask"

type Ids = NDArray[np.uint32]


@dataclass(frozen=True)
class Result:
    """What one decoder made of one volume.

    Attributes
    ----------
    volume, decoder
        In words.
    is_meant
        Whether the goal of F1 is for this decoder and these objects.
    objects, found
        How many there are, and how many came back uncut.
    f1
        At IoU 0.75, uncut.
    vi
        The largest variation of information of a layout from the uncut one, in bits.
    """

    volume: str
    decoder: str
    is_meant: bool
    objects: int
    found: int
    f1: float
    vi: float

    @property
    def missed(self) -> bool:
        """Whether a goal was missed."""
        vi_goal = 0.0 if self.decoder == PIECES else VI_GOAL
        return self.vi > vi_goal or (self.is_meant and self.f1 < F1_GOAL)


def volumes(folder: Path) -> list[tuple[str, bool, Ids]]:
    """Return name, whether these are vesicles, and the truth of each part."""
    parts = []
    for file in sorted(folder.glob("*_instance_*.nii.gz")):
        ids = np.asarray(nibabel.load(file).dataobj).astype(np.uint32).T
        is_vesicles, name = file.name.startswith("fv"), file.name.removesuffix(".nii.gz")
        if is_vesicles:
            parts.append((name, True, pieces(middle(ids))))
        else:
            half = ids.shape[0] // 2
            parts += [
                (f"{name}, first half", False, pieces(ids[:half])),
                (f"{name}, second half", False, pieces(ids[half:])),
            ]
    return parts


def middle(ids: Ids) -> Ids:
    """Return the part in the middle."""
    starts = [max(0, n - m) // 2 for n, m in zip(ids.shape, PART_ZYX, strict=True)]
    return ids[tuple(slice(start, start + m) for start, m in zip(starts, PART_ZYX, strict=True))]


def pieces(ids: Ids) -> Ids:
    """Return the connected pieces of each id as ids of their own."""
    found: Ids = cc3d.connected_components(np.ascontiguousarray(ids), connectivity=6).astype(np.uint32)
    return found


def layouts(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return eight ways to cut a volume."""
    z, y, x = shape
    halves, thirds = tuple(-(-n // 2) for n in shape), tuple(n // 3 + 1 for n in shape)
    return [
        halves, (halves[0], y, x), (z, halves[1], x), (z, y, halves[2]),
        thirds, (z, thirds[1], thirds[2]), (thirds[0], y, halves[2]), (z - z // 6, y - y // 5, x - x // 8),
    ]  # fmt: skip


def measured(
    name: str, what: str, is_meant: bool, truth: Ids, said: NDArray[Any], decoder: Decoder[Any]
) -> Result:
    """Decode whole and in eight layouts."""
    shape = truth.shape

    def found(block: tuple[int, ...]) -> Ids:
        desk = Desk(ArrayImage(said), decoder, NumbersInMemory(shape))
        return decode(desk, tuple(grid(shape, block))).to_array()

    whole = found(shape)
    scores = evaluate_instances(whole, truth)
    vi = max(evaluate_instances(found(block), whole)["vi"] for block in layouts(shape))
    result = Result(name, what, is_meant, int(truth.max()), int(whole.max()), float(scores["f1_75"]), vi)
    print(result, flush=True)
    return result


def results(folder: Path) -> list[Result]:
    """Encode and decode every part by every decoder."""
    every = []
    for name, is_vesicles, truth in volumes(folder):
        if not truth.any():
            continue
        classes = boundary_classes(truth, None)
        said = np.stack([(classes == value) * np.uint8(255) for value in range(3)])
        # Most vesicles have no interior: the plan names affinities for them.
        every.append(measured(name, "boundaries", not is_vesicles, truth, said, Boundaries(None)))
        inner = pieces(middle(truth))
        if inner.any():
            offsets = offsets_for(1.0, in_depth=True, sections=inner.shape[0])
            pairs = affinities_of(inner, offsets)[0].astype(np.uint8) * 255
            what = "affinities" if is_vesicles else "affinities, in the middle"
            every.append(measured(name, what, True, inner, pairs, Affinities(offsets, None)))
        mask = (truth > 0).astype(np.uint8)
        every.append(measured(name, PIECES, True, pieces(mask), mask[None], Pieces()))
    return every


def page(every: list[Result]) -> str:
    """Write down what was found."""
    missed = [result for result in every if result.missed]
    rows = "\n".join(
        f"| {r.volume} | {r.decoder}{'' if r.is_meant else ' (not meant)'} | {r.objects} | {r.found} | "
        f"{r.f1:.3f} | {r.vi:.4f} | {'missed' if r.missed else 'reached'} |"
        for r in every
    )
    told = (
        f"Missed in {len(missed)} of {len(every)} rows; the least F1 of a decoder that is meant is "
        f"{min(r.f1 for r in every if r.is_meant):.3f}, the largest VI {max(r.vi for r in every):.4f}."
        if missed
        else f"Reached in all {len(every)} rows."
    )
    return f"""# Objects of a real volume, encoded and decoded

Written by `benchmarks/urocell.py` on the labels of UroCell (Mekuc et al. 2020; 5 volumes of 256^3 voxels).
What is true are the connected pieces (by faces) of each id in a part. They are encoded as a training does it,
and decoded uncut and in eight layouts of blocks; nothing is trained. A link between fragments of a watershed
is as strong as the weakest {SHARE:.0%} of its faces.

Goal: F1 at IoU 0.75 of at least {F1_GOAL} by each decoder that is meant for the objects (boundaries for
mitochondria, affinities for both), and eight layouts within a variation of information of {VI_GOAL} bits of
the uncut volume (pieces: 0). Of vesicles, most of which have no interior, boundaries are told too; only their
VI counts.

**{told}**

| part | decoder | objects | found | F1 at 0.75 | largest VI | goal |
|---|---|---|---|---|---|---|
{rows}
"""


def main() -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="the folder of the labels")
    folder = parser.parse_args().data or Path(os.environ.get("CRISTAE_UROCELL", ""))
    if not any(folder.glob("*_instance_*.nii.gz")):
        print("[urocell] Skipped: give the folder of the labels with --data or CRISTAE_UROCELL.")
        return 0
    every = results(folder)
    REPORT.write_text(page(every), encoding="utf-8")
    return int(any(result.missed for result in every))


if __name__ == "__main__":
    sys.exit(main())
