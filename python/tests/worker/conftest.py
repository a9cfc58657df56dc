import sys
from pathlib import Path

# Test modules are imported without packages; this lets them share `drawn_models`.
sys.path.insert(0, str(Path(__file__).parents[1] / "shared"))
