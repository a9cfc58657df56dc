import sys
from pathlib import Path

# The server that these tests kill is the one that the service's tests start.
sys.path.insert(0, str(Path(__file__).parents[2] / "python" / "tests" / "service"))
