"""The tables of a run: one NumPy column a field, one row a job, node or allocation."""

from __future__ import annotations

from typing import Any, NamedTuple

from sim.state.answers import Limits, Rule, Score, Taste, Yield
from sim.state.arrays import B1, F8, I1, I2, I4, I8
from sim.state.calendar import Calendar
from sim.state.fabric import Fabric
from sim.state.fair_share import FairShare
from sim.state.quota import Caps, Quota
from sim.state.sizes import Sizes
from sim.state.slices import Moving, Qos, Sharing, Slices, Spans, Topology
from sim.state.waits import Waits

BLOCK = 256
"""Rows a block of an `Order`: large enough to be searched rarely, small enough to be shifted."""
WORD = 32
"""Nodes a word of the level bitmaps; held in int64, so that no shift meets the sign."""
WHOLE = 1000
"""Thousandths of a whole device."""
PLENTY = 1 << 60
"""More than any node has: the limit of a node that no reservation touches."""


class Jobs(NamedTuple):
    """One row a job, in order of submission. What it asks never changes; how it stands does."""

    submit_s: F8
    enter_s: F8  # when it may first be scheduled: the later of submitted and eligible
    cancel_s: F8  # when its user gives up if it still waits; inf is never
    gpus: I8  # all of them at once: a gang
    chunks: I8  # nodes it asked for
    chunk_gpus: I8  # GPUs on each of them; -1 follows the size of the node
    mcpu: I8  # thousandths of a core, the whole gang
    mem_bytes: I8  # the whole gang
    milli: I8  # thousandths of each GPU; 1000 is all of it
    form: I8  # number of what it asks for: jobs of one form are scored alike
    klass: I8  # row of `kinds.speed`
    work_s: F8  # seconds needed at rate 1
    walltime_s: F8  # seconds its user said, at rate 1
    priority: F8  # greater goes first
    deadline_s: F8
    tenant: I8
    partition: I8
    nice: F8  # points off its multifactor priority
    qos: I8
    outcome: I1  # the JobState its work ends in
    draw: F8  # placement's number in [0, 1); -1 takes the first in order
    key: F8  # queue order, least first
    state: I1
    rate: F8  # work seconds a second: every slowdown and speed-up meets here
    left_s: F8  # work left as of `asof_s`
    asof_s: F8
    start_s: F8  # first start; nan is never
    end_s: F8
    expect_s: F8  # end by walltime: what a reservation may count on
    limit_s: F8  # when its present run is told to end; meant only where walltimes kill
    turn_s: F8  # when, if it runs on, its place in the order changes by itself
    epoch: I8  # counts reschedulings; an event of an older epoch is stale
    row0: I8  # its open rows of the ledger: row0 .. row0 + rows
    rows: I8
    kind: I8  # kind of node it last ran on; -1 is none
    restarts: I8
    lost_s: F8  # work done and lost
    watched: B1  # somebody in Python waits for its end
    tried: I8  # the change after which it was refused a start; nothing better since then


class Nodes(NamedTuple):
    """One row a node."""

    kind: I8
    gpus: I8
    free: I8
    mcpu: I8
    mcpu_free: I8
    mem_bytes: I8
    mem_free: I8
    up: B1  # offered to jobs
    rank: I8  # its place in placement's own order of nodes
    by_rank: I8  # the node of each rank
    row: I8  # newest open row of the ledger here; -1 is none
    outage: I8  # open outage row; -1 is none
    barred: B1  # not for the job being looked at (a reservation in the way)
    most: I8  # (nodes, 3) GPUs, mcpu, bytes left for a job that outlasts the reservation


class Kinds(NamedTuple):
    """Nodes alike in GPU type and size: a gang never mixes kinds."""

    size: I8  # (kinds,) GPUs a node
    free: I8  # (kinds,) GPUs free on nodes that are up
    many: I8  # (kinds, levels) nodes that are up with so many GPUs free
    level: I8  # (kinds, levels, words) bit r: the node of rank r is up with so many free
    some: I8  # (kinds, levels, words / WORD) bit w: word w of the level is not 0
    speed: F8  # (classes, kinds) work seconds a second; 0 is not allowed
    order: I8  # (classes, kinds) fastest first
    refused: I8  # (kinds,) least GPUs on one node that were refused to a job behind a reservation
    useful: I8  # (kinds,) GPUs free that make a node matter to the job with the reservation


class Order(NamedTuple):
    """Jobs in order of (key, row): a list of sorted blocks, so that neither end is dear."""

    job: I8  # (blocks, BLOCK)
    key: F8  # (blocks, BLOCK) what they are in order of
    size: I8  # (blocks,)
    line: I8  # blocks in order
    spare: I8  # a stack of unused blocks
    n: I8  # [blocks in line, spare blocks, jobs]


class Agenda(NamedTuple):
    """A binary heap of finishes by (time, row); stale ones are dropped when they surface."""

    time_s: F8
    job: I8
    epoch: I8
    size: I8


class Ledger(NamedTuple):
    """Append-only: who held which GPUs of which node, from when to when, and why it ended."""

    job: I4  # -1: an outage of the node
    node: I4
    gpus: I4
    start_s: F8
    end_s: F8  # nan while open
    why: I1
    older: I8  # next older open row of the same node
    newer: I8
    devices: I8  # bit d: device d of the node; no rows where devices are not told apart
    slices: I2  # (rows, most) memory slices held of each, as bits; no rows where none is sliced
    n: I8  # [rows]


