"""What each link of the fabric has carried so far, in bins of time that widen as the run goes on.

Compiled apart, for runs with a fabric.
"""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.state.handle import State


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
def carry(s: State, link: int, now_s: float) -> None:
    """Book what a link has carried up to now, and how much it carries from then on.

    Where that is as much as before, both are left for later.
    """
    f, at_s, Bps = s.fabric, s.fabric.asof_s[link], s.fabric.carried_Bps[link]
    bins = f.sent_bytes.shape[0]
    while now_s >= bins * f.bin_s[0]:
        widen(s)
    if Bps == f.load_Bps[link]:
        return
    while Bps > 0.0 and at_s < now_s:
        k = int(at_s / f.bin_s[0])
        to_s = min(now_s, (k + 1) * f.bin_s[0])
        if to_s <= at_s:  # rounding: at_s is the bin's own end
            k += 1
            to_s = min(now_s, (k + 1) * f.bin_s[0])
        f.sent_bytes[k, link] += Bps * (to_s - at_s)
        at_s = to_s
    f.asof_s[link] = now_s
    f.carried_Bps[link] = f.load_Bps[link]
