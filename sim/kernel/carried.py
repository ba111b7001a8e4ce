"""What each link of the fabric has carried so far, in bins of time that widen as the run goes on.

A sender sends alike over all its links: it counts for how many seconds of its full speed it has
sent, and its links hear of it when a bin is over or it leaves them. Compiled apart, for runs with
a fabric.
"""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.state.handle import State


@jit
def crossing(s: State, link: int) -> float:
    """Return what crosses a link in the mean now, B/s."""
    f, load_Bps, e = s.fabric, 0.0, s.fabric.newest[link]
    while e >= 0:
        load_Bps += f.use_Bps[e] * f.part[f.job[e]] * f.share[f.job[e]]
        e = f.older[e]
    return float(load_Bps)


@jit
def widen(s: State) -> None:
    """Make the bins twice as wide, each the sum of two."""
    f = s.fabric
    bins, links = f.sent_bytes.shape
    for k in range(bins):
        row = f.sent_bytes[k]
        if 2 * k >= bins:
            row[:] = 0.0
            continue
        one, two = f.sent_bytes[2 * k], f.sent_bytes[min(2 * k + 1, bins - 1)]
        last = 2 * k + 1 == bins  # it has no other
        for link in range(links):
            row[link] = one[link] + (0.0 if last else two[link])
    f.bin_s[0] *= 2.0


@jit
def put(s: State, sender: int, k: int, for_s: float) -> None:
    """Put into a bin of all its links what a sender has sent in such a time at full speed."""
    f, row, e = s.fabric, s.fabric.sent_bytes[k], s.fabric.first[sender]
    while e >= 0 and for_s > 0.0:
        row[f.link[e]] += f.use_Bps[e] * for_s
        e = f.next[e]


@jit
def count(s: State, sender: int, now_s: float) -> None:
    """Count what a sender has sent up to now, and how much it sends from then on.

    What it sent in bins that are over is put there.
    """
    f, at_s = s.fabric, s.fabric.counted_s[sender]
    while now_s >= f.sent_bytes.shape[0] * f.bin_s[0]:
        widen(s)
    k, last = int(at_s / f.bin_s[0]), int(now_s / f.bin_s[0])
    while k < last:
        ends_s = (k + 1) * f.bin_s[0]
        put(s, sender, k, f.unput_s[sender] + f.sends[sender] * max(ends_s - at_s, 0.0))
        f.unput_s[sender], at_s, k = 0.0, max(ends_s, at_s), k + 1
    f.unput_s[sender] += f.sends[sender] * (now_s - at_s)
    f.counted_s[sender], f.sends[sender] = now_s, f.part[sender] * f.share[sender]


@jit
def put_rest(s: State, sender: int, now_s: float) -> None:
    """Put what a sender has sent up to now over its links, which it is about to leave."""
    f = s.fabric
    count(s, sender, now_s)
    put(s, sender, int(now_s / f.bin_s[0]), f.unput_s[sender])
    f.unput_s[sender], f.sends[sender] = 0.0, 0.0
