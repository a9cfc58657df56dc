import sys
from pathlib import Path

import pytest

from cristae.volumes import VolumeStore

# Test modules are imported without packages; this lets them share `sending`, and `written_formats` with all.
sys.path.insert(0, str(Path(__file__).parents[1] / "shared"))
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def store(tmp_path):
    return VolumeStore(tmp_path / "home", free_floor_bytes=0)
