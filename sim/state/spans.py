"""Spans: which nodes lie together, and within what a gang must stay.

A table of domains, a row a level; what a level means does not matter to who reads it.
"""

from __future__ import annotations

import numpy as np

from sim.state.arrays import I8
from sim.state.columns import Jobs
from sim.state.inventory import Inventory
from sim.state.slices import Spans

SPANS = ("node", "rack", "pod", "any")
"""The words of a `job_request`'s span, narrowest first."""
LEVELS = SPANS[1:3]
KNOBS = ("cluster.gpus_per_node", "cluster.nodes_per_rack", "cluster.racks_per_pod")
"""What makes a node, a rack, a pod larger."""


def domains_of(inventory: Inventory) -> I8:
    """Return (levels, nodes) the number of the rack and of the pod of each node.

    Racks do not reach over pools, nor pods, unless pools name them.
    """
    rows: list[list[int]] = [[], []]
    first: list[dict[object, int]] = [{}, {}]
    many = [0, 0]
    for i, pool in enumerate(inventory.pools):
        alone = ("rack", pool.rack) if pool.rack is not None else i
        over = ("pod", pool.pod) if pool.pod is not None else alone
        at = np.arange(pool.nodes) // (
            pool.nodes if pool.rack else pool.nodes_per_rack or pool.nodes
        )
        above = at // (pool.nodes if pool.pod else pool.racks_per_pod or pool.nodes)
        for level, (key, number) in enumerate(((alone, at), (over, above))):
            if key not in first[level]:
                first[level][key] = many[level]
                many[level] += int(number[-1]) + 1
            rows[level] += (number + first[level][key]).tolist()
    return np.array(rows, np.int64)


def anywhere() -> Spans:
    """Return the table of a run in which no job asks for a span."""
    empty = np.zeros(0, np.int64)
    return Spans(False, np.zeros((0, 0), np.int64), empty, empty.copy())


def spans_of(span: np.ndarray, jobs: Jobs, inventory: Inventory) -> Spans:
    """Return within what each job must stay; `span` (n,) is a word of `SPANS`, or "".

    A gang that must stay on a node is made one chunk of: `jobs.chunk_gpus` is written.
    """
    single = span == "node"
    jobs.chunk_gpus[single] = jobs.gpus[single]
    jobs.chunks[single] = 1
    level = np.full(len(span), -1, np.int64)
    for i, word in enumerate(LEVELS):
        level[span == word] = i
    if (level < 0).all():
        return anywhere()
    domain = domains_of(inventory)
    return Spans(True, domain, domain.max(axis=1) + 1, level)
