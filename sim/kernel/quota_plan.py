"""Slurm's backfill cycle under Slurm's limits: who is over one is neither tried nor promised nodes.

Called from Python, every `interval_s` at most: who needs no such cycle need not compile it.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.cycle import next_cycle_s, overrun, promised, tried
from sim.kernel.jit import entry, jit
from sim.kernel.job import start
from sim.kernel.quota import hold
from sim.kernel.quota_limits import ALLOWED, SHUT, follow, open_forms, verdict
from sim.kernel.quota_line import FRESH, first_of, look_on, take_out
from sim.state.columns import NOW, PLAN, PLAN_DUE, PLANNED
from sim.state.handle import State
from sim.state.words import JobState

WAITING = int(JobState.WAITING)


@jit
def plan_limits(s: State, now_s: float) -> None:
    """Run one cycle as `plan_nodes` does: in order, a job starts now, or reserves, or neither.

    One that a limit blocks is passed by and does not count in the depth, nor does it reserve: what
    runs now is held against its limits, whenever it could start. With `stops` it ends the cycle.

    Source: Slurm, backfill.c `_attempt_backfill`: acct_policy_job_runnable_state and _pre_select
    come before a job is tested. Neglects: that Slurm lets a job reserve that is over a limit by the
    nodes it would get (_post_select).
    """
    q, rule = s.quota, s.rule
    forms, heads = np.empty(q.size.size, np.int64), np.empty(q.size.size, np.int64)
    front = np.full(q.size.size, FRESH, np.int64)
    left, many = open_forms(s, forms, heads, front), min(rule.depth, q.n[0])
    begin, end = np.empty(many), np.empty(many)
    held = np.zeros((min(many, rule.reserves), s.nodes.kind.size), np.bool_)
    seen, n = 0, 0
    while left > 0 and seen < many:
        form, job = forms[0], heads[0]
        said = verdict(s, job)
        if said == SHUT:
            q.refused[form] = q.change[q.root[q.queue[form]]]
        elif said == ALLOWED:
            seen += 1
            kind, start_s, lasts = tried(s, job, now_s, begin, end, held, n, rule.reserves)
            if kind >= 0 and start_s <= now_s:
                take_out(s, form, front)
                q.n[0] -= 1
                hold(s, job, 0, now_s)
                start(s, job, kind, now_s)
            elif kind >= 0 and n < rule.reserves and start_s <= now_s + rule.window_s:
                n = promised(s, begin, end, held, n, start_s, lasts)
        if said != ALLOWED and s.caps.stops:
            break
        if said != SHUT and s.jobs.state[job] == WAITING:
            look_on(s, form, front)
        after = -1 if said == SHUT else first_of(s, form, front)
        left = follow(s, forms, heads, left, after)
    s.nodes.barred[:] = False


@entry
def cycle_limits(s: State, now_s: float) -> None:
    """Run the cycle that is due now."""
    s.face.t[NOW] = s.face.t[PLANNED] = now_s
    plan_limits(s, now_s)
    s.face.n[PLAN_DUE] = 1 if overrun(s, now_s) else 0
    s.face.t[PLAN] = next_cycle_s(s, now_s)
