"""What shares of links do to rates: told once an instant, to those whom a change reaches.

Compiled apart, for runs with a fabric.
"""

from __future__ import annotations

from sim.kernel.carried import count
from sim.kernel.jit import forked, jit
from sim.kernel.links import account
from sim.kernel.rate import slow
from sim.kernel.shares import ask_changed, settle_shares
from sim.kernel.steps import MEAN, go_on, mate, speed, unwritten, writer
from sim.state.columns import AWAITED
from sim.state.fabric import ASKS, PLAYED, SOILED, STORE
from sim.state.handle import State
from sim.state.words import Cause

FABRIC = int(Cause.FABRIC)
SAME = 1e-12
"""A factor that moved by less than this part has not changed: sums in another order may differ."""


@jit
def share_links(s: State, now_s: float) -> None:
    """Give those their rates whom what happened at this instant reaches over links.

    Max-min fair shares where all send all the time; else what each gets while it sends, the others
    counted for the part of time in which they do; where steps are played, for what they do now.

    Source: Bertsekas and Gallager, Data Networks (1992), 6.5.2; a mean field over duty cycles.
    Neglects: jobs in step with each other; what more than one sends at a time, beyond its mean.
    """
    f = s.fabric
    if f.n[ASKS] == 0 and f.n[SOILED] == 0:
        return
    ask_changed(s)
    members = settle_shares(s)
    for i in range(members):
        job = f.members[i]
        if f.sends[job] != f.part[job] * f.share[job]:
            count(s, job, now_s)
        if f.n[STORE] >= 0:
            job = min(job, mate(s, job))
        if f.phase[job] != MEAN:
            go_on(s, job, now_s)
        factor, old = speed(s, job), s.paces.factor[FABRIC, job]
        if abs(factor - old) > SAME * old:
            account(s, job, now_s)
            slow(s, job, FABRIC, factor, now_s)
            if writer(s, job) and f.spans[mate(s, job)]:
                f.waits[job] = 1.0 - factor * unwritten(s, job)
    if f.n[PLAYED] == 1:
        s.face.n[AWAITED] = 1  # who plays the steps hears of it


@jit
def no_links(s: State, now_s: float) -> None:
    """Do nothing: there is no fabric."""


links_shared = forked(no_links, share_links, "fabric")
"""(s, now_s): all of this instant is in, its pass too."""
