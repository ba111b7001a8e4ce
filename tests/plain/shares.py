"""The plain simulator where devices are told apart: shares of GPUs, and placements that score.

Nothing is remembered: each node is scored anew for each job. Jobs have `milli` besides.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from tests.plain.plain import INF, Plain, split


@dataclass
class Look:
    """A node as it is, or as it would be."""

    devices: list
    mcpu: float
    mem: float
    held: Counter = field(default_factory=Counter)

    def copy(self):
        return Look(list(self.devices), self.mcpu, self.mem, Counter(self.held))

    @property
    def whole(self):
        return sum(d == 1000 for d in self.devices)

    def take(self, job, gpus, devices, sign):
        mcpu, mem = split(job, gpus)
        self.mcpu -= sign * mcpu
        self.mem -= sign * mem
        for d in devices:
            self.devices[d] -= sign * job["milli"]
            assert 0 <= self.devices[d] <= 1000
        if gpus:
            self.held[gpus if job["milli"] == 1000 else "share"] += sign


class Shares(Plain):
    def __init__(self, nodes, jobs, rule, place, score=None, tries=False):
        super().__init__(nodes, jobs, rule, place)
        self.score, self.tries = score, tries
        self.looks = {n.number: Look([1000] * n.size, n.mcpu, n.mem) for n in nodes}

    def free(self):
        return {number: look.copy() for number, look in self.looks.items()}

    def fits(self, job, node, gpus, free, limit):
        look = free[node.number]
        mcpu, mem = split(job, gpus)
        ok = sum(d >= job["milli"] for d in look.devices) >= gpus
        ok = ok and (not job["mcpu"] or look.mcpu >= mcpu) and (not job["mem"] or look.mem >= mem)
        if ok and limit is not None and node.number in limit:
            most = limit[node.number]
            ok = most[0] >= gpus and (not job["mcpu"] or most[1] >= mcpu)
            ok = ok and (not job["mem"] or most[2] >= mem)
        return ok

    def choose(self, job, nodes, gpus, many, free, limit, runs):
        good = [n for n in nodes if self.fits(job, n, gpus, free, limit)]
        if len(good) < many:
            return None
        if runs:
            return self.in_runs(good, many)
        if self.score:
            good.sort(key=lambda n: -self.worth(job, n, gpus, free[n.number]))
        elif self.place == "pack":
            good.sort(key=lambda n: (free[n.number].whole, n.number))
        elif self.place == "spread":
            good.sort(key=lambda n: (-free[n.number].whole, n.number))
        return good[:many]

    def on_kind(self, job, kind, free, limit):
        nodes = [n for n in self.nodes if n.kind == kind]
        chunks = self.shape(job, nodes[0].size)
        full = [c for c in chunks if c == chunks[0]]
        got = self.choose(job, nodes, full[0], len(full), free, limit, self.place == "consecutive")
        if got is None:
            return None
        out = [(n, full[0]) for n in got]
        for rest in chunks[len(full) :]:
            others = [n for n in nodes if n not in got]
            last = self.choose(job, others, rest, 1, free, limit, False)
            if last is None:
                return None
            out.append((last[0], rest))
        return out

    def where(self, job, free=None, barrier=None):
        if not self.score:
            return super().where(job, free, barrier)
        free = self.free() if free is None else free
        here = {n.kind: n.size for n in self.nodes}
        for speed in sorted(set(job["speed"].values()), reverse=True):
            kinds = [k for k in sorted(job["speed"]) if job["speed"][k] == speed and k in here]
            late = bool(barrier) and self.now + job["wall"] / speed > barrier["at"]
            limit = barrier["limit"] if late else None
            kinds = [
                k
                for k in kinds
                if not (late and barrier["kind"] == k and job["gpus"] > barrier["spare"])
            ]
            one = [n for n in self.nodes if n.kind in kinds and len(self.shape(job, n.size)) == 1]
            gpus = job["gpus"]
            got = self.choose(job, one, gpus, 1, free, limit, False)
            if got is not None:
                return got[0].kind, [(got[0], gpus)]
            for kind in kinds:
                if len(self.shape(job, here[kind])) > 1:
                    out = self.on_kind(job, kind, free, limit)
                    if out is not None:
                        return kind, out
        return None

    def which(self, job, node, gpus, look):
        """Return the devices that a chunk takes."""
        room = [d for d in range(node.size) if look.devices[d] >= job["milli"]]
        if self.tries and gpus == 1 and job["milli"] < 1000:
            return [max(room, key=lambda d: (self.score(self, job, node, gpus, look, [d]), -d))]
        return sorted(room, key=lambda d: (look.devices[d], d))[:gpus]

    def worth(self, job, node, gpus, look):
        return self.score(self, job, node, gpus, look, self.which(job, node, gpus, look))

    def start(self, j, kind, got):
        job = self.jobs[j]
        held = []
        for node, gpus in got:
            look = self.looks[node.number]
            devices = self.which(job, node, gpus, look)
            look.take(job, gpus, devices, 1)
            held.append((node, gpus, devices))
        speed = job["speed"][kind]
        end = self.now + job["work"] / speed
        self.rows += [[j, node.number, gpus, self.now, end, "-".join(map(str, sorted(devices)))]
                      for node, gpus, devices in held]  # fmt: skip
        self.running[j] = {"end": end, "expect": self.now + job["wall"] / speed, "kind": kind,
                           "got": got, "held": held}  # fmt: skip
        self.queue.remove(j)

    def stop(self, j):
        for node, gpus, devices in self.running.pop(j)["held"]:
            self.looks[node.number].take(self.jobs[j], gpus, devices, -1)

    def released(self, free, jobs):
        for j in jobs:
            for node, gpus, devices in self.running[j]["held"]:
                free[node.number].take(self.jobs[j], gpus, devices, -1)

    def by_counts(self):
        for n in self.nodes:
            n.free = self.looks[n.number].whole
        return super().by_counts()

    def by_nodes(self):
        head, free = self.jobs[self.queue[0]], self.free()
        for at, jobs in self.ahead():
            self.released(free, jobs)
            got = self.where(head, free)
            if got is not None:
                limit = {}
                for node, gpus in got[1]:
                    mcpu, mem = split(head, gpus)
                    look = free[node.number]
                    limit[node.number] = (look.whole - gpus, look.mcpu - mcpu, look.mem - mem)
                return {"at": at, "kind": got[0], "spare": INF, "limit": limit}
        return {"at": INF, "kind": None, "spare": INF, "limit": {}}


# ---- what nodes are scored by, from the definitions; each (simulator, job, node, gpus, look, devices)
def resources(job, node, gpus, look, weights):
    """Yield (weight, used with the job, has) of what counts."""
    mcpu, mem = split(job, gpus)
    if weights[0] and node.mcpu < INF:
        yield weights[0], node.mcpu - look.mcpu + mcpu, node.mcpu
    if weights[1] and node.mem < INF:
        yield weights[1], node.mem - look.mem + mem, node.mem
    if weights[2] and gpus:
        yield (
            weights[2],
            1000 * node.size - sum(look.devices) + gpus * job["milli"],
            1000 * node.size,
        )


def most(weights):
    def score(_, job, node, gpus, look, devices):
        found = list(resources(job, node, gpus, look, weights))
        total = sum(w * (100 * used // has) for w, used, has in found)
        return total // sum(w for w, _, _ in found) if found else 0

    return score


def least(weights):
    def score(_, job, node, gpus, look, devices):
        found = list(resources(job, node, gpus, look, weights))
        total = sum(w * (100 * (has - used) // has) for w, used, has in found)
        return total // sum(w for w, _, _ in found) if found else 0

    return score


def line(points, x):
    if x <= points[0][0]:
        return 10 * points[0][1]
    for (a, fa), (b, fb) in pairwise(points):
        if x <= b:
            return 10 * fa + math.trunc(10 * (fb - fa) * (x - a) / (b - a))
    return 10 * points[-1][1]


def ratio(points, weights):
    def score(_, job, node, gpus, look, devices):
        found = [
            (w, line(points, 100 * used // has))
            for w, used, has in resources(job, node, gpus, look, weights)
        ]
        found = [(w, s) for w, s in found if s > 0]
        if not found:
            return 0
        return math.floor(sum(w * s for w, s in found) / sum(w for w, _ in found) + 0.5)

    return score


def balanced(weights):
    def score(_, job, node, gpus, look, devices):
        full = [min(used / has, 1.0) for _, used, has in resources(job, node, gpus, look, weights)]
        if len(full) < 2:
            return 100
        if len(full) == 2:
            return int((1 - abs((full[0] - full[1]) / 2)) * 100)
        mean = sum(full) / len(full)
        return int((1 - math.sqrt(sum((f - mean) * (f - mean) for f in full) / len(full))) * 100)

    return score


def left(sim, job, node, gpus, look, devices):
    cores = max((n.mcpu for n in sim.nodes if n.mcpu < INF), default=1.0)
    size = 1000 * max(n.size for n in sim.nodes)
    rest = 0.0
    if node.mcpu < INF:
        rest = (look.mcpu - split(job, gpus)[0]) / cores * 0.5
    rest += (sum(look.devices) - gpus * job["milli"]) / size * 0.5
    return int((1 - rest) * 100)


def dot(sim, job, node, gpus, look, devices):
    cores = max((n.mcpu for n in sim.nodes if n.mcpu < INF), default=1.0)
    size = 1000 * max(n.size for n in sim.nodes)
    product = 0.0
    if node.mcpu < INF:
        product = (look.mcpu / cores) * (split(job, gpus)[0] / cores)
    product += (sum(look.devices) / size) * (gpus * job["milli"] / size)
    return int(100 * (1 - product / 2))


def packing(sim, job, node, gpus, look, devices):
    if not gpus:
        return 0
    if look.whole == node.size:
        return max(33 - node.size, node.size)
    fresh = sum(look.devices[d] == 1000 for d in devices)
    if fresh:
        return max(50 - fresh, 33)
    return max(100 - sum(look.devices[d] // 10 for d in devices) // 10, 50)


def clustering(sim, job, node, gpus, look, devices):
    if not gpus:
        return 0
    size = 1000 * max(n.size for n in sim.nodes)
    base = 25 * (size - sum(look.devices)) // size
    classes = {k for k, n in look.held.items() if n > 0}
    mine = gpus if job["milli"] == 1000 else "share"
    if mine in classes:
        return base + (75 if len(classes) == 1 else 50)
    return base if classes else base + 25


def fragment(wishes, kinds):
    """Return the score of FGD; wishes are (share, mcpu, gpus, milli, types) in order."""

    def lost(node, mcpu, devices):
        total, by = float(sum(devices)), [0.0] * 6
        for share, cores, gpus, milli, types in wishes:
            enough = cores <= mcpu
            fits = gpus and sum(d >= milli for d in devices) >= gpus
            if not gpus:
                by[3 if enough else 4] += share * total
            elif types and kinds[node.kind] not in types:
                by[5] += share * total
            elif fits and enough:
                by[1] += share * float(sum(d for d in devices if d < milli))
            elif fits:
                by[2] += share * total
            else:
                by[1 if enough else 0] += share * total
        return ((((by[0] + by[1]) + by[2]) + by[3]) + by[4]) + by[5]

    def score(_, job, node, gpus, look, devices):
        after = list(look.devices)
        for d in devices:
            after[d] -= job["milli"]
        gain = lost(node, look.mcpu, look.devices)
        gain -= lost(node, look.mcpu - split(job, gpus)[0], after)
        return int(1 / (1 + math.exp(-gain / 1000)) * 100)

    return score
