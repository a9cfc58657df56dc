"""Take the pictures of the user guide: real ImageJ, the real plugin, a real server, under Xvfb.

Writes docs/pictures/*.png; look at them before you commit them. Title bars need openbox.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jpype

from cristae import demo
from demo import BUILT, ROOT, server

WORK = ROOT / "build" / "pictures"
PICTURES = ROOT / "docs" / "pictures"
CORNER = 40


class Desk:
    """ImageJ in this process, with its windows on the display of this process."""

    def __init__(self, home: Path) -> None:
        plugins = WORK / "ImageJ" / "plugins"
        plugins.mkdir(parents=True)
        for jar in BUILT.glob("cristae_fiji-*.jar"):
            shutil.copy(jar, plugins)
        os.environ["CRISTAE_HOME"] = str(home)
        options = [
            f"-Dplugins.dir={WORK / 'ImageJ'}",
            f"-Duser.home={WORK}",
            "-Dawt.useSystemAAFontSettings=on",
        ]
        jpype.startJVM(*options, classpath=[str(BUILT / "imagej" / "ij.jar")])
        self.ij = jpype.JPackage("ij")
        self.awt = jpype.JPackage("java").awt
        self.swing = jpype.JPackage("javax").swing
        self.ij.ImageJ(self.ij.ImageJ.EMBEDDED)
        self.backdrop = self.swing.JFrame()  # hides the other windows
        self.backdrop.setUndecorated(True)
        self.backdrop.setFocusableWindowState(False)
        self.backdrop.getContentPane().setBackground(self.awt.Color.WHITE)
        self.backdrop.setBounds(self.awt.Rectangle(self.awt.Toolkit.getDefaultToolkit().getScreenSize()))

    def choose(self, command: str) -> None:
        """Choose a menu command, as with the mouse: it runs on a thread of ImageJ's own."""
        self.ij.IJ.doCommand(command)

    def window(self, title: str) -> Any:
        """Wait for a window whose title has these words."""
        return wait(lambda: self.showing(title), f"a window named '{title}'")

    def showing(self, title: str) -> Any:
        """Return a window whose title has these words, if one is there."""
        for window in self.awt.Window.getWindows():
            named = str(window.getTitle()) if hasattr(window, "getTitle") else ""
            if window.isShowing() and title in named:
                return window
        return None

    def parts(self, inside: Any, kind: Any) -> Iterator[Any]:
        """Go through the parts of a window that are of one kind."""
        for part in inside.getComponents():
            if isinstance(part, kind):
                yield part
            if isinstance(part, self.awt.Container):
                yield from self.parts(part, kind)

    def press(self, window: Any, text: str) -> None:
        """Press a button by its text."""
        for button in self.parts(window, self.swing.AbstractButton):
            if str(button.getText() or "").startswith(text):
                self.on_event_thread(button.doClick)
                return
        raise SystemExit(f"No button '{text}' in {window.getTitle()}.")

    def on_event_thread(self, act: Callable[[], None]) -> None:
        """Act as the mouse would."""
        self.swing.SwingUtilities.invokeLater(jpype.JProxy("java.lang.Runnable", dict={"run": act}))
        time.sleep(0.7)

    def picture(self, window: Any, name: str, beside: Any = None) -> None:
        """Photograph a window, and one on its right, after they have had time to paint."""
        self.on_event_thread(lambda: (self.backdrop.setVisible(True), self.backdrop.toFront())[0])
        self.on_event_thread(lambda: (window.setLocation(CORNER, CORNER), window.toFront())[0])
        area = window.getBounds()
        if beside is not None:
            right = CORNER + area.width
            self.on_event_thread(lambda: (beside.setLocation(right, CORNER), beside.toFront())[0])
            area = area.union(beside.getBounds())
        time.sleep(1)
        shot = self.awt.Robot().createScreenCapture(area)
        target = jpype.JPackage("java").io.File(str(PICTURES / f"{name}.png"))
        jpype.JPackage("javax").imageio.ImageIO.write(shot, "png", target)
        self.on_event_thread(lambda: self.backdrop.setVisible(False))
        print(target, flush=True)


def wait(found: Callable[[], Any], what: str, *, patience_s: float = 60) -> Any:
    """Wait until something is there."""
    deadline_s = time.monotonic() + patience_s
    while time.monotonic() < deadline_s:
        if there := found():
            return there
        time.sleep(0.2)
    raise SystemExit(f"Waited {patience_s:.0f} s for {what}.")