class Events(NamedTuple):
    """What jobs will do by themselves, besides finishing."""

    arrive: I8  # rows in order of (enter_s, row)
    cancel: I8  # rows that may give up, in order of (cancel_s, row)


class Devices(NamedTuple):
    """The GPUs of each node one by one, where jobs share them or a placement scores them."""

    on: bool  # they are told apart
    shared: bool  # some job asks for a share
    free_milli: I8  # (nodes, most) thousandths free; 0 beyond a node's own
    held: I8  # (nodes, most + 1) chunks that hold so many whole devices; of 0: shares
    change: I8  # (nodes,) by rank: counts what happened to the node


class Cache(NamedTuple):
    """What nodes scored when last asked, by rank; a score holds until its node changes."""

    form: I8  # (rows,) whose scores stand here
    change: I8  # (rows, nodes) the node's `devices.change` then
    score: I8  # (rows, nodes) -1 where it does not fit
    fragment: F8  # (nodes,) by node, and the change it belongs to
    fragment_at: I8
    room: I8  # (most,) the devices of the node being looked at
    able: I8  # (sizes,) how many of them have so much free
    short_milli: I8  # (sizes,) what is free on the others


class Usage(NamedTuple):
    """What each tenant has used; no rows where nobody asks."""

    half_life_s: float
    gpu_s: F8  # (tenants,) GPU time as of `asof_s`, half of it forgotten each half-life
    gpus: F8  # (tenants,) held now
    asof_s: F8


class Paces(NamedTuple):
    """What slows or speeds each job besides its kind of node; no rows where nothing does."""

    factor: F8  # (causes, jobs) see `words.Cause`; a job's rate is its speed times all of them
    keeps: F8  # (nodes,) the part of its speed that each node has now; no rows where all are whole


class Elastic(NamedTuple):
    """What sizes each job may have; no rows where nobody sizes jobs.

    `jobs.gpus`, and what goes with it, says how many GPUs a job holds now, or would take if it
    started; `told` how many its work and walltime were told for.
    """

    told: I8
    least: I8
    most: I8  # `least` of a job that is not elastic
    walltime_s: F8  # as told, at `told` GPUs
    parallel_share: F8  # of its work, which more GPUs speed up; nan: not told
    resizes: I8  # so far


class Notes(NamedTuple):
    """What a queue policy remembers of jobs; no rows where it remembers nothing."""

    stride: int  # rows of `kinds.speed` a class: any kind, each kind alone, none; 1 without dealing
    value: F8  # (jobs, numbers) the policy's own, nan at first
    rise_s: F8  # (jobs,) when, if it waits on, its place in the order changes; none where dealt


class Scratch(NamedTuple):
    """Where a search leaves what it found."""

    node: I8
    gpus: I8
    n: I8


class Face(NamedTuple):
    """The few scalars: f8 `t` and i8 `n`, by the indices below."""

    t: F8
    n: I8


NOW, PLAN, SHADOW, PLANNED, TURN, RELEASE = 0, 1, 2, 3, 4, 5
(
    ARRIVED,  # jobs that have come, of `events.arrive`
    CANCELS,  # of `events.cancel`
    DIRTY,  # a pass is due
    LEFT,  # jobs that have not ended
    SPARE,  # GPUs that the reservation by counts leaves to jobs that outlast it
    SHADOW_KIND,  # the kind of node it is on
    EVENTS,
    ASKED,  # the queue policy has been asked for this pass
    PLAN_DUE,  # something has changed since the last cycle
    ZERO_WAITING,  # waiting jobs without GPUs
    PEAK,  # most jobs that ever waited
    HEAD,  # the job the reservation is for
    HOLDS,  # the reservation is what it would be if it were made now
    CHANGE,  # counts what could help a job that was refused
    LAST,  # the last job asked by a pass that started none; -1 if a pass now could differ
    LOOKED,  # the change at which that was
    DOWN,  # nodes that are not offered to jobs
    APART,  # passes are made outside the lane
    AWAITED,  # somebody waits for a job that has ended, or for the last of all
    SEEKING,  # jobs have started whose ways over the fabric are to be found
) = range(20)

TABLES: dict[str, Any] = {
    "jobs": Jobs,
    "nodes": Nodes,
    "kinds": Kinds,
    "queue": Order,
    "running": Order,
    "ranked": Order,
    "agenda": Agenda,
    "ledger": Ledger,
    "events": Events,
    "rule": Rule,
    "gives": Yield,
    "taste": Taste,
    "devices": Devices,
    "score": Score,
    "cache": Cache,
    "usage": Usage,
    "paces": Paces,
    "elastic": Elastic,
    "notes": Notes,
    "quota": Quota,
    "caps": Caps,
    "fair_share": FairShare,
    "sizes": Sizes,
    "slices": Slices,
    "sharing": Sharing,
    "spans": Spans,
    "moving": Moving,
    "topology": Topology,
    "qos": Qos,
    "limits": Limits,
    "waits": Waits,
    "due": Agenda,
    "calendar": Calendar,
    "fabric": Fabric,
    "pick": Scratch,
    "kept": Scratch,
    "ahead": Scratch,
    "face": Face,
}

FORKS = ("devices", "slices", "sharing", "spans", "moving", "topology", "fabric")
"""Tables that are `on` or not, by which kernels are compiled apart."""
