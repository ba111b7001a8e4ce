"""Nodes set aside for a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.state.arrays import B1, F8


class Calendar(NamedTuple):
    """Windows in which nodes are set aside; no rows where none ever is."""

    begin_s: F8  # (windows,) inf until it is announced
    end_s: F8
    held: B1  # (windows, nodes)
    open_to: B1  # (windows, tenants) whose jobs it does not keep out


def calendar_of(windows: int, nodes: int, tenants: int) -> Calendar:
    """Return room for so many windows, none of them announced."""
    return Calendar(
        np.full(windows, np.inf), np.full(windows, np.inf),
        np.zeros((windows, nodes), np.bool_), np.zeros((windows, tenants), np.bool_),
    )  # fmt: skip
