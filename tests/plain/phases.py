"""Jobs whose steps are played phase by phase, slowly: all shares anew at each end of a phase."""

import math
from collections import namedtuple

from tests.plain import maxmin

Sender = namedtuple("Sender", "start_s work_s step_s duty overlap uses begin")
"""A job; `uses`: {link: B/s at full speed}; `begin`: where in a step it starts, 0 … 1."""
NOTHING = 1e-11


def parts(job, begin=0.0):
    """Return what is left of a step begun there: [to compute, to send beside, to send after]."""
    beside = job.overlap * job.duty * job.step_s
    after = (1 - job.overlap) * job.duty * job.step_s
    at = begin * job.step_s
    computing = job.step_s - after
    if at < computing:
        return [computing - at, max(beside - at, 0.0), after]
    return [0.0, 0.0, job.step_s - at]


def sends(left):
    """Return whether a job sends just now."""
    return left[1] > 0 or left[0] == 0


def ends(jobs, capacity):
    """Return when each job has done its work; they need no nodes, only links."""
    now, end = 0.0, [math.inf] * len(jobs)
    waiting = sorted(range(len(jobs)), key=lambda j: jobs[j].start_s)
    left, work = {}, {}
    while waiting or left:
        talk = [j for j in left if sends(left[j])]
        got = maxmin.rates(
            capacity,
            [list(jobs[j].uses) for j in talk],
            [list(jobs[j].uses.values()) for j in talk],
            bound=[1.0] * len(talk),
        )
        share, goes = dict(zip(talk, got, strict=True)), {}
        for j, (compute, beside, _) in left.items():
            x = share.get(j, 0.0)
            alone = compute == 0 and beside == 0
            goes[j] = [float(compute > 0), x * (beside > 0), x * alone]
        speed = {j: max(g[0], g[2]) for j, g in goes.items()}
        then = [jobs[waiting[0]].start_s] if waiting else []
        for j, g in goes.items():
            then += [now + a / b for a, b in zip(left[j], g, strict=True) if a > 0 and b > 0]
            then += [now + work[j] / speed[j]] if speed[j] > 0 else []
        past, now = now, min(then)
        for j, g in list(goes.items()):
            job, spent = jobs[j], now - past
            rest = [a - spent * b for a, b in zip(left[j], g, strict=True)]
            left[j] = [a if a > NOTHING * job.step_s else 0.0 for a in rest]
            left[j] = left[j] if any(left[j]) else parts(job)
            work[j] -= spent * speed[j]
            if work[j] <= NOTHING * job.work_s:
                end[j] = now
                del left[j], work[j]
        while waiting and jobs[waiting[0]].start_s <= now:
            j = waiting.pop(0)
            left[j], work[j] = parts(jobs[j], jobs[j].begin), jobs[j].work_s
    return end
