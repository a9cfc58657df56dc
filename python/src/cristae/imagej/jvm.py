"""A Java machine with ImageJ in it."""

import importlib.util
import os
from pathlib import Path
from typing import Any

from cristae.errors import NotFound, Unsupported

IJ_JAR_VARIABLE = "CRISTAE_IJ_JAR"


def start(
    ij_jar: str | Path | None = None, *, headless: bool = True, further_jars: tuple[Path, ...] = ()
) -> None:
    """Start a Java machine with ImageJ, unless one runs already.

    A machine that pyimagej started (``ij = imagej.init()``) is taken as it is. Else ImageJ comes from
    `ij_jar`, from the file that CRISTAE_IJ_JAR names, or from pyimagej if that is installed, in this order.
    Java must be installed; none is downloaded.

    Parameters
    ----------
    ij_jar
        ImageJ's ``ij.jar`` (in Fiji: ``jars/ij-*.jar``).
    headless
        Without windows; set it to False to see them.
    further_jars
        Plugins that shall be there too.

    Raises
    ------
    Unsupported
        scyjava or Java is not installed, or the running Java machine has no ImageJ.
    NotFound
        There is no ImageJ at the place named, or none was named.

    Examples
    --------
    >>> start("ij.jar")  # doctest: +SKIP
    """
    if importlib.util.find_spec("scyjava") is None:
        raise Unsupported(
            "ImageJ is reached through scyjava, which is not installed: pip install 'cristae[imagej]'."
        )
    import scyjava

    if scyjava.jvm_started():
        image_plus()
        return
    # scyjava fetches a Java of its own by default; a scientist's program must not download one behind their
    # back.
    scyjava.config.set_java_constraints(fetch="never")
    named = ij_jar or os.environ.get(IJ_JAR_VARIABLE)
    if named is None and importlib.util.find_spec("imagej") is not None:
        _start_pyimagej(headless=headless)
        return
    if named is None:
        raise NotFound(f"No ImageJ was named. Give the path of ij.jar, or set {IJ_JAR_VARIABLE} to it.")
    for jar in (Path(named), *further_jars):
        if not jar.is_file():
            raise NotFound(
                f"There is no file {jar}. In Fiji, ImageJ is the file jars/ij-1.54p.jar or a newer one."
            )
        scyjava.config.add_classpath(str(jar.resolve()))
    if headless:
        scyjava.config.add_option("-Djava.awt.headless=true")
    try:
        scyjava.start_jvm()
    except Exception as failure:
        raise Unsupported(
            f"Java could not be started ({failure}). Install a Java of version 11 or newer."
        ) from failure
    image_plus()


def _start_pyimagej(*, headless: bool) -> None:
    import imagej  # type: ignore[import-not-found,unused-ignore]
    import scyjava

    # pyimagej 1.8 cannot start with "never"; "auto" takes an installed Java first.
    scyjava.config.set_java_constraints(fetch="auto")
    imagej.init(mode="headless" if headless else "interactive")


def image_plus() -> Any:
    """Return the Java class ``ij.ImagePlus`` of the running Java machine.

    Raises
    ------
    Unsupported
        No Java machine runs, or it has no ImageJ.
    """
    import scyjava

    if not scyjava.jvm_started():
        raise Unsupported(
            "No Java runs in this program. Call cristae.imagej.start() first, or imagej.init()."
        )
    try:
        return scyjava.jimport("ij.ImagePlus")
    except TypeError as absent:
        raise Unsupported(
            "The Java machine of this program has no ImageJ; it was started without ij.jar."
        ) from absent
