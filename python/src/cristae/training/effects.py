"""Choices that would do nothing are refused, or somebody would believe that they had been made."""

from collections.abc import Mapping, Set
from dataclasses import fields
from typing import Any

from cristae.errors import InvalidInput
from cristae.extensions import OWN_NAMES
from cristae.training.choices import Choices, read_settings, written

_EVERY = frozenset(choice.name for choice in fields(Choices))

_READ_BY_A_FOREST = {
    "learner", "dimensions", "context", "downsample_zyx", "normalisation", "patch_zyx", "batch",
    "rare_share", "validation", "merge_below",
}  # fmt: skip
"""All others are for networks. The batch says how much of the part held out is scored."""

_OF_CRISTAES_OWN = {"blocks", "kernel"}
"""What an added network is not told; its features, which follow from the size, and its levels it is."""


def settings_that_fit(settings: Mapping[str, str]) -> dict[str, Any]:
    """Return a person's choices as values, if they can be made together whatever the images are.

    Raises
    ------
    InvalidInput
        For names that are not known, values that cannot be, and a pre-training of a network that the owner of
        the home added.

    Examples
    --------
    >>> settings_that_fit({"pretrain": "0.25", "learner": "network"})
    {'pretrain': 0.25, 'learner': 'network'}
    """
    chosen = read_settings(settings)
    learner = chosen.get("learner", "network")
    if chosen.get("pretrain", 0) > 0 and learner not in OWN_NAMES["network"]:
        raise InvalidInput(
            f"pretrain={written(chosen['pretrain'])} is for Cristae's own network, not for {learner!r}, "
            "which was added on this machine. Leave it out, or choose learner=network."
        )
    return chosen


def refuse_for_a_forest(ours: Choices, usual: Choices) -> None:
    """Refuse choices that a random forest does not read.

    Parameters
    ----------
    ours, usual
        The choices with those of a person, and without them.

    Raises
    ------
    InvalidInput
        With all of them.
    """
    told = _made(ours, usual, _EVERY - _READ_BY_A_FOREST)
    if told:
        raise InvalidInput(
            f"A random forest has no use for {told}: that is for networks. Leave it out, or choose "
            "learner=network."
        )


def refuse_for_an_added_network(ours: Choices, usual: Choices) -> None:
    """Refuse choices that a network which the owner of the home added is not told.

    Parameters
    ----------
    ours, usual
        The choices with those of a person, and without them.

    Raises
    ------
    InvalidInput
        With all of them.
    """
    told = _made(ours, usual, _OF_CRISTAES_OWN)
    if told:
        raise InvalidInput(
            f"The network {ours.learner!r}, which was added on this machine, has no use for {told}: that is "
            "for Cristae's own network. Leave it out, or choose learner=network."
        )


def refuse_together(ours: Choices) -> None:
    """Refuse choices to which others leave nothing.

    Raises
    ------
    InvalidInput
        Neighbour sections of a network that sees volumes, or patches beside those that are all of them.
    """
    if ours.dimensions == 3 and ours.context > 0:
        raise InvalidInput(
            f"context={ours.context} is for a network that sees sections, and this one sees volumes "
            "(dimensions=3). Leave it out, or set dimensions=2."
        )
    if ours.rare_share == 1 and ours.error_share > 0:
        raise InvalidInput(
            f"error_share={written(ours.error_share)} has no effect beside rare_share=1, which puts every "
            "patch around labelled objects. Leave one of them out, or set a smaller rare_share."
        )


def _made(ours: Choices, usual: Choices, among: Set[str]) -> str:
    """Say which of these choices a person made otherwise than usual, in the order of the plan."""
    names = [choice.name for choice in fields(Choices) if choice.name in among]
    made = [name for name in names if getattr(ours, name) != getattr(usual, name)]
    return ", ".join(f"{name}={written(getattr(ours, name))}" for name in made)
