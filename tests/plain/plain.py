"""The plain simulator: everything from scratch at every instant, in lists and dicts.

It shares no code with sim.kernel. One instant: ends, arrivals, those who give up, then one pass.
Jobs are dicts: submit, enter, cancel, gpus, nodes (asked, or None), each (GPUs a node, or None),
mcpu, mem, work, wall, speed (a dict kind -> speed, only kinds allowed).
"""

import math

INF = math.inf


class Node:
    def __init__(self, number, kind, size, mcpu=INF, mem=INF):
        self.number, self.kind, self.size = number, kind, size
        self.free, self.mcpu, self.mem = size, mcpu, mem


def split(job, gpus):
    """Return (milli-cores, bytes) that go with so many of a job's GPUs, rounded up."""

    def share(total):
        if job["gpus"] > 0:
            return -(-total * gpus // job["gpus"])
        return -(-total // max(job["nodes"] or 1, 1))

    return share(job["mcpu"]), share(job["mem"])


class Plain:
    def __init__(self, nodes, jobs, rule, place, key=None):
        self.nodes, self.jobs, self.rule, self.place = nodes, jobs, rule, place
        self.key = key or (lambda j: (jobs[j]["enter"], j))
        self.running, self.queue, self.rows = {}, [], []
        self.now = 0.0

    # ---- where would a gang go?
    def shape(self, job, size):
        """Return the chunks of a gang on nodes of a size."""
        gpus = job["gpus"]
        each = job["each"]
        if each is None and job["nodes"] and gpus:
            each = -(-gpus // job["nodes"])
        if gpus == 0:
            return [0] * (job["nodes"] or 1)
        each = min(gpus, size) if each is None else min(each, gpus)
        return [each] * (gpus // each) + ([gpus % each] if gpus % each else [])

    def fits(self, job, node, gpus, free, limit):
        mcpu, mem = split(job, gpus)
        have = free[node.number]
        ok = have[0] >= gpus and (not job["mcpu"] or have[1] >= mcpu)
        ok = ok and (not job["mem"] or have[2] >= mem)
        if ok and limit is not None and node.number in limit:
            most = limit[node.number]
            ok = most[0] >= gpus and (not job["mcpu"] or most[1] >= mcpu)
            ok = ok and (not job["mem"] or most[2] >= mem)
        return ok

    def choose(self, job, nodes, gpus, many, free, limit, runs):
        """Return `many` of the nodes for chunks of `gpus`, as placement likes them; None if not."""
        good = [n for n in nodes if self.fits(job, n, gpus, free, limit)]
        if len(good) < many:
            return None
        if runs:
            return self.in_runs(good, many)
        if self.place == "pack":
            good.sort(key=lambda n: (free[n.number][0], n.number))
        elif self.place == "spread":
            good.sort(key=lambda n: (-free[n.number][0], n.number))
        return good[:many]

    @staticmethod
    def in_runs(good, many):
        out, left = [], [n.number for n in good]
        by = {n.number: n for n in good}
        while many:
            runs = []
            for n in left:
                if runs and runs[-1][-1] == n - 1:
                    runs[-1].append(n)
                else:
                    runs.append([n])
            enough = [r for r in runs if len(r) >= many]
            best = min(enough, key=len) if enough else max(runs, key=len)
            take = best[:many]
            out += [by[n] for n in take]
            left = [n for n in left if n not in take]
            many -= len(take)
        return out

    def on_kind(self, job, kind, free, limit):
        """Return [(node, gpus)] on one kind of node, or None."""
        nodes = [n for n in self.nodes if n.kind == kind]
        chunks = self.shape(job, nodes[0].size)
        if sum(free[n.number][0] for n in nodes) < job["gpus"]:
            return None
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
        """Return (kind, [(node, gpus)]) on the fastest kind that takes the gang, or None."""
        free = self.free() if free is None else free
        for kind in sorted(job["speed"], key=lambda k: (-job["speed"][k], k)):
            if not any(n.kind == kind for n in self.nodes):
                continue
            limit = None
            if barrier and self.now + job["wall"] / job["speed"][kind] > barrier["at"]:
                if barrier["kind"] == kind and job["gpus"] > barrier["spare"]:
                    continue
                limit = barrier["limit"]
            got = self.on_kind(job, kind, free, limit)
            if got is not None:
                return kind, got
        return None

    def free(self):
        return {n.number: (n.free, n.mcpu, n.mem) for n in self.nodes}

    # ---- what happens
    def start(self, j, kind, got):
        job = self.jobs[j]
        for node, gpus in got:
            mcpu, mem = split(job, gpus)
            node.free, node.mcpu, node.mem = node.free - gpus, node.mcpu - mcpu, node.mem - mem
        speed = job["speed"][kind]
        end = self.now + job["work"] / speed
        rows = [[j, node.number, gpus, self.now, end] for node, gpus in got]
        self.rows += rows
        self.running[j] = {"end": end, "expect": self.now + job["wall"] / speed, "kind": kind,
                           "got": got}  # fmt: skip
        self.queue.remove(j)

    def stop(self, j):
        job = self.jobs[j]
        for node, gpus in self.running.pop(j)["got"]:
            mcpu, mem = split(job, gpus)
            node.free, node.mcpu, node.mem = node.free + gpus, node.mcpu + mcpu, node.mem + mem

    def ahead(self):
        """Return the running jobs by expected end, as [(instant, [jobs])]."""
        groups = {}
        for j in sorted(self.running, key=lambda j: (self.running[j]["expect"], j)):
            groups.setdefault(max(self.running[j]["expect"], self.now), []).append(j)
        return sorted(groups.items())

    def released(self, free, jobs):
        for j in jobs:
            for node, gpus in self.running[j]["got"]:
                mcpu, mem = split(self.jobs[j], gpus)
                a, b, c = free[node.number]
                free[node.number] = (a + gpus, b + mcpu, c + mem)

    # ---- start rules
    def dispatch(self):
        for j in list(self.queue):
            got = self.where(self.jobs[j])
            if got is None:
                break
            self.start(j, *got)
        depth, reserves = self.rule["depth"], self.rule["reserves"]
        if self.queue and depth and reserves == "all":
            self.conservative(depth)
        elif self.queue and depth:
            barrier = {"at": INF, "kind": None, "spare": INF, "limit": {}}
            if reserves == 1:
                barrier = self.by_nodes() if self.rule["nodes"] else self.by_counts()
            self.behind(depth, barrier)

    def behind(self, depth, barrier):
        for j in self.queue[1 : depth + 1]:
            job = self.jobs[j]
            got = self.where(job, barrier=barrier)
            if got is None:
                continue
            self.start(j, *got)
            if self.running[j]["expect"] > barrier["at"] and got[0] == barrier["kind"]:
                if not barrier["limit"]:
                    barrier["spare"] -= job["gpus"]
                for node, gpus in got[1]:
                    if node.number in barrier["limit"]:
                        a, b, c = barrier["limit"][node.number]
                        mcpu, mem = split(job, gpus)
                        barrier["limit"][node.number] = (a - gpus, b - mcpu, c - mem)

    def by_counts(self):
        head, free = self.jobs[self.queue[0]], {}
        for n in self.nodes:
            free[n.kind] = free.get(n.kind, 0) + n.free
        for at, jobs in self.ahead():
            touched = set()
            for j in jobs:
                free[self.running[j]["kind"]] += self.jobs[j]["gpus"]
                touched.add(self.running[j]["kind"])
            able = [k for k in touched if k in head["speed"] and free[k] >= head["gpus"]]
            if able:
                kind = max(able, key=lambda k: head["speed"][k])
                return {"at": at, "kind": kind, "spare": free[kind] - head["gpus"], "limit": {}}
        return {"at": INF, "kind": None, "spare": INF, "limit": {}}

    def by_nodes(self):
        head, free = self.jobs[self.queue[0]], self.free()
        for at, jobs in self.ahead():
            self.released(free, jobs)
            got = self.where(head, free)
            if got is not None:
                limit = {}
                for node, gpus in got[1]:
                    mcpu, mem = split(head, gpus)
                    a, b, c = free[node.number]
                    limit[node.number] = (a - gpus, b - mcpu, c - mem)
                return {"at": at, "kind": got[0], "spare": INF, "limit": limit}
        return {"at": INF, "kind": None, "spare": INF, "limit": {}}

    def conservative(self, depth):
        """Plan by counts: usage[kind] is a list of (from, to, gpus) over free capacity to come."""
        total, taken = {}, {}
        for n in self.nodes:
            total[n.kind] = total.get(n.kind, 0) + n.size
            taken.setdefault(n.kind, [])
        for r in self.running:
            run = self.running[r]
            soon = math.nextafter(self.now, INF)
            held = sum(g for _, g in run["got"])
            taken[run["kind"]].append((self.now, max(run["expect"], soon), held))

        def earliest(kind, gpus, lasts):
            marks = sorted({self.now} | {b for part in taken.values() for _, b, _ in part})
            for a in marks:
                edges = [a] + [x for t in taken[kind] for x in t[:2] if a < x < a + lasts]
                if all(total[kind] - sum(g for p, q, g in taken[kind] if p <= e < q) >= gpus
                       for e in edges):  # fmt: skip
                    return a
            return INF

        for j in self.queue[: depth + 1]:
            job, best = self.jobs[j], None
            for kind in sorted(job["speed"], key=lambda k: (-job["speed"][k], k)):
                if kind in total:
                    lasts = job["wall"] / job["speed"][kind]
                    at = earliest(kind, job["gpus"], lasts)
                    if at < INF and (best is None or at < best[0]):
                        best = (at, kind, lasts)
            if best is None:
                continue
            at, kind, lasts = best
            got = self.on_kind(job, kind, self.free(), None) if at == self.now else None
            if got is not None:
                self.start(j, kind, got)
            taken[kind].append((at, at + lasts, job["gpus"]))

    def asked_again(self, j):
        """Return when time alone may let a waiting job start; inf is never."""
        return INF

    def run(self):
        """Return the rows [job, node, gpus, start, end] in order of start."""
        coming = sorted(range(len(self.jobs)), key=lambda j: (self.jobs[j]["enter"], j))
        gone = set()
        while True:
            instants = [r["end"] for r in self.running.values()]
            instants += [self.jobs[coming[0]]["enter"]] if coming else []
            waits = [j for j in range(len(self.jobs)) if j in self.queue or j in coming]
            instants += [self.jobs[j]["cancel"] for j in waits if self.jobs[j]["cancel"] < INF]
            instants += [at for at in map(self.asked_again, waits) if self.now < at < INF]
            if not instants:
                return self.rows
            self.now = min(instants)
            for j in sorted(j for j, r in self.running.items() if r["end"] == self.now):
                self.stop(j)
            while coming and self.jobs[coming[0]]["enter"] == self.now:
                self.queue.append(coming.pop(0))
            for j in waits:
                if self.jobs[j]["cancel"] == self.now:
                    gone.add(j)
                    self.queue = [k for k in self.queue if k != j]
                    coming = [k for k in coming if k != j]
            self.queue.sort(key=self.key)
            self.dispatch()
