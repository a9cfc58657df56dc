"""``make demo``: a server on loopback, real ImageJ with the real plugin, and the macro ``examples/demo.ijm``.

With a display ImageJ stays open at the end; without one it runs under Xvfb.
"""

import argparse
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
from cristae.service.client import Address, Client
from cristae.settings import Home
from cristae.v1.jobs_pb2 import JOB_STATE_RUNNING

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "fiji-plugin" / "target"
PATIENCE_S = 600
PAUSE_S = 15


def main() -> int:
    """Run the demonstration; 0 if labels came back."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--macro", type=Path, default=ROOT / "examples" / "demo.ijm", help="another macro to run"
    )
    arguments.add_argument(
        "--out", type=Path, default=ROOT / "build" / "demo", help="where everything is written; emptied first"
    )
    chosen = arguments.parse_args()
    macro, out = chosen.macro.absolute(), chosen.out.absolute()
    shutil.rmtree(out, ignore_errors=True)
    (out / "ImageJ" / "plugins").mkdir(parents=True)
    for jar in BUILT.glob("cristae_fiji-*.jar"):
        shutil.copy(jar, out / "ImageJ" / "plugins")
    started_s = time.monotonic()
    with server(out) as address, imagej(macro, out) as process:
        say(f"The server listens on {address}; ImageJ runs {macro.name}; training takes minutes ...")
        if not finished(process, out):
            say(f"ImageJ did not come to the end of the macro. What it said stands above; logs are in {out}.")
            return 1
        raw, truth = demo.cut_sample(demo.HELD_OUT, out / "held-out")
        say(f"Done in {time.monotonic() - started_s:.0f} s. The right part, which the model had not seen:")
        demo.report(raw, truth, out)
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
def server(out: Path) -> Iterator[str]:
    """Run the server in a home folder of its own, and yield its address."""
    home = out / "home"
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
    with (out / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline_s = time.monotonic() + 60
        while not (home / "server.json").is_file():
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise SystemExit(f"The server did not start; see {out / 'server.log'}.")
            time.sleep(0.1)
        yield json.loads((home / "server.json").read_text())["address"]
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def imagej(macro: Path, out: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Start ImageJ with the macro. Its preferences lie in the output folder, not in the user's."""
    folders = f"{demo.sample_folder()}{os.sep}|{out}{os.sep}"
    command = ["java", f"-Duser.home={out}", f"-Dplugins.dir={out / 'ImageJ'}"]
    command += ["-cp", str(BUILT / "imagej" / "ij.jar"), "ij.ImageJ"]
    if has_display():
        # -port0: never hand the macro over to an ImageJ that happens to be open.
        words = (json.dumps(text) for text in (str(macro), folders, str(out / "done")))
        command += ["-port0", "-eval", "runMacro({}, {}); File.saveString('', {});".format(*words)]
    else:
        # -batch: errors go to the terminal, not into a dialog that nobody sees; ImageJ ends with the macro.
        command = [str(ROOT / "scripts" / "with-display.sh"), *command, "-batch", str(macro), folders]
    environment = {**os.environ, "CRISTAE_HOME": str(out / "home")}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # with the Xvfb around it
        process.wait(30)


def finished(process: "subprocess.Popen[bytes]", out: Path) -> bool:
    """Wait for the macro, tell now and then how far its jobs are, and whether it saved its labels."""
    deadline_s = time.monotonic() + PATIENCE_S
    with Client(Address.of_home(Home(out / "home"))) as client:
        next_line_s = time.monotonic() + PAUSE_S
        while process.poll() is None and not (out / "done").is_file() and time.monotonic() < deadline_s:
            time.sleep(0.2)
            if time.monotonic() >= next_line_s:
                next_line_s += PAUSE_S
                for job in client.jobs():
                    if job.state == JOB_STATE_RUNNING and job.progress.stage:
                        now = job.progress
                        say(f"  {now.stage} {now.fraction:.0%} ({now.detail})")
    return (out / "right-neurons.tif").is_file()


if __name__ == "__main__":
    sys.exit(main())
