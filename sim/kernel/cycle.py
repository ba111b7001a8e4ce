"""Slurm's backfill: a periodic cycle in which pending jobs reserve specific whole nodes."""

from __future__ import annotations

import numpy as np

from sim.kernel.ahead import release
from sim.kernel.calendar import bar_more, bound, in_window, longest_s, opens_s
from sim.kernel.jit import jit
from sim.kernel.job import start
from sim.kernel.order import remove, rows
from sim.kernel.pick import lasts_s
from sim.kernel.spans import find
from sim.state.columns import NOW, PLAN, PLAN_DUE, PLANNED
from sim.state.handle import State
from sim.state.quota import LIMITS

TRIES = 1000
"""Start times tried for one job in one cycle before it is left for the next."""
LONGEST_GROUP_S = 400 * 86400.0


@jit
def bar(s: State, job: int, begin: np.ndarray, end: np.ndarray, held: np.ndarray, n: int,
        a_s: float, b_s: float) -> None:  # fmt: skip
    """Bar the nodes that some reservation holds at any time from a to b.

    One that begins exactly at b bars too: a job may not end at the very instant at which a
    reservation begins (backfill.c: `begin_time <= end_time`). Measured: without it 51 of 60 starts
    of a recorded workload on shared nodes agree, with it 60.
    """
    s.nodes.barred[:] = False
    for i in range(n):
        if begin[i] <= b_s and end[i] > a_s:
            for node in range(s.nodes.barred.size):
                if held[i, node]:
                    s.nodes.barred[node] = True
    if bound(s):
        bar_more(s, job, a_s, b_s)


@jit
def touches(s: State, job: int) -> bool:
    """Return whether a running job holds any node that is not barred."""
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        if not s.nodes.barred[int(s.ledger.node[r])]:
            return True
    return False


@jit
def meets(s: State, job: int) -> bool:
    """Return whether a running job holds any of the nodes just found."""
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        for i in range(s.pick.n[0]):
            if s.pick.node[i] == int(s.ledger.node[r]):
                return True
    return False


