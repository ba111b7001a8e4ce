"""What a node may be scored by: each term a whole number from 0 to 100, greater is better.

Each answers for a chunk of `gpus` GPUs of a job on a node that has room for it.
"""

from __future__ import annotations

import math

from sim.kernel.devices import free_of, look, shares
from sim.kernel.jit import jit
from sim.kernel.pick import part
from sim.state.columns import PLENTY, WHOLE
from sim.state.handle import State
from sim.state.words import Term

FRAGMENT, LEFT, DOT, PACKING, CLUSTERING, MOST, LEAST, SHAPE, BALANCE = (int(t) for t in Term)


@jit
def cores_of(s: State, job: int, gpus: int) -> int:
    """Return the thousandths of a core that go with a chunk."""
    return part(s.jobs.mcpu[job], gpus, s.jobs.gpus[job], s.jobs.chunks[job])


@jit
def bytes_of(s: State, job: int, gpus: int) -> int:
    """Return the memory that goes with a chunk."""
    return part(s.jobs.mem_bytes[job], gpus, s.jobs.gpus[job], s.jobs.chunks[job])


@jit
def fragments(s: State, node: int, mcpu: int, total: int) -> float:
    """Return the GPUs, in thousandths, that typical jobs could not use on a node so filled.

    The node's devices lie in `s.cache.room`, `total` on them together, with `mcpu` beside. For one
    typical job: all that is free if it wants no GPU, may not run here or does not fit, else what is
    free on the devices too full for it. The mean over typical jobs, summed by reason, in order.

    Source: Q. Weng et al., Beware of Fragmentation, USENIX ATC 2023, section 4.2.
    Neglects: memory.
    """
    score, cache = s.score, s.cache
    for j in range(score.sizes.size):
        n, short = 0, 0
        for d in range(s.nodes.gpus[node]):
            if cache.room[d] >= score.sizes[j]:
                n += 1
            else:
                short += cache.room[d]
        cache.able[j], cache.short_milli[j] = n, short
    kind, everything = s.nodes.kind[node], float(total)
    neither, short_of, no_cores, bare, bare_no_cores, barred = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(score.often.size):
        often, j, cores = score.often[i], score.size[i], mcpu >= score.mcpu[i]
        if j < 0:
            if cores:
                bare += often * everything
            else:
                bare_no_cores += often * everything
        elif not score.allowed[i, kind]:
            barred += often * everything
        elif cache.able[j] >= score.gpus[i]:
            if cores:
                short_of += often * float(cache.short_milli[j])
            else:
                no_cores += often * everything
        elif cores:
            short_of += often * everything
        else:
            neither += often * everything
    return neither + short_of + no_cores + bare + bare_no_cores + barred


@jit
def fragment(s: State, job: int, node: int, gpus: int, mask: int) -> int:
    """Return 100 sigmoid(fragments before - after, in GPUs), if the chunk takes these devices."""
    rank, mcpu = s.nodes.rank[node], s.nodes.mcpu_free[node]
    if s.cache.fragment_at[node] != s.devices.change[rank]:
        s.cache.fragment[node] = fragments(s, node, mcpu, look(s, node, 0, 0))
        s.cache.fragment_at[node] = s.devices.change[rank]
    total = look(s, node, mask, s.jobs.milli[job])
    after = fragments(s, node, mcpu - cores_of(s, job, gpus), total)
    gain = (s.cache.fragment[node] - after) / 1000.0
    return int(1.0 / (1.0 + math.exp(-gain)) * 100.0)


@jit
def left(s: State, job: int, node: int, gpus: int) -> int:
    """Return 100 (1 - half of each of what would be left of cores and GPUs, of one whole)."""
    rest = 0.0
    if s.nodes.mcpu[node] < PLENTY:
        mcpu = s.nodes.mcpu_free[node] - cores_of(s, job, gpus)
        rest += float(mcpu) / s.score.scale_mcpu * 0.5
    milli = free_of(s, node) - s.jobs.milli[job] * gpus
    rest += float(milli) / s.score.scale_milli * 0.5
    return max(int((1.0 - rest) * 100.0), 0)


@jit
def dot(s: State, job: int, node: int, gpus: int) -> int:
    """Return 100 (1 - half the product of what is free and what is asked, of one whole each)."""
    product = 0.0
    if s.nodes.mcpu[node] < PLENTY:
        free, mcpu = float(s.nodes.mcpu_free[node]), float(cores_of(s, job, gpus))
        product += (free / s.score.scale_mcpu) * (mcpu / s.score.scale_mcpu)
    free, milli = float(free_of(s, node)), float(s.jobs.milli[job] * gpus)
    product += (free / s.score.scale_milli) * (milli / s.score.scale_milli)
    return max(int(100.0 * (1.0 - product / 2.0)), 0)


