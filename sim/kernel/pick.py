"""Find nodes for a gang, all or none; nothing is taken here.

What is found lies in `s.pick`: (node, gpus) for each chunk, in order of choice.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.devices import roomy, shares, whole
from sim.kernel.jit import jit
from sim.kernel.levels import able, next_rank
from sim.state.columns import NOW, SHADOW, SHADOW_KIND, SPARE
from sim.state.handle import State


@jit
def part(total: int, gpus: int, of_gpus: int, chunks: int) -> int:
    """Return a chunk's part of what the whole gang asks of CPU or memory, rounded up.

    It follows the GPUs; a job without GPUs splits it over its nodes. Most jobs ask for none: they
    are spared the division.
    """
    if total == 0:
        return 0
    if of_gpus > 0:
        return (total * gpus + of_gpus - 1) // of_gpus
    return (total + chunks - 1) // chunks


@jit
def fits(s: State, job: int, node: int, gpus: int, outlasts: bool) -> bool:
    """Return whether `gpus` GPUs of a job, and what goes with them, may be taken on a node."""
    nodes, jobs = s.nodes, s.jobs
    if nodes.barred[node] or nodes.free[node] < whole(s, job, gpus):
        return False
    if shares(s, job) and roomy(s, job, node) < gpus:
        return False
    if outlasts and nodes.most[node, 0] < gpus:
        return False
    if jobs.mcpu[job] > 0:
        mcpu = part(jobs.mcpu[job], gpus, jobs.gpus[job], jobs.chunks[job])
        if nodes.mcpu_free[node] < mcpu or (outlasts and nodes.most[node, 1] < mcpu):
            return False
    if jobs.mem_bytes[job] > 0:
        size = part(jobs.mem_bytes[job], gpus, jobs.gpus[job], jobs.chunks[job])
        if nodes.mem_free[node] < size or (outlasts and nodes.most[node, 2] < size):
            return False
    return True


@jit
def note(s: State, node: int, gpus: int) -> None:
    """Add a chunk to what was found."""
    n = s.pick.n[0]
    s.pick.node[n] = node
    s.pick.gpus[n] = gpus
    s.pick.n[0] = n + 1


@jit
def chosen(s: State, node: int) -> bool:
    """Return whether a node is among those found."""
    for i in range(s.pick.n[0]):
        if s.pick.node[i] == node:
            return True
    return False


@jit
def pick_first(s: State, job: int, kind: int, gpus: int, enough: int, outlasts: bool) -> bool:
    """Find `enough` nodes with `gpus` each, in placement's order."""
    end, least = s.pick.n[0] + enough, whole(s, job, gpus)
    for group in range(s.taste.group.size - 1):
        rank = next_rank(s, kind, group, least, 0)
        while rank >= 0:
            node = s.nodes.by_rank[rank]
            if fits(s, job, node, gpus, outlasts) and not (enough == 1 and chosen(s, node)):
                note(s, node, gpus)
                if s.pick.n[0] == end:
                    return True
            rank = next_rank(s, kind, group, least, rank + 1)
    return False


@jit
def open_nodes(s: State, job: int, kind: int, gpus: int, outlasts: bool) -> np.ndarray:
    """Return all nodes of a kind that fit one chunk, lowest rank first, without those chosen."""
    out = np.empty(s.nodes.kind.size, np.int64)
    n = 0
    for rank in range(out.size):
        node = s.nodes.by_rank[rank]
        if s.nodes.up[node] and s.nodes.kind[node] == kind and fits(s, job, node, gpus, outlasts):
            if not chosen(s, node):
                out[n] = node
                n += 1
    return out[:n]


@jit
def pick_drawn(s: State, job: int, kind: int, gpus: int, enough: int, outlasts: bool) -> bool:
    """Find `enough` nodes with `gpus` each by the job's own draw u: systematic sampling.

    Of the m nodes that fit, those at floor(((u + i / enough) mod 1) m): each node is taken with
    probability enough / m, and none twice.
    """
    nodes = open_nodes(s, job, kind, gpus, outlasts)
    if nodes.size < enough:
        return False
    taken = np.zeros(nodes.size, np.bool_)
    for i in range(enough):
        at = int(((s.jobs.draw[job] + i / enough) % 1.0) * nodes.size)
        while taken[at]:  # rounding alone can bring two to one place
            at = (at + 1) % nodes.size
        taken[at] = True
        note(s, nodes[at], gpus)
    return True


