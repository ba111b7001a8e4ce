"""The pass under Slurm's limits: who is over one is passed by; only who starts counts."""

from __future__ import annotations

import numpy as np

from sim.kernel.dispatch import idle
from sim.kernel.jit import entry, jit
from sim.kernel.job import start
from sim.kernel.quota import association, before, hold, of_qos, take_first, wait
from sim.kernel.reserve import charge, forget, promise
from sim.kernel.spans import find
from sim.state.arrays import I8
from sim.state.columns import ASKED, CHANGE, DIRTY, LAST, NOW, PLAN, PLENTY, WHOLE
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
def first_of(s: State, form: int) -> int:
    """Return the first job of a form; -1 if none waits."""
    q = s.quota
    while q.size[form] > 0:
        job = int(q.line[q.place[form]])
        if s.jobs.state[job] == WAITING:
            return job
        take_first(s, form)  # its user has given up
    return -1


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
def open_forms(s: State, forms: I8, heads: I8) -> int:
    """Put the forms that may be asked into a heap by their first jobs; return how many there are.

    Those over a limit are left out until a job of their tree has ended.
    """
    q, n = s.quota, 0
    for form in range(forms.size):
        if q.size[form] == 0:
            continue
        if q.refused[form] == q.change[q.root[q.queue[form]]] and not s.caps.stops:
            continue
        job = first_of(s, form)
        if job >= 0:
            forms[n], heads[n] = form, job
            n += 1
    for i in range(n // 2 - 1, -1, -1):
        sink(s, forms, heads, i, n)
    return n


@jit
def pass_by(s: State, now_s: float) -> None:
    """Start jobs in order, each within its limits; behind the first that finds no nodes, as the
    start rule allows: none, up to `depth`, or up to `depth` that do not touch its reservation.

    A form that finds no nodes even without the reservation is asked again when some come free.
    """
    q, rule, face = s.quota, s.rule, s.face
    forms, heads = np.empty(q.size.size, np.int64), np.empty(q.size.size, np.int64)
    left = open_forms(s, forms, heads)
    aside = np.empty(q.n[0], np.int64)
    n, seen, head = 0, 0, -1
    while left > 0 and not idle(s) and (head < 0 or seen < rule.depth):
        form, job = forms[0], heads[0]
        said, shut = verdict(s, job), True
        if said == SHUT:
            q.refused[form] = q.change[q.root[q.queue[form]]]
        elif said == ALLOWED:
            seen += 1 if head >= 0 else 0
            behind = head >= 0 and rule.reserves == 1
            none = s.caps.found_none[form] == face.n[CHANGE]
            kind = -1 if none else find(s, job, behind)
            shut = kind < 0 and (none or not behind or find(s, job, False) < 0)
            if kind >= 0:
                take_first(s, form)
                q.n[0] -= 1
                hold(s, job, 0, now_s)
                start(s, job, kind, now_s)
                if behind:
                    charge(s, job, kind)
            elif head < 0:
                head = job
                if rule.depth == 0:
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
            aside[n] = take_first(s, form)
            n += 1
            shut = False
        after = -1 if shut else first_of(s, form)
        if after < 0:
            left -= 1
            forms[0], heads[0] = forms[left], heads[left]
        else:
            heads[0] = after
        sink(s, forms, heads, 0, left)
    for i in range(n):
        q.n[0] -= 1
        wait(s, aside[i])


@entry
def pass_limits(s: State, now_s: float) -> None:
    """Run the pass that is due at this instant."""
    s.face.n[ASKED] = 0
    s.face.t[NOW] = now_s
    s.face.n[LAST] = -1
    if s.face.n[DIRTY] == 1:
        s.face.n[DIRTY] = 0
        pass_by(s, now_s)
    s.face.t[PLAN] = np.inf
