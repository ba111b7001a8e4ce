"""Links, what flows over them, and room to reckon in; apart from a State, made where asked for."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.state.arrays import B1, F8, I4, I8

U4 = NDArray[np.uint32]
"""Numbers that index without being asked whether they are negative."""
LARGE = 4096
"""Flows not settled, from which on a round that settles few is dear."""


class Links(NamedTuple):
    """Directed links, (links,) each; a full-duplex cable is two, a half-duplex medium is one."""

    capacity_Bps: F8
    fatpipe: B1  # nobody is slowed by the others, only all together by the hungriest


class Uses(NamedTuple):
    """Who uses which link, and how much: entries first[i] to last[i] are those of flow i."""

    first: I8  # (flows,)
    last: I8  # (flows,)
    link: I4  # (entries,)
    use: F8  # (entries,) of the link's capacity a unit of level; empty: 1 each


class Room(NamedTuple):
    """Where one solve reckons: links and flows numbered anew, in the order they are met."""

    tick: I8  # (1,) counts solves
    mark: I8  # (links,) the last solve that met it
    here: U4  # (links,) its number there
    left: F8  # (links met,) capacity that is not yet given away
    need: F8  # of those not yet settled, together
    summed: F8  # what they needed when it was last summed
    share: F8
    many: I4  # entries not yet settled
    hits: I4  # of them, those whose least share is this one
    fat: B1
    act: U4  # links on which somebody is not settled
    at: I8  # (flows + 1,)
    to: U4  # (entries,) numbers of links
    use: F8
    top: F8  # (flows,) no level above it
    level: F8
    live: U4  # (flows,) not yet settled
    begin: I8  # (links met + 1,) where a link's list begins, in a large solve
    flow: U4  # (entries,) the lists: who crosses
    entry: U4  # by which entry
    open: B1  # (flows,) not yet settled
    heap: I8  # (links met + flows,) links by share, flows by top
    place: I8
    key: F8


def room_for(links: int, flows: int, entries: int) -> Room:
    """Return room for solves of at most so many flows with so many entries."""
    most = min(links, entries)
    large = flows >= LARGE
    lists, items = (entries, most + flows) if large else (0, 0)
    return Room(
        np.zeros(1, np.int64), np.zeros(links, np.int64), np.empty(links, np.uint32),
        np.empty(most), np.empty(most), np.empty(most), np.empty(most), np.empty(most, np.int32),
        np.empty(most, np.int32), np.empty(most, np.bool_), np.empty(most, np.uint32),
        np.zeros(flows + 1, np.int64), np.empty(entries, np.uint32), np.empty(entries),
        np.empty(flows), np.empty(flows), np.empty(flows, np.uint32),
        np.empty(most + 1 if large else 0, np.int64), np.empty(lists, np.uint32),
        np.empty(lists, np.uint32), np.empty(flows, np.bool_), np.empty(items, np.int64),
        np.empty(items, np.int64), np.empty(items),
    )  # fmt: skip


@lru_cache(maxsize=1)
def _kept(links: int, flows: int, entries: int) -> Room:
    """Return room, the same as long as its size is asked for."""
    return room_for(links, flows, entries)


def room_again(links: int, flows: int, entries: int) -> Room:
    """Return room that earlier solves of about this size have used: new pages cost a third of one.

    For one thread, and one solve at a time.
    """
    return _kept(*(1 << max(n - 1, 1).bit_length() for n in (links, flows, entries)))


class Traffic(NamedTuple):
    """Flows with a beginning and so many bytes, (flows,) each."""

    start_s: F8
    order: I8  # flows by start
    left_bytes: F8
    penalty: F8
    bound: F8  # of the level
    finish_s: F8


class Crossing(NamedTuple):
    """What is known of each link and flow while flows come and go."""

    begin: I8  # (links + 1,) where a link's list begins
    end: I8  # (links,) where it ends now
    flow: I4  # (entries,) the lists: who crosses
    entry: I8  # by which entry
    slot: I8  # (entries,) where an entry stands in its link's list
    load: F8  # (links,)
    peak: F8  # (links,) greatest level
    residual: F8
    seen: I8  # (links,)
    touched: I4  # (links,)
    changed: I4  # (links,)
    level: F8  # (flows,)
    before: F8
    since_s: F8
    eta_s: F8
    heap: I8  # flows by eta_s
    place: I8  # of a flow in the heap, or -1
    member: I8
    asked: I8
    who: I4


def crossing_of(uses: Uses, links: int) -> Crossing:
    """Return the lists of all links, nobody in them yet."""
    flows, entries = len(uses.first), len(uses.link)
    begin = np.zeros(links + 1, np.int64)
    np.cumsum(np.bincount(uses.link, minlength=links), out=begin[1:])
    return Crossing(
        begin, begin[:-1].copy(), np.zeros(entries, np.int32), np.zeros(entries, np.int64),
        np.zeros(entries, np.int64), np.zeros(links), np.zeros(links), np.zeros(links),
        np.zeros(links, np.int64), np.zeros(links, np.int32), np.zeros(links, np.int32),
        np.zeros(flows), np.zeros(flows), np.zeros(flows), np.full(flows, np.inf),
        np.zeros(flows, np.int64), np.full(flows, -1, np.int64), np.zeros(flows, np.int64),
        np.zeros(flows, np.int64), np.zeros(flows, np.int32),
    )  # fmt: skip


class Sharers(NamedTuple):
    """One variable a job, (slots,) each, and the load of each link."""

    live: B1
    penalty: F8
    bound: F8  # of the level
    level: F8
    before: F8
    who: I4
    load: F8  # (links,) of common ones
    users: I8  # (links,)
    owner: I4  # (links,) the job that met it alone
    common: B1  # (links,) has had several users since it had none
    middle: I8  # entries from first to middle: of common links; from there to last: its own
    top: F8  # the level on links where nobody else is


class Alike(NamedTuple):
    """Links that the same jobs use alike, in one class, while jobs are gone through."""

    tick: I8  # (1,) counts those goings through
    mark: I8  # (links,) the last that met it
    kind: I4  # (links,) its class
    met: I4  # (links,)
    by: I8  # (entries + 1,) the last job that used a link of a class
    use: F8  # by how much
    to: I4  # the class of those links then
    narrow: I4  # the narrowest link of a class
    left: Uses  # a link a class


def alike_of(links: int, jobs: int, entries: int) -> Alike:
    """Return room for so many."""
    classes = entries + 1
    return Alike(
        np.zeros(1, np.int64), np.zeros(links, np.int64), np.empty(links, np.int32),
        np.empty(links, np.int32), np.empty(classes, np.int64), np.empty(classes),
        np.empty(classes, np.int32), np.empty(classes, np.int32),
        Uses(np.zeros(jobs, np.int64), np.zeros(jobs, np.int64), np.empty(entries, np.int32),
             np.empty(entries)),
    )  # fmt: skip
