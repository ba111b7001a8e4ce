"""What jobs get of the links they share: each looks at its own until none has anything to add.

Compiled apart, for runs with a fabric.
"""

from __future__ import annotations

from sim.kernel.carried import crossing
from sim.kernel.jit import inlined, jit
from sim.kernel.links import ask, bind
from sim.kernel.steps import COMPUTES, MEAN, mate, part_sent
from sim.state.fabric import ASKS, HEAD, RESTLESS, SEARCH, SOILED, STORE
from sim.state.handle import State

ROUNDS = 200
"""Looks a job at most: max-min alone needs one or two a level, duty cycles some tens."""
STILL = 1e-13
"""Shares that moved by less than this part of themselves stand."""
SWINGS = 50
"""Rounds after which each goes half the way only: neighbours may drive each other to and fro."""
NEARLY = 0.1
"""Who would move by less than this part waits for the others, who may: see `agree`."""
ROOM = 1.0 - 1e-12
"""Below this part of its capacity a link binds nobody."""
NEAR = 1.0 + 1e-14
"""Links as near as this to full are full: of many alike the first one binds."""


@inlined
def crowded(s: State, link: int) -> bool:
    """Return whether a link could not carry all its jobs at the most that their NICs give.

    One that it just carries is not bound, if it is alone: drawn paths have many such links.
    """
    f, need_Bps, e = s.fabric, 0.0, s.fabric.newest[link]
    while e >= 0:
        need_Bps += f.use_Bps[e] * f.top[f.job[e]]
        e = f.older[e]
    alone = f.newest[link] >= 0 and f.older[f.newest[link]] < 0
    return bool(need_Bps > f.capacity_Bps[link] * (NEAR if alone else ROOM))


@inlined
def weigh(s: State, link: int) -> None:
    """Sum anew what its jobs send over a link in the mean, and what one more of them could send."""
    f, more_Bps, e = s.fabric, 0.0, s.fabric.newest[link]
    while e >= 0:
        job = f.job[e]
        more_Bps = max(more_Bps, f.use_Bps[e] * f.share[job] * (1.0 - f.part[job]))
        e = f.older[e]
    f.load_Bps[link], f.more_Bps[link] = crossing(s, link), more_Bps


@inlined
def may_bind(s: State, link: int, more_Bps: float) -> bool:
    """Return whether a link may give a job less, if it sends so much more: if not, surely not.

    The others are taken to send what they send now, though at a lower level they would send less.
    """
    return bool(s.fabric.load_Bps[link] + more_Bps > s.fabric.capacity_Bps[link] * NEAR)


@inlined
def ask_users(s: State, link: int) -> None:
    """Have the jobs of a link look anew at what they get, where it may bind them."""
    f, e = s.fabric, s.fabric.newest[link]
    load_Bps, full_Bps = f.load_Bps[link], f.capacity_Bps[link] * NEAR
    while e >= 0:
        job = f.job[e]
        if not f.asking[job]:  # of four that could be asked, three are already
            more_Bps = f.use_Bps[e] * (f.share[job] - f.part[job] * f.share[job])
            if load_Bps + more_Bps > full_Bps or f.binds[job] == e:
                ask(s, job)
        e = f.older[e]


@jit
def ask_changed(s: State) -> None:
    """Have those look anew whose links were joined, left or changed, and could bind somebody."""
    f = s.fabric
    for i in range(f.n[SOILED]):
        link = f.dirty[i]
        f.is_dirty[link] = False
        was, f.tight[link] = f.tight[link], crowded(s, link)
        if was or f.tight[link]:
            weigh(s, link)
            ask_users(s, link)
    f.n[SOILED] = 0


@inlined
def level_of(s: State, own: int, most: float) -> float:
    """Return the share, no more than `most`, at which a link is full while a job sends.

    Of the others each counts for the part of its time in which it sends, with no more than the
    share it has from elsewhere:  use share + sum of part use min(its share, share) = capacity.
    `own` is the job's entry.
    """
    f, link = s.fabric, s.fabric.link[own]
    need_Bps, all_Bps, e = f.use_Bps[own] * most, f.use_Bps[own], f.newest[link]
    while e >= 0:
        if e != own:
            sends_Bps = f.part[f.job[e]] * f.use_Bps[e]
            need_Bps += sends_Bps * min(f.share[f.job[e]], most)
            all_Bps += sends_Bps
        e = f.older[e]
    if need_Bps <= f.capacity_Bps[link]:
        return most
    before, next_share = 0.0, 0.0
    level = f.capacity_Bps[link] / all_Bps  # as if nobody had less from elsewhere
    while level > before and level > next_share:  # else nobody else has less
        before, next_share = level, most
        left_Bps, need_Bps, e = f.capacity_Bps[link], f.use_Bps[own], f.newest[link]
        while e >= 0:
            if e != own:
                other = f.job[e]
                share = f.share[other]
                if share < level:
                    left_Bps -= f.part[other] * f.use_Bps[e] * share
                else:
                    need_Bps += f.part[other] * f.use_Bps[e]
                    next_share = min(next_share, share)
            e = f.older[e]
        level = max(left_Bps / need_Bps, before)
    return float(min(level, most))


@inlined
def meet(s: State, job: int, member: int) -> None:
    """Note that a job looks at its links at this instant, and which of them could bind somebody.

    Those stand in order in a list of their own, for it may look many times: which they are is
    settled before.
    """
    f, last, e = s.fabric, -1, s.fabric.first[job]
    f.met[job], f.members[member] = f.n[SEARCH], job
    f.first_tight[job] = -1
    while e >= 0:
        if f.tight[f.link[e]]:
            if last < 0:
                f.first_tight[job] = e
            else:
                f.next_tight[last] = e
            last = e
        e = f.next[e]
    if last >= 0:
        f.next_tight[last] = -1


