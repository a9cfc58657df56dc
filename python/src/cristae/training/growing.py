"""Grow a random forest on the features of labelled pixels: seconds, where a network takes minutes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor

from cristae.errors import Cancelled
from cristae.events import Event, Progress
from cristae.geometry import Box
from cristae.labels import UNKNOWN
from cristae.networks import Forest, ForestConfig
from cristae.networks.filters import FilterBank, reach
from cristae.training.data import PatchReader
from cristae.training.sampling import PatchSampler

_MOST_PATCHES = 48
_FEWEST_PATCHES = 8
_PIXELS = 28_800
_DEPTH = 14
_SMALLEST_LEAF = 5


def grow_forest(
    config: ForestConfig,
    reader: PatchReader,
    sampler: PatchSampler,
    members: NDArray[np.bool_] | None,
    seed: int,
    *,
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> Forest:
    """Return the forest that learned the labelled pixels.

    Parameters
    ----------
    config
        Its sizes of nodes and depth are set by what grows.
    reader, sampler
        The training patches: pixels are drawn from some of them, as a network would see them.
    members
        For masks: which of them (columns) each training target (rows) stands for.
    seed
        The same seed grows the same forest.
    on_event, should_stop
        As for :func:`cristae.training.train`.

    Raises
    ------
    Cancelled
        `should_stop` said so.
    """
    features, targets = _labelled_pixels(config, reader, sampler, seed, on_event, should_stop)
    on_event(Progress("Training", 0.6, None, f"{config.trees} trees on {len(targets):,} pixels"))
    # Between counting pixels and counting classes: rare ones are found without being seen everywhere.
    numbers, counts = np.unique(targets, return_counts=True)
    weights = dict(zip(numbers.tolist(), (1 / np.sqrt(counts / counts.sum())).tolist(), strict=True))
    trees = RandomForestClassifier(
        config.trees,
        max_depth=_DEPTH,
        min_samples_leaf=_SMALLEST_LEAF,
        class_weight=weights,
        n_jobs=torch.get_num_threads(),
        random_state=seed % 2**32,
    ).fit(features, targets)
    grown = [tree.tree_ for tree in trees.estimators_]
    config = replace(
        config,
        nodes=max(tree.node_count for tree in grown),
        depth=max(1, max(tree.max_depth for tree in grown)),
    )
    forest = Forest(config)
    # Which answers each target of the trees stands for.
    answers = np.eye(config.out_channels) if members is None else members.astype(float)
    for number, tree in enumerate(grown):
        count = tree.node_count
        here = np.arange(count)
        leaf = tree.children_left < 0
        shares = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True)
        forest.feature[number, :count] = torch.from_numpy(np.where(leaf, 0, tree.feature).astype(np.int32))
        forest.threshold[number, :count] = torch.from_numpy(_rounded_down(tree.threshold))
        forest.below[number, :count] = torch.from_numpy(
            np.where(leaf, here, tree.children_left).astype(np.int32)
        )
        forest.above[number, :count] = torch.from_numpy(
            np.where(leaf, here, tree.children_right).astype(np.int32)
        )
        forest.shares[number, :count] = torch.from_numpy(
            (shares @ answers[trees.classes_]).astype(np.float32)
        )
    return forest


def _labelled_pixels(
    config: ForestConfig,
    reader: PatchReader,
    sampler: PatchSampler,
    seed: int,
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return features (pixels, features) and targets (pixels) of some known pixels."""
    generator = np.random.default_rng([seed, 1])
    filters, margin = FilterBank(config.sigmas), reach(config.sigmas)
    found: list[tuple[NDArray[np.float32], NDArray[np.uint8]]] = []
    # Twice over what is known, so that nothing of a small image is left out, and a large one takes seconds.
    count = int(2 * sampler.counts.sum() / np.prod(sampler.patch_zyx))
    count = min(max(count, _FEWEST_PATCHES), _MOST_PATCHES)
    for number, place in enumerate(sampler.draw(1, count)):
        if should_stop():
            raise Cancelled("The training was cancelled.")
        on_event(Progress("Training", 0.6 * number / count, None, "looking at labelled pixels"))
        stop = tuple(s + p for s, p in zip(place.start_zyx, sampler.patch_zyx, strict=True))
        core = Box(place.start_zyx, stop)
        inputs, _ = reader.read(place.region, core.grown((0, margin, margin)))
        targets = reader.regions[place.region].targets(core)
        known = np.argwhere(targets != UNKNOWN)
        if len(known) > _PIXELS // count:
            known = generator.choice(known, _PIXELS // count, replace=False)
        z, y, x = known.T
        with torch.inference_mode():
            described: Tensor = filters(torch.from_numpy(inputs))
        chosen = described[torch.from_numpy(z), :, torch.from_numpy(y + margin), torch.from_numpy(x + margin)]
        found.append((chosen.numpy(), targets[z, y, x]))
    features, targets_of_all = zip(*found, strict=True)
    return np.concatenate(features), np.concatenate(targets_of_all)


def _rounded_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return 32-bit thresholds that split 32-bit features exactly as the 64-bit ones do."""
    single = thresholds.astype(np.float32)
    return np.where(single > thresholds, np.nextafter(single, np.float32(-np.inf)), single)
