"""Notes of an autoscaler: rows of what, when_s, value."""

from __future__ import annotations

import numpy as np

from sim.state.arrays import F8
from sim.state.scaling import NOTHING


def note(what: int, when_s: float, value: float) -> F8:
    """Return one row of notes, (1, 3)."""
    return np.array([[what, when_s, value]], np.float64)


def of(notes: F8, what: int, after_s: float = -np.inf) -> F8:
    """Return the notes of a kind later than that, (m, 3), in the order they were made."""
    return notes[(notes[:, 0] == what) & (notes[:, 1] > after_s)]


def last(notes: F8, what: int, otherwise: float) -> float:
    """Return the value of the last note of a kind."""
    rows = of(notes, what)
    return float(rows[-1, 2]) if len(rows) else otherwise


def last_s(notes: F8, what: int) -> float:
    """Return when the last note of a kind was made; -inf if there is none."""
    rows = of(notes, what)
    return float(rows[-1, 1]) if len(rows) else -np.inf


def told(*rows: F8) -> F8:
    """Return notes put together, (rows, 3)."""
    return np.concatenate(rows) if rows else NOTHING
