"""What a training tells a person beside its plan."""

from cristae.networks import ForestConfig
from cristae.training.choices import Choices
from cristae.training.plan import Plan
from cristae.training.request import TrainingRequest


def ranges_told(request: TrainingRequest) -> list[str]:
    """Say which sections of the first image are trained on and validated on, if the person chose them."""
    depth = request.pairs[0][0].shape_czyx[1]
    first = " of the first image" if len(request.pairs) > 1 else ""
    trained, validated = (
        None if chosen is None else f"{chosen[0]}:{chosen[1]}" for chosen in (request.z, request.validation_z)
    )
    if trained and validated:
        said = f"Sections {trained}{first} are trained on and {validated} validated on"
    elif trained:
        said = f"Sections {trained}{first} are trained on and validated on"
    elif validated:
        said = f"Sections {validated}{first} are validated on, and not trained on"
    else:
        return []
    return [f"{said} (of 0:{depth}, counted from 0, the end excluded)."]


def unvalidated_told(plan: Plan) -> str:
    """Say why the model is not validated, and what that means for it."""
    reason = (
        "No part of the labels is held out, as was asked"
        if plan.choices.validation == 0
        else "Too little is annotated, or of one class too little or in one place only, to hold a part out"
    )
    told = f"{reason}: the model is not validated. There are no figures that say how good it is"
    if isinstance(plan.network, ForestConfig):
        return f"{told}."
    return f"{told}, the training does not end early, and its last weights are the model."


def changes_told(planned: Choices, used: Choices) -> list[str]:
    """Say what the training had to do otherwise than planned."""
    told = []
    if used.batch != planned.batch:
        told.append(
            f"A step saw {used.batch} patch{'es' if used.batch > 1 else ''} in the end: with "
            f"{planned.batch}, steps were too slow or too large for the device's memory."
        )
    if used.learning_rate != planned.learning_rate:
        told.append(
            f"The training went astray once, and went on with the learning rate {used.learning_rate:g}."
        )
    return told
