"""Who uses which link of the fabric: entries that come when a job starts and go when it stops.

Compiled apart, for runs with a fabric.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.carried import put_rest
from sim.kernel.jit import entry, forked, inlined, jit
from sim.kernel.rate import pace, settle
from sim.kernel.steps import mate, new_step, part_sent, writer
from sim.state.columns import SEEKING, WHOLE
from sim.state.fabric import ASKS, FIRST, HEAD, SEARCH, SEEKS, SOILED, SPARE, STORE
from sim.state.handle import State
from sim.state.words import Cause

FABRIC = int(Cause.FABRIC)


@inlined
def soil(s: State, link: int) -> None:
    """Note that a link was joined or left, or has another capacity."""
    f = s.fabric
    if not f.is_dirty[link]:
        f.is_dirty[link] = True
        f.dirty[f.n[SOILED]] = link
        f.n[SOILED] += 1


@inlined
def ask(s: State, job: int) -> None:
    """Have a job look anew at what it gets of its links."""
    f = s.fabric
    if not f.asking[job]:
        f.asking[job] = True
        at = f.n[HEAD] + f.n[ASKS]
        f.asks[at - f.asks.size if at >= f.asks.size else at] = job
        f.n[ASKS] += 1


@inlined
def bind(s: State, job: int, e: int) -> None:
    """Note by which entry's link a job is bound; -1 is by none."""
    f = s.fabric
    if f.binds[job] != e:
        if f.binds[job] >= 0:
            f.bound[f.link[f.binds[job]]] -= 1
        if e >= 0:
            f.bound[f.link[e]] += 1
        f.binds[job] = e


@inlined
def use(s: State, job: int, link: int, use_Bps: float) -> None:
    """Let a job use a link, so much at its full speed."""
    f = s.fabric
    f.n[SPARE] -= 1
    e = f.spare[f.n[SPARE]]
    f.job[e], f.link[e], f.use_Bps[e] = job, link, use_Bps
    f.next[e], f.first[job] = f.first[job], e
    f.older[e], f.newer[e] = f.newest[link], -1
    if f.newest[link] >= 0:
        f.newer[f.newest[link]] = e
    f.newest[link] = e
    soil(s, link)


@jit
def spread(s: State, job: int) -> int:
    """Count the GPUs of a job in each vertex that has any; return how many there are, in `found`.

    A node's part of its NICs that works bounds the job's share: `top`.
    """
    f, k = s.fabric, 0
    f.n[SEARCH] += 1
    search = f.n[SEARCH]
    f.top[job] = 1.0
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        v = int(s.ledger.node[r])
        if f.capacity_Bps[v] < f.built_Bps[v]:
            f.top[job] = min(f.top[job], f.capacity_Bps[v] / f.built_Bps[v])
        while v >= 0:
            if f.seen[v] != search:
                f.seen[v], f.held[v], f.found[k] = search, 0, v
                k += 1
            f.held[v] += int(s.ledger.gpus[r])
            v = f.parent[v]
    return k


@jit
def join(s: State, job: int, now_s: float) -> None:
    """Enter what a job that has just taken its nodes sends out of each leaf and pod.

    Of N GPUs, m of them below a link, g on the node with the fewest, and NICs of B: a ring crosses
    it once, at B g; all to all m (N - m) of the pairs do, at B m (N - m) / (N - g), so that the
    NICs of that node are just full.
    """
    f, total = s.fabric, s.jobs.gpus[job]
    f.tier[job] = 0
    if f.duty[job] <= 0.0 or s.jobs.rows[job] < 2 or s.jobs.milli[job] < WHOLE:
        return
    k = spread(s, job)
    least, nic_Bps = total, f.gpu_Bps[f.found[0]]
    for i in range(k):
        v = f.found[i]
        if f.level[v] == 0:
            least, nic_Bps = min(least, f.held[v]), min(nic_Bps, f.gpu_Bps[v])
    if least == total:
        return
    for i in range(k):
        v, m = f.found[i], f.held[f.found[i]]
        if m < total:
            f.tier[job] = max(f.tier[job], f.level[v] + 1)
            if f.level[v] > 0 and f.n[FIRST] < 0:
                crossing = m * (total - m) / (total - least) if f.all_to_all[job] else float(least)
                use(s, job, v, nic_Bps * crossing)
    f.spans[job], f.since_s[job], f.counted_s[job] = True, now_s, now_s
    if f.begins[job] >= 0.0:
        new_step(s, job, f.begins[job])
        f.played_s[job], f.going[:, job] = now_s, 0.0
    f.share[job] = f.top[job]
    f.part[job] = part_sent(s, job)
    ask(s, job)
    if f.n[FIRST] >= 0:
        seek(s, job)


