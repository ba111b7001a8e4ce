"""What the choice of paths costs jobs on a fabric that blocks nobody."""

from __future__ import annotations

import numpy as np

from sim.kernel.flows import max_min
from topologies import AbstractRouting, Fabric


def ring_jobs(
    rng: np.random.Generator, nodes: int, moved: float, most: int, full: float = 0.95
) -> list[np.ndarray]:
    """Return the nodes of each job, in the order of its ring.

    Sizes are log-uniform from 2 to `most` nodes, side by side, until `full` of the nodes are taken;
    of all nodes a part `moved` is shuffled first, as when jobs come and go.
    """
    order = np.arange(nodes)
    some = rng.choice(nodes, int(moved * nodes), replace=False)
    order[np.sort(some)] = some
    jobs, used = [], 0
    while used < full * nodes:
        size = int(min(np.exp(rng.uniform(np.log(2), np.log(most + 1))), nodes - used))
        if size < 2:
            break
        jobs.append(order[used : used + size])
        used += size
    return jobs


def used_by(
    fabric: Fabric, routing: AbstractRouting, jobs: list[np.ndarray], rails: int, salt: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (first, link, weight): how many of each job's flows cross each link.

    Every GPU sends to its like on the next node of the ring.
    """
    size = [len(job) for job in jobs]
    src = np.repeat(np.concatenate(jobs), rails)
    dst = np.repeat(np.concatenate([np.roll(job, -1) for job in jobs]), rails)
    rail = np.tile(np.arange(rails), sum(size))
    job = np.repeat(np.repeat(np.arange(len(jobs)), size), rails)
    routes = routing.routes(fabric, src, dst, rail, salt)
    links = len(fabric.link_Bps)
    entry = np.repeat(job, np.diff(routes.start)) * links + routes.link
    key, which = np.unique(entry, return_inverse=True)
    first = np.searchsorted(key, np.arange(len(jobs) + 1) * links)
    return first, key % links, np.bincount(which, routes.weight)


def slowdowns(
    fabric: Fabric,
    routing: AbstractRouting,
    jobs: list[np.ndarray],
    rails: int,
    port_Bps: float,
    salt: int,
) -> np.ndarray:
    """Return how many times slower than alone each job sends, (jobs,): its slowest flow's pace."""
    first, link, weight = used_by(fabric, routing, jobs, rails, salt)
    return 1.0 / max_min(fabric.link_Bps, first, link, weight * port_Bps, bound_Bps=1.0)
