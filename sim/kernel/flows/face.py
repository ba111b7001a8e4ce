"""What Python asks of the solver."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sim.errors import ScenarioError
from sim.kernel.flows.asked import _faulty, asked, entries_of, links_of
from sim.kernel.flows.jobs import come, go, widen
from sim.kernel.flows.run import run
from sim.kernel.flows.share import levels
from sim.state.arrays import F8
from sim.state.flows import (
    Alike,
    Room,
    Sharers,
    Traffic,
    Uses,
    alike_of,
    crossing_of,
    room_again,
    room_for,
)


def max_min(
    capacity_Bps: ArrayLike,
    first: ArrayLike,
    link: ArrayLike,
    weight: ArrayLike | None = None,
    penalty: ArrayLike = 1.0,
    bound_Bps: ArrayLike = np.inf,
    fatpipe: ArrayLike | None = None,
) -> F8:
    """Return the rate of each flow, (flows,) B/s: weighted max-min fair shares of the links.

    The level of a flow, rate times penalty, is as great as it can be without lowering a flow of
    no greater level: sum of weight times rate <= capacity on a shared link, the greatest weight
    times rate <= capacity on a fatpipe (which then holds all its flows at that level), rate <=
    bound. Rounds that settle all local bottlenecks: of links that are the tightest of every flow
    on them.

    Parameters
    ----------
    capacity_Bps : (links,) B/s. A full-duplex cable is two links; a half-duplex medium is one,
        named by the flows of both ways. 0: whatever crosses it stands still.
    first : (flows + 1,) flow i crosses link[first[i]:first[i + 1]]; of none: it gets its bound.
    link : (entries,) numbers of links; named twice counts twice on a shared link.
    weight : (entries,) of the link's capacity a unit of rate; None: 1 each.
    penalty : (flows,) or one number; twice as much, half the share; 0: stands still.
    bound_Bps : (flows,) or one number, B/s; inf: none.
    fatpipe : (links,) of bool; None: all are shared.

    Raises
    ------
    ScenarioError : every fault at once.

    Source: Bertsekas and Gallager, Data Networks (1992), 6.5.2; SimGrid's linear max-min model.
    Neglects: latency, windows, packets and their headers; concurrency limits; Wi-Fi.
    """
    a = asked(capacity_Bps, first, link, weight, penalty, bound_Bps, fatpipe)
    flows, level = len(a.penalty), np.zeros(len(a.penalty))
    room = room_again(len(a.links.capacity_Bps), flows, len(a.uses.link))
    levels(room, a.uses, a.links, a.bound, np.arange(flows, dtype=np.int32), level)
    return np.where(a.active, level / a.penalty, 0.0)


def finish_times(
    capacity_Bps: ArrayLike,
    first: ArrayLike,
    link: ArrayLike,
    start_s: ArrayLike,
    size_bytes: ArrayLike,
    **chosen: Any,
) -> F8:
    """Return when each flow ends, (flows,) s, if all get the shares of `max_min` at each instant.

    When a flow starts or ends, only flows whose bottleneck no longer holds are settled anew. Never
    (inf) if a flow stands still. With fatpipes all are settled at each event.

    Parameters
    ----------
    start_s, size_bytes : (flows,) s and bytes; the others, chosen ones too, as of `max_min`.

    Raises
    ------
    ScenarioError : every fault at once.

    Source: fluid flows, as SimGrid's network models at latency 0.
    Neglects: as `max_min`; the time in which real senders find their share. Rates that would move
    by less than 1e-11 of themselves may stay.
    """
    usual = {"weight": None, "penalty": 1.0, "bound_Bps": np.inf, "fatpipe": None}
    a = asked(capacity_Bps, first, link, **(usual | chosen))
    flows = len(a.penalty)
    start = np.array(start_s, np.float64, ndmin=1)
    left = np.array(size_bytes, np.float64, ndmin=1)
    issues = []
    for name, values in (("start_s", start), ("size_bytes", left)):
        issues += _faulty(values, 0.0, name)
        if values.shape != (flows,):
            issues.append(f"{name}: has shape {values.shape}; must be ({flows},)")
    if issues:
        raise ScenarioError(issues)
    order = np.argsort(start, kind="stable")
    finish = np.full(flows, np.inf)
    traffic = Traffic(start, order[a.active[order]], left, a.penalty, a.bound, finish)
    links = len(a.links.capacity_Bps)
    room = room_again(links, flows, len(a.uses.link))
    anew = bool(a.links.fatpipe.any())
    run(room, crossing_of(a.uses, links), a.uses, a.links, traffic, anew)
    return finish


class Changed(NamedTuple):
    """Who is answered another rate."""

    jobs: list[Hashable]  # by age of their places
    rates: F8  # (jobs,)


class Sharing:
    """Max-min fair shares of links among jobs, one variable a job, kept while jobs come and go.

    A job's rate r uses weight times r of each of its links: with bytes a step on each link as
    weights, r is steps a second; with B/s at full speed and bound=1, r is the fraction of full
    speed. Each verb answers with those whose rate changed, and their new rates. Links that stay
    far from full answer at once; else all jobs are solved anew, for a job spans thousands of links
    and repair would touch most of them. A level that moved by less than 1e-12 of itself stays.

    Parameters
    ----------
    capacity_Bps : (links,) B/s.
    fatpipe : (links,) of bool; None: all are shared.

    Source: as `max_min`; a collective moves at the pace of its slowest edge.
    Neglects: phases: a job communicates all the time; scale its weights by its duty cycle.
    """

    def __init__(self, capacity_Bps: ArrayLike, fatpipe: ArrayLike | None = None) -> None:
        self.links = links_of(capacity_Bps, fatpipe)
        many = len(self.links.capacity_Bps)
        self._slot: dict[Hashable, int] = {}
        self._name: list[Hashable] = []
        self._free: list[int] = []
        self._end = 0  # of the entries
        none = np.zeros(0, np.int64)
        self._uses = Uses(none, none.copy(), np.zeros(0, np.int32), np.zeros(0))
        self._jobs = Sharers(
            np.zeros(0, np.bool_), np.ones(0), np.zeros(0), np.zeros(0), np.zeros(0),
            np.zeros(0, np.int32), np.zeros(many), np.zeros(many, np.int64),
            np.zeros(many, np.int32), np.zeros(many, np.bool_), np.zeros(0, np.int64), np.zeros(0),
        )  # fmt: skip
        self._room, self._alike = self._roomed()

    def add(
        self,
        job: Hashable,
        link: ArrayLike,
        weight: ArrayLike,
        penalty: float = 1.0,
        bound: float = np.inf,
    ) -> Changed:
        """Let a job in that uses weight (entries,) of link (entries,) a unit of its rate.

        Return whose rates changed, its own among them. Raise ScenarioError.
        """
        issues: list[str] = []
        to, use = entries_of(self.links, link, weight, issues)
        if job in self._slot:
            issues.append(f"job {job!r}: is there already; must be dropped first")
        if not 0.0 < penalty < np.inf:
            issues.append(f"penalty: is {penalty}; must be a finite number > 0")
        if not bound >= 0.0:
            issues.append(f"bound: is {bound}; must be a number >= 0")
        if issues or use is None:
            raise ScenarioError(issues)
        keep = use > 0.0
        to, use = to[keep], use[keep] / penalty
        slot = self._place(job, len(to))
        u, j = self._uses, self._jobs
        u.first[slot], u.last[slot] = self._end, self._end + len(to)
        u.link[self._end : self._end + len(to)] = to
        u.use[self._end : self._end + len(to)] = use
        self._end += len(to)
        j.penalty[slot], j.bound[slot] = penalty, bound * penalty
        return self._told(come(self._room, self._alike, j, u, self.links, slot))

    def drop(self, job: Hashable) -> Changed:
        """Let a job out; return whose rates changed. Raise ScenarioError if it is not there."""
        if job not in self._slot:
            raise ScenarioError(f"job {job!r}: is not there; must be added first")
        slot = self._slot.pop(job)
        changed = self._told(go(self._room, self._alike, self._jobs, self._uses, self.links, slot))
        self._uses.last[slot] = self._uses.first[slot]
        self._free.append(slot)
        return changed

    def capacity(self, link: ArrayLike, capacity_Bps: ArrayLike) -> Changed:
        """Give links another capacity, B/s; return whose rates changed. Raise ScenarioError."""
        issues: list[str] = []
        which, _ = entries_of(self.links, np.atleast_1d(link), None, issues)
        value = np.array(capacity_Bps, np.float64, ndmin=1)
        issues += _faulty(value, 0.0, "capacity_Bps")
        if value.shape != which.shape or (value == np.inf).any():
            issues.append(f"capacity_Bps: has shape {value.shape}; must be {which.shape}, finite")
        if issues:
            raise ScenarioError(issues)
        which = which.astype(np.int64)
        return self._told(
            widen(self._room, self._alike, self._jobs, self._uses, self.links, which, value)
        )

    def rate(self, job: Hashable) -> float:
        """Return a job's rate now; raise KeyError if it is not there."""
        slot = self._slot[job]
        return float(self._jobs.level[slot] / self._jobs.penalty[slot])

    def load(self) -> F8:
        """Return what crosses each link now, (links,) B/s: sums, of fatpipes too."""
        u, j = self._uses, self._jobs
        size = (u.last - u.first) * j.live
        flow = np.repeat(np.arange(len(size)), size)
        at = np.repeat(u.first - (np.cumsum(size) - size), size) + np.arange(size.sum())
        many = len(self.links.capacity_Bps)
        made = np.zeros(many)
        np.add.at(made, u.link[at], u.use[at] * j.level[flow])
        return made

    def _told(self, many: int) -> Changed:
        """Return the names and rates of those whom a kernel left in `who`."""
        slots = self._jobs.who[:many]
        rates = self._jobs.level[slots] / self._jobs.penalty[slots]
        return Changed([self._name[i] for i in slots], rates)

    def _place(self, job: Hashable, entries: int) -> int:
        """Return a slot for a job, and see that its entries have room."""
        if not self._free:
            self._grow()
        if self._end + entries > len(self._uses.link):
            self._tidy(entries)
        slot = self._free.pop()
        self._slot[job], self._name[slot] = slot, job
        return slot

    def _grow(self) -> None:
        """Double the slots."""
        old = len(self._name)
        new = max(2 * old, 64)
        self._name += [None] * (new - old)
        self._free += range(new - 1, old - 1, -1)

        def longer(column: np.ndarray) -> np.ndarray:
            return np.concatenate([column, np.zeros(new - old, column.dtype)])

        u, j = self._uses, self._jobs
        self._uses = u._replace(first=longer(u.first), last=longer(u.last))
        names = ("live", "penalty", "bound", "level", "before", "who", "middle", "top")
        self._jobs = j._replace(**{name: longer(getattr(j, name)) for name in names})
        self._room, self._alike = self._roomed()

    def _tidy(self, entries: int) -> None:
        """Close the gaps that dropped jobs left, and double the room if that is not enough."""
        u = self._uses
        size = u.last - u.first
        want = int(size.sum()) + entries
        most = max(len(u.link), 1024)
        while most < 2 * want:
            most *= 2
        at = np.cumsum(size) - size
        from_ = np.repeat(u.first - at, size) + np.arange(size.sum())
        link, use = np.zeros(most, np.int32), np.zeros(most)
        link[: len(from_)], use[: len(from_)] = u.link[from_], u.use[from_]
        self._jobs.middle[:] += at - u.first
        self._uses, self._end = Uses(at, at + size, link, use), len(from_)
        self._room, self._alike = self._roomed()

    def _roomed(self) -> tuple[Room, Alike]:
        """Return room for a solve of all jobs."""
        sizes = len(self.links.capacity_Bps), len(self._name), len(self._uses.link)
        return room_for(*sizes), alike_of(*sizes)
