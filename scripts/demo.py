"""``make demo``: a server on loopback, real ImageJ with the real plugin, and the macro ``examples/demo.ijm``.

With a display ImageJ stays open at the end; without one it runs under Xvfb.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cristae import demo

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "fiji-plugin" / "target"
OUT = ROOT / "build" / "demo"
PATIENCE_S = 600


def main() -> int:
    """Run the demonstration; 0 if labels came back."""
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "ImageJ" / "plugins").mkdir(parents=True)
    for jar in BUILT.glob("cristae_fiji-*.jar"):
        shutil.copy(jar, OUT / "ImageJ" / "plugins")
    started_s = time.monotonic()
    with server(OUT / "home") as address, imagej() as process:
        say(
            f"The server listens on {address}; ImageJ runs examples/demo.ijm (training takes 2.5 minutes) ..."
        )
        labels = OUT / "right-neurons.tif"
        if not finished(process):
            say("ImageJ did not come to the end of the macro; what it wrote stands above.")
            return 1
        raw, truth = demo.cut_sample(demo.HELD_OUT, OUT / "held-out")
        say(f"Done in {time.monotonic() - started_s:.0f} s. The right part, which the model had not seen:")
        demo.report(raw, truth, labels, OUT / "demo.png")
        if has_display():
            say("ImageJ stays open; quit it to end the demonstration.")
            process.wait()
    return 0


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


def has_display() -> bool:
    """Tell whether windows can be seen by someone."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY"))


@contextmanager
def server(home: Path) -> Iterator[str]:
    """Run the server in a home folder of its own, and yield its address."""
    command = [
        sys.executable,
        "-m",
        "cristae.cli",
        "serve",
        "--home",
        str(home),
        "--stop-with",
        str(os.getpid()),
    ]
    with (OUT / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline_s = time.monotonic() + 60
        while not (home / "server.json").is_file():
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise SystemExit(f"The server did not start; see {OUT / 'server.log'}.")
            time.sleep(0.1)
        yield json.loads((home / "server.json").read_text())["address"]
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def imagej() -> Iterator["subprocess.Popen[bytes]"]:
    """Start ImageJ with the macro. Its preferences lie in build/demo, not in the user's folder."""
    macro, words = str(ROOT / "examples" / "demo.ijm"), f"{demo.sample_folder()}{os.sep}|{OUT}{os.sep}"
    command = ["java", f"-Duser.home={OUT}", f"-Dplugins.dir={OUT / 'ImageJ'}"]
    command += ["-cp", str(BUILT / "imagej" / "ij.jar"), "ij.ImageJ"]
    if has_display():
        # -port0: never hand the macro over to an ImageJ that happens to be open.
        marker = json.dumps(str(OUT / "done"))
        evaluated = f"runMacro({json.dumps(macro)}, {json.dumps(words)}); File.saveString('', {marker});"
        command += ["-port0", "-eval", evaluated]
    else:
        # -batch: errors go to the terminal, not into a dialog that nobody sees; ImageJ ends with the macro.
        command = [str(ROOT / "scripts" / "with-display.sh"), *command, "-batch", macro, words]
    environment = {**os.environ, "CRISTAE_HOME": str(OUT / "home")}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # with the Xvfb around it
        process.wait(30)


def finished(process: "subprocess.Popen[bytes]") -> bool:
    """Wait for the macro; tell whether it saved its labels."""
    deadline_s = time.monotonic() + PATIENCE_S
    while process.poll() is None and not (OUT / "done").is_file() and time.monotonic() < deadline_s:
        time.sleep(0.2)
    return (OUT / "right-neurons.tif").is_file()


if __name__ == "__main__":
    sys.exit(main())
