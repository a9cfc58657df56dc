"""How a network learns single objects: by their boundaries, or by pairs of voxels that belong together."""

from cristae.errors import InvalidInput
from cristae.labels.affinities import Offset, offsets_for
from cristae.training.choices import Choices
from cristae.training.fingerprint import Fingerprint
from cristae.training.request import StartingModel

MOSTLY = 0.5
"""Where more of the labels than this lies in objects that are all boundary, the plan names affinities."""


def proposed(target: str, start_from: StartingModel | None) -> str:
    """Return "boundaries", or "affinities" where a model began with them.

    Objects of some size are better off with boundaries: their fragments are joined by everything that lies
    between them, where a single pair of voxels can part two parts of one object for good. Those without an
    interior have not been measured on images, so that a person chooses: see :func:`objects_told`.
    """
    if target == "instances" and start_from is not None and start_from.record.get("offsets_zyx"):
        return "affinities"
    return "boundaries"


def offsets_of(ours: Choices, found: Fingerprint, target: str) -> tuple[Offset, ...]:
    """Return the pairs of voxels that a network learns; none for boundaries, classes and masks.

    Raises
    ------
    InvalidInput
        Affinities do not go together with the target or another choice.
    """
    if ours.objects == "boundaries":
        return ()
    if target != "instances":
        raise InvalidInput(
            f"objects=affinities is for single objects, and the target is {target}. Choose the target "
            "instances, or leave objects out."
        )
    for name, usual in (("pseudo", "off"), ("added_augmentation", "none"), ("merge_below", 0)):
        if getattr(ours, name) != usual:
            raise InvalidInput(
                f"{name}={getattr(ours, name)} does not go together with objects=affinities. Leave it out, "
                "or choose objects=boundaries."
            )
    depth = max(shape[0] for shape in found.shapes_zyx)
    return offsets_for(found.anisotropy, in_depth=ours.dimensions == 3, sections=depth)


def objects_told(
    ours: Choices, found: Fingerprint, target: str, preset: Choices, is_new: bool
) -> tuple[str, ...]:
    """Say how objects are learned and found, and why so."""
    learned = "the network learns which voxels belong to the same object (affinities)"
    if ours.objects != preset.objects and ours.objects == "affinities":
        return (f"As you chose, {learned}.",)
    if target != "instances" or ours.objects == "affinities":
        return ()
    told = boundaries_told("network", found)
    if is_new and found.without_interior > MOSTLY:
        share = f"{found.without_interior:.0%} of what is labelled lies in objects without an interior"
        return (told, f"{share}, which boundaries hardly tell apart. Try objects=affinities, too: {learned}.")
    return (told,)


def boundaries_told(learner: str, found: Fingerprint) -> str:
    """Say how objects are told apart by their boundaries.

    Parameters
    ----------
    learner
        What learns them, such as "network".
    found
        Of the images.
    """
    where = " (within sections only, as these are coarse)" if found.drawn_in_sections else ""
    return (
        f"The {learner} learns the interior of objects and their boundary{where}. Pieces of interior are "
        "joined where hardly any boundary lies between them. Of the surface of the objects, "
        f"{found.touching:.0%} touches another object."
    )
