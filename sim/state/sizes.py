"""Smaller sizes at which jobs may be admitted to a quota."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.state.arrays import I8


class Sizes(NamedTuple):
    """The forms of a `Quota`, then each smaller size of each; no rows where there is none.

    `ask`, `queue` and `may` of the `Quota` have rows for these sizes too.
    """

    whole: I8  # (forms and sizes,) the form that it is a size of
    gpus: I8  # (forms and sizes,)
    first: I8  # (forms,) its size of one GPU less; smaller ones follow; -1 is none
    many: I8  # (forms,) how many there are


def no_sizes() -> Sizes:
    """Return that there are none."""
    none = np.zeros(0, np.int64)
    return Sizes(none, none.copy(), none.copy(), none.copy())