@jit
def store(s: State, job: int, now_s: float) -> None:
    """Enter what a job that has just taken its nodes writes to storage, above all that it is on.

    At full speed all its NICs send: out of a link as many as it has GPUs below. On what no link
    leads out of, being all there is, storage hangs itself.
    """
    f, total, writes = s.fabric, s.jobs.gpus[job], mate(s, job)
    if not writer(s, job) or total == 0 or s.jobs.milli[job] < WHOLE:
        return
    k = spread(s, job)
    f.top[writes], nic_Bps = f.top[job], np.inf
    for i in range(k):
        if f.level[f.found[i]] == 0:
            nic_Bps = min(nic_Bps, f.gpu_Bps[f.found[i]])
    for i in range(k):
        v = f.found[i]
        if f.level[v] > 0 and f.built_Bps[v] > 0.0:
            use(s, writes, v, nic_Bps * f.held[v])
    use(s, writes, f.n[STORE], nic_Bps * total)
    f.duty[writes] = f.mean_Bps[job] / (nic_Bps * total)
    if not f.spans[job]:
        f.since_s[job] = now_s
    f.spans[writes], f.counted_s[writes] = True, now_s
    f.share[writes] = f.top[writes]
    f.part[writes] = part_sent(s, writes)
    ask(s, writes)


@jit
def arrive(s: State, job: int, now_s: float) -> None:
    """Enter what a job that has just taken its nodes sends and writes."""
    join(s, job, now_s)
    if s.fabric.n[STORE] >= 0:
        store(s, job, now_s)


@jit
def seek(s: State, job: int) -> None:
    """Have the links of a job found before this instant is over: see `paths.route` and `lay`."""
    f = s.fabric
    s.face.n[SEEKING] = 1
    if not f.seeking[job]:
        f.seeking[job] = True
        f.seeks[f.n[SEEKS]] = job
        f.n[SEEKS] += 1


@jit
def account(s: State, job: int, now_s: float) -> None:
    """Book the time since a job's factor last changed, and what of it the fabric cost.

    Apart what it waited for its writes.
    """
    f = s.fabric
    spent_s = now_s - f.since_s[job]
    if f.spans[job]:
        f.ran_s[job] += spent_s
        f.lost_s[job] += spent_s * (1.0 - s.paces.factor[FABRIC, job] - f.waits[job])
    f.waited_s[job] += spent_s * f.waits[job]
    f.since_s[job] = now_s


@jit
def depart(s: State, job: int, now_s: float) -> None:
    """Take out the entries of a job that leaves its nodes."""
    f, writes = s.fabric, mate(s, job) if writer(s, job) else -1
    if not f.spans[job] and (writes < 0 or not f.spans[writes]):
        return
    account(s, job, now_s)
    leave(s, job, now_s)
    f.spans[job] = False
    if writes >= 0:
        leave(s, writes, now_s)
        f.spans[writes], f.waits[job] = False, 0.0
    settle(s, job, now_s)
    s.paces.factor[FABRIC, job] = 1.0
    s.jobs.rate[job] = pace(s, job)  # meant where it goes on, on other nodes


@jit
def lift(s: State, job: int) -> None:
    """Take out the entries of a job."""
    f = s.fabric
    bind(s, job, -1)
    e = f.first[job]
    while e >= 0:
        link, older, newer = f.link[e], f.older[e], f.newer[e]
        if older >= 0:
            f.newer[older] = newer
        if newer >= 0:
            f.older[newer] = older
        else:
            f.newest[link] = older
        soil(s, link)
        f.spare[f.n[SPARE]] = e
        f.n[SPARE] += 1
        e = f.next[e]
    f.first[job] = -1


@jit
def leave(s: State, sender: int, now_s: float) -> None:
    """Let a sender leave its links, what it has sent over them booked."""
    if s.fabric.first[sender] >= 0:
        put_rest(s, sender, now_s)
        lift(s, sender)


@entry
def lay(s: State, job: int, links: np.ndarray, use_Bps: np.ndarray, now_s: float) -> None:
    """Let a job use these links, (k,) vertices, so much of each at its full speed, and no others.

    There must be room for k entries. What it gets is settled at the end of the instant.
    """
    f = s.fabric
    f.seeking[job] = False
    if not f.spans[job]:
        return  # it has left its nodes again
    leave(s, job, now_s)
    for k in range(links.size):
        use(s, job, links[k], use_Bps[k])
    ask(s, job)


@jit
def again(s: State, sender: int) -> None:
    """Have a sender and all its links looked at anew: it may need more of them now, or less."""
    f = s.fabric
    ask(s, sender)
    e = f.first[sender]
    while e >= 0:
        soil(s, f.link[e])
        e = f.next[e]


@entry
def set_link(s: State, vertex: int, part: float) -> None:
    """Let what leads out of a vertex carry so much of what it was built for; 0 is cut.

    Who is slowed by it is settled at the end of the instant.
    """
    f = s.fabric
    f.capacity_Bps[vertex] = f.built_Bps[vertex] * part
    soil(s, vertex)
    row = s.nodes.row[vertex] if f.level[vertex] == 0 else -1
    while row >= 0:
        job = int(s.ledger.job[row])
        if job >= 0 and f.spans[job]:
            spread(s, job)
            again(s, job)
        if job >= 0 and writer(s, job) and f.spans[mate(s, job)]:
            spread(s, job)
            f.top[mate(s, job)] = f.top[job]
            again(s, mate(s, job))
        row = s.ledger.older[row]


@jit
def unbound(s: State, job: int, now_s: float) -> None:
    """Do nothing: there is no fabric."""


linked = forked(unbound, arrive, "fabric")
"""(s, job, now_s): a job's rows of the ledger are open."""
unlinked = forked(unbound, depart, "fabric")
"""(s, job, now_s): a job is about to leave its nodes, or has just left them."""
