"""Find the node that scores best, where the placement scores nodes; `spans.find` is the door.

A node's score for one form of job holds until something happens to the node.
"""

from __future__ import annotations

from sim.kernel.choose import best_device
from sim.kernel.devices import roomy, shares, tightest, whole
from sim.kernel.jit import forked, jit
from sim.kernel.levels import able
from sim.kernel.pick import chosen, lasts_s, note, pick, pick_in, shape
from sim.kernel.slices import harm, sliced
from sim.kernel.switches import joined, pick_joined
from sim.kernel.terms import (
    BALANCE,
    CLUSTERING,
    DOT,
    FRAGMENT,
    LEAST,
    LEFT,
    MOST,
    PACKING,
    SHAPE,
    balance,
    bytes_of,
    clustering,
    cores_of,
    dot,
    filled,
    fragment,
    left,
    packing,
)
from sim.state.columns import NOW, SHADOW, SHADOW_KIND, SPARE
from sim.state.handle import State


@jit
def worth_terms(s: State, job: int, node: int, gpus: int) -> int:
    """Return the node's score for a chunk: the terms by their weights."""
    weight, total = s.score.weight, 0
    mask = tightest(s, node, s.jobs.milli[job], gpus) if gpus > 0 else 0
    if weight[FRAGMENT] > 0:
        if s.score.tries and gpus == 1 and shares(s, job):
            _, found = best_device(s, job, node)
        else:
            found = fragment(s, job, node, gpus, mask)
        total += weight[FRAGMENT] * found
    if weight[LEFT] > 0:
        total += weight[LEFT] * left(s, job, node, gpus)
    if weight[DOT] > 0:
        total += weight[DOT] * dot(s, job, node, gpus)
    if weight[PACKING] > 0:
        total += weight[PACKING] * packing(s, job, node, gpus, mask)
    if weight[CLUSTERING] > 0:
        total += weight[CLUSTERING] * clustering(s, job, node, gpus)
    for term in (MOST, LEAST, SHAPE):
        if weight[term] > 0:
            total += weight[term] * filled(s, job, node, gpus, term)
    if weight[BALANCE] > 0:
        total += weight[BALANCE] * balance(s, job, node, gpus)
    return int(total)


@jit
def worth_either(s: State, job: int, node: int, gpus: int) -> int:
    """Return the node's score for a chunk, or for instances, which go where they do least harm."""
    return harm(s, job, node, gpus) if sliced(s, job) else worth_terms(s, job, node, gpus)


worth = forked(worth_terms, worth_either, "slices")


@jit
def score(s: State, job: int, node: int, gpus: int) -> int:
    """Return the node's score for a chunk; -1 where it has no room or may not run."""
    nodes, jobs = s.nodes, s.jobs
    if not nodes.up[node] or s.kinds.speed[jobs.klass[job], nodes.kind[node]] <= 0.0:
        return -1
    if nodes.free[node] < whole(s, job, gpus):
        return -1
    if jobs.mcpu[job] > 0 and nodes.mcpu_free[node] < cores_of(s, job, gpus):
        return -1
    if jobs.mem_bytes[job] > 0 and nodes.mem_free[node] < bytes_of(s, job, gpus):
        return -1
    if shares(s, job) and roomy(s, job, node) < gpus:
        return -1
    return worth(s, job, node, gpus)


@jit
def alone(s: State, job: int, kind: int) -> bool:
    """Return whether the gang lies on one node of this kind."""
    _, chunks, rest = shape(s, job, kind)
    return bool(chunks == 1 and rest == 0)


@jit
def kept(s: State, job: int, node: int, gpus: int) -> bool:
    """Return whether a reservation keeps the node from a job that outlasts it."""
    if s.nodes.kind[node] == s.face.n[SHADOW_KIND] and s.jobs.gpus[job] > s.face.n[SPARE]:
        return True
    most = s.nodes.most
    if most[node, 0] < gpus:
        return True
    if s.jobs.mcpu[job] > 0 and most[node, 1] < cores_of(s, job, gpus):
        return True
    return bool(s.jobs.mem_bytes[job] > 0 and most[node, 2] < bytes_of(s, job, gpus))


@jit
def open_to(s: State, job: int, node: int, kind: int, speed: float, outlasts: bool) -> bool:
    """Return whether a node may be chosen: of `kind`, or if that is -1 of any so fast."""
    here = s.nodes.kind[node]
    if kind >= 0 and here != kind:
        return False
    if kind < 0 and (s.kinds.speed[s.jobs.klass[job], here] != speed or not alone(s, job, here)):
        return False
    if s.nodes.barred[node] or chosen(s, node):
        return False
    chunk, _, _ = shape(s, job, here)
    return not (outlasts and kept(s, job, node, chunk))


@jit
def select(s: State, job: int) -> bool:
    """Return whether nodes must be asked one by one whether they are open to a job."""
    klass, chunk = s.jobs.klass[job], s.jobs.chunk_gpus[job]
    first = s.kinds.speed[klass, s.kinds.order[klass, 0]]
    for kind in range(s.kinds.size.size):
        speed = s.kinds.speed[klass, kind]
        if speed > 0.0 and (speed != first or (chunk < 0 and not alone(s, job, kind))):
            return True
    other = s.rule.interval_s > 0.0 or s.spans.on or s.gives.suspends
    return other or s.calendar.begin_s.size > 0


