"""What jobs get of a leaf–spine fabric, slowly: all reckoned anew, from the ledger alone."""

from collections import defaultdict
from itertools import pairwise

from tests.plain import maxmin


def sent(per_node, leaf_of, leaf, pattern):
    """Return how many GPUs' NICs a job fills out of a leaf at full speed; per_node: GPUs of each."""
    where = [node for node, gpus in per_node.items() for _ in range(gpus)]
    least = min(per_node.values())
    inside = [leaf_of(node) == leaf for node in where]
    if all(inside) or not any(inside):
        return 0.0
    if pattern == "ring":
        return float(least)
    pairs = sum(a and not b for a in inside for b in inside)
    return pairs / (len(where) - least)


def slowness(d, share, o):
    """Return the time of a step of 1 alone: what is exposed, then compute beside the rest."""
    exposed, hidden = (1 - o) * d / share, o * d / share
    return exposed + max(1 - (1 - o) * d, hidden)


def level(capacity, own, others):
    """Return y of own y + sum of part use min(share, y) = capacity, by halving."""
    low, high = 0.0, 1.0

    def need(y):
        return own * y + sum(part * use * min(share, y) for use, part, share in others)

    if need(high) <= capacity:
        return high
    for _ in range(60):
        y = (low + high) / 2
        low, high = (y, high) if need(y) <= capacity else (low, y)
    return low


def shares(uses, capacity, duty, overlap):
    """Return what each job gets of its full speed; uses: {job: {link: use}}."""
    jobs = sorted(uses)
    if all(duty[j] == 1 and overlap[j] == 0 for j in jobs):
        paths = [list(uses[j]) for j in jobs]
        weights = [list(uses[j].values()) for j in jobs]
        one = [1.0] * len(jobs)
        return dict(zip(jobs, maxmin.rates(capacity, paths, weights, bound=one), strict=True))
    share = dict.fromkeys(jobs, 1.0)
    for _ in range(300):
        part = {j: duty[j] / share[j] / slowness(duty[j], share[j], overlap[j]) for j in jobs}
        moved = 0.0
        for j in jobs:
            new = min([1.0] + [
                level(capacity[x], use, [(uses[k][x], part[k], share[k])
                                         for k in jobs if k != j and x in uses[k]])
                for x, use in uses[j].items()
            ])  # fmt: skip
            moved = max(moved, abs(new - share[j]) / new)
            share[j] = new
            part[j] = duty[j] / new / slowness(duty[j], new, overlap[j])
        if moved < 1e-14:
            break
    return share


def done_work(result, nodes_per_leaf, leaf_capacity):
    """Return the work each job has done by its rows, and its time on several nodes.

    `leaf_capacity`: GPUs' NICs that a leaf's uplinks carry.
    """
    names = result.nodes.column("node").to_pylist()
    number = {name: i for i, name in enumerate(names)}
    about = {row["job_id"]: row for row in result.jobs.to_pylist()}
    runs = defaultdict(dict)
    for row in result.ledger.to_pylist():
        if row["job_id"] is not None and row["end_s"] > row["start_s"]:
            run = runs[row["job_id"], row["start_s"], row["end_s"]]
            node = number[row["node"]]
            run[node] = run.get(node, 0) + row["gpus"]

    def leaf_of(node):
        return node // nodes_per_leaf

    leaves = range(-(-len(names) // nodes_per_leaf))
    uses = {}
    for run, per_node in runs.items():
        pattern = about[run[0]]["comm_pattern"]
        uses[run] = {x: u for x in leaves if (u := sent(per_node, leaf_of, x, pattern))}
    done, known = defaultdict(float), {}
    marks = sorted({t for _, a, b in runs for t in (a, b)})
    for a, b in pairwise(marks):
        on = [run for run in runs if run[1] <= a < run[2]]
        talk = {run[0]: uses[run] for run in on
                if uses[run] and about[run[0]]["comm_fraction"] > 0}  # fmt: skip
        key = frozenset(run for run in on if run[0] in talk)
        if key not in known:
            duty = {j: about[j]["comm_fraction"] for j in talk}
            overlap = {j: about[j]["comm_overlap"] for j in talk}
            got = shares(talk, [leaf_capacity] * len(leaves), duty, overlap) if talk else {}
            known[key] = {j: slowness(duty[j], got[j], overlap[j]) for j in talk}
        for job, _, _ in on:
            done[job] += (b - a) / known[key].get(job, 1.0)
    return done
