import sys
from pathlib import Path

import pytest

# Test modules are imported without packages; this lets them share `running`, and `drawn_models` with others.
sys.path.insert(0, str(Path(__file__).parents[1] / "shared"))
sys.path.insert(0, str(Path(__file__).parent))

from running import RunningServer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("home") / "home") as running:
        yield running


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client
