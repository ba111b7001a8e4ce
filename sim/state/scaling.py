"""What scalers see, and what they answer: of replicas of a service, of nodes of pools."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.state.arrays import B1, F8, I8

NOTHING: F8 = np.zeros((0, 3))
"""Notes before the first asking."""


class Scrapes(NamedTuple):
    """Metrics of a service, a row a scrape interval, oldest first, (k,).

    Only intervals that a real autoscaler has seen by now: those that ended at least the metrics'
    lag ago. Sums are over the interval and all replicas; means of nothing are NaN. Of a request
    that was thrown out of a batch the tokens that it had count in that interval, the rest and all
    its time in that of its end.
    """

    time_s: F8  # end of the interval
    arrivals: F8  # requests that came
    prompt_tokens: F8  # of these
    output_tokens: F8  # of those answered in full: nobody knows an answer's length before
    ended: F8  # requests that were answered in full
    running: F8  # requests in batches, over all ready replicas, mean over time
    waiting: F8  # requests in queues of ready replicas, and where none is ready, mean over time
    kv_share: F8  # KV memory in use, mean over ready replicas, 0 to 1
    ready: F8  # replicas that accept requests, at the end of the interval
    ttft_s: F8  # mean over the requests that had their first token
    tpot_s: F8  # mean over the requests that ended


class Demand(NamedTuple):
    """Requests yet to come, a row an interval, (m,); only the oracle is told."""

    time_s: F8  # end of the interval
    arrivals: F8
    prompt_tokens: F8  # sum over these
    output_tokens: F8


class Replica(NamedTuple):
    """What a replica is: its step time as `sim.engine.serving.StepTime`, its limits, its SLO."""

    decode_s: tuple[float, float, float]
    mixed_s: tuple[float, float, float, float, float]
    batch: int  # sequences at most
    kv_tokens: int
    gpus: int
    cold_start_s: float  # from asking to ready, as known beforehand
    ttft_slo_s: float
    tpot_slo_s: float


class Seen(NamedTuple):
    """What an autoscaler sees of a service: its metrics late, its replicas as they are now."""

    now_s: float
    ready: int  # accept requests
    starting: int  # asked for, not ready: waiting for GPUs, fetching, warming up
    draining: int  # told to stop, still answering; not counted in any wish
    least: int
    most: int
    scrape_s: float  # length of an interval
    scrapes: Scrapes
    replica_running: F8  # (n,) of the replicas that were ready at the last scrape seen
    replica_waiting: F8  # (n,)
    replica_kv_share: F8  # (n,)
    replica: Replica
    ahead: Demand | None = None  # of a policy with `sees_ahead`; None to all others
    name: str = ""  # of the service, or service/pool


class Wish(NamedTuple):
    """How many replicas there should be, started ones included, and what to hand in next time."""

    replicas: int
    notes: F8  # (rows, 3): what, when_s, value


class PoolsSeen(NamedTuple):
    """What a node scaler sees of pools it may grow and shrink, (p,)."""

    gpus: I8  # of a node
    cpus: F8  # of a node
    node_h_usd: F8  # of a node
    ready: I8  # nodes
    booting: I8  # nodes asked for, not ready
    least: I8
    most: I8


class NodesSeen(NamedTuple):
    """The nodes that are up, (n,)."""

    node: I8  # its number, the same all along
    pool: I8
    free_gpus: I8
    free_cpus: F8
    idle_since_s: F8  # inf: jobs run on it
    movable: B1  # all that runs on it may be stopped and placed anew


class WaitingSeen(NamedTuple):
    """Jobs that have found no place, in the queue's order, (w,)."""

    nodes: I8  # a gang of so many nodes, all or none
    gpus: I8  # on each of them
    cpus: F8  # on each of them
    allowed: B1  # (w, p) whether it may run in a pool
    since_s: F8  # when it could first have started


class FleetSeen(NamedTuple):
    """What a node scaler sees."""

    now_s: float
    pools: PoolsSeen
    nodes: NodesSeen
    waiting: WaitingSeen
    failed: I8  # (p,) nodes asked for since the last asking that will not come: stock-outs
    leaving: I8 | None = None  # (p,) nodes told to go that are not empty yet; None: none


class NodeWish(NamedTuple):
    """Which nodes come and go."""

    add: I8  # (p,) nodes to ask for
    remove: B1  # (n,) nodes to give back; what runs on them is told to leave
    notes: F8  # (rows, 3): what, when_s, value
    why: I8 | None = None  # (n,) a Going each, of those given back; None: nobody here needs them
    due_s: F8 | None = None  # (n,) instant by which others want them; None and nan: not told


__all__ = [
    "NOTHING",
    "Demand",
    "FleetSeen",
    "NodeWish",
    "NodesSeen",
    "PoolsSeen",
    "Replica",
    "Scrapes",
    "Seen",
    "WaitingSeen",
    "Wish",
]
