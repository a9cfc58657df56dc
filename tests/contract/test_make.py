"""What one types: the targets of the Makefile."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
MOST_LINES = 10


def targets() -> dict[str, list[str]]:
    """Return the lines below each target."""
    found: dict[str, list[str]] = {}
    below: list[str] = []
    for line in MAKEFILE.splitlines():
        named = re.match(r"([\w./$()-]+):(?!=)", line)
        if named:
            below = found.setdefault(named[1], [])
        elif line.startswith("\t") or (below and below[-1].endswith("\\")):
            below.append(line)
    return found


def test_every_target_has_ten_lines_at_most() -> None:
    lengths = {target: len(lines) for target, lines in targets().items()}
    assert lengths["bench"] > 1
    assert {target: length for target, length in lengths.items() if length > MOST_LINES} == {}


def test_the_targets_that_the_first_line_names_are_those_that_are_there() -> None:
    named = re.findall(r"\b[a-z]+\b", MAKEFILE.splitlines()[0].partition("make ")[2].partition(".")[0])
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None
    assert sorted(named) == sorted(phony[1].split())
    assert set(named) <= set(targets())
    assert {"demo", "test", "check", "bench", "setup"} <= set(named)


@pytest.mark.parametrize(("broken", "rc"), [((), 0), (("transfer", "demo"), 2)])
def test_make_bench_runs_every_benchmark_and_names_at_the_end_those_that_failed(
    tmp_path: Path, broken: tuple[str, ...], rc: int
) -> None:
    python = tmp_path / "python"
    failing = "|".join(f"*/{name}.py" for name in broken) or "none"
    python.write_text(
        f'#!/usr/bin/env bash\necho "ran $1"\ncase "$1" in {failing}) exit 1;; esac\n', encoding="utf-8"
    )
    python.chmod(0o755)
    told = subprocess.run(
        ["make", "--old-file=setup", "bench", f"PYTHON={python}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == rc, told.stdout + told.stderr
    ran = re.findall(r"^ran (\S+)$", told.stdout, re.MULTILINE)
    assert sorted(ran) == sorted(f"benchmarks/{file.name}" for file in (ROOT / "benchmarks").glob("*.py"))
    said = re.findall(r"missed its goal: (.*)$", told.stderr, re.MULTILINE)
    assert said == ([" ".join(broken)] if broken else [])
