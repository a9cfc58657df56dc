"""What an import loads, seen in a fresh process: the server must be ready at once and never hold a GPU."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def loaded_by(statement: str) -> set[str]:
    """Run one statement in a fresh Python and tell which top packages it loaded."""
    program = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(told.stdout.split())


def test_every_import_goes_in_a_direction_that_pyproject_allows() -> None:
    lint = Path(sysconfig.get_path("scripts")) / "lint-imports"
    told = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize(
    "room",
    [
        "service",
        "jobs",
        "models",
        "labels",
        "evaluation",
        "measuring",
        "volumes",
        "geometry",
        "imagej",
        "cli",
    ],
)
def test_the_server_and_the_rooms_it_uses_never_load_torch(room: str) -> None:
    assert "torch" not in loaded_by(f"import cristae.{room}")


def test_importing_cristae_waits_for_neither_torch_nor_grpc() -> None:
    assert not {"torch", "grpc", "scipy"} & loaded_by("import cristae")


@pytest.mark.parametrize(
    "room", ["jobs", "volumes", "labels", "models", "evaluation", "measuring", "prediction", "training"]
)
def test_only_the_service_loads_grpc(room: str) -> None:
    assert "grpc" not in loaded_by(f"import cristae.{room}")


def test_the_help_of_every_command_comes_without_torch() -> None:
    assert not {"torch", "grpc"} & loaded_by("from cristae.cli import parser; parser().format_help()")
