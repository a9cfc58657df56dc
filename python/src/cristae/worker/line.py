"""The conversation with the server, over standard input and output."""

import os
import sys
import threading
from collections.abc import Callable
from io import FileIO
from typing import BinaryIO

from cristae.events import Event
from cristae.jobs.protocol import CANCEL, FINISH, MAX_LINE, Message, Order, message_line, parse_order

# A worker that lost its server saves and ends; if it hangs in the middle of a step, it ends anyway, so that
# the next attempt finds the job's lock and the device free.
LONGEST_GOODBYE_S = 20.0


def standard_output_alone() -> FileIO:
    """Return standard output for us alone: what libraries print goes to standard error from now on."""
    speak = FileIO(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return speak


class Line:
    """One worker's end of the line.

    Parameters
    ----------
    hear
        The server's words.
    speak
        Where ours go.
    give_up
        Called if the job has not ended :data:`LONGEST_GOODBYE_S` after the server's end of the line closed.
    """

    def __init__(self, hear: BinaryIO, speak: BinaryIO, give_up: Callable[[], None]) -> None:
        self._hear, self._speak, self._give_up = hear, speak, give_up
        self._stop, self._finish = threading.Event(), threading.Event()
        self._speaking = threading.Lock()

    @classmethod
    def over_standard_streams(cls) -> "Line":
        """Take standard input and output."""
        return cls(sys.stdin.buffer, standard_output_alone(), give_up=lambda: os._exit(3))

    def order(self) -> Order:
        """Hear the order, and from now on whether the server wants the job to end."""
        order = parse_order(self._hear.readline(MAX_LINE))
        threading.Thread(target=self._listen, name="server", daemon=True).start()
        return order

    def should_stop(self) -> bool:
        """Return True once the job was cancelled or the server has gone."""
        return self._stop.is_set()

    def should_finish(self) -> bool:
        """Return True once a training was asked to end early."""
        return self._finish.is_set()

    def tell(self, event: Event) -> None:
        """Send an event."""
        self.say(event)

    def say(self, message: Message) -> None:
        """Send a message; if the server has gone, the job is to stop."""
        with self._speaking:
            try:
                self._speak.write(message_line(message))
                self._speak.flush()
            except OSError:
                self._stop.set()

    def _listen(self) -> None:
        while word := self._hear.readline(len(CANCEL)):
            if word == CANCEL:
                self._stop.set()
            elif word == FINISH:
                self._finish.set()
        self._stop.set()
        timer = threading.Timer(LONGEST_GOODBYE_S, self._give_up)
        timer.daemon = True
        timer.start()
