"""Flows come, share and go: when does each end?"""

from __future__ import annotations

from sim.kernel.flows.eta import sift
from sim.kernel.flows.repair import LESS, add, join, leave, repair
from sim.kernel.flows.share import solve
from sim.kernel.jit import entry, jit
from sim.state.flows import Crossing, Links, Room, Traffic, Uses

INSTANT = 1.0 + 1e-13
"""Ends as near as this, relative to the time, are one event."""


@jit
def change(c: Crossing, u: Uses, f: int, tick: int, many: int) -> int:
    """Note the links of a flow as changed; return how many there are."""
    for e in range(u.first[f], u.last[f]):
        x = u.link[e]
        if c.seen[x] != tick:
            c.seen[x] = tick
            c.changed[many] = x
            many += 1
    return many


@jit
def expect(c: Crossing, t: Traffic, f: int, now_s: float, n: int) -> None:
    """Bring a flow's bytes up to now and reckon its end at its new level."""
    old, new = c.before[f], c.level[f]
    if old == new:
        return
    if now_s > c.since_s[f] and old > 0.0:
        t.left_bytes[f] = max(t.left_bytes[f] - old / t.penalty[f] * (now_s - c.since_s[f]), 0.0)
    c.since_s[f] = now_s
    c.eta_s[f] = now_s
    if t.left_bytes[f] > 0.0:
        c.eta_s[f] = now_s + t.left_bytes[f] * t.penalty[f] / new if new > 0.0 else float("inf")
    sift(c.heap, c.place, c.eta_s, c.place[f], n)


@jit
def seeds(c: Crossing, links: Links, tick: int, n: int, many: int) -> int:
    """Add flows whose bottleneck is among the links that changed."""
    for i in range(many):
        x = c.changed[i]
        if c.load[x] >= links.capacity_Bps[x] * LESS:
            for s in range(c.begin[x], c.end[x]):
                if c.level[c.flow[s]] >= c.peak[x] * LESS:
                    n = add(c, c.flow[s], tick, n)
    return n


@jit
def ended(c: Crossing, u: Uses, t: Traffic, now_s: float, tick: int, n: int, many: int) -> tuple:
    """Take out the flows that end now; return how many stay and how many links changed."""
    while n > 0 and c.eta_s[c.heap[0]] <= now_s * INSTANT:
        f = c.heap[0]
        t.finish_s[f] = now_s
        many = change(c, u, f, tick, many)
        leave(c, u, f)
        c.place[f] = -1
        n -= 1
        if n > 0:
            c.heap[0] = c.heap[n]
            sift(c.heap, c.place, c.eta_s, 0, n)
    return n, many


@entry
def run(w: Room, c: Crossing, u: Uses, links: Links, t: Traffic, anew: bool) -> int:
    """Write when each flow ends; return how many flows were settled, over all events.

    `anew`: settle all at each event, as fatpipes want, whose needs are no sum.
    """
    n, at, settled, tick = 0, 0, 0, 0
    flows = len(t.order)
    while n > 0 or at < flows:
        now_s = c.eta_s[c.heap[0]] if n > 0 else float("inf")
        if at < flows:
            now_s = min(now_s, t.start_s[t.order[at]])
        if now_s == float("inf"):
            break
        w.tick[0] += 1
        tick = w.tick[0]
        n, many = ended(c, u, t, now_s, tick, n, 0)
        members = 0
        while at < flows and t.start_s[t.order[at]] <= now_s:
            f = t.order[at]
            at += 1
            many = change(c, u, f, tick, many)
            join(c, u, f)
            members = add(c, f, tick, members)
            c.before[f] = -1.0  # no level yet
            c.heap[n] = f
            c.place[f] = n
            n += 1
            sift(c.heap, c.place, c.eta_s, n - 1, n)
        if anew:
            for i in range(n):
                members = add(c, c.heap[i], tick, members)
            solve(w, u, links, t.bound, c.who, members, c.level)
        else:
            members = seeds(c, links, tick, members, many)
            members = repair(w, c, u, links, t, tick, members, many)
        for i in range(members):
            expect(c, t, c.who[i], now_s, n)
        settled += members
    return settled
