"""The door: train and predict on arrays and files, without a server.

Only what a function needs is imported, and only when it is called: ``import cristae`` is quick.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cristae.errors import InvalidInput
from cristae.events import logged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cristae.door.sources import Classes
    from cristae.door.workers import Workers
    from cristae.events import Event
    from cristae.models import ModelPackage
    from cristae.models.alike import Combine
    from cristae.prediction import OutputKind
    from cristae.volumes import Image

type Source = "str | Path | NDArray[Any] | Image | Any"
"""A path of any format that Cristae reads, a NumPy or Zarr array (z, y, x), (y, x) or (c, z, y, x), or an "
"image."""


def train(
    raw: Source,
    labels: "Source | list[Source]",
    *,
    model: str,
    also: "Sequence[tuple[Source, Source | list[Source]]]" = (),
    target: Literal["classes", "masks", "instances"] = "classes",
    unknown: int | None = None,
    empty_sections: Literal["unknown", "background"] = "unknown",
    classes: "Classes" = (),
    budget: Literal["quick", "standard", "best"] | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    z: tuple[int, int] | None = None,
    validation_z: tuple[int, int] | None = None,
    voxel_size_nm: tuple[float, float, float] | None = None,
    start_from: str | Path | None = None,
    settings: Mapping[str, str] | None = None,
    seed: int = 0,
    device: str = "auto",
    home: str | Path | None = None,
    on_event: "Callable[[Event], None]" = logged,
    should_stop: Callable[[], bool] = lambda: False,
    should_finish: Callable[[], bool] = lambda: False,
) -> "ModelPackage":
    """Train a model and put it into the library.

    Several processes that ``torchrun`` starts train one model together, each with its share of every step;
    only the first one tells events.

    Parameters
    ----------
    raw, labels
        An image and its labels, of the same shape. Labels: 0 is background, 1...n are classes; for instances
        one id per object; for masks a channel for each (c, z, y, x), or a folder with a label image for each.
        A list of labels is that of several annotators: the majority counts, ties are unknown.
    model
        The name of the model to make. A model of that name is replaced when the training ends well.
    also
        Further images with their labels.
    target
        "classes", "masks" (which may overlap) or "instances".
    unknown
        The label value that means "not known"; such voxels are never trained on.
    empty_sections
        What sections without labels mean while others have some.
    classes
        What the label values mean: names for 1, 2, ..., names by value such as {100: "er"}, or
        :class:`~cristae.volumes.LabelClass` with colours; other values are refused. A class named
        "background" is the background.
    budget, minutes, steps
        How long to train, one of them: "quick" (default), "standard" or "best"; at most so many minutes; so
        many steps.
    z, validation_z
        Half-open ranges of sections of the first image to train on and to validate on.
    voxel_size_nm
        (z, y, x) in nanometres, instead of what the files say.
    start_from
        The name or path of a model to go on from: its weights, network, normalisation and working voxel size
        are taken over, and classes that it knows by name keep their answers. It stays as it is.
    settings
        Choices of the plan, by name.
    seed
        For another random start: a whole number from 0.
    device
        "auto", "cpu" or "cuda:0".
    home
        The home folder; default: CRISTAE_HOME, else the user data folder.
    on_event
        Gets the plan, progress, figures and notes; they tell where the preview lies meanwhile and at the end.
        By default plan and notes are logged (logger "cristae.events"): Python shows the warnings.
    should_stop
        Asked between steps; True ends the training. If `raw` and `labels` are files, the same call goes on
        from the checkpoint later.
    should_finish
        Asked between steps; True lets the training end early, within few steps, and keep the best.

    Returns
    -------
    ModelPackage
        The model in the library.

    Raises
    ------
    CristaeError
        A subclass that tells what is wrong with labels, settings or machine, and what to do.

    Examples
    --------
    >>> cristae.train("stack.tif", "labels.tif", model="mito", minutes=10)  # doctest: +SKIP
    """
    from cristae.computing import launched
    from cristae.door import arguments as kinds
    from cristae.door.sources import class_table, opened_pairs, voxel_size
    from cristae.extensions import use_extensions
    from cristae.labels import unknown_of
    from cristae.models import ModelLibrary
    from cristae.settings import Home
    from cristae.training import Budget, TrainingRequest

    kinds.check_arguments(
        model=(model, kinds.NAME),
        also=(also, kinds.PAIRS),
        target=(target, kinds.TARGET),
        unknown=(unknown, kinds.WHOLE | kinds.NOTHING),
        empty_sections=(empty_sections, kinds.EMPTY_SECTIONS),
        classes=(classes, kinds.CLASSES),
        budget=(budget, kinds.BUDGET | kinds.NOTHING),
        minutes=(minutes, kinds.NUMBER | kinds.NOTHING),
        steps=(steps, kinds.WHOLE | kinds.NOTHING),
        z=(z, kinds.SECTIONS | kinds.NOTHING),
        validation_z=(validation_z, kinds.SECTIONS | kinds.NOTHING),
        voxel_size_nm=(voxel_size_nm, kinds.SIDES | kinds.NOTHING),
        start_from=(start_from, kinds.NAME | kinds.PATH | kinds.NOTHING),
        settings=(settings, kinds.SETTINGS | kinds.NOTHING),
        seed=(seed, kinds.WHOLE),
        device=(device, kinds.DEVICE),
        home=(home, kinds.PATH | kinds.NOTHING),
        on_event=(on_event, kinds.FUNCTION),
        should_stop=(should_stop, kinds.FUNCTION),
        should_finish=(should_finish, kinds.FUNCTION),
    )
    unknown, minutes, steps, seed = map(kinds.plain, (unknown, minutes, steps, seed))
    z, validation_z, voxel_size_nm = map(kinds.plain, (z, validation_z, voxel_size_nm))
    length = Budget(budget or "quick", minutes, steps)
    table = class_table(classes)
    place = Home.find(home).checked()
    use_extensions(place.extensions)
    library = ModelLibrary(place.models)
    library.check_new_name(model)
    pairs = [(raw, labels), *also]
    start = None if start_from is None else library.find(str(start_from))
    launch = launched()
    if launch is not None and launch.number > 0:
        on_event = _silent
    opened, named = opened_pairs(pairs, target, unknown, empty_sections, on_event)
    from cristae.door.training import trained_model  # loads torch: a file that cannot be read was told before

    table = table or named
    request = TrainingRequest(
        pairs=opened,
        model_name=model,
        target=target,
        unknown=unknown_of([truth for _, truth in opened], unknown),
        empty_sections=empty_sections,
        classes=table,
        budget=length,
        z=z,
        validation_z=validation_z,
        voxel_size=None if voxel_size_nm is None else voxel_size(voxel_size_nm),
        start_from=start,
        settings=kinds.as_text(settings),
        seed=seed,
    )
    choices = {
        "model": model,
        "target": target,
        "unknown": unknown,
        "empty_sections": empty_sections,
        "classes": [[entry.value, entry.name, entry.rgb] for entry in table],
        "voxel_size_nm": None if voxel_size_nm is None else list(voxel_size_nm),
        "budget": [budget, minutes, steps],
        "sections": [z, validation_z],
        "start_from": None if start is None else start.digest,
        "settings": dict(request.settings),
        "seed": seed,
    }
    return trained_model(
        request,
        library,
        place.make().root / "work",
        [source for pair in pairs for source in pair],
        choices,
        device=device,
        on_event=on_event,
        should_stop=should_stop,
        should_finish=should_finish,
    )


