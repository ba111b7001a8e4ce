"""Find nodes for a gang on the leaves of a tree of switches, as Slurm's topology/tree does.

All nodes of a gang must have as many GPUs free as the first, the last one too, which may use fewer.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.blocks import in_blocks
from sim.kernel.climb import climbed
from sim.kernel.devices import whole
from sim.kernel.jit import entry, forked, jit
from sim.kernel.levels import able
from sim.kernel.pick import lasts_s, note, open_nodes, shape
from sim.state.columns import CHANGE, DIRTY, HOLDS, LAST, NOW, PLENTY, SHADOW, SHADOW_KIND, SPARE
from sim.state.handle import State
from sim.state.words import JobState

UNBORN = int(JobState.UNBORN)


@jit
def counted(s: State, nodes: np.ndarray) -> np.ndarray:
    """Return (1 + heights, leaves) how many of the nodes lie on each leaf, under each switch."""
    leaf, above = s.topology.leaf, s.topology.above
    out = np.zeros((1 + above.shape[0], above.shape[1]), np.int64)
    for node in nodes:
        out[0, leaf[node]] += 1
        for h in range(above.shape[0]):
            out[1 + h, above[h, leaf[node]]] += 1
    return out


@jit
def over(s: State, height: int, leaf: int) -> int:
    """Return the switch at a height over a leaf; the leaf itself at height 0."""
    return int(leaf if height == 0 else s.topology.above[height - 1, leaf])


@jit
def keep_common(s: State, free: np.ndarray, need: int) -> bool:
    """Leave only leaves under one switch, the highest that has nodes enough, the last of equals."""
    for h in range(free.shape[0] - 1, -1, -1):
        for switch in range(free.shape[1] - 1, -1, -1):
            if free[h, switch] >= need:
                for leaf in range(free.shape[1]):
                    if over(s, h, leaf) != switch:
                        free[0, leaf] = 0
                return True
    return False


@jit
def compared(s: State, free: np.ndarray, a: int, b: int, need: int) -> tuple[int, bool]:
    """Return which of two leaves is better, 1 for the first, -1, 0, and whether the first fits.

    Of two that fit the tighter, else the one that fits. Where neither does, the switches over them
    are compared, up to the one over both; last, more free is better.
    """
    h = 0
    while True:
        x, y = free[h, over(s, h, a)], free[h, over(s, h, b)]
        fits = bool(x >= need)
        if fits != (y >= need):
            return 1 if fits else -1, fits
        if fits:
            return (0 if x == y else 1 if x < y else -1), fits
        if h + 1 == free.shape[0] or over(s, h + 1, a) == over(s, h + 1, b):
            return (0 if x == y else 1 if x > y else -1), fits
        h += 1


@jit
def steps(s: State, a: int, b: int) -> int:
    """Return how many links lie between two leaves under one switch."""
    h = 0
    while over(s, h, a) != over(s, h, b):
        h += 1
    return 2 * h


@jit
def best_leaf(s: State, free: np.ndarray, far: np.ndarray, need: int) -> int:
    """Return the leaf to go on with: the nearest to those taken, then as `compared`; else first."""
    best = -1
    for leaf in range(far.size):
        if free[0, leaf] == 0:
            continue
        if best < 0:
            best = leaf
            continue
        sign, fits = compared(s, free, leaf, best, need)
        nearer = fits if s.topology.fit_first else sign >= 0
        if (far[leaf] < far[best] and nearer) or (far[leaf] == far[best] and sign > 0):
            best = leaf
    return int(best)


@jit
def insists(s: State, job: int, leaves: int) -> bool:
    """Return whether a job would rather wait than lie on so many leaves."""
    most = s.topology.most[job]
    return bool(0 < most < leaves and s.face.t[NOW] < s.topology.until_s[job])


@jit
def on_leaves(s: State, job: int, nodes: np.ndarray, need: int, gpus: int) -> bool:
    """Find `need` of the open nodes on few leaves near each other, leaf by leaf.

    Source: Slurm, topology/tree, eval_nodes_tree.c; `--switches` of sbatch(1).
    Neglects: node weights, dragonfly, TopoOptional. A greedy choice: it may use more leaves than
    the fewest.
    """
    free = counted(s, nodes)
    if not keep_common(s, free, need):
        return False
    far, leaves = np.zeros(free.shape[1], np.int64), 0
    while need > 0:
        best = best_leaf(s, free, far, need)
        if best < 0:
            return False
        leaves += 1
        for node in nodes:
            if need > 0 and s.topology.leaf[node] == best:
                note(s, node, gpus)
                need -= 1
        gone = free[0, best]
        free[0, best] = 0
        for leaf in range(far.size):
            if free[0, leaf] > 0:
                far[leaf] += steps(s, leaf, best)
        if s.topology.fit_first:
            for h in range(1, free.shape[0]):
                free[h, over(s, h, best)] -= gone
    return not insists(s, job, leaves)


@jit
def joined(s: State, job: int, kind: int, outlasts: bool) -> bool:
    """Find nodes of one kind for the whole gang, as the topology has them."""
    gpus = s.jobs.gpus[job]
    s.pick.n[0] = 0
    if whole(s, job, gpus) > s.kinds.free[kind]:
        return False
    chunk, chunks, rest = shape(s, job, kind)
    need = chunks + (1 if rest > 0 else 0)
    if chunk > s.kinds.size[kind] or not able(s, kind, whole(s, job, chunk), need):
        return False
    nodes = open_nodes(s, job, kind, chunk, outlasts)
    if nodes.size < need:
        return False
    if need == 1 and s.topology.first_alone:
        note(s, nodes[0], chunk)
        return True
    if s.topology.climb.size > 0:
        found = climbed(s, job, nodes, need, chunk)
    elif s.topology.blocks:
        found = in_blocks(s, job, nodes, need, chunk)
    else:
        found = on_leaves(s, job, nodes, need, chunk)
    if found and rest > 0:
        s.pick.gpus[s.pick.n[0] - 1] = rest
    return bool(found)


@jit
def pick_joined(s: State, job: int, behind: bool) -> int:
    """Return the fastest kind of node that takes the whole gang now; -1 if none."""
    klass, gpus = s.jobs.klass[job], s.jobs.gpus[job]
    for i in range(s.kinds.size.size):
        kind = s.kinds.order[klass, i]
        if s.kinds.speed[klass, kind] <= 0.0:
            break
        outlasts = behind and s.face.t[NOW] + lasts_s(s, job, kind) > s.face.t[SHADOW]
        if outlasts and kind == s.face.n[SHADOW_KIND] and gpus > s.face.n[SPARE]:
            continue
        if joined(s, job, kind, outlasts):
            return int(kind)
    return -1


@jit
def always(s: State, job: int) -> bool:
    """Return that a job refused once is refused until something comes free."""
    return True


@jit
def without_wishes(s: State, job: int) -> bool:
    """Return whether starts of others cannot help a job: not so where a greedy choice may fail."""
    return bool(s.topology.most[job] == 0 and s.topology.segment[job] == 0)


steady = forked(always, without_wishes, "topology")
"""(s, job): whether a job that finds no nodes finds none either after others have started."""


@entry
def relent(s: State) -> None:
    """A job's wait for few leaves is over: it is asked again in a pass at this instant."""
    s.face.n[CHANGE] += 1
    s.kinds.refused[:] = PLENTY
    s.face.n[LAST] = -1
    s.face.n[HOLDS] = 0
    s.face.n[DIRTY] = 1


@entry
def misplaced(s: State) -> np.ndarray:
    """Return (n,) which jobs find no nodes on the empty cluster, however long they wait.

    No job may have begun.
    """
    jobs, now_s = s.jobs, s.face.t[NOW]
    out = np.zeros(jobs.gpus.size, np.bool_)
    s.face.t[NOW] = np.inf
    for job in range(out.size):
        out[job] = jobs.state[job] == UNBORN and pick_joined(s, job, False) < 0
    s.face.t[NOW] = now_s
    return out
