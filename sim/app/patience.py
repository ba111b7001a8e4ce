"""Ctrl-C while results are written: held back until they are whole."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def unhurried(given_up: Callable[[], str]) -> Iterator[list[int]]:
    """Hold the first Ctrl-C back while something is written; give the list it is noted in.

    The second one is obeyed at once: KeyboardInterrupt says what `given_up` tells then.
    """
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed  # only the main thread hears signals
        return

    def hold(number: int, frame: FrameType | None) -> None:
        del frame
        pressed.append(number)
        if len(pressed) > 1:
            raise KeyboardInterrupt(given_up())
        # no print: the signal may have come in the middle of one
        told = b"rackplan: writing what there is; Ctrl-C again gives it up\n"
        with contextlib.suppress(OSError):
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, told)

    before = signal.signal(signal.SIGINT, hold)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
