"""Tables of what few runs need: slices and neighbours on a device, spans, jobs that move.

Empty, and `on` false, elsewhere; kernels that read them are compiled apart.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.state.arrays import B1, F8, I8


class Slices(NamedTuple):
    """MIG: each device as bits of its memory slices, and where instances may lie.

    A layout is a GPU type, cut on demand, or a fixed geometry of a node's devices.
    """

    on: bool
    spares: bool  # of the legal places the one that spoils fewest larger, else the first
    taken: I8  # (nodes, most) bits held; `MEDIA` is the media engines
    layout: I8  # (nodes,) row of `places`
    cut: B1  # (layouts, most) cut for good: such a device holds instances only
    places: I8  # (classes, layouts, most, n) bits that an instance may take, in order; 0 ends them
    rivals: I8  # (layouts, m) every place of every profile of the GPU type; 0 ends them
    sliced: B1  # (classes,) jobs of it ask for an instance
    whole: I8  # (layouts,) memory slices of a device


class Sharing(NamedTuple):
    """What neighbours on a device do to the rate."""

    on: bool
    factor: F8  # (k,) of each of so many jobs on one device; the last goes on


class Spans(NamedTuple):
    """Which nodes lie together, and within what a gang must stay."""

    on: bool
    domain: I8  # (levels, nodes) number of the rack, of the pod
    many: I8  # (levels,) how many there are
    level: I8  # (jobs,) row of `domain`; -1 is anywhere


class Moving(NamedTuple):
    """Whether running jobs move to make room."""

    on: bool
    most: int  # at most so many for one
