"""Ctrl-C: noted at once, obeyed where the books are in order."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass
class Stop:
    """Whether Ctrl-C was pressed."""

    pressed: bool = False


@contextlib.contextmanager
def interruptible() -> Iterator[Stop]:
    """Give a Stop that the first Ctrl-C sets, for the clock to obey; the second acts at once.

    An interrupt in the midst of a verb would leave its tables half written. Outside the main
    thread, and where Ctrl-C is ignored, nothing is changed.
    """
    stop = Stop()
    before = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or before in (signal.SIG_IGN, None):
        yield stop
        return

    def note(number: int, frame: Any) -> None:
        del number, frame
        if stop.pressed:
            raise KeyboardInterrupt
        stop.pressed = True

    signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
