"""How good and how quick ``make demo`` is: server, real ImageJ, training, segmenting, scoring.

What is run is ``scripts/demo.py``, as ``make demo`` does after the set-up, without a display.

    python benchmarks/demo.py [--minutes 3]
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "docs" / "benchmarks" / "demo.md"
MACRO = ROOT / "examples" / "demo.ijm"
MINUTES = "minutes=3"
"""How the macro says how long to train."""
LEAST_DICE = 0.78
MOST_SECONDS = 300
DICE, ERROR = "boundary Dice", "adapted Rand error"


def run(folder: Path, minutes: float) -> tuple[dict[str, float], float]:
    """Run the demonstration; return its scores and the seconds that it took."""
    text = MACRO.read_text(encoding="utf-8")
    if MINUTES not in text:
        raise SystemExit(f"{MACRO} no longer says {MINUTES}; change benchmarks/demo.py with it.")
    macro = folder / "demo.ijm"
    macro.write_text(text.replace(MINUTES, f"minutes={minutes:g}"), encoding="utf-8")
    command = [sys.executable, "-u", str(ROOT / "scripts" / "demo.py"), "--macro", str(macro)]
    command += ["--out", str(folder / "out")]
    # On a display ImageJ would stay open until somebody closes it.
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    began = time.monotonic()
    lines = []
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.split())
    took = time.monotonic() - began
    if process.returncode != 0:
        raise SystemExit("The demonstration failed; what it said stands above.")
    scores = {
        name: float(value) for *words, value in lines for name in (DICE, ERROR) if words == name.split()
    }
    return scores, took


def page(scores: dict[str, float], took: float, minutes: float) -> str:
    """Return what was measured as a page."""
    day = datetime.now(UTC).date().isoformat()
    machine = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores, torch {torch.__version__}"
    )
    return f"""# The demonstration

Written by `benchmarks/demo.py --minutes {minutes:g}` on {day} ({machine}): `make demo` after the set-up, with
the server, real ImageJ and the macro `examples/demo.ijm`, but no display. Columns 0-119 of the FIB-SEM sample
are trained on, columns 130-199 are scored.

| figure | reached | goal |
|---|---|---|
| {DICE} of the held-out part | {scores[DICE]:.3f} | >= {LEAST_DICE} |
| {ERROR} of the held-out part | {scores[ERROR]:.3f} | none |
| time of everything | {took:.0f} s | <= {MOST_SECONDS} s on 2 cores |
"""


def main() -> int:
    """Run, print and write the page; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=3.0, help="how long to train (default: 3)")
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        scores, took = run(Path(folder), minutes)
    text = page(scores, took, minutes)
    print(text)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    return 0 if scores[DICE] >= LEAST_DICE and took <= MOST_SECONDS else 1


if __name__ == "__main__":
    raise SystemExit(main())
