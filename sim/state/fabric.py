"""The fabric as jobs feel it: a tree of domains, and who sends how much out of which."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sim.state.arrays import B1, F8, I8
from sim.state.joins import AbstractWays


class Talk(NamedTuple):
    """What each job sends between its nodes, (jobs,) each."""

    duty: F8  # part of its time, alone, in which it does; 0 … 1
    overlap: F8  # part of that which may run beside compute
    all_to_all: B1  # each of its GPUs with each other; else in a ring
    step_s: F8 | None = None  # of a step alone; nan, or no column: it does not say


class Writes(NamedTuple):
    """What jobs write to storage, which hangs above all that the fabric joins."""

    mean_Bps: F8  # (jobs,) of all nodes of a job, in the mean over its work; 0: it does not
    every_s: float  # of its work between two checkpoints
    waits: bool  # a job does nothing else while it writes; else it goes on beside
    storage_Bps: float  # what storage takes, of all together


class Fabric(NamedTuple):
    """The tree, what crosses each link now, and how each job fares by it.

    Link v leads out of vertex v. Who sends is a job; where storage is, the last vertex, the writes
    of job j are a sender of their own, number jobs + j. Empty, and `on` false, without a fabric.
    """

    on: bool
    parent: I8  # (vertices,) -1 is none
    built_Bps: F8  # (vertices,) capacity when all works
    capacity_Bps: F8  # (vertices,) now
    gpu_Bps: F8  # (nodes,) of a GPU's NIC
    level: I8  # (vertices,) 0 for nodes, 1 for leaves, 2 for pods
    load_Bps: F8  # (vertices,) what crosses the link in the mean; kept while it is tight
    more_Bps: F8  # (vertices,) what one job on it could send besides, at most, at its share; so too
    bound: I8  # (vertices,) how many jobs it binds
    newest: I8  # (vertices,) its newest entry; -1 is none
    sent_bytes: F8  # (bins, vertices) what senders have put there, by bins of time from 0 on
    bin_s: F8  # (1,) how long a bin is: twice as long each time that they are full
    # entries: a job uses a link, (entries,) each
    job: I8  # the sender
    link: I8
    use_Bps: F8  # at the sender's full speed
    next: I8  # the sender's next
    older: I8  # the link's next older
    newer: I8
    next_tight: I8  # the job's next on a link that could bind somebody; good for an instant
    spare: I8  # a stack of unused ones
    # senders, (senders,) each, and jobs, (jobs,)
    duty: F8
    overlap: F8
    all_to_all: B1  # (jobs,)
    first: I8  # its first entry; -1 is none
    binds: I8  # the entry of the link that gives it least; -1 is none
    spans: B1  # it runs on several nodes and sends between them
    top: F8  # no greater share of its full speed, for its own NICs
    share: F8  # of its full speed, while it sends
    part: F8  # of its time in which it sends
    sends: F8  # what part of its full speed it sends in the mean since `counted_s`
    counted_s: F8
    unput_s: F8  # for how long at full speed it has sent what its links have not heard of
    since_s: F8  # (jobs,) its factor holds since
    ran_s: F8  # (jobs,) on several nodes, in all
    lost_s: F8  # (jobs,) of that, for links that others use too
    tier: I8  # (jobs,) how high it last reached: 1 a leaf, 2 several, 3 several pods; 0 one node
    mean_Bps: F8  # (jobs,) what it writes to storage, in the mean over its work
    every_s: F8  # (1,) of work, between two checkpoints
    waits: F8  # (jobs,) in what part of its time it waits for that now
    waited_s: F8  # (jobs,) it has, in all
    # what is to be settled at the end of the instant
    asks: I8  # (senders,) a ring of those that are to look at their links
    asking: B1  # (senders,)
    dirty: I8  # (vertices,) links that were joined or left
    is_dirty: B1  # (vertices,)
    # room to search
    held: I8  # (vertices,) GPUs of one job below it
    seen: I8  # (vertices,) the last search that met it
    found: I8  # (vertices,)
    tight: B1  # (vertices,) the link could bind somebody
    met: I8  # (senders,) the last search that met it
    members: I8  # (senders at once,) who has looked
    was: F8  # (senders at once,) the share that each of them had before they agreed
    sent: F8  # (senders at once,) what it then sent in the mean, of its full speed
    first_tight: I8  # (senders,) of those who have looked: see `next_tight`
    # where jobs cross links by ways of their own: `engine.paths` has them found
    seeks: I8  # (jobs,) those that have started and are to be told their links
    seeking: B1  # (jobs,)
    # where steps are played phase by phase: see kernel.steps; times are of work, at rate 1
    step_s: F8  # (jobs,) of a step alone; nan: the job does not say
    begins: F8  # (jobs,) where in a step it begins, 0 … 1; -1: its steps are not played
    phase: I8  # (senders,) what it does now: a Phase
    todo_s: F8  # (3, jobs) what is left of its step: to compute, to send beside that, to send alone
    going: F8  # (3, jobs) how fast each of them goes since `played_s`
    played_s: F8  # (jobs,)
    n: I8  # [search, asks, dirty, spare, first ask, seeking, first link of ways, played, storage,
    #      restless]


BINS, FIRST_BIN_S, ROOM = 64, 60.0, 4_000_000
"""Of what links have carried: bins of time, how long each is at first, and numbers at most."""
SEARCH, ASKS, SOILED, SPARE, HEAD, SEEKS, FIRST, PLAYED, STORE, RESTLESS = range(10)


def _levels(parent: I8, nodes: int) -> I8:
    """Return how high each vertex stands, (vertices,): nodes at 0, what is alone at 1."""
    level = (np.arange(len(parent)) >= nodes).astype(np.int64)
    for vertex, above in enumerate(parent.tolist()):
        if above >= 0:
            level[above] = level[vertex] + 1
    return level


def no_fabric() -> Fabric:
    """Return the table of a run whose jobs do not feel the network."""
    none, zero, no = np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_)
    kinds: dict[str, Any] = {"F8": zero, "I8": none, "B1": no}
    hints = Fabric.__annotations__
    return Fabric(False, *[kinds[_name(hints[name])].copy() for name in Fabric._fields[1:]])


def _name(hint: Any) -> str:
    """Return what stands in an annotation, evaluated or not."""
    return str(getattr(hint, "__forward_arg__", hint))


def fabric_of(
    tree: tuple[I8, F8] | None, gpus: I8, talk: Talk | None, ways: AbstractWays | None = None,
    writes: Writes | None = None, last_s: float = 0.0,
) -> Fabric:  # fmt: skip
    """Return a fabric that nobody uses yet; `gpus` (nodes,) are those of each node.

    Room for entries: each GPU that is held makes at most one a level; under ways see `roomier`.
    What jobs write makes as many again, and one on the link of storage. A run that lasts until
    `last_s` at least begins with the bins that it has then, for widening them looks at all.
    """
    if tree is None or talk is None:
        return no_fabric()
    parent, built = np.array(tree[0], np.int64), np.array(tree[1], np.float64)
    if writes is not None:
        parent, built = np.append(parent, -1), np.append(built, writes.storage_Bps)
    bins = max(1, min(BINS, ROOM // max(len(parent), 1)))
    width_s = FIRST_BIN_S
    while bins * width_s <= last_s:
        width_s *= 2.0
    level = _levels(parent, len(gpus))
    first = -1 if ways is None else len(parent) - len(ways.capacity_Bps)
    n, m, v, most = len(talk.duty), len(gpus), len(parent), int(gpus.sum()) + 1
    entries, many = most * max(int(level.max()), 1), n
    if writes is not None:
        entries, many, most = 2 * entries + most, 2 * n, 2 * most

    beside, store = (0.0, -1) if writes is None else (float(not writes.waits), v - 1)

    def no(many: int) -> I8:
        return np.full(many, -1, np.int64)

    def zero(many: int) -> I8:
        return np.zeros(many, np.int64)

    return Fabric(
        on=True, parent=parent, built_Bps=built, capacity_Bps=built.copy(),
        gpu_Bps=built[:m] / np.maximum(gpus, 1), level=level, load_Bps=np.zeros(v),
        more_Bps=np.zeros(v), bound=zero(v), newest=no(v),
        sent_bytes=np.zeros((bins, v)), bin_s=np.array([width_s]),
        job=zero(entries), link=zero(entries), use_Bps=np.zeros(entries), next=no(entries),
        older=no(entries), newer=no(entries), next_tight=no(entries),
        spare=np.arange(entries, dtype=np.int64),
        duty=np.append(talk.duty, np.zeros(many - n)),
        overlap=np.append(talk.overlap, np.full(many - n, beside)),
        all_to_all=talk.all_to_all.copy(), first=no(many), binds=no(many),
        spans=np.zeros(many, np.bool_), top=np.ones(many), share=np.ones(many),
        part=np.zeros(many), sends=np.zeros(many), counted_s=np.zeros(many),
        unput_s=np.zeros(many), since_s=np.zeros(n), ran_s=np.zeros(n), lost_s=np.zeros(n),
        tier=zero(n), mean_Bps=np.zeros(n) if writes is None else writes.mean_Bps.copy(),
        every_s=np.array([np.inf if writes is None else writes.every_s]),
        waits=np.zeros(n), waited_s=np.zeros(n), asks=zero(many),
        asking=np.zeros(many, np.bool_), dirty=zero(v), is_dirty=np.zeros(v, np.bool_),
        held=zero(v), seen=zero(v), found=zero(v), tight=np.zeros(v, np.bool_), met=zero(many),
        members=zero(min(many, most)), was=np.zeros(min(many, most)),
        sent=np.zeros(min(many, most)), first_tight=no(many),
        seeks=zero(n), seeking=np.zeros(n, np.bool_),
        step_s=np.full(n, np.nan) if talk.step_s is None else talk.step_s.copy(),
        begins=np.full(n, -1.0), phase=zero(many), todo_s=np.zeros((3, n)), going=np.zeros((3, n)),
        played_s=np.zeros(n), n=np.array([0, 0, 0, entries, 0, 0, first, 0, store, 0], np.int64),
    )  # fmt: skip


def roomier(fabric: Fabric, entries: int) -> Fabric:
    """Return the fabric with room for so many entries more, or half as many again."""
    had, spare = len(fabric.job), int(fabric.n[SPARE])
    more = max(entries - spare, had // 2)

    def longer(column: Any, value: int = 0) -> Any:
        return np.concatenate([column, np.full(more, value, column.dtype)])

    stack = np.zeros(had + more, np.int64)
    stack[:spare], stack[spare : spare + more] = fabric.spare[:spare], had + np.arange(more)
    n = fabric.n.copy()
    n[SPARE] = spare + more
    return fabric._replace(
        job=longer(fabric.job), link=longer(fabric.link), use_Bps=longer(fabric.use_Bps),
        next=longer(fabric.next, -1), older=longer(fabric.older, -1),
        newer=longer(fabric.newer, -1), next_tight=longer(fabric.next_tight, -1), spare=stack,
        n=n,
    )  # fmt: skip
