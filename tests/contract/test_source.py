"""What must not be in the tree, whoever writes it."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "python" / "src").rglob("*.py")) + sorted(
    (ROOT / "fiji-plugin" / "src" / "main").rglob("*.java")
)
OURS = [path for path in SOURCES if "v1" not in path.relative_to(ROOT).parts]
LONGEST = 450

UNSAFE = re.compile(
    r"^\s*(?:import|from)\s+(?:pickle|cloudpickle|dill|joblib|yaml|marshal|shelve)\b"
    r"|\btorch\.load\s*\(|\ballow_pickle\s*=\s*True|(?<![\w.])(?:eval|exec)\s*\(|\bObjectInputStream\b",
    re.MULTILINE,
)


def test_no_source_file_loads_what_could_run_code() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): UNSAFE.findall(path.read_text(encoding="utf-8")) for path in OURS
    }
    assert {name: matches for name, matches in found.items() if matches} == {}


def test_no_source_file_is_too_long_to_be_read() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8").count("\n") for path in OURS
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_no_module_is_named_for_what_did_not_fit_elsewhere() -> None:
    assert [
        path
        for path in OURS
        if path.stem.lower() in ("utils", "util", "helpers", "manager", "common", "misc")
    ] == []


def test_every_room_says_what_it_is_for() -> None:
    rooms = [
        path.parent
        for path in (ROOT / "python" / "src" / "cristae").glob("*/__init__.py")
        if path.parent.name != "v1"
    ]
    assert [room.name for room in rooms if not (room / "README.md").is_file()] == []


def test_the_sentences_of_the_rooms_that_fiji_hears_from_name_choices_without_the_dashes_of_a_shell() -> None:
    rooms = ("labels", "training", "prediction", "evaluation", "models", "networks", "volumes", "settings.py")
    house = ROOT / "python" / "src" / "cristae"
    inside = [path.relative_to(house) for path in OURS if path.is_relative_to(house)]
    said = [(path, text) for path in inside if path.parts[0] in rooms for text in _said(house / path)]
    assert said
    assert [(path, text) for path, text in said if re.search(r"(^|[\s(])--[a-z]", text)] == []


def _said(path: Path) -> list[str]:
    """Return all text in a file that is no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone
    ]


def test_no_tracked_file_names_a_developers_machine_or_a_package_index() -> None:
    folders = "|".join(("work", "farm", "root"))
    pattern = rf"(^|[^A-Za-z0-9_.-])/({folders})/|https?://[^ /]*(pypi|hosted|npm|debian)[^ /]*/"
    told = subprocess.run(
        ["git", "grep", "-nIE", pattern], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if told.returncode > 1:
        pytest.skip("not a git checkout")
    assert told.stdout == ""


def test_no_tracked_file_holds_the_marks_of_a_merge() -> None:
    told = subprocess.run(
        ["git", "grep", "-nIE", "^(<{7}|>{7}) "], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if told.returncode > 1:
        pytest.skip("not a git checkout")
    assert told.stdout == ""
