"""The pass under Slurm's limits: who is over one is passed by; only who starts counts."""

from __future__ import annotations

import numpy as np

from sim.kernel.cycle import next_cycle_s
from sim.kernel.dispatch import idle
from sim.kernel.jit import entry, jit
from sim.kernel.job import start
from sim.kernel.quota import association, before, hold, of_qos
from sim.kernel.quota_line import FRESH, first_of, look_on, take_out
from sim.kernel.reserve import charge, forget, promise
from sim.kernel.spans import find
from sim.state.arrays import I8
from sim.state.columns import ASKED, CHANGE, DIRTY, LAST, NOW, PLAN, PLENTY, SHADOW, WHOLE
from sim.state.handle import State
from sim.state.words import JobState

WAITING = int(JobState.WAITING)
ALLOWED, SHUT, DEAR = 0, 1, 2
"""What limits say to a job: it may; no job of its form may; it would overdraw a budget."""


@jit
def crowded(s: State, job: int, node: int, over: int) -> bool:
    """Return whether a user has as much as it may of an association or QOS.

    What the QOS `over` it limits too, if there is one, is not asked of the association.
    """
    q, caps = s.quota, s.caps
    form, user = q.form[job], caps.user[job]
    told = over >= 0 and caps.user_most_jobs[over] < PLENTY
    if not told and caps.user_jobs[node, user] >= caps.user_most_jobs[node]:
        return True
    for r in range(3):
        told = over >= 0 and caps.user_most[over, r] < PLENTY
        if not told and caps.user_used[node, user, r] + q.ask[form, r] > caps.user_most[node, r]:
            return True
    return False


@jit
def said_by(s: State, job: int, node: int, over: int) -> int:
    """Return what the limits of one group say to a job; `over` as in `crowded`."""
    q, caps = s.quota, s.caps
    form = q.form[job]
    told = over >= 0 and caps.most_jobs[over] < PLENTY
    if not told and caps.jobs[node] >= caps.most_jobs[node]:
        return SHUT
    for r in range(3):
        told = over >= 0 and q.nominal[over, r] < PLENTY
        ask = q.ask[form, r]
        if not told and ask > 0 and q.used[node, r] + ask > q.nominal[node, r]:
            return SHUT
    if over >= 0 and caps.budget_gpu_s[over] < np.inf:
        return ALLOWED
    wish = s.jobs.walltime_s[job] * s.jobs.gpus[job] * s.jobs.milli[job] / WHOLE
    taken = caps.spent_gpu_s[node] + caps.pledged_gpu_s[node]
    if wish > 0.0 and taken >= caps.budget_gpu_s[node]:
        return SHUT
    return DEAR if taken + wish > caps.budget_gpu_s[node] else ALLOWED


@jit
def verdict(s: State, job: int) -> int:
    """Return what the limits of a job's QOS, its association, those over it and its user say.

    A budget counts what was spent, the walltimes of those that run, and the job's own. A limit
    that the QOS has goes before that of the same name of associations and accounts.

    Source: Slurm, acct_policy.c: GrpTRES, GrpJobs, GrpTRESMins, MaxTRESPerUser, MaxJobsPerUser.
    """
    queue, said = s.quota.queue[s.quota.form[job]], ALLOWED
    node, over = association(s, queue), of_qos(s, queue)
    if s.caps.user_jobs.size > 0:
        if crowded(s, job, node, over) or (over >= 0 and crowded(s, job, over, -1)):
            return SHUT
    if over >= 0:
        said = said_by(s, job, over, -1)
    while node >= 0 and said != SHUT:
        said = max_said(said, said_by(s, job, node, over))
        node = s.quota.parent[node]
    return int(said)


@jit
def max_said(a: int, b: int) -> int:
    """Return the harder of two answers."""
    if a == SHUT or b == SHUT:
        return SHUT
    return DEAR if a == DEAR or b == DEAR else ALLOWED


@jit
def sink(s: State, forms: I8, heads: I8, i: int, n: int) -> None:
    """Let the form at `i` of a heap of forms sink to its place by its first job."""
    form, job = forms[i], heads[i]
    while 2 * i + 1 < n:
        k = 2 * i + 1
        if k + 1 < n and before(s, heads[k + 1], heads[k]):
            k += 1
        if not before(s, heads[k], job):
            break
        forms[i], heads[i] = forms[k], heads[k]
        i = k
    forms[i], heads[i] = form, job


@jit
def follow(s: State, forms: I8, heads: I8, left: int, after: int) -> int:
    """Let the first form go on with its next job, -1: it has none; return how many are left."""
    if after < 0:
        left -= 1
        forms[0], heads[0] = forms[left], heads[left]
    else:
        heads[0] = after
    sink(s, forms, heads, 0, left)
    return left


