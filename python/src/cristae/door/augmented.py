"""What a training would see, written as a stack to look at."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cristae.events import logged

if TYPE_CHECKING:
    from cristae.door.calls import Source
    from cristae.door.sources import Classes
    from cristae.events import Event


def augment(
    raw: "Source",
    labels: "Source",
    out: str | Path,
    *,
    patches: int = 16,
    also: "Sequence[tuple[Source, Source]]" = (),
    target: Literal["classes", "masks", "instances"] = "classes",
    unknown: int | None = None,
    empty_sections: Literal["unknown", "background"] = "unknown",
    classes: "Classes" = (),
    z: tuple[int, int] | None = None,
    validation_z: tuple[int, int] | None = None,
    voxel_size_nm: tuple[float, float, float] | None = None,
    settings: Mapping[str, str] | None = None,
    seed: int = 0,
    overwrite: bool = False,
    device: str = "auto",
    home: str | Path | None = None,
    on_event: "Callable[[Event], None]" = logged,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Write the first patches of a training, with their variants and labels, as a stack.

    Parameters
    ----------
    raw, labels, also, target, unknown, empty_sections, classes
        As for :func:`cristae.train`.
    z, validation_z, voxel_size_nm, settings, seed
        As for :func:`cristae.train`, which sees these very patches when it is given the same.
    out
        The file to write, by its suffix; see :func:`cristae.predict`. For what it holds, see
        :func:`cristae.training.patch_preview.preview_patches`.
    patches
        How many, 1 to 1000.
    overwrite
        Replace `out` if it is there.
    device
        "auto", "cpu" or "cuda:0".
    home
        The home folder, whose extensions may be chosen; default: CRISTAE_HOME, else the user data folder.
    on_event, should_stop
        Gets the plan, progress and notes; asked between patches.

    Returns
    -------
    pathlib.Path
        `out`.

    Raises
    ------
    CristaeError
        A subclass that tells what is wrong with labels, settings or the place to write to.

    Examples
    --------
    >>> augment("stack.tif", "labels.tif", "preview.tif", settings={"augment_geometry": "full"})
    ... # doctest: +SKIP
    """
    from cristae.door.sources import class_table, opened_pairs, voxel_size
    from cristae.door.targets import check_target
    from cristae.errors import InvalidInput
    from cristae.events import PlanMade
    from cristae.extensions import use_extensions
    from cristae.geometry import Box
    from cristae.labels import unknown_of
    from cristae.settings import Home
    from cristae.training import TrainingRequest, inspect_and_plan
    from cristae.training.patch_preview import preview_patches, refuse_forest
    from cristae.volumes import create_output
    from cristae.volumes.output import form_of

    if not 1 <= patches <= 1000:
        raise InvalidInput(f"A preview shows 1 to 1000 patches, not {patches}.")
    for image, truth in ((raw, labels), *also):
        for source in (image, *(truth if isinstance(truth, list | tuple) else (truth,))):
            check_target(out, source, overwrite=overwrite)
    form_of(out)
    use_extensions(Home.find(home).checked().extensions)
    opened, named = opened_pairs([(raw, labels), *also], target, unknown, empty_sections, on_event)
    request = TrainingRequest(
        pairs=opened,
        model_name="preview",
        target=target,
        unknown=unknown_of([truth for _, truth in opened], unknown),
        empty_sections=empty_sections,
        classes=class_table(classes) or named,
        z=z,
        validation_z=validation_z,
        voxel_size=None if voxel_size_nm is None else voxel_size(voxel_size_nm),
        settings=dict(settings or {}),
        seed=seed,
    )
    plan = inspect_and_plan(request, device, on_event=on_event)
    refuse_forest(plan)
    on_event(PlanMade(plan.sentences, plan.settings))
    voxels = preview_patches(
        request, plan, patches, device=device, on_event=on_event, should_stop=should_stop
    )
    size = request.voxel_size or opened[0][0].voxel_size
    output = create_output(out, voxels.shape, voxels.dtype, size, name="preview", overwrite=overwrite)
    try:
        output.write(Box.of_shape(voxels.shape[1:]), voxels)
        output.seal()
    except BaseException:
        output.discard()
        raise
    return Path(out)
