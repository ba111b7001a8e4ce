"""GPUs more for an elastic job: what it asks for at a size, and where that is free.

What is found is lent, taken for the time of the search, so that no GPU is found twice.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.kernel.levels import give
from sim.kernel.pick import part
from sim.kernel.size import told_size
from sim.kernel.spans import find_in
from sim.state.handle import State


@jit
def room_on(s: State, job: int, node: int) -> int:
    """Return how many GPUs more a job could take on a node, with the cores and memory of each."""
    nodes, jobs = s.nodes, s.jobs
    if not nodes.up[node] or nodes.barred[node]:
        return 0
    many = nodes.free[node]
    if jobs.mcpu[job] > 0:
        many = min(many, nodes.mcpu_free[node] // (jobs.mcpu[job] // jobs.gpus[job]))
    if jobs.mem_bytes[job] > 0:
        many = min(many, nodes.mem_free[node] // (jobs.mem_bytes[job] // jobs.gpus[job]))
    return int(max(many, 0))


@jit
def largest(s: State, kind: int, need: int) -> int:
    """Return the most GPUs free on any one node of a kind, at most `need`."""
    f = s.kinds.size[kind]
    while f > 0 and s.kinds.many[kind, f] == 0:
        f -= 1
    return int(min(f, need))


@jit
def lend(s: State, job: int, node: int, gpus: int) -> None:
    """Take GPUs of a node, and what goes with them, for the time of a search; negative: give."""
    mcpu = part(s.jobs.mcpu[job], gpus, s.jobs.gpus[job], 1)
    size = part(s.jobs.mem_bytes[job], gpus, s.jobs.gpus[job], 1)
    give(s, node, -gpus, -mcpu, -size)


@jit
def put(node: np.ndarray, chunk: np.ndarray, n: int, where: int, gpus: int) -> int:
    """Add GPUs to the chunk on a node, one more if there is none yet; return how many there are."""
    for i in range(n):
        if node[i] == where:
            chunk[i] += gpus
            return n
    node[n], chunk[n] = where, gpus
    return n + 1


@jit
def found(s: State, job: int, kind: int, need: int) -> bool:
    """Return whether so many GPUs more are free for a job, as placement likes it, in `s.pick`."""
    old = s.jobs.gpus[job]
    told_size(s, job, need)
    yes = find_in(s, job, kind, False)
    told_size(s, job, old)
    return bool(yes)


@jit
def gather(
    s: State, job: int, kind: int, need: int, node: np.ndarray, chunk: np.ndarray, n: int
) -> tuple[int, int]:
    """Find up to `need` GPUs of a kind where placement has them all, else in the largest pieces.

    They are added to the `n` chunks given, and stay lent: return how many chunks and GPUs it found.
    """
    more, piece = 0, need
    while piece > 0 and s.kinds.free[kind] > 0:
        if not found(s, job, kind, piece):
            piece = min(largest(s, kind, piece), piece - 1)
            continue
        for i in range(s.pick.n[0]):
            n = put(node, chunk, n, s.pick.node[i], s.pick.gpus[i])
            lend(s, job, s.pick.node[i], s.pick.gpus[i])
        more += piece
        piece = need - more
    return n, more


@jit
def give_back(s: State, job: int, node: np.ndarray, chunk: np.ndarray, n: int) -> None:
    """Give back what was lent for the time of a search."""
    for i in range(n):
        if chunk[i] > 0:
            lend(s, job, node[i], -chunk[i])
