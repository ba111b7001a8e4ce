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
        for link in range(links):
            both = 0.0
            if 2 * k < bins:
                both += f.sent_bytes[2 * k, link]
            if 2 * k + 1 < bins:
                both += f.sent_bytes[2 * k + 1, link]
            f.sent_bytes[k, link] = both
    f.bin_s[0] *= 2.0


@jit
def carry(s: State, link: int, now_s: float) -> None:
    """Book what a link has carried up to now, and how much it carries from now on."""
    f, at_s, Bps = s.fabric, s.fabric.asof_s[link], s.fabric.carried_Bps[link]
    bins = f.sent_bytes.shape[0]
    while now_s >= bins * f.bin_s[0]:
        widen(s)
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
