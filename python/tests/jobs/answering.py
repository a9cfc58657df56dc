"""A process of previews that computes nothing: it answers with its own id, sleeps, or dies, as it is told."""

import os
import sys
import threading
import time

from cristae.jobs.frames import frame_parts, read_frame

stopped = 0
questions = []
there = threading.Condition()


def listen():
    global stopped
    while (heard := read_frame(sys.stdin.buffer, 100)) is not None:
        with there:
            if "stop" in heard[0]:
                stopped = max(stopped, heard[0]["stop"])
            else:
                questions.append(heard)
            there.notify()
    os._exit(0)


def answer():
    with there:
        while not questions:
            there.wait()
        question, voxels = questions.pop(0)
    if question.get("die"):
        os._exit(3)
    end = time.monotonic() + question.get("sleep_s", 0)
    while time.monotonic() < end and stopped < question["number"]:
        time.sleep(0.01)
    for part in frame_parts({"pid": os.getpid(), "was_stopped": stopped >= question["number"]}, voxels[::-1]):
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


# Also collected for its doctests, where it must not wait for questions.
if __name__ == "__main__":
    threading.Thread(target=listen, daemon=True).start()
    while True:
        answer()
