"""What policies answer, in numbers that the kernels read; none of it changes in a run."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sim.state.arrays import B1, F8, I8
from sim.state.fabric import Fabric
from sim.state.fair_share import FairShare
from sim.state.quota import Caps, Quota
from sim.state.sizes import Sizes


class Rule(NamedTuple):
    """The start rule, in numbers: what may start behind a blocked job, and what is kept for it.

    `depth` jobs behind the first blocked one are looked at; the first `reserves` blocked ones get a
    reservation, by counts of GPUs or of specific nodes; with `interval_s` > 0 this is done by a
    periodic cycle apart from the strict pass of every event.
    """

    depth: int = 0
    reserves: int = 0
    by_nodes: bool = False
    interval_s: float = 0.0
    resolution_s: float = 0.0
    window_s: float = np.inf
    group_s: float = 0.0
    idle_first: bool = True
    whole_nodes: bool = True


class Yield(NamedTuple):
    """Who gives way to whom, in numbers: preemption, and rounds.

    With `tail` a blocked job takes the nodes of running jobs from the end of the order, with
    `rebuild` the running set is made anew in order at each pass. `turns`: the queue policy says
    when its order changes by itself.
    """

    tail: bool = False
    rebuild: bool = False
    strictly: bool = True  # equals in the order's key do not give way to each other
    in_vain: bool = False  # gives way even where the taker then still does not fit
    min_run_s: float = 0.0  # a job is left alone so long after a start
    checkpoint_s: float = 0.0  # work kept in steps of; 0 keeps all, inf nothing
    cost_s: float = 0.0  # work that each interruption adds
    round_s: float = 0.0  # passes only at multiples of this, and GPUs held until one
    most_moved: int = 0  # running jobs moved at most to make room for one; 0 moves none
    turns: bool = False
    hold: bool = True  # a job that ends within a round keeps its GPUs until the round is over
    deals: bool = False  # each round the queue policy deals kinds of node anew
    requeue_s: float = 0.0  # from leaving its nodes to being eligible again, failures too
    cancels: bool = False  # who gives way is ended
    suspends: bool = False  # who gives way goes on where it was, once there is room
    # who gives way first: least sum of these times what they name; ties from the end of the order
    youngest: float = 0.0  # - start of its run
    least_lost: float = 0.0  # GPU-seconds of work that its eviction would lose
    smallest: float = 0.0  # its GPUs
    lowest: float = 0.0  # its priority
    recheck: int = 0  # times the last who gave way is put first and the rest asked again


class Limits(NamedTuple):
    """What happens at a job's walltime, and to jobs that wait for what can no more come."""

    kills: bool = False
    over_s: float = 0.0  # so long beyond its walltime it is left alone
    poll_s: float = 0.0  # limits are looked at only at multiples of this
    wait_s: float = 0.0  # from being told to end to its end
    invalid: bool = False  # who waits for what can no more come is cancelled


class Taste(NamedTuple):
    """Placement's answer: which levels of free GPUs it likes, least first, and how gangs spread."""

    level: I8  # levels in order of liking
    group: I8  # (groups + 1,) levels of one group are alike
    scatter: bool = False  # a gang may take any free GPUs, on as few nodes as possible
    runs: bool = False  # a gang takes whole runs of consecutive nodes
    first_alone: bool = False  # but on one node the first that has room


class Score(NamedTuple):
    """Placement's answer where it scores nodes: what each term weighs, and the terms' numbers."""

    on: bool
    tries: bool  # a share takes the device on which it scores best, else the tightest
    weight: I8  # (terms,) see `words.Term`
    resource: I8  # (3,) weight of cores, memory, GPUs in the terms of requests and capacity
    scale_mcpu: float  # what counts as one whole, of cores and of GPUs
    scale_milli: float
    used_pct: I8  # the points of the shape: so full …
    worth: I8  # … so good
    often: F8  # (typical,) share of jobs like it
    mcpu: I8  # (typical,) what it asks for
    gpus: I8
    milli: I8
    size: I8  # (typical,) its row in `sizes`
    allowed: B1  # (typical, kinds)
    sizes: I8  # the distinct thousandths, rising


class Share(NamedTuple):
    """How jobs get on that share a device, in numbers."""

    factor: F8  # (k,) of the rate of each of so many on one device, from 0; the last goes on
    spares: bool = True  # a MIG instance goes where it spoils fewest larger ones, else first


ALONE = Share(np.ones(2))
"""Who shares a device does not notice."""


class Answers(NamedTuple):
    """What the policies of a scenario answered: all that `build.assemble` needs of them."""

    rule: Rule
    taste: Taste
    gives: Yield
    score: Score
    half_life_s: float | None = None  # of what tenants have used; None where nobody asks
    slows: bool = False  # something may slow or speed jobs besides their kind of node
    notes: int = 0  # numbers a job that the queue policy remembers
    quota: tuple[Quota, Caps, FairShare, Sizes] | None = None
    share: Share = ALONE
    limits: Limits = Limits()
    waits: Any = None  # state.waits.Edges; None where nobody waits for another job
    windows: int = 0  # times in which nodes are set aside
    fabric: Fabric | None = None  # the links that jobs share; None where they feel none
    hobbles: bool = False  # nodes may be slow for a while