@jit
def pick_runs(s: State, job: int, kind: int, gpus: int, enough: int, outlasts: bool) -> bool:
    """Find `enough` nodes with `gpus` each in runs of consecutive nodes.

    The smallest run that suffices, else the largest, from its start; again until there are enough.

    Nodes are consecutive by number, which must be placement's own order too.

    Source: Slurm's select/cons_tres, `_eval_nodes_consec`.
    Neglects: node weights, and what a topology plugin adds.
    """
    nodes = open_nodes(s, job, kind, gpus, outlasts)
    if nodes.size < enough:
        return False
    left = np.ones(nodes.size, np.bool_)
    while enough > 0:
        best, best_n = -1, 0
        at = 0
        while at < nodes.size:
            n = 0
            while at + n < nodes.size and left[at + n] and nodes[at + n] == nodes[at] + n:
                n += 1
            if n > 0 and (
                best < 0
                or (n >= enough and (best_n < enough or n < best_n))
                or (n < enough and n > best_n)
            ):
                best, best_n = at, n
            at += max(n, 1)
        take = min(best_n, enough)
        for i in range(best, best + take):
            note(s, nodes[i], gpus)
            left[i] = False
        enough -= take
    return True


@jit
def pick_alike(s: State, job: int, kind: int, gpus: int, enough: int, outlasts: bool) -> bool:
    """Find `enough` nodes with `gpus` free each, as placement likes it."""
    if not able(s, kind, whole(s, job, gpus), enough):
        return False
    if s.taste.runs and not (enough == 1 and s.taste.first_alone):
        return pick_runs(s, job, kind, gpus, enough, outlasts)
    if s.jobs.draw[job] >= 0.0:
        return pick_drawn(s, job, kind, gpus, enough, outlasts)
    return pick_first(s, job, kind, gpus, enough, outlasts)


@jit
def pick_scattered(s: State, job: int, kind: int, outlasts: bool) -> bool:
    """Find any free GPUs on as few nodes as possible: largest pieces first, then the best fit."""
    need = s.jobs.gpus[job]
    for f in range(s.kinds.size[kind], 0, -1):
        if need <= f:
            break
        if s.kinds.many[kind, f] == 0:
            continue
        for rank in range(s.nodes.by_rank.size):
            node = s.nodes.by_rank[rank]
            here = s.nodes.kind[node] == kind and s.nodes.up[node] and s.nodes.free[node] == f
            if here and need > f and fits(s, job, node, f, outlasts):
                note(s, node, f)
                need -= f
    if need == 0:
        return True
    return able(s, kind, need, 1) and pick_first(s, job, kind, need, 1, outlasts)


@jit
def shape(s: State, job: int, kind: int) -> tuple[int, int, int]:
    """Return how a gang lies on nodes of a kind: GPUs on each, nodes, GPUs on one node more.

    A job without a shape of its own takes one node if its GPUs fit on one, else whole nodes and
    one more for the rest.
    """
    gpus, chunk, chunks = s.jobs.gpus[job], s.jobs.chunk_gpus[job], s.jobs.chunks[job]
    if chunk < 0:
        chunk = min(gpus, s.kinds.size[kind])
    if chunk == gpus and chunk > 0:
        chunks = 1
    elif chunk > 0:
        chunks = gpus // chunk
    return int(chunk), int(chunks), int(gpus - chunk * chunks)


@jit
def pick_in(s: State, job: int, kind: int, outlasts: bool) -> bool:
    """Find nodes of one kind for the whole gang."""
    gpus = s.jobs.gpus[job]
    if whole(s, job, gpus) > s.kinds.free[kind]:
        return False
    s.pick.n[0] = 0
    if s.taste.scatter and whole(s, job, gpus) > 0 and s.jobs.chunk_gpus[job] < 0:
        return pick_scattered(s, job, kind, outlasts)
    chunk, chunks, rest = shape(s, job, kind)
    if chunk > s.kinds.size[kind] or (outlasts and chunk >= s.kinds.refused[kind]):
        return False
    if not pick_alike(s, job, kind, chunk, chunks, outlasts):
        plain = s.jobs.mcpu[job] == 0 and s.jobs.mem_bytes[job] == 0 and not s.devices.shared
        if outlasts and chunks == 1 and plain:
            s.kinds.refused[kind] = chunk  # nor will a larger piece find room, until something ends
        return False
    least = whole(s, job, rest)
    return rest == 0 or (able(s, kind, least, 1) and pick_first(s, job, kind, rest, 1, outlasts))


@jit
def lasts_s(s: State, job: int, kind: int) -> float:
    """Return how long a job would be expected to last on a kind of node: its walltime by speed."""
    return float(s.jobs.walltime_s[job] / s.kinds.speed[s.jobs.klass[job], kind])


@jit
def pick(s: State, job: int, behind: bool) -> int:
    """Return the fastest kind of node that takes the whole gang now; -1 if none.

    A job `behind` a reservation that would outlast it may take only what the reservation leaves.
    """
    klass, gpus = s.jobs.klass[job], s.jobs.gpus[job]
    for i in range(s.kinds.size.size):
        kind = s.kinds.order[klass, i]
        if s.kinds.speed[klass, kind] <= 0.0:
            break
        if whole(s, job, gpus) > s.kinds.free[kind]:
            continue
        outlasts = behind and s.face.t[NOW] + lasts_s(s, job, kind) > s.face.t[SHADOW]
        if outlasts and kind == s.face.n[SHADOW_KIND] and gpus > s.face.n[SPARE]:
            continue
        if pick_in(s, job, kind, outlasts):
            return int(kind)
    return -1