@inlined
def given(s: State, job: int) -> float:
    """Return what a sender's links give it now, of its full speed; note which of them binds it."""
    f, share, e, binds = s.fabric, s.fabric.top[job], s.fabric.binds[job], -1
    mean = f.part[job] * f.share[job]
    if e >= 0 and f.tight[f.link[e]]:  # who bound it last leaves the others little to say
        share, binds = level_of(s, e, share), e
    e = f.first_tight[job]
    while e >= 0:
        if e != binds and may_bind(s, f.link[e], f.use_Bps[e] * (share - mean)):
            level = level_of(s, e, share)
            if level < share:
                share, binds = level, e
        e = f.next_tight[e]
    bind(s, job, binds if share < f.top[job] else -1)
    return float(share)


@jit
def given_apart(s: State, sender: int) -> float:
    """Return the same where a job's writes are senders too: it waits for them, or sends beside."""
    f, other = s.fabric, mate(s, sender)
    if f.overlap[max(sender, other)] > 0.0:
        return given(s, sender)
    part, f.part[other] = f.part[other], 0.0
    share = given(s, sender)
    f.part[other] = part
    return share


@inlined
def load(s: State, job: int, before: float) -> None:
    """Let a sender's links carry what it sends in the mean now, instead of `before`.

    Both in parts of its full speed. Its neighbours look again, where that may tell them something.
    """
    f, share, part = s.fabric, s.fabric.share[job], part_sent(s, job)
    f.part[job], e, binds = part, f.first_tight[job], f.binds[job]
    change, rest = part * share - before, 1.0 - part
    while e >= 0:
        link, use_Bps = f.link[e], f.use_Bps[e]
        load_Bps = f.load_Bps[link] + use_Bps * change
        more_Bps = max(f.more_Bps[link], use_Bps * share * rest)
        f.load_Bps[link], f.more_Bps[link] = load_Bps, more_Bps
        others = f.bound[link] - (1 if binds == e else 0)
        if others > 0 or load_Bps + more_Bps > f.capacity_Bps[link] * NEAR:
            ask_users(s, link)
        e = f.next_tight[e]


@inlined
def free(s: State, job: int) -> bool:
    """Return whether a sender sends in the mean and waits for none of its own, such as writes."""
    return bool(
        s.fabric.phase[job] == MEAN and (s.fabric.n[STORE] < 0 or not s.fabric.spans[mate(s, job)])
    )


@inlined
def look(s: State, job: int) -> None:
    """Let a job take what its links give it now; if that has moved, its neighbours look too."""
    f = s.fabric
    if f.phase[job] == COMPUTES:
        return  # it wants nothing of its links now
    share = given(s, job) if f.n[STORE] < 0 else given_apart(s, job)
    moved = abs(share - f.share[job])
    if moved <= STILL * share:
        return
    if moved <= NEARLY * share and free(s, job):
        f.n[RESTLESS] = 1
        return
    before = f.part[job] * f.share[job]
    f.share[job] = share
    load(s, job, before)
    if f.n[STORE] >= 0 and f.spans[mate(s, job)]:  # the one takes its time beside the other
        other = mate(s, job)
        load(s, other, f.part[other] * f.share[other])


@inlined
def agree(s: State, members: int) -> None:
    """Let those who have looked take in turn what the link that binds each gives, till none moves.

    That is a part of a look: where part-time neighbours come to agree by many small moves, these
    are made on the links that count. Then all who moved, and their neighbours, look again.
    """
    f, sweeps, moves = s.fabric, 0, True
    for i in range(members):
        job = f.members[i]
        f.was[i], f.sent[i] = f.share[job], f.part[job] * f.share[job]
    while moves and sweeps < ROUNDS:
        sweeps, moves = sweeps + 1, False
        for i in range(members):
            job = f.members[i]
            if not free(s, job):
                continue
            share, e = f.top[job], f.binds[job]
            if e >= 0:
                share = level_of(s, e, share)
            if abs(share - f.share[job]) > STILL * share:
                if sweeps > SWINGS:
                    share = 0.5 * (share + f.share[job])
                f.share[job], moves = share, True
                f.part[job] = part_sent(s, job)
    for i in range(members):
        job = f.members[i]
        if f.share[job] != f.was[i] or (moves and free(s, job)):
            ask(s, job)
            load(s, job, f.sent[i])


@jit
def settle_shares(s: State) -> int:
    """Let jobs look, in the order they were asked, until none is; return how many have, at all.

    They stand in `members`. From wherever shares begin they come to the same: the least of all
    levels is right after two looks of each, then the next.
    Who moves little waits until nobody moves much: then all agree on their binding links first.
    """
    f, n, looks = s.fabric, 0, 0
    f.n[SEARCH] += 1
    while f.n[ASKS] > 0:
        job = f.asks[f.n[HEAD]]
        f.n[HEAD] += 1
        if f.n[HEAD] == f.asks.size:
            f.n[HEAD] = 0
        f.n[ASKS] -= 1
        own = False
        if f.spans[job] and looks <= ROUNDS * (n + 1):
            looks, own = looks + 1, bool(f.n[STORE] >= 0 and f.spans[mate(s, job)])
            if f.met[job] != f.n[SEARCH]:
                meet(s, job, n)
                n += 1
                if own:
                    meet(s, mate(s, job), n)
                    n += 1
            f.asking[job] = not own  # it need not answer itself, but may have to what is its own
            look(s, job)
        if not own:
            f.asking[job] = False
        if f.n[ASKS] == 0 and f.n[RESTLESS] == 1:
            f.n[RESTLESS] = 0
            agree(s, n)
    return n
