"""Scores as a file: a table (CSV), everything (JSON) or a page with pictures (HTML)."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cristae.errors import InvalidInput
from cristae.evaluation.page import page
from cristae.evaluation.scores import Scores
from cristae.evaluation.tables import as_csv, pair_rows, score_rows
from cristae.volumes import Image
from cristae.volumes.durable import replace_file
from cristae.volumes.kinds import store_around

SUFFIXES = (".html", ".csv", ".json")


def check_report(file: Path) -> None:
    """Refuse a place that no report can be written to, before anything is computed.

    Raises
    ------
    InvalidInput
        The ending is none of .html, .csv and .json, the folder is not there or takes no file of that name,
        or the place is a folder.

    Examples
    --------
    >>> check_report(Path("scores.xls"))
    Traceback (most recent call last):
        ...
    cristae.errors.InvalidInput: The report scores.xls ends in neither .html, .csv nor .json.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise InvalidInput(f"The report {file} ends in neither .html, .csv nor .json.")
    if not file.absolute().parent.is_dir():
        raise InvalidInput(
            f"There is no folder {file.absolute().parent} to write {file.name} into; make it first."
        )
    if file.is_dir():
        raise InvalidInput(f"{file} is a folder. Choose another name for the report.")
    store = store_around(file)
    if store is not None:
        raise InvalidInput(
            f"The report {file} would lie in the image {store}, which it could damage. Choose another folder."
        )
    try:
        # As it will be written: beside its place, under a longer name.
        with tempfile.NamedTemporaryFile(dir=file.absolute().parent, prefix=f".{file.name}.", suffix=".part"):
            pass
    except OSError as error:
        raise InvalidInput(
            f"The report {file} cannot be written there ({error.strerror or error}). Choose another folder, "
            "or another name."
        ) from error


def write_report(
    file: Path,
    result: Scores,
    *,
    prediction: str,
    truth: str,
    settings: Mapping[str, str],
    raw: Image | None = None,
    pixel_nm: float | None = None,
) -> None:
    """Write what an evaluation found, as the file's ending says; a file that is there is replaced.

    In names of files that are no UTF-8 a question mark stands for what cannot be written.

    Parameters
    ----------
    file
        Ends in .csv: a row for each class of each prediction, for each prediction of objects, or for each
        pair. In .json: the result as it is. In .html: a page with tables, heat maps, curves and pictures of
        the worst places, which loads nothing and has no script.
    result
        Of one prediction, of several, or of pairs.
    prediction, truth
        Their names; that of the prediction where there is one only.
    settings
        What was chosen, for the page.
    raw
        The image itself, for the pictures.
    pixel_nm
        The width of a voxel, for their scale bars.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "scores.csv"
    >>> write_report(file, Scores({"f1_50": 0.5}), prediction="a.tif", truth="b.tif", settings={})
    >>> print(file.read_text(), end="")
    prediction,f1_50
    a.tif,0.5
    """
    is_pairs = "pairs" in result
    predictions = {} if is_pairs else result.get("predictions", {prediction: result})
    match file.suffix.lower():
        case ".csv":
            text = as_csv(pair_rows(result) if is_pairs else score_rows(predictions))
        case ".json":
            text = json.dumps(result, allow_nan=False, indent=1) + "\n"
        case _:
            text = page(
                predictions,
                result if is_pairs else None,
                truth=truth,
                settings=settings,
                sentences=result.sentences,
                raw=raw,
                pixel_nm=pixel_nm,
            )
    replace_file(file, text.encode("utf-8", "replace"))
