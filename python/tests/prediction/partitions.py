"""Volumes cut into objects, and how alike two such cuts are."""

import numpy as np

from cristae.geometry.box import grid
from cristae.prediction.decoding import decode
from cristae.prediction.fragments import Desk, NumbersInMemory
from cristae.volumes import ArrayImage


def same_partition(one, other):
    """Tell whether two arrays are equal up to the numbers of objects."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    background = {tuple(pair) for pair in pairs.T.tolist() if 0 in pair} <= {(0, 0)}
    return background and all(np.unique(side).size == pairs.shape[1] for side in pairs)


def decoded(said, decoder, block_zyx):
    shape = said.shape[1:]
    desk = Desk(ArrayImage(said), decoder, NumbersInMemory(shape))
    return decode(desk, tuple(grid(shape, block_zyx))).to_array()


def variation_of_information(one, other):
    table = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1, return_counts=True)
    (a, b), n = table
    share = n / n.sum()
    of_a = np.bincount(a, share)[a]
    of_b = np.bincount(b, share)[b]
    return float(-(share * (np.log2(share / of_a) + np.log2(share / of_b))).sum())
