"""The largest size at which a job could be admitted to its queue's quota."""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.kernel.quota_offer import IN_VAIN, nominate
from sim.state.handle import State


@jit
def nominate_size(s: State, job: int, now_s: float) -> tuple[int, int, int]:
    """Return the same for the largest size at which a job could be admitted; see `sizes`.

    Its own first, if it fits or somebody gives way; else a binary search down to its least. The
    form of the job is that of the size from then on, until the cycle is over.

    Source: Kueue, pkg/scheduler/scheduler.go, getAssignments; flavorassigner/podset_reducer.go.
    """
    q, sizes = s.quota, s.sizes
    flavor, mode, high = nominate(s, job, now_s)
    if mode > IN_VAIN or sizes.whole.size == 0 or sizes.many[q.form[job]] == 0:
        return flavor, mode, high
    form, low = q.form[job], 0
    best, top = form, sizes.many[form] + 1
    while low < top:
        fewer = (low + top) >> 1
        if fewer == 0:  # its own size, asked already
            break
        q.form[job] = sizes.first[form] + fewer - 1
        on, one, far = nominate(s, job, now_s)
        if one > IN_VAIN:
            best, flavor, mode, high, top = q.form[job], on, one, far, fewer
        else:
            low = fewer + 1
    q.form[job] = best
    return flavor, mode, high