@jit
def best(s: State, job: int, kind: int, speed: float, outlasts: bool, draw: float) -> int:
    """Return the open node that scores best for a full chunk; -1 if there is none.

    Of equals the first in placement's order, or the one that a draw >= 0 points at.
    """
    cache, by_rank, change = s.cache, s.nodes.by_rank, s.devices.change
    form = s.jobs.form[job]
    row = form % cache.form.size
    if cache.form[row] != form:
        cache.form[row] = form
        cache.change[row] = -1
    scores, seen = cache.score[row], cache.change[row]
    careful = kind >= 0 or outlasts or select(s, job)
    found, most, alike = -1, -1, 0
    for rank in range(by_rank.size):
        if seen[rank] != change[rank]:
            node = by_rank[rank]
            chunk, _, _ = shape(s, job, s.nodes.kind[node])
            scores[rank] = score(s, job, node, chunk)
            seen[rank] = change[rank]
        if scores[rank] < most or scores[rank] < 0:
            continue
        if careful and not open_to(s, job, by_rank[rank], kind, speed, outlasts):
            continue
        if scores[rank] > most:
            found, most, alike = rank, scores[rank], 0
        alike += 1
    if found < 0:
        return -1
    if draw >= 0.0:
        at = int(draw * alike)
        while True:
            node = by_rank[found]
            if scores[found] == most:
                if not careful or open_to(s, job, node, kind, speed, outlasts):
                    if at <= 0:
                        break
                    at -= 1
            found += 1
    return int(by_rank[found])


@jit
def best_rest(s: State, job: int, kind: int, rest: int, outlasts: bool) -> int:
    """Return the node of a kind that scores best for what a gang has left; -1 if none."""
    found, most = -1, -1
    for rank in range(s.nodes.by_rank.size):
        node = s.nodes.by_rank[rank]
        if s.nodes.kind[node] != kind or s.nodes.barred[node] or chosen(s, node):
            continue
        if outlasts and kept(s, job, node, rest):
            continue
        here = score(s, job, node, rest)
        if here > most:
            found, most = node, here
    return int(found)


@jit
def best_gang(s: State, job: int, kind: int, outlasts: bool) -> bool:
    """Find nodes of one kind for the whole gang, the best first."""
    s.pick.n[0] = 0
    chunk, chunks, rest = shape(s, job, kind)
    speed = s.kinds.speed[s.jobs.klass[job], kind]
    if chunk > s.kinds.size[kind] or speed <= 0.0:
        return False
    if not able(s, kind, whole(s, job, chunk), chunks):
        return False
    draw = s.jobs.draw[job]
    for i in range(chunks):
        at = draw if draw < 0.0 else (draw + i / chunks) % 1.0
        node = best(s, job, kind, speed, outlasts, at)
        if node < 0:
            return False
        note(s, node, chunk)
    if rest > 0:
        node = best_rest(s, job, kind, rest, outlasts)
        if node < 0:
            return False
        note(s, node, rest)
    return True


@jit
def pick_best(s: State, job: int, behind: bool) -> int:
    """Return the kind of the nodes found for the whole gang now; -1 if none.

    Of the kinds that are fastest for it: one node of any, whichever scores best; else several
    nodes of the first that has them. Then the next slower kinds.
    """
    klass, kinds, i = s.jobs.klass[job], s.kinds, 0
    while i < kinds.size.size:
        kind = kinds.order[klass, i]
        speed = kinds.speed[klass, kind]
        if speed <= 0.0:
            break
        outlasts = behind and s.face.t[NOW] + lasts_s(s, job, kind) > s.face.t[SHADOW]
        s.pick.n[0] = 0
        node = best(s, job, -1, speed, outlasts, s.jobs.draw[job])
        if node >= 0:
            chunk, _, _ = shape(s, job, s.nodes.kind[node])
            note(s, node, chunk)
            return int(s.nodes.kind[node])
        while i < kinds.size.size and kinds.speed[klass, kinds.order[klass, i]] == speed:
            kind = kinds.order[klass, i]
            if not alone(s, job, kind) and best_gang(s, job, kind, outlasts):
                return int(kind)
            i += 1
    return -1


@jit
def pick_any(s: State, job: int, behind: bool) -> int:
    """Return what `find` does where devices are told apart, with or without scores."""
    if s.score.on:
        return pick_best(s, job, behind)
    return pick(s, job, behind)


@jit
def pick_any_in(s: State, job: int, kind: int, outlasts: bool) -> bool:
    """Return what `find_in` does where devices are told apart."""
    if s.score.on:
        return best_gang(s, job, kind, outlasts)
    return pick_in(s, job, kind, outlasts)


anywhere = forked(forked(pick, pick_any), pick_joined, "topology")
"""(s, job, behind): what `spans.find` does for a job that may lie anywhere."""
anywhere_in = forked(forked(pick_in, pick_any_in), joined, "topology")
"""(s, job, kind, outlasts): what `spans.find_in` does for a job that may lie anywhere."""
