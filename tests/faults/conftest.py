import sys
from pathlib import Path

# The server that these tests kill is the one that the service's tests start.
sys.path.insert(0, str(Path(__file__).parents[2] / "python" / "tests" / "service"))
# How predictions are killed is shared with benchmarks/kills.py.
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