@jit
def packing(s: State, job: int, node: int, gpus: int, mask: int) -> int:
    """Return 50 to 100 if only used devices are taken, 33 to 50 if free ones, less on idle nodes.

    Within these, the fuller the devices, the fewer taken whole and the smaller the node, the
    better; 0 for a job without GPUs.
    """
    if gpus == 0:
        return 0
    size = s.nodes.gpus[node]
    if s.nodes.free[node] == size:
        return max(33 - size, size)
    fresh, used = 0, 0
    for d in range(size):
        if mask >> d & 1:
            free = s.devices.free_milli[node, d]
            if free == WHOLE:
                fresh += 1
            used += free * 100 // WHOLE
    if fresh > 0:
        return max(50 - fresh, 33)
    return max(100 - used // 10, 50)


@jit
def clustering(s: State, job: int, node: int, gpus: int) -> int:
    """Return how full the node is, of 25, and for whom it holds: 75 more if only jobs of this size.

    50 more if such jobs among others, 25 if nobody; 0 for a job without GPUs.
    """
    if gpus == 0:
        return 0
    scale = s.score.scale_milli
    base = max(int(25.0 * (scale - free_of(s, node)) / scale), 0)
    sizes = 0
    for k in range(s.devices.held.shape[1]):
        if s.devices.held[node, k] > 0:
            sizes += 1
    if s.devices.held[node, 0 if shares(s, job) else gpus] > 0:
        return base + (75 if sizes == 1 else 50)
    return base + 25 if sizes == 0 else base


@jit
def asked(s: State, job: int, node: int, gpus: int, resource: int) -> tuple[int, int]:
    """Return what would be taken of cores (0), memory (1) or GPUs (2) of a node, and what it has.

    It has 0 of what is not counted here, or is not scored, or is a GPU that the job does not ask.
    """
    nodes = s.nodes
    if s.score.resource[resource] == 0:
        return 0, 0
    if resource == 0:
        has, free = nodes.mcpu[node], nodes.mcpu_free[node]
        return (has - free + cores_of(s, job, gpus), has) if has < PLENTY else (0, 0)
    if resource == 1:
        has, free = nodes.mem_bytes[node], nodes.mem_free[node]
        return (has - free + bytes_of(s, job, gpus), has) if has < PLENTY else (0, 0)
    if gpus == 0:
        return 0, 0
    has = nodes.gpus[node] * WHOLE
    return has - free_of(s, node) + gpus * s.jobs.milli[job], has


@jit
def shaped(s: State, pct: int) -> int:
    """Return the worth, 0 to 100, of being so full: straight lines between the points.

    Divided towards 0, as Go does.
    """
    at, worth = s.score.used_pct, s.score.worth
    for i in range(at.size):
        if pct <= at[i]:
            if i == 0:
                return int(worth[0] * 10)
            rise, run = (worth[i] - worth[i - 1]) * 10 * (pct - at[i - 1]), at[i] - at[i - 1]
            step = abs(rise) // run
            return int(worth[i - 1] * 10 + (step if rise >= 0 else -step))
    return int(worth[at.size - 1] * 10)


@jit
def filled(s: State, job: int, node: int, gpus: int, term: int) -> int:
    """Return MOST, LEAST or SHAPE: the weighted mean over the resources that the node has.

    Source: kube-scheduler, noderesources: most_allocated.go, least_allocated.go,
    requested_to_capacity_ratio.go. Neglects: its default requests for jobs that ask for nothing.
    """
    total, weights = 0, 0
    for r in range(3):
        want, has = asked(s, job, node, gpus, r)
        if has == 0:
            continue
        weight, full = s.score.resource[r], want * 100 // has
        if term == LEAST:
            full = (has - want) * 100 // has
        elif term == SHAPE:
            full = shaped(s, full)
            if full == 0:
                continue
        total += weight * full
        weights += weight
    if weights == 0:
        return 0
    if term == SHAPE:
        return int((2 * total + weights) // (2 * weights))  # rounded, halves up
    return int(total // weights)


@jit
def balance(s: State, job: int, node: int, gpus: int) -> int:
    """Return 100 (1 - the standard deviation of how full the node's resources would be).

    Source: kube-scheduler, noderesources/balanced_allocation.go.
    """
    n, total = 0, 0.0
    for r in range(3):
        want, has = asked(s, job, node, gpus, r)
        if has > 0:
            n += 1
            total += min(want / has, 1.0)
    if n < 2:
        return 100
    mean, squares = total / n, 0.0
    first, last = -1.0, 0.0
    for r in range(3):
        want, has = asked(s, job, node, gpus, r)
        if has > 0:
            last = min(want / has, 1.0)
            if first < 0.0:
                first = last
            squares += (last - mean) * (last - mean)
    if n == 2:
        return int((1.0 - abs((first - last) / 2.0)) * 100.0)
    return int((1.0 - math.sqrt(squares / n)) * 100.0)
