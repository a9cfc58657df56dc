"""Where the network still errs: the recent loss of the patches, place by place.

The images are divided into cells of half a patch. A patch tells how large its error was to the cell in which
its middle lies; the sampler then draws more patches where the errors are large.

Source of the idea: A. Shrivastava et al., Training region-based object detectors with online hard example
mining, CVPR 2016; here with a memory.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_NEWS = 0.3
"""How much the last patch of a cell counts; all before it count the rest."""

_DELAY = 2
"""A patch is read while the step before it is computed: its place was chosen before that step's errors."""


class RunningError:
    """The running errors of all cells.

    What it says for a step depends on the errors of the steps before the last one only, whenever they are
    told: so a training that is interrupted draws what it would have drawn.

    Parameters
    ----------
    shapes_zyx
        Of the images.
    patch_zyx
        Of a patch.

    Examples
    --------
    >>> errors = RunningError([(1, 8, 8)], (1, 8, 8))
    >>> cells = errors.cells(0, np.array([[0, 1, 1], [0, 5, 1]]))
    >>> errors.tell(1, cells, torch.tensor([0.5, 2.0]))
    >>> errors.at(3)[cells].tolist()
    [0.5, 2.0]
    """

    def __init__(self, shapes_zyx: Sequence[Sequence[int]], patch_zyx: Sequence[int]) -> None:
        self._side = np.maximum(np.array(patch_zyx) // 2, 1)
        self._grids = [-(-np.array(shape) // self._side) for shape in shapes_zyx]
        self._first = np.concatenate(([0], np.cumsum([grid.prod() for grid in self._grids])))
        self._values = np.full(self._first[-1], np.nan)
        self._told: dict[int, tuple[NDArray[np.int64], Tensor]] = {}

    def cells(self, region: int, voxels: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the cells of voxels (n, 3) of an image; those beyond it belong to cells at its border."""
        grid = self._grids[region]
        places = np.clip(voxels // self._side, 0, grid - 1)
        cells: NDArray[np.int64] = self._first[region] + np.ravel_multi_index(tuple(places.T), tuple(grid))
        return cells

    def tell(self, step: int, cells: NDArray[np.int64], errors: Tensor) -> None:
        """Take in the errors of the patches of a step; they may still be on their way from a device."""
        self._told[step] = (cells, errors)

    def at(self, step: int) -> NDArray[np.float64]:
        """Return the errors of all cells, as known when the patches of a step are chosen.

        Cells that no patch told of count as the mean of the others, or 1.
        """
        for told in sorted(self._told):
            if told > step - _DELAY:
                break
            cells, errors = self._told.pop(told)
            for cell, error in zip(cells.tolist(), errors.tolist(), strict=True):
                before = self._values[cell]
                self._values[cell] = error if np.isnan(before) else before + _NEWS * (error - before)
        known = ~np.isnan(self._values)
        usual = self._values[known].mean() if known.any() else 1.0
        return np.where(known, self._values, usual)

    def state(self) -> dict[str, Tensor]:
        """Return everything by name: the errors, and (step, cell, error) of what was told since."""
        told = [
            (step, cell, error)
            for step, (cells, errors) in sorted(self._told.items())
            for cell, error in zip(cells.tolist(), errors.tolist(), strict=True)
        ]
        return {
            "values": torch.from_numpy(self._values.copy()),
            "told": torch.tensor(told, dtype=torch.float64).reshape(-1, 3),
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what :meth:`state` returned."""
        self._values = state["values"].cpu().numpy().copy()
        told = state["told"].cpu().numpy()
        self._told = {}
        for step in np.unique(told[:, 0]):
            rows = told[told[:, 0] == step]
            self._told[int(step)] = (rows[:, 1].astype(np.int64), torch.from_numpy(rows[:, 2].copy()))