@jit
def open_forms(s: State, forms: I8, heads: I8, front: I8) -> int:
    """Put the forms that may be asked into a heap by their first jobs; return how many there are.

    Those over a limit are left out until a job of their tree has ended.
    """
    q, n = s.quota, 0
    for form in range(forms.size):
        if q.size[form] == 0:
            continue
        if q.refused[form] == q.change[q.root[q.queue[form]]] and not s.caps.stops:
            continue
        job = first_of(s, form, front)
        if job >= 0:
            forms[n], heads[n] = form, job
            n += 1
    for i in range(n // 2 - 1, -1, -1):
        sink(s, forms, heads, i, n)
    return n


@jit
def too_long(s: State, job: int, now_s: float) -> bool:
    """Return whether `find` would refuse a job behind the reservation at its first look.

    A piece as large as one refused already, of a job that outlasts the reservation.
    """
    jobs, kinds = s.jobs, s.kinds
    if jobs.tried[job] == s.face.n[CHANGE]:
        return True
    if kinds.size.size > 1 or s.taste.scatter:
        return False
    chunk = jobs.chunk_gpus[job]
    if chunk < 0:
        chunk = min(jobs.gpus[job], kinds.size[0])
    if chunk < kinds.refused[0]:
        return False
    rate = kinds.speed[jobs.klass[job], 0]
    lasts_s = jobs.walltime_s[job] if rate == 1.0 else jobs.walltime_s[job] / rate
    return bool(now_s + lasts_s > s.face.t[SHADOW])


@jit
def find_behind(s: State, job: int, now_s: float) -> int:
    """Return the kind of node on which a job can start behind the reservation; -1 if none.

    Who was refused is not asked again until something comes free or the reservation is another.
    """
    if too_long(s, job, now_s):
        return -1
    kind = find(s, job, True)
    if kind < 0:
        s.jobs.tried[job] = s.face.n[CHANGE]
    return int(kind)


@jit
def fits_nowhere(s: State, job: int) -> bool:
    """Return whether a job finds no nodes even without the reservation, nor any of its form.

    One that does is believed for its form until something is taken or comes free.
    """
    form, now = s.quota.form[job], s.ledger.n[0] + s.face.n[CHANGE]
    if s.caps.found_some[form] == now:
        return False
    if find(s, job, False) < 0:
        return True
    s.caps.found_some[form] = now
    return False


@jit
def pass_by(s: State, now_s: float) -> None:
    """Start jobs in order, each within its limits; behind the first that finds no nodes, as the
    start rule allows: none, up to `depth`, or up to `depth` that do not touch its reservation.

    A form that finds no nodes even without the reservation is asked again when some come free.
    """
    q, rule, face = s.quota, s.rule, s.face
    forms, heads = np.empty(q.size.size, np.int64), np.empty(q.size.size, np.int64)
    front = np.full(q.size.size, FRESH, np.int64)
    left = open_forms(s, forms, heads, front)
    seen, head = 0, -1
    while left > 0 and not idle(s) and (head < 0 or seen < rule.depth):
        form, job = forms[0], heads[0]
        said, shut = verdict(s, job), True
        if said == SHUT:
            q.refused[form] = q.change[q.root[q.queue[form]]]
        elif said == ALLOWED:
            seen += 1 if head >= 0 else 0
            behind = head >= 0 and rule.reserves == 1
            none, kind = s.caps.found_none[form] == face.n[CHANGE], -1
            if not none:
                kind = find_behind(s, job, now_s) if behind else find(s, job, False)
            shut = kind < 0 and (none or not behind or fits_nowhere(s, job))
            if kind >= 0:
                take_out(s, form, front)
                q.n[0] -= 1
                hold(s, job, 0, now_s)
                start(s, job, kind, now_s)
                if behind:
                    charge(s, job, kind)
            elif head < 0:
                head = job
                if rule.depth == 0 or rule.interval_s > 0.0:  # the cycle looks behind it
                    break
                if rule.reserves == 1:
                    promise(s, job)
                else:
                    forget(s)
            if shut:
                s.caps.found_none[form] = face.n[CHANGE]
        if said != ALLOWED and s.caps.stops:
            break
        if said == DEAR or (not shut and s.jobs.state[job] == WAITING):
            look_on(s, form, front)
            shut = False
        after = -1 if shut else first_of(s, form, front)
        left = follow(s, forms, heads, left, after)


@entry
def pass_limits(s: State, now_s: float) -> None:
    """Run the pass that is due at this instant."""
    s.face.n[ASKED] = 0
    s.face.t[NOW] = now_s
    s.face.n[LAST] = -1
    if s.face.n[DIRTY] == 1:
        s.face.n[DIRTY] = 0
        pass_by(s, now_s)
        s.face.t[PLAN] = next_cycle_s(s, now_s)
