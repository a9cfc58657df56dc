"""Real ImageJ in a Python of its own: a Java machine starts once in a process and ends only with it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# The very one that the plugin is built against and the demonstration runs.
IJ_JAR = Path(__file__).resolve().parents[3] / "fiji-plugin" / "target" / "imagej" / "ij.jar"
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


@pytest.fixture
def in_imagej() -> Callable[[str], None]:
    """Run some lines of Python, indented by four, in which ImageJ has been started."""
    assert IJ_JAR.is_file(), "ImageJ's ij.jar is not here: run `make jar`, which brings it."

    def run(body: str) -> None:
        ended = subprocess.run(
            [sys.executable, "-c", PROLOGUE.format(body=body)],
            env={**os.environ, "CRISTAE_IJ_JAR": str(IJ_JAR)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "all is well" in ended.stdout

    return run
