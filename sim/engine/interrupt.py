"""Ctrl-C: noted at once, obeyed where the books are in order."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from sim.engine.clock import Clock


@contextlib.contextmanager
def interruptible(clock: Clock) -> Iterator[None]:
    """Let the first Ctrl-C stop the clock between two events, and a second one at once.

    An interrupt in the midst of a verb would leave its tables half written. Outside the main
    thread, and where Ctrl-C is ignored, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if before in (signal.SIG_IGN, None):
        yield
        return

    def note(number: int, frame: Any) -> None:
        del number, frame
        if clock.stopping:
            raise KeyboardInterrupt
        clock.stopping = True

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
