"""Find nodes for a gang that must stay within a rack or a pod; `find` is the door for all."""

from __future__ import annotations

import numpy as np

from sim.kernel.best import anywhere, anywhere_in
from sim.kernel.devices import whole
from sim.kernel.jit import forked, jit
from sim.kernel.pick import lasts_s
from sim.state.columns import NOW, SHADOW, SHADOW_KIND, SPARE
from sim.state.handle import State


@jit
def room_of(s: State, job: int, kind: int, level: int) -> np.ndarray:
    """Return (domains,) the GPUs wholly free on nodes of a kind that are open to a job."""
    domain, out = s.spans.domain[level], np.full(s.spans.many[level], -1, np.int64)
    for node in range(domain.size):
        if s.nodes.kind[node] == kind and s.nodes.up[node] and not s.nodes.barred[node]:
            out[domain[node]] = max(out[domain[node]], 0) + s.nodes.free[node]
    return out


@jit
def within(s: State, job: int, kind: int, outlasts: bool) -> bool:
    """Find nodes of one kind for the whole gang in the domain that it fills best.

    The one with the fewest free GPUs that suffices; the first of equals.

    Source: Slurm's topology/tree (tightest leaf, ties first), KAI-Scheduler's topology (highest
    ratio of asked to free).
    """
    level = s.spans.level[job]
    if level < 0:
        return bool(anywhere_in(s, job, kind, outlasts))
    room, need = room_of(s, job, kind, level), whole(s, job, s.jobs.gpus[job])
    barred, refused = s.nodes.barred.copy(), s.kinds.refused[kind]
    found = False
    while not found:
        best = -1
        for d in range(room.size):
            if room[d] >= need and (best < 0 or room[d] < room[best]):
                best = d
        if best < 0:
            break
        room[best] = -1
        for node in range(barred.size):
            s.nodes.barred[node] = barred[node] or s.spans.domain[level, node] != best
        found = bool(anywhere_in(s, job, kind, outlasts))
        s.kinds.refused[kind] = refused  # what one domain lacks others may have
    s.nodes.barred[:] = barred
    return found


@jit
def pick_within(s: State, job: int, behind: bool) -> int:
    """Return the fastest kind of node that takes the whole gang within its span now; -1 if none."""
    if s.spans.level[job] < 0:
        return int(anywhere(s, job, behind))
    klass = s.jobs.klass[job]
    for i in range(s.kinds.size.size):
        kind = s.kinds.order[klass, i]
        if s.kinds.speed[klass, kind] <= 0.0:
            break
        outlasts = behind and s.face.t[NOW] + lasts_s(s, job, kind) > s.face.t[SHADOW]
        spare = s.face.n[SPARE] if kind == s.face.n[SHADOW_KIND] else s.jobs.gpus[job]
        if not (outlasts and s.jobs.gpus[job] > spare) and within(s, job, kind, outlasts):
            return int(kind)
    return -1


find = forked(anywhere, pick_within, "spans")
"""(s, job, behind): on which kind of node a gang would start now, as placement likes it; -1 if on
none. The nodes lie in `s.pick`."""
find_in = forked(anywhere_in, within, "spans")
"""(s, job, kind, outlasts): find nodes of one kind for the whole gang, as placement likes it."""