def main() -> None:
    """Go once through all windows, as a user would, and photograph each."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    PICTURES.mkdir(parents=True, exist_ok=True)
    if shutil.which("openbox"):
        subprocess.Popen(["openbox"], stderr=subprocess.DEVNULL)
    with server(WORK):
        desk = Desk(WORK / "home")
        for column, columns in (("left", demo.LEARN), ("right", demo.HELD_OUT)):
            raw, neurons = demo.cut_sample(columns, WORK / column)
            desk.ij.IJ.open(str(raw.rename(raw.with_name(f"{column}.tif"))))
            desk.ij.IJ.open(str(neurons.rename(neurons.with_name(f"{column}-neurons.tif"))))
        desk.ij.IJ.selectWindow("left.tif")
        desk.choose("Cristae Train")
        train = desk.window("Cristae: train a model")
        desk.picture(train, "train")
        desk.press(train, "More")
        desk.picture(train, "train-more")
        desk.press(train, "Choose")
        also = desk.window("Cristae: also learn from")
        desk.press(also, "right.tif")
        desk.picture(also, "train-also")
        desk.press(also, "Cancel")
        truth = desk.ij.WindowManager.getImage("right-neurons.tif")
        desk.on_event_thread(partial(truth.setTitle, "right-truth.tif"))  # Evaluate goes by it
        desk.on_event_thread(truth.hide)
        for box in desk.parts(train, desk.swing.JComboBox):
            for item in (box.getItemAt(index) for index in range(box.getItemCount())):
                if str(item) in ("instances", "quick"):
                    box.setSelectedItem("2.5" if str(item) == "quick" else item)
        desk.press(train, "Train")
        job = desk.window("Training neurons")
        desk.choose("Cristae Server")
        settings = desk.window("Cristae: server")
        time.sleep(3)
        desk.picture(settings, "server")
        settings.dispose()
        models = WORK / "home" / "models"
        wait(lambda: any(models.glob("*/model.json")), "the model", patience_s=400)
        time.sleep(5)
        desk.picture(job, "job")
        job.dispose()
        desk.ij.IJ.selectWindow("right.tif")
        desk.choose("Cristae Segment")
        segment = desk.window("Cristae: segment an image")
        desk.picture(segment, "segment")
        desk.press(segment, "More")
        desk.picture(segment, "segment-more")
        desk.press(segment, "Segment")
        labels = wait(
            lambda: desk.ij.WindowManager.getImage("right-neurons-instances.tif"),
            "the labels",
            patience_s=240,
        )
        labels.setSlice(25)
        desk.ij.IJ.run(labels, "Set... ", "zoom=400")
        desk.picture(labels.getWindow(), "labels")
        score(desk, truth)
        measure(desk, labels)
        correct(desk, labels)
        desk.ij.IJ.selectWindow("right.tif")
        desk.ij.IJ.getImage().setSlice(25)
        desk.ij.IJ.run("Set... ", "zoom=300")
        desk.choose("Cristae Preview")
        desk.press(desk.window("Cristae: preview"), "Preview")
        looking = desk.window("Cristae: preview of right.tif")
        right = desk.ij.IJ.getImage()
        wait(lambda: right.getOverlay() is not None, "the preview", patience_s=120)
        desk.press(looking, "Look Again")  # without the time that it takes to load a model
        time.sleep(5)
        desk.picture(right.getWindow(), "preview", beside=looking)
        desk.press(looking, "Close")
        desk.choose("Cristae Show Activations")
        show = desk.window("Cristae: show activations")
        for box in desk.parts(show, desk.swing.JComboBox):
            if str(box.getName()) == "layer":
                wait(partial(box.isEnabled), "the layers")
        desk.picture(show, "activations")
        desk.press(show, "Show")
        maps = wait(
            lambda: desk.ij.WindowManager.getImage("right-neurons-decoder.0.tif"), "the maps", patience_s=240
        )
        desk.ij.IJ.run(maps, "Make Montage...", "columns=4 rows=2 scale=2 first=1 last=8 font=10 label")
        desk.picture(desk.ij.IJ.getImage().getWindow(), "activations-montage")
        desk.choose("Cristae Jobs")
        jobs = desk.window("Cristae: jobs")
        time.sleep(3)
        for table in desk.parts(jobs, desk.swing.JTable):
            desk.on_event_thread(partial(table.setRowSelectionInterval, 0, 0))
        desk.picture(jobs, "jobs")


def score(desk: Desk, truth: Any) -> None:
    """Compare the labels with true ones, and photograph the dialog and the table."""
    truth.show()
    desk.choose("Cristae Evaluate")
    evaluate = desk.window("Cristae: evaluate")
    desk.picture(evaluate, "evaluate")
    desk.press(evaluate, "Evaluate")
    scores = desk.window("right-neurons-instances-scores")
    desk.on_event_thread(lambda: scores.setSize(760, 130))
    desk.picture(scores, "scores")
    desk.on_event_thread(lambda: scores.close(False))
    job = desk.window("Cristae: Evaluating")
    desk.picture(job, "evaluated")
    job.dispose()
    desk.on_event_thread(truth.close)


def measure(desk: Desk, labels: Any) -> None:
    """Measure the objects of the labels, and photograph the dialog and the table."""
    desk.ij.IJ.selectWindow(labels.getTitle())
    desk.choose("Cristae Measure Objects")
    dialog = desk.window("Cristae: measure objects")
    desk.picture(dialog, "measure")
    desk.press(dialog, "Measure")
    table = desk.window("right-neurons-instances-objects")
    desk.on_event_thread(lambda: table.setSize(640, labels.getWindow().getHeight()))
    desk.picture(labels.getWindow(), "objects", beside=table)
    desk.on_event_thread(lambda: table.close(False))
    desk.window("Cristae: Measuring").dispose()


def correct(desk: Desk, labels: Any) -> None:
    """Photograph the objects over their image, and the dialog that cleans them."""
    desk.ij.IJ.selectWindow("right.tif")
    raw = desk.ij.IJ.getImage()
    raw.setSlice(25)
    desk.ij.IJ.run("Set... ", "zoom=300")
    desk.choose("Cristae Show Objects")
    show = desk.window("Cristae: show objects")
    for box in desk.parts(show, desk.swing.JComboBox):
        box.setSelectedItem({"image": raw, "labels": labels}[str(box.getName())].getTitle())
    desk.press(show, "Show")
    over = desk.window("Cristae: objects over right.tif")
    desk.picture(raw.getWindow(), "show-objects", beside=over)
    desk.press(over, "Close")
    desk.ij.IJ.selectWindow(labels.getTitle())
    desk.choose("Cristae Clean Objects")
    clean = desk.window("Cristae: clean objects")
    desk.picture(clean, "clean")
    desk.press(clean, "Cancel")


if __name__ == "__main__":
    code = 1
    try:
        main()
        code = 0
    except SystemExit as reason:
        print(reason, file=sys.stderr)
    finally:
        sys.stdout.flush()
        os._exit(code)  # the threads of AWT would keep the process alive
