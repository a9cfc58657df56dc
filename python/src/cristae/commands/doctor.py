"""``cristae doctor``: does everything work here, and what is missing."""

import argparse
import contextlib
import json
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from cristae.commands.arguments import Commands, add_json, new_command, wants_json
from cristae.commands.endings import sentence_of
from cristae.commands.findings import Finding
from cristae.errors import CristaeError, InvalidInput
from cristae.settings import Home, size

DESCRIPTION = """\
Look at everything that Cristae needs on this machine: Python, libraries, devices, the home folder and how
much lies in it, the server. Ends with 1 if something that it cannot do without is missing. With --device
it tries that device too, for a minute or two: a training and a prediction against those of the CPU, the time
and the memory of tiles of three sizes. What was found is then kept as a report in the home folder.
"""
EXAMPLE = """\
  cristae doctor --json
  cristae doctor --device cuda:0
"""
LIBRARIES = ("torch", "numpy", "zarr", "grpcio", "tifffile", "h5py")


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands,
        "doctor",
        summary="see whether everything works here",
        description=DESCRIPTION,
        example=EXAMPLE,
    )
    command.add_argument("--device", metavar="cpu|cuda:0", help="try this device, and write a report")
    add_json(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look and tell."""
    home = Home.find(getattr(arguments, "home", None))
    looks: dict[str, Callable[[], Finding]] = {
        "python": _python,
        "libraries": _libraries,
        "device": _device,
        "engine": _engine,
        "home": lambda: _home(home),
        "disk": lambda: _disk(home),
        "space": lambda: _space(home),
        "models": lambda: _models(home),
        "extensions": lambda: _extensions(home),
        "server": lambda: _server(home),
        "java": _java,
    }
    findings = [_looked(subject, look) for subject, look in looks.items()]
    if arguments.device is not None:
        findings += _tried(arguments.device, home, findings)
    is_well = all(finding.state != "problem" for finding in findings)
    if wants_json(arguments):
        print(json.dumps({"ok": is_well, "findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            print(f"{finding.state:8}{finding.subject}: {finding.sentence}")
    return 0 if is_well else 1


def _tried(device: str, home: Home, findings: list[Finding]) -> list[Finding]:
    """Try a device, and write what was found there and before into the home folder."""
    from cristae.commands.device_trial import try_device
    from cristae.volumes.durable import replace_file

    def tell(sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    tried = try_device(device, tell)
    report = home.root / f"device-{device.replace(':', '-')}.md"
    replace_file(report, _report(device, [*findings, *tried]).encode())
    return [*tried, Finding("report", "ok", f"{report}.")]


def _report(device: str, findings: list[Finding]) -> str:
    rows = [f"| {one.subject} | {one.state} | {one.sentence} |" for one in findings]
    day = time.strftime("%Y-%m-%d %H:%M")
    lines = [f"# The device {device}, tried on {day}", "", "| what | state | found |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _looked(subject: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except CristaeError as problem:
        return Finding(subject, "problem", sentence_of(problem))
    except OSError as problem:
        place = "" if problem.filename is None else f"{problem.filename}: "
        return Finding(subject, "problem", f"{place}{problem.strerror or problem}.")
    except ImportError as problem:
        return Finding(subject, "problem", f"{problem}.")


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} in {sys.prefix}, on {platform.platform()}.")


def _libraries() -> Finding:
    from cristae import __version__

    return Finding(
        "libraries",
        "ok",
        f"cristae {__version__}, " + ", ".join(f"{name} {version(name)}" for name in LIBRARIES) + ".",
    )


def _device() -> Finding:
    from cristae.networks.devices import choose_device, describe

    device = choose_device("auto")
    if device.type == "cuda":
        return Finding("device", "ok", f"Cristae computes on {describe(device)}.")
    if shutil.which("nvidia-smi"):
        return Finding(
            "device",
            "problem",
            f"There is an NVIDIA driver, but torch {version('torch')} sees no GPU. Install the CUDA build "
            f"of torch.",
        )
    return Finding(
        "device", "note", f"No GPU was found; Cristae computes on {describe(device)}, which takes longer."
    )


def _engine() -> Finding:
    from cristae.prediction.engines import is_installed

    if is_installed():
        there = version("openvino")
        return Finding("engine", "ok", f"Predictions on CPUs try OpenVINO {there} beside torch.")
    return Finding(
        "engine",
        "note",
        "OpenVINO is not installed; with it, long predictions of volumes on CPUs take less time: "
        "pip install openvino.",
    )


def _home(home: Home) -> Finding:
    home.checked()
    try:
        home.make()
        with tempfile.TemporaryFile(dir=home.root):
            pass
    except OSError as error:
        raise InvalidInput(
            f"The home {home.root} cannot be written ({error.strerror or error}). Models in it can be used. "
            "To train or to serve, give this user the right to write there, or choose another home folder "
            "with --home or CRISTAE_HOME."
        ) from error
    return Finding("home", "ok", f"{home.root} can be written.")


def _disk(home: Home) -> Finding:
    from cristae.volumes.durable import check_free_space

    folder = next((place for place in (home.root, *home.root.parents) if place.is_dir()), home.root)
    check_free_space(folder)  # raises the sentence for a disk below the floor
    disk = shutil.disk_usage(folder)
    return Finding("disk", "ok", f"{size(disk.free)} of {size(disk.total)} are free.")


def _space(home: Home) -> Finding:
    home.checked()
    places = (home.volumes, home.staging, home.jobs, home.root / "work", home.models)
    taken = ", ".join(f"{place.name} {size(_bytes_in(place))}" for place in places)
    return Finding("space", "ok", f"In the home folder: {taken}.")


def _bytes_in(folder: Path) -> int:
    sizes = 0
    for root, _, names in folder.walk():
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # a server may be at work there
                sizes += (root / name).lstat().st_size
    return sizes


def _models(home: Home) -> Finding:
    home.checked()
    from cristae.models import ModelLibrary

    library = ModelLibrary(home.models)
    wrong = library.unreadable()
    if wrong:
        told = " ".join(f"{name}: {problem}" for name, problem in wrong.items())
        return Finding("models", "problem", f"Cannot be used: {told}")
    return Finding("models", "ok", f"{len(library.names())} in the library.")


def _extensions(home: Home) -> Finding:
    from cristae.extensions import OWN_NAMES, names_of, use_extensions

    use_extensions(home.extensions)
    told = [f"{kind} {name}" for kind in OWN_NAMES for name in names_of(kind)]
    return Finding("extensions", "ok", f"{', '.join(told) or 'None'}.")


def _server(home: Home) -> Finding:
    home.checked()
    try:
        record = json.loads(home.server_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Finding("server", "note", "None runs on this home. Fiji starts one, or `cristae serve`.")
    except ValueError:
        return Finding("server", "problem", f"{home.server_file} is damaged; end the server and delete it.")
    import psutil

    if not psutil.pid_exists(int(record.get("pid", -1))):
        return Finding("server", "note", "None runs on this home; the last one was killed.")
    return Finding("server", "ok", f"Version {record.get('version')} listens on {record.get('address')}.")


def _java() -> Finding:
    java = shutil.which("java")
    return (
        Finding("java", "ok", f"{java}.")
        if java
        else Finding("java", "note", "None on the path; Fiji brings its own.")
    )
