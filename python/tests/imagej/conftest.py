"""Real ImageJ in a Python of its own: a Java machine starts once in a process and ends only with it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROLOGUE = """
import os, sys, traceback
import numpy as np
from cristae.imagej import from_image_plus, start, to_image_plus
from cristae.volumes import ArrayImage, LabelClass, VoxelSize

def check():
    import scyjava
    start()
{body}

try:
    check()
except BaseException:
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)
print("all is well", flush=True)
os._exit(0)
"""


def ij_jar() -> Path | None:
    """Find ImageJ where CRISTAE_IJ_JAR says, else where Maven put it for the plugin."""
    named = os.environ.get("CRISTAE_IJ_JAR")
    if named:
        return Path(named)
    found = sorted((Path.home() / ".m2" / "repository" / "net" / "imagej" / "ij").glob("*/ij-*.jar"))
    return next((jar for jar in reversed(found) if "sources" not in jar.name), None)


@pytest.fixture
def in_imagej() -> Callable[[str], None]:
    """Run some lines of Python, indented by four, in which ImageJ has been started."""
    jar = ij_jar()
    if jar is None:
        pytest.skip("ImageJ's ij.jar is not here; `make jar` brings it, or CRISTAE_IJ_JAR names it")

    def run(body: str) -> None:
        ended = subprocess.run(
            [sys.executable, "-c", PROLOGUE.format(body=body)],
            env={**os.environ, "CRISTAE_IJ_JAR": str(jar)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "all is well" in ended.stdout

    return run
