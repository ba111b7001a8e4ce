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


class Topology(NamedTuple):
    """Leaves, what is over them, and what jobs ask of them; not `on` where nobody asks."""

    on: bool
    blocks: bool
    first_alone: bool
    fit_first: bool
    leaf: I8  # (nodes,) its leaf or base block
    above: I8  # (heights, leaves) the switch over each leaf at each height, lowest first
    size: int  # nodes of a base block
    level: B1  # (levels,) whether blocks of 2 ** level base blocks are formed
    most: I8  # (jobs,) most leaves it wants; 0 is any number
    until_s: F8  # (jobs,) until when it insists
    poll_s: float  # that this is over is seen at multiples of it
    segment: I8  # (jobs,) nodes of each part that lies in a block by itself; 0: all in one
    climb: I8  # [start, top, last tight, even]; (0,) where gangs do not climb
    first: I8  # (leaves + 1,) link[first[i]:first[i + 1]] lead out of leaf i into the fabric
    link: I8  # their vertices; none where nobody asks for the load


class Qos(NamedTuple):
    """Who gives way to whom by quality of service; no rows where nobody does."""

    way: I8  # (qos, qos) of taker and running job: see `words.Way`
    exempt_s: F8  # (qos,) its jobs are left alone so long after a start
    cancels: B1  # (qos,) its jobs end where they give way
    priority: F8  # (qos,) the lowest gives way first


class Moving(NamedTuple):
    """Whether running jobs move to make room."""

    on: bool
    most: int  # at most so many for one