@jit
def ends_ahead(s: State, now_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the running jobs that touch open nodes, and their expected ends, in order of end.

    A job past its limit is expected to end in a second.
    """
    out = np.empty(s.running.n[2], np.int64)
    end_s = np.empty(s.running.n[2])
    n = 0
    for job in rows(s.running):
        if touches(s, job):
            out[n] = job
            end_s[n] = max(s.jobs.expect_s[job], now_s + 1.0)
            n += 1
    return out[:n], end_s[:n]


@jit
def will_run(s: State, job: int, from_s: float, now_s: float) -> tuple[int, float]:
    """Return on which kind, and when, a job would start on nodes that are not barred; -1 if never.

    First on what is free now; then running jobs are ended in groups of growing width, and the
    start is the latest expected end among those on the nodes chosen. `idle_first` is Slurm up to
    24.05; from 24.11 on, jobs that end by `from_s` are ended before the first look.

    Source: Slurm, cons_tres/job_test.c `_will_run_test`, commit 4107be4f80 for the change.
    Neglects: bf_busy_nodes, preemption, licences.
    """
    ends, end_s = ends_ahead(s, now_s)
    k, begun_s = 0, now_s
    if not s.rule.idle_first:
        while k < ends.size and end_s[k] <= from_s:
            release(s, ends[k], 1)
            k += 1
    first = k
    kind = find(s, job, False)
    start_s = max(from_s, now_s)
    width = s.rule.group_s
    if k < ends.size:
        begun_s = end_s[k] + (width - end_s[k] % width) if width > 0.0 else end_s[k]
    while kind < 0 and k < ends.size:
        while True:
            release(s, ends[k], 1)
            k += 1
            if k == ends.size or end_s[k] > begun_s + width:
                break
        kind = find(s, job, False)
        if kind >= 0:
            for i in range(first, k):
                if meets(s, ends[i]):
                    start_s = max(start_s, end_s[i])
        width *= 2.0
        while k < ends.size and end_s[k] > begun_s + width and 0.0 < width < LONGEST_GROUP_S:
            width *= 2.0
    for i in range(k - 1, -1, -1):
        release(s, ends[i], -1)
    return kind, start_s


@jit
def clash(s: State, begin: np.ndarray, end: np.ndarray, held: np.ndarray, n: int, a_s: float,
          b_s: float) -> bool:  # fmt: skip
    """Return whether the nodes just found are reserved at any time in (a, b)."""
    for i in range(n):
        if begin[i] < b_s and end[i] > a_s:
            for k in range(s.pick.n[0]):
                if held[i, s.pick.node[k]]:
                    return True
    return False


@jit
def slot(s: State, job: int, now_s: float, lasts: float, begin: np.ndarray, end: np.ndarray,
         held: np.ndarray, n: int) -> tuple[int, float]:  # fmt: skip
    """Return on which kind and when a job fits between the reservations; -1 if never."""
    from_s = now_s
    for _ in range(TRIES):
        bar(s, job, begin, end, held, n, from_s, from_s + lasts)
        later_s = np.inf
        for i in range(n):
            if end[i] > from_s:
                later_s = min(later_s, end[i])
        later_s = min(later_s, opens_s(s, job, from_s))
        kind, start_s = will_run(s, job, from_s, now_s)
        if kind < 0 or start_s > later_s:
            if later_s == np.inf:
                return kind, start_s
            from_s = later_s
        elif clash(s, begin, end, held, n, start_s, start_s + lasts):
            from_s = start_s if start_s > from_s else from_s + s.rule.resolution_s
        elif in_window(s, job, start_s, start_s + lasts):
            from_s = start_s if start_s > from_s else later_s
        else:
            return kind, start_s
    return -1, np.inf


@jit
def tried(s: State, job: int, now_s: float, begin: np.ndarray, end: np.ndarray, held: np.ndarray,
          n: int, reserves: int) -> tuple[int, float, float]:  # fmt: skip
    """Return on which kind a job can start, when, and how long it lasts; -1 if never.

    Once so many have reserved, only what can start now is looked for.
    """
    fastest = s.kinds.order[s.jobs.klass[job], 0]
    lasts = longest_s(s, job) if bound(s) else lasts_s(s, job, fastest)
    if n == reserves:
        bar(s, job, begin, end, held, n, now_s, now_s + lasts)
        return find(s, job, False), now_s, lasts
    kind, start_s = slot(s, job, now_s, lasts, begin, end, held, n)
    return kind, start_s, lasts


@jit
def promised(s: State, begin: np.ndarray, end: np.ndarray, held: np.ndarray, n: int,
             start_s: float, lasts: float) -> int:  # fmt: skip
    """Note the nodes just found as reserved; return how many reservations there are."""
    begin[n], end[n] = start_s, start_s + lasts
    for k in range(s.pick.n[0]):
        held[n, s.pick.node[k]] = True
    return n + 1


@jit
def plan_nodes(s: State, now_s: float, depth: int, reserves: int, window_s: float) -> None:
    """Run one backfill cycle: in order, a job starts now, or reserves whole nodes, or neither.

    Up to `depth` jobs are tested, the first `reserves` blocked ones reserve, none beyond
    `window_s`; once these have, only what can start now is looked for. Plans do not persist: the
    next cycle plans anew.

    Source: Slurm, plugins/sched/backfill/backfill.c `_attempt_backfill` (22.05 and 26.11).
    Neglects: bf_max_time and yields (a cycle takes no time), per-user caps; that Slurm rounds
    reservations to bf_resolution by its wall clock, whose phase a simulation does not know.
    """
    waiting = rows(s.queue)
    many = depth if depth < waiting.size else waiting.size
    begin, end = np.empty(many), np.empty(many)
    held = np.zeros((min(many, reserves), s.nodes.kind.size), np.bool_)
    n = 0
    for i in range(many):
        job = waiting[i]
        kind, start_s, lasts = tried(s, job, now_s, begin, end, held, n, reserves)
        if kind < 0:
            continue
        if start_s <= now_s:
            remove(s.queue, s.jobs.key, job)
            start(s, job, kind, now_s)
        elif n < reserves and start_s <= now_s + window_s:
            n = promised(s, begin, end, held, n, start_s, lasts)
    s.nodes.barred[:] = False


@jit
def overrun(s: State, now_s: float) -> bool:
    """Return whether some job runs beyond its limit: then plans move although nothing happens."""
    if s.running.n[0] == 0:
        return False
    return bool(s.jobs.expect_s[s.running.job[s.running.line[0], 0]] <= now_s)


@jit
def next_cycle_s(s: State, now_s: float) -> float:
    """Return when the next cycle is due; inf while nothing has changed since the last.

    Cycles lie on multiples of the interval. With the same jobs running and waiting, a later plan
    starts nobody whom the earlier did not: time alone only brings reservations nearer.
    """
    waits = s.queue.n[2] + (s.quota.n[0] if s.quota.rule == LIMITS else 0)
    if s.rule.interval_s <= 0.0 or waits == 0 or s.face.n[PLAN_DUE] == 0:
        return np.inf
    at_s = np.ceil(now_s / s.rule.interval_s) * s.rule.interval_s
    if at_s <= s.face.t[PLANNED]:
        at_s = s.face.t[PLANNED] + s.rule.interval_s
    return float(at_s)


@jit
def cycle(s: State, now_s: float) -> None:
    """Run the cycle that is due now."""
    s.face.t[NOW] = now_s
    s.face.t[PLANNED] = now_s
    plan_nodes(s, now_s, s.rule.depth, s.rule.reserves, s.rule.window_s)
    s.face.n[PLAN_DUE] = 1 if overrun(s, now_s) else 0
    s.face.t[PLAN] = next_cycle_s(s, now_s)
