"""Take the pictures of the user guide: real ImageJ, the real plugin, a real server, under Xvfb.

Writes docs/pictures/*.png. Look at them before you commit them.
"""

import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import jpype
from demo import BUILT, ROOT, server

from cristae import demo

WORK = ROOT / "build" / "pictures"
PICTURES = ROOT / "docs" / "pictures"


class Desk:
    """ImageJ in this process, with its windows on the display of this process."""

    def __init__(self, home: Path) -> None:
        plugins = WORK / "ImageJ" / "plugins"
        plugins.mkdir(parents=True)
        for jar in BUILT.glob("cristae_fiji-*.jar"):
            shutil.copy(jar, plugins)
        os.environ["CRISTAE_HOME"] = str(home)
        options = (
            f"-Dplugins.dir={WORK / 'ImageJ'}",
            f"-Duser.home={WORK}",
            "-Dawt.useSystemAAFontSettings=on",
        )
        jpype.startJVM(*options, classpath=[str(BUILT / "imagej" / "ij.jar")])
        self.ij = jpype.JPackage("ij")
        self.awt = jpype.JPackage("java").awt
        self.ij.ImageJ(self.ij.ImageJ.EMBEDDED)

    def run(self, command: str, options: str | None = None) -> threading.Thread:
        """Run a menu command on a thread of its own; without options its dialog opens."""
        thread = threading.Thread(target=self.ij.IJ.run, args=(command, options), daemon=True)
        thread.start()
        return thread

    def window(self, title: str) -> Any:
        """Wait for a window whose title has these words."""
        for _ in range(300):
            for window in self.awt.Window.getWindows():
                named = window.getTitle() if hasattr(window, "getTitle") else ""
                if window.isShowing() and title in str(named):
                    return window
            time.sleep(0.1)
        shown = [
            str(w.getTitle())
            for w in self.awt.Window.getWindows()
            if w.isShowing() and hasattr(w, "getTitle")
        ]
        raise SystemExit(f"No window named '{title}' came up in 30 s; there are {shown}.")

    def picture(self, window: Any, name: str) -> None:
        """Photograph a window after it has had time to paint."""
        window.setLocation(60, 60)
        window.toFront()
        time.sleep(1)
        shot = self.awt.Robot().createScreenCapture(window.getBounds())
        target = jpype.JPackage("java").io.File(str(PICTURES / f"{name}.png"))
        jpype.JPackage("javax").imageio.ImageIO.write(shot, "png", target)
        print(target, flush=True)


def main() -> None:
    """Open each window once and photograph it."""
    shutil.rmtree(WORK, ignore_errors=True)
    PICTURES.mkdir(parents=True, exist_ok=True)
    WORK.mkdir(parents=True)
    with server(WORK):
        desk = Desk(WORK / "home")
        raw, neurons = demo.cut_sample(demo.LEARN, WORK / "sample")
        desk.ij.IJ.open(str(raw))
        desk.ij.IJ.open(str(neurons))
        desk.run("Cristae Train")
        dialog = desk.window("Cristae Train")
        desk.picture(dialog, "train")
        dialog.dispose()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # the threads of AWT would keep the process alive
