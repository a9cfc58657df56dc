"""From what was asked to a model in the library: in one process, or in several that train it together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cristae.computing import launched
from cristae.door.resume import showing_preview, training_folder
from cristae.errors import InvalidInput
from cristae.events import Event, Note
from cristae.labels import annotators_of
from cristae.models import ModelLibrary, ModelPackage
from cristae.models.previews import PREVIEW_FILE
from cristae.training import Plan, TrainingRequest, inspect_and_plan
from cristae.training import train as train_network
from cristae.training.readings import refuse_twice
from cristae.training.team import Team, joined
from cristae.training.wishes import Wishes
from cristae.volumes.digest import image_digest


def trained_model(
    request: TrainingRequest,
    library: ModelLibrary,
    work: Path,
    sources: Sequence[Any],
    choices: Mapping[str, Any],
    *,
    device: str,
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
    should_finish: Callable[[], bool],
) -> ModelPackage:
    """Train, and return the model in the library.

    Parameters
    ----------
    request
        What is asked.
    library
        Where the model goes.
    work, sources, choices
        As :func:`~cristae.door.resume.training_folder` takes them.
    device, on_event, should_stop, should_finish
        As for :func:`cristae.train`.
    """
    with joined(launched(), device) as (team, own_device):
        if team.leads:
            with training_folder(work, sources, choices) as folder:
                wishes = Wishes(should_stop, should_finish)
                made = _trained_in(folder, request, library, own_device, on_event, wishes, team)
            team.meet()
            return made
        plan = inspect_and_plan(request, own_device, team.share.parts)
        _refuse_too_short(request.model_name, plan, library, team)
        _digests(request, team, should_stop)
        train_network(
            request,
            plan,
            folder=work,
            should_stop=should_stop,
            should_finish=should_finish,
            device=own_device,
            team=team,
        )
        team.meet()  # now the first process has put the model there
        return library.find(request.model_name)


def _trained_in(
    folder: Path,
    request: TrainingRequest,
    library: ModelLibrary,
    device: str,
    on_event: Callable[[Event], None],
    wishes: Wishes,
    team: Team,
) -> ModelPackage:
    plan = inspect_and_plan(request, device, team.share.parts, on_event=on_event)
    _refuse_too_short(request.model_name, plan, library, team)
    if request.model_name in library.names():
        name = request.model_name
        on_event(Note(f"There is a model '{name}' already: it is replaced when the training ends well."))
    # The model's record tells which data it was trained on.
    request = replace(request, digests=_digests(request, team, wishes.should_stop))
    # A forest is grown at once: its preview is there when the model is.
    told = on_event if plan.choices.learner == "forest" else showing_preview(on_event, folder)
    trained = train_network(
        request,
        plan,
        folder=folder,
        on_event=told,
        should_stop=wishes.should_stop,
        should_finish=wishes.should_finish,
        device=device,
        team=team,
    )
    made = library.add(trained.record, trained.weights, trained.preview)
    if trained.preview:
        on_event(Note(f"What it makes of the part held out is in {made.path / PREVIEW_FILE}."))
    return made


def _refuse_too_short(name: str, plan: Plan, library: ModelLibrary, team: Team) -> None:
    """Refuse what the library would refuse when the training is done: here in all processes alike."""

    def refusal() -> str:
        try:
            library.refuse_to_replace(name, plan.labelled_steps, plan.fewest_steps, is_planned=True)
        except InvalidInput as refused:
            return refused.sentence
        return ""

    if refused := team.agree(refusal):
        raise InvalidInput(refused)


def _digests(request: TrainingRequest, team: Team, should_stop: Callable[[], bool]) -> list[tuple[str, ...]]:
    """Return the digests of images and labels: the first process looks, and what it refuses all refuse.

    Raises
    ------
    InvalidInput
        An image is given twice.
    """

    def look() -> dict[str, Any]:
        digests = [
            tuple(image_digest(one, should_stop) for one in (image, *annotators_of(truth)))
            for image, truth in request.pairs
        ]
        try:
            refuse_twice(digests, [image.name for image, _ in request.pairs])
        except InvalidInput as refused:
            return {"refused": refused.sentence}
        return {"digests": digests}

    found = team.agree(look)
    if "refused" in found:
        raise InvalidInput(found["refused"])
    return [tuple(digests) for digests in found["digests"]]