def predict(
    raw: Source,
    out: str | Path | None = None,
    *,
    model: "str | Path | ModelPackage | Sequence[str | Path | ModelPackage]",
    combine: "Combine | None" = None,
    kind: "OutputKind | None" = None,
    engine: str = "auto",
    device: str = "auto",
    flips: bool = False,
    split_touching: bool = False,
    inside: Source | None = None,
    z: tuple[int, int] | None = None,
    y: tuple[int, int] | None = None,
    x: tuple[int, int] | None = None,
    voxel_size_nm: tuple[float, float, float] | None = None,
    workers: "Workers | None" = None,
    overwrite: bool = False,
    home: str | Path | None = None,
    on_event: "Callable[[Event], None]" = logged,
    should_stop: Callable[[], bool] = lambda: False,
) -> "NDArray[Any] | Path":
    """Predict an image with a model, or with several that answer together.

    Parameters
    ----------
    raw
        The image.
    out
        The file or folder to write, by its suffix (.tif, .ome.tif, .zarr, .h5; with a slash at its end a
        folder of TIFF slices); it appears when it is complete. None returns an array instead.
    model
        A model's name in the library, the path of a package, or a package; or a list of them, whose answers
        are combined.
    combine
        How: by the "mean" (default) or the "median" of the probabilities, or by "vote". The uncertainty of
        several models is the entropy of their mean. Only for several models.
    kind
        "labels", "probabilities", "instances" (one id per object; with a model of classes the pieces of each
        class that hang together by faces) or "uncertainty" (0 sure to 255 not at all; of masks for each by
        itself); default: "instances" for a model trained on instances, else "labels".
    engine
        What computes: "torch"; "openvino", on CPUs, if it is installed; or "auto", the one that takes less
        time for this image.
    device
        "auto", "cpu" or "cuda:0".
    flips
        Average the answers for the image and its three in-plane mirror images: four times the time, and
        usually a little better.
    split_touching
        Of a model of classes, with the kind "instances": pieces that are narrow somewhere are parted there;
        see docs/objects.md.
    inside
        A mask, as large as the image or coarser by whole numbers: where it is 0, so is the result, and tiles
        that lie outside are not computed.
    z, y, x
        Half-open ranges of sections, rows and columns, from 0: as a mask that is 0 outside of them. The
        result has the size of the image all the same. Not together with `inside`.
    voxel_size_nm
        (z, y, x) in nanometres, instead of what the file says.
    workers
        Several processes, such as ``cristae.door.workers.LocalWorkers(4)``, that predict a
        file into a file together; default: this one.
    overwrite
        Replace `out` if it is there.
    home
        The home folder; default: CRISTAE_HOME, else the user data folder.
    on_event
        Gets progress and notes.
    should_stop
        Asked before every tile; True ends the prediction.

    Returns
    -------
    numpy.ndarray or pathlib.Path
        Without `out`: labels, instances or uncertainty (0 to 255) of the image's shape without channels,
        probabilities with a leading axis of classes (0 to 255); with a model of masks always (c, z, y, x),
        with a channel for each mask. With `out`: its path.

    Raises
    ------
    CristaeError
        A subclass that tells what is wrong and what to do.

    Examples
    --------
    >>> labels = cristae.predict(stack, model="mito")  # doctest: +SKIP
    """
    from cristae.door import arguments as kinds
    from cristae.door.resume import fingerprint
    from cristae.door.sources import as_image, as_mask_of
    from cristae.door.targets import check_target
    from cristae.extensions import use_extensions
    from cristae.models import ModelLibrary
    from cristae.models.alike import combination_of
    from cristae.settings import Home
    from cristae.volumes import told_of
    from cristae.volumes.mask import check_box, check_mask
    from cristae.volumes.output import form_of as form_of_file
    from cristae.volumes.staging import check_folder

    kinds.check_arguments(
        out=(out, kinds.PATH | kinds.NOTHING),
        model=(model, kinds.MODELS),
        combine=(combine, kinds.COMBINE | kinds.NOTHING),
        kind=(kind, kinds.KIND | kinds.NOTHING),
        engine=(engine, kinds.ENGINE),
        device=(device, kinds.DEVICE),
        flips=(flips, kinds.TRUTH),
        split_touching=(split_touching, kinds.TRUTH),
        z=(z, kinds.SECTIONS | kinds.NOTHING),
        y=(y, kinds.SECTIONS | kinds.NOTHING),
        x=(x, kinds.SECTIONS | kinds.NOTHING),
        voxel_size_nm=(voxel_size_nm, kinds.SIDES | kinds.NOTHING),
        workers=(workers, kinds.WORKERS | kinds.NOTHING),
        overwrite=(overwrite, kinds.TRUTH),
        home=(home, kinds.PATH | kinds.NOTHING),
        on_event=(on_event, kinds.FUNCTION),
        should_stop=(should_stop, kinds.FUNCTION),
    )
    named = [model] if isinstance(model, str | Path) or not isinstance(model, Sequence) else model
    combination = combination_of(combine, len(named))
    ranges = (z, y, x)
    if inside is not None and any(ranges):
        raise InvalidInput("Both a mask and ranges of z, y or x are given; give one of them.")
    # What needs no voxel is refused before the model is loaded and the image is read.
    if out is not None:
        check_target(out, raw, overwrite=overwrite)
        if inside is not None:
            check_target(out, inside, overwrite=overwrite)
        form_of_file(out)
        check_folder(Path(out))
    place = Home.find(home).checked()
    use_extensions(place.extensions)
    library = ModelLibrary(place.models)
    packages = [library.find(str(one)) if isinstance(one, str | Path) else one for one in named]
    image = as_image(raw, voxel_size_nm)
    mask = None if inside is None else as_mask_of(inside, voxel_size_nm)
    # These load torch: a file that cannot be read was told before.
    from cristae.door.results import Prediction
    from cristae.door.unit_work import order_of
    from cristae.networks.preprocessing import check_channels
    from cristae.prediction import form_of, load_models, output_kinds, refuse_to_split

    record = packages[0].record
    wanted = kind or output_kinds(record)[0]
    form_of(record, wanted)
    if split_touching:
        refuse_to_split(record, wanted)
    for note in told_of([image, mask]):
        on_event(note)
    check_channels(image.shape_czyx[0], record["channels"])
    box = kinds.box_asked_for(image.shape_czyx[1:], *ranges) if any(ranges) else None
    if mask is not None:
        check_mask(mask.shape_czyx, image.shape_czyx[1:], mask.voxel_size, image.voxel_size)
    if box is not None:
        check_box(box, image.shape_czyx[1:])
    part = mask if box is None else box
    source = fingerprint(raw, *([] if inside is None else [inside]))
    chosen = {"flips": flips, "combine": combination, "engine": engine, "device": device}
    order = None
    if workers is not None:
        where = inside if box is None else box
        order = order_of(raw, where, source, voxel_size_nm, packages, place, wanted, out, chosen)
    # The others compute: this process may have no GPU, and needs none.
    own = device if workers is None else "cpu"
    predictor = load_models(packages, own, flips=flips, combine=combination, engine=engine)
    shared = None
    if workers is not None and order is not None:
        shared = workers, replace(order, digest=predictor.digest)
    prediction = Prediction(predictor, image, wanted, part, shared, on_event, should_stop, split_touching)
    if out is None:
        voxels = prediction.to_array()
        if record["target"] == "masks":
            return voxels
        is_flat = getattr(raw, "ndim", 3) == 2
        spatial = voxels[:, 0] if is_flat else voxels
        return spatial if wanted == "probabilities" else spatial[0]
    prediction.to_file(out, overwrite=overwrite, source=source)
    return Path(out)


def _silent(event: "Event") -> None:
    """Tell nothing: the first of several processes does."""
