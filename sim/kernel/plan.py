"""A plan of who starts when, by counts of free GPUs: conservative backfill."""

from __future__ import annotations

import numpy as np

from sim.kernel.ahead import gives_back
from sim.kernel.jit import jit
from sim.kernel.job import start
from sim.kernel.order import remove, rows
from sim.kernel.pick import lasts_s
from sim.kernel.spans import find_in
from sim.state.handle import State


@jit
def profile(s: State, now_s: float, room: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the steps of free GPUs to come: instants (steps,), free (kinds, steps), their number.

    A job that has outrun its walltime is expected to end at the next representable instant.
    """
    kinds, jobs = s.kinds.free.size, s.jobs
    most = s.running.n[2] + 1 + room
    t = np.empty(most)
    free = np.empty((kinds, most), np.int64)
    t[0] = now_s
    for kind in range(kinds):
        free[kind, 0] = s.kinds.free[kind]
    n = 1
    soon_s = np.nextafter(now_s, np.inf)
    for place in range(s.running.n[0]):
        block = s.running.line[place]
        for i in range(s.running.size[block]):
            job = s.running.job[block, i]
            at_s = max(jobs.expect_s[job], soon_s)
            if at_s > t[n - 1]:
                t[n] = at_s
                for kind in range(kinds):
                    free[kind, n] = free[kind, n - 1]
                n += 1
            free[jobs.kind[job], n - 1] += gives_back(s, job)
    return t, free, n


@jit
def earliest(t: np.ndarray, free: np.ndarray, n: int, gpus: int, lasts: float) -> int:
    """Return the first step from which `gpus` are free for `lasts` seconds on; n if never."""
    a = 0
    while a < n:
        while a < n and free[a] < gpus:
            a += 1
        if a == n:
            return n
        b = a
        end_s = t[a] + lasts
        while b < n and t[b] < end_s and free[b] >= gpus:
            b += 1
        if b == n or t[b] >= end_s:
            return a
        a = b
    return n


@jit
def block_out(
    t: np.ndarray, free: np.ndarray, n: int, a: int, kind: int, gpus: int, end_s: float
) -> int:
    """Take `gpus` of a kind out of the profile from step `a` to `end_s`; return how many steps."""
    b = a
    while b < n and t[b] < end_s:
        b += 1
    if b == n or t[b] != end_s:
        for i in range(n, b, -1):
            t[i] = t[i - 1]
            for k in range(free.shape[0]):
                free[k, i] = free[k, i - 1]
        t[b] = end_s
        for k in range(free.shape[0]):
            free[k, b] = free[k, b - 1]
        n += 1
    for i in range(a, b):
        free[kind, i] -= gpus
    return int(n)


@jit
def last_hope(s: State, jobs: np.ndarray, depth: int) -> int:
    """Return how many jobs in order need be planned: none behind the last that could start now."""
    last = 0
    for i in range(min(jobs.size, depth)):
        klass = s.jobs.klass[jobs[i]]
        for kind in range(s.kinds.free.size):
            if s.kinds.speed[klass, kind] > 0 and s.kinds.free[kind] >= s.jobs.gpus[jobs[i]]:
                last = i + 1
                break
    return last


@jit
def plan_counts(s: State, now_s: float) -> None:
    """Give every job in order the earliest slot that delays none before it; start those due now.

    The plan is made anew at each pass and does not persist: ends earlier than expected move
    everybody forward. Only the first `reserves` blocked jobs hold a slot.

    Source: Mu'alem and Feitelson, IEEE TPDS 12 (2001); as CQSim's mode 2 does it.
    Neglects: on which nodes the free GPUs are: a job that is due but finds them scattered keeps its
    slot and waits.
    """
    waiting = rows(s.queue)
    most = s.rule.depth + 1 if s.rule.depth < waiting.size else waiting.size
    many = last_hope(s, waiting, most)
    if many == 0:
        return
    t, free, n = profile(s, now_s, 2 * many)
    held = 0
    for i in range(many):
        job = waiting[i]
        klass, gpus = s.jobs.klass[job], s.jobs.gpus[job]
        best, at = -1, n
        for k in range(s.kinds.size.size):
            kind = s.kinds.order[klass, k]
            if s.kinds.speed[klass, kind] <= 0.0:
                break
            a = earliest(t, free[kind], n, gpus, lasts_s(s, job, kind))
            if a < at:
                best, at = kind, a
        if best < 0:
            continue
        end_s = t[at] + lasts_s(s, job, best)
        starts = at == 0 and find_in(s, job, best, False)
        if starts:
            remove(s.queue, s.jobs.key, job)
            start(s, job, best, now_s)
        elif held == s.rule.reserves:
            continue
        else:
            held += 1
        n = block_out(t, free, n, at, best, gpus, end_s)
