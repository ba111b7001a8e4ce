"""How the run went over time: exact means over equal bins."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sim import table
from sim.results.segments import F8, Segments, held, outages, runs, waits
from sim.state import State
from sim.state.columns import WHOLE

BINS = 1000
BUSY = 0.0005
"""GPUs held that make a node partly busy: less than the smallest share."""


def area(segments: Segments, edges_s: F8) -> F8:
    """Return the weight times seconds that lies before each edge, (edges,).

        A(t) = sum of w (max(0, t - begin) - max(0, t - end))

    exactly, by counting begins and ends a bin. The edges are equally spaced from 0.
    """
    width_s, bins = edges_s[1] - edges_s[0], len(edges_s) - 1
    total = np.zeros(len(edges_s))
    for at_s, sign in ((segments.begin_s, 1.0), (segments.end_s, -1.0)):
        place = np.minimum((at_s / width_s).astype(np.int64), bins)
        many = np.bincount(place, segments.weight, bins + 1)[:bins]
        moment = np.bincount(place, segments.weight * at_s, bins + 1)[:bins]
        before = np.concatenate([[0.0], np.cumsum(many)])
        total += sign * (edges_s * before - np.concatenate([[0.0], np.cumsum(moment)]))
    return total


def means(segments: Segments, edges_s: F8) -> F8:
    """Return the mean weight in each bin, (bins,)."""
    mean: F8 = np.maximum(np.diff(area(segments, edges_s)) / np.diff(edges_s), 0.0)
    return mean


def fragmentation(state: State, edges_s: F8, end_s: float) -> F8:
    """Return, just before each bin, the share of free GPUs that lie on partly busy nodes.

    0 where nothing is free. Nodes that are down have nothing free.
    """
    gpus, bins = state.nodes.gpus.astype(float), len(edges_s) - 1
    width_s = edges_s[1] - edges_s[0]
    times, nodes, change = [], [], []
    for part, node in (held(state, end_s), outages(state, end_s)):
        times += [part.begin_s, part.end_s]
        nodes += [node, node]
        change += [part.weight, -part.weight]
    place = np.minimum((np.concatenate(times) / width_s).astype(np.int64), bins - 1)
    order = np.argsort(place.astype(np.uint16), kind="stable")
    node, step = np.concatenate(nodes)[order], np.concatenate(change)[order]
    cut = np.searchsorted(place[order], np.arange(bins + 1))
    busy, out = np.zeros(len(gpus)), np.zeros(bins)
    for k in range(bins):
        free = gpus - busy
        if free.sum() > 0.0:
            out[k] = free[(busy > BUSY)].sum() / free.sum()
        now = slice(cut[k], cut[k + 1])
        busy += np.bincount(node[now], step[now], len(gpus))
    return out


def timeline(state: State, end_s: float, first: int) -> pa.Table:
    """Return the TIMELINE table of a run that ended at `end_s`; empty if no time has passed.

    Jobs from `first` on are replicas of services.
    """
    bins = BINS if end_s > 0.0 else 0
    if bins == 0:
        return table.schema(table.TIMELINE).empty_table()
    edges_s = np.linspace(0.0, end_s, bins + 1)
    installed = float(state.nodes.gpus.sum())
    waiting, who = waits(state, end_s)
    wide = waiting._replace(weight=state.jobs.gpus[who] * (state.jobs.milli[who] / WHOLE))
    more = {}
    if first < len(state.jobs.gpus):
        whose = state.ledger.job[: int(state.ledger.n[0])]
        serves = held(state, end_s)[0]
        weight = np.where(whose[whose >= 0] >= first, serves.weight, 0.0)
        more["serving_gpus"] = means(serves._replace(weight=weight), edges_s)
    return table.from_numpy(
        table.TIMELINE,
        more
        | {
            "time_s": edges_s[:-1],
            "busy_gpus": means(held(state, end_s)[0], edges_s),
            "up_gpus": installed - means(outages(state, end_s)[0], edges_s),
            "running_jobs": means(runs(state, end_s)[0], edges_s),
            "waiting_jobs": means(waiting, edges_s),
            "waiting_gpus": means(wide, edges_s),
            "fragmentation": fragmentation(state, edges_s, end_s),
        },
    )
