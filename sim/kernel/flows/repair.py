"""Only flows whose bottleneck no longer holds are settled anew when others come or go.

A flow's certificate is a full link on which nobody has a greater level, or its own bound. Levels
for which every flow holds one are the max-min levels: there is only one such allocation.
"""

from __future__ import annotations

from sim.kernel.flows.share import solve
from sim.kernel.jit import jit
from sim.state.flows import Crossing, Links, Room, Traffic, Uses

LESS = 1.0 - 1e-11
"""Full, or greatest, to rounding of sums; a change of level below this part may be passed over."""


@jit
def of(u: Uses, e: int) -> float:
    """Return what entry e uses of its link a unit of level."""
    return 1.0 if len(u.use) == 0 else u.use[e]


@jit
def join(c: Crossing, u: Uses, f: int) -> None:
    """Enter a flow in the lists of its links."""
    for e in range(u.first[f], u.last[f]):
        x = u.link[e]
        s = c.end[x]
        c.flow[s] = f
        c.entry[s] = e
        c.slot[e] = s
        c.end[x] = s + 1


@jit
def leave(c: Crossing, u: Uses, f: int) -> None:
    """Take a flow out of the lists of its links; the last of each list takes its slot."""
    for e in range(u.first[f], u.last[f]):
        x = u.link[e]
        s, b = c.slot[e], c.end[x] - 1
        c.flow[s] = c.flow[b]
        c.entry[s] = c.entry[b]
        c.slot[c.entry[s]] = s
        c.end[x] = b


@jit
def certified(c: Crossing, u: Uses, links: Links, bound: float, f: int) -> bool:
    """Return whether a flow is at its bound, or has a full link on which nobody is above it."""
    level = c.level[f]
    if level >= bound * LESS:
        return True
    for e in range(u.first[f], u.last[f]):
        x = u.link[e]
        if c.load[x] >= links.capacity_Bps[x] * LESS and level >= c.peak[x] * LESS:
            return True
    return False


@jit
def add(c: Crossing, f: int, tick: int, n: int) -> int:
    """Make a flow a member of those to be settled, unless it is one; return how many they are."""
    if c.member[f] == tick:
        return n
    c.member[f] = tick
    c.who[n] = f
    c.before[f] = c.level[f]
    return n + 1


@jit
def residual(c: Crossing, u: Uses, links: Links, tick: int, stamp: int, n: int, many: int) -> int:
    """Leave to members what the others do not use of each link they cross; return links touched."""
    for i in range(n):
        f = c.who[i]
        for e in range(u.first[f], u.last[f]):
            x = u.link[e]
            if c.seen[x] != stamp:
                c.seen[x] = stamp
                c.touched[many] = x
                many += 1
                left = links.capacity_Bps[x]
                for s in range(c.begin[x], c.end[x]):
                    if c.member[c.flow[s]] != tick:
                        left -= of(u, c.entry[s]) * c.level[c.flow[s]]
                c.residual[x] = max(left, 0.0)
    return many


@jit
def measure(c: Crossing, u: Uses, many: int) -> None:
    """Write the load and the greatest level of each link touched."""
    for i in range(many):
        x = c.touched[i]
        load, peak = 0.0, 0.0
        for s in range(c.begin[x], c.end[x]):
            level = c.level[c.flow[s]]
            load += of(u, c.entry[s]) * level
            peak = max(peak, level)
        c.load[x] = load
        c.peak[x] = peak


@jit
def doubt(
    c: Crossing, u: Uses, links: Links, t: Traffic, tick: int, stamp: int, n: int, many: int
) -> int:
    """Add flows on touched links that lost their certificate, and those that squeeze a member."""
    for i in range(many):
        x = c.touched[i]
        for s in range(c.begin[x], c.end[x]):
            f = c.flow[s]
            if c.asked[f] == stamp:
                continue
            c.asked[f] = stamp
            if certified(c, u, links, t.bound[f], f):
                continue
            if c.member[f] != tick:
                n = add(c, f, tick, n)
                continue
            for e in range(u.first[f], u.last[f]):
                y = u.link[e]
                if c.load[y] >= links.capacity_Bps[y] * LESS:
                    for r in range(c.begin[y], c.end[y]):
                        if c.level[c.flow[r]] > c.level[f]:
                            n = add(c, c.flow[r], tick, n)
    return n


@jit
def repair(
    w: Room, c: Crossing, u: Uses, links: Links, t: Traffic, tick: int, n: int, many: int
) -> int:
    """Settle the members who[:n] and whom they draw in, until every certificate holds.

    `many` links have changed; return how many flows were settled.
    """
    while True:
        w.tick[0] += 1
        stamp = w.tick[0]
        touched = residual(c, u, links, tick, stamp, n, 0)
        for i in range(many):
            if c.seen[c.changed[i]] != stamp:  # measured even if no member crosses it any more
                c.touched[touched] = c.changed[i]
                touched += 1
        solve(w, u, Links(c.residual, links.fatpipe), t.bound, c.who, n, c.level)
        measure(c, u, touched)
        more = doubt(c, u, links, t, tick, stamp, n, touched)
        if more == n:
            return n
        n = more
