"""Elastic jobs in lists and dicts; the fast ones give the same rows, byte for byte."""

import math

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.policies.elastic import AbstractElastic, Amdahl, EqualShares, Marginal
from sim.policies.placement import FirstFit, Pack
from sim.state import Inventory
from sim.workload import Given
from tests.conftest import gantt
from tests.plain.plain import INF, Node, Plain
from tests.plain.test_same import MIXED, RULES, SMALL, plain_jobs, workload

pytestmark = pytest.mark.rare

P = 0.9


def curve(g):
    return 1.0 / (1.0 - P + P / g)


def equal(jobs, gpus):
    """One GPU at a time to the job that has least."""
    sizes = [j["least"] for j in jobs]
    for _ in range(gpus - sum(sizes)):
        open_to = [i for i, j in enumerate(jobs) if sizes[i] < j["most"]]
        if not open_to:
            break
        sizes[min(open_to, key=lambda i: (sizes[i], i))] += 1
    return sizes


def marginal(jobs, gpus):
    """One GPU at a time to the job that it shortens most."""
    sizes = [j["least"] for j in jobs]

    def gain(i):
        def worth(g):
            return -jobs[i]["left"] / (curve(g) / curve(jobs[i]["told"]))

        return worth(sizes[i] + 1) - worth(sizes[i])

    for _ in range(gpus - sum(sizes)):
        open_to = [i for i, j in enumerate(jobs) if sizes[i] < j["most"] and gain(i) > 0.0]
        if not open_to:
            break
        sizes[max(open_to, key=lambda i: (gain(i), -i))] += 1
    return sizes


class Whimsical(AbstractElastic):
    """A policy that holds back, evicts and resizes by the clock: no kindness, all paths."""

    def __init__(self, refresh_s, cost_s):
        self.refresh_s, self.cost_s, self.speedup = refresh_s, cost_s, Amdahl(P)

    def sizes(self, jobs, gpus, now_s):
        return np.array([
            whim(row, int(a), int(b), now_s)
            for row, a, b in zip(jobs.row, jobs.least, jobs.most, strict=True)
        ])  # fmt: skip


def whim(row, least, most, now_s):
    draw = (row * 7919 + int(now_s) * 104729) % 101
    return 0 if draw < 15 else least + draw % (most - least + 1)


class Sized(Plain):
    """Plain, with jobs of changing size."""

    def __init__(self, nodes, jobs, rule, place, policy, every, cost):
        super().__init__(nodes, jobs, rule, place)
        self.policy, self.every, self.cost = policy, every, cost
        self.left = [j["work"] for j in jobs]
        self.due, self.last, self.aside = 0.0, -1.0, []
        for j in jobs:
            if j["least"] < j["most"]:
                j["mcpu"] = -(-j["mcpu"] // j["told"]) * j["told"]
                j["mem"] = -(-j["mem"] // j["told"]) * j["told"]
            j["told_wall"], j["factor"] = j["wall"], 1.0

    # ---- sizes and speeds
    def size(self, j, gpus):
        job = self.jobs[j]
        if gpus != job["gpus"]:
            for name in ("mcpu", "mem"):
                job[name] = job[name] // job["gpus"] * gpus
            job["gpus"] = gpus

    def pace(self, j, cost):
        job, run = self.jobs[j], self.running.get(j)
        job["factor"] = curve(job["gpus"]) / curve(job["told"])
        job["wall"] = job["told_wall"] / job["factor"]
        if run:
            self.settle(j)
            old, new = run["rate"], job["speed"][run["kind"]] * job["factor"]
            run["rate"] = new
            self.left[j] += cost * new
            run["expect"] = self.now + cost + (run["expect"] - self.now) * old / new
            run["end"] = self.now + self.left[j] / new

    def settle(self, j):
        run = self.running[j]
        self.left[j] = max(0.0, self.left[j] - (self.now - run["asof"]) * run["rate"])
        run["asof"] = self.now

    # ---- where
    def take(self, job, got, sign):
        for node, gpus in got:
            node.free -= sign * gpus
            if job["gpus"]:
                node.mcpu -= sign * -(-job["mcpu"] * gpus // job["gpus"])
                node.mem -= sign * -(-job["mem"] * gpus // job["gpus"])

    def start(self, j, kind, got):
        job = self.jobs[j]
        self.take(job, got, 1)
        rate = job["speed"][kind] * job["factor"]
        self.rows += [[j, n.number, g, self.now, None] for n, g in got]
        self.running[j] = {
            "kind": kind, "got": got, "rate": rate, "asof": self.now, "since": self.now,
            "end": self.now + self.left[j] / rate,
            "expect": self.now + job["wall"] / job["speed"][kind], "row": len(self.rows) - len(got),
        }  # fmt: skip
        self.queue.remove(j)

    def stop(self, j):
        run = self.running.pop(j)
        self.take(self.jobs[j], run["got"], -1)
        for row in self.rows[run["row"] : run["row"] + len(run["got"])]:
            row[4] = self.now

    def hold(self, j, gpus, got):
        run = self.running[j]
        self.take(self.jobs[j], run["got"], -1)
        for row in self.rows[run["row"] : run["row"] + len(run["got"])]:
            row[4] = self.now
        self.size(j, gpus)
        self.take(self.jobs[j], got, 1)
        run |= {"got": got, "row": len(self.rows), "since": self.now}
        self.rows += [[j, n.number, g, self.now, None] for n, g in got]

    def gather(self, j, kind, need, got):
        """Add up to `need` GPUs of a kind to `got`, which is taken for now; return how many."""
        job, nodes = self.jobs[j], [n for n in self.nodes if n.kind == kind]
        more, piece = 0, need
        while piece > 0 and sum(n.free for n in nodes):
            had = job["gpus"]
            self.size(j, piece)
            found = self.on_kind(job, kind, self.free(), None)
            if found:
                self.take(job, found, 1)
            self.size(j, had)
            if not found:
                piece = min(max(n.free for n in nodes), piece - 1)
                continue
            for node, gpus in found:
                for one in got:
                    if one[0] is node:
                        one[1] += gpus
                        break
                else:
                    got.append([node, gpus])
            more += piece
            piece = need - more
        return more

    def in_pieces(self, j):
        job = self.jobs[j]
        for kind in sorted(job["speed"], key=lambda k: (-job["speed"][k], k)):
            if sum(n.free for n in self.nodes if n.kind == kind) < job["least"]:
                continue
            got = []
            many = self.gather(j, kind, job["gpus"], got)
            self.take(job, got, -1)
            if many >= job["least"]:
                self.size(j, many)
                return kind, [tuple(one) for one in got]
        return None

    def grow(self, j, want):
        run, job = self.running[j], self.jobs[j]
        if run["since"] == self.now or not any(n.free for n in self.nodes if n.kind == run["kind"]):
            return
        need, extra = want - job["gpus"], []
        for node, _ in run["got"]:
            room = node.free
            if job["mcpu"]:
                room = min(room, node.mcpu // (job["mcpu"] // job["gpus"]))
            if job["mem"]:
                room = min(room, node.mem // (job["mem"] // job["gpus"]))
            room = max(min(int(room), need - sum(g for _, g in extra)), 0)
            extra.append([node, room])
            self.take(job, [(node, room)], 1)
        self.gather(j, run["kind"], need - sum(g for _, g in extra), extra)
        self.take(job, extra, -1)
        held = [g for _, g in run["got"]] + [0] * len(extra)
        more = sum(g for _, g in extra)
        if more:
            got = [(n, g + held[i]) for i, (n, g) in enumerate(extra)]
            self.hold(j, job["gpus"] + more, got)
            self.pace(j, self.cost)

    # ---- one pass
    def front(self):
        while self.queue:
            j = self.queue[0]
            job = self.jobs[j]
            had, got = job["gpus"], self.where(job)
            if got is None and job["least"] < job["most"]:
                got = self.in_pieces(j)
            if got is None:
                return
            self.start(j, *got)
            if job["gpus"] < had:
                self.pace(j, 0.0)

    def starts(self):
        aside = [j for j in self.aside if j in self.queue]
        self.queue = [j for j in self.queue if j not in aside]
        self.front()
        super().dispatch()
        self.queue += aside
        self.queue.sort(key=self.key)

    def dispatch(self):
        if self.now < self.due:
            self.starts()
            return
        self.last = self.now
        self.due = (math.floor(self.now / self.every) + 1) * self.every if self.every else self.now
        total = sum(n.size for n in self.nodes)
        view, least = sorted(self.running), 0
        for j in self.queue:
            if least <= total and self.jobs[j]["gpus"]:
                view.append(j)
                least += self.jobs[j]["least"]
        want = dict(zip(view, self.answers(view), strict=True))
        self.aside = [j for j in view if want[j] == 0]
        ran = {j: self.jobs[j]["gpus"] for j in view if j in self.running}
        for j in view:
            job = self.jobs[j]
            if j in ran and want[j] == 0:
                self.settle(j)
                self.stop(j)
                self.queue.append(j)
                self.queue.sort(key=self.key)
            elif j in ran and want[j] < job["gpus"]:
                left, got = want[j], []
                for node, gpus in self.running[j]["got"]:
                    got += [(node, min(left, gpus))] if left else []
                    left -= min(left, gpus)
                self.hold(j, want[j], got)
                self.pace(j, self.cost)
            elif j not in ran and want[j] not in (0, job["gpus"]):
                self.size(j, want[j])
                self.pace(j, self.cost)
        self.starts()
        for j, had in ran.items():
            if want[j] > had:
                self.grow(j, want[j])
        if not self.running and not self.aside:
            self.due = 0.0

    def answers(self, view):
        if self.policy == "whim":
            made = [whim(j, self.jobs[j]["least"], self.jobs[j]["most"], self.now) for j in view]
            rigid = [j in self.running and self.jobs[j]["least"] == self.jobs[j]["most"]
                     for j in view]  # fmt: skip
            return [self.jobs[j]["gpus"] if r else m
                    for j, m, r in zip(view, made, rigid, strict=True)]  # fmt: skip
        gpus = sum(n.free for n in self.nodes)
        gpus += sum(g for j in self.running for _, g in self.running[j]["got"])
        let_in, sum_least = [], 0
        for j in view:
            sum_least += self.jobs[j]["least"]
            if sum_least > gpus:
                break
            left = self.left[j]
            if j in self.running:
                run = self.running[j]
                left = max(left - (self.now - run["asof"]) * run["rate"], 0.0)
            let_in.append(self.jobs[j] | {"left": left})
        made = {"equal": equal, "marginal": marginal}[self.policy](let_in, gpus)
        return made + [self.jobs[j]["least"] for j in view[len(made) :]]

    def run(self):
        coming = sorted(range(len(self.jobs)), key=lambda j: (self.jobs[j]["enter"], j))
        coming = [j for j in coming if self.jobs[j]["enter"] < INF]
        wake = INF
        while True:
            instants = [r["end"] for r in self.running.values()]
            instants += [self.jobs[coming[0]]["enter"]] if coming else []
            instants += [wake] if self.queue or self.running else []
            if not instants or min(instants) == INF:
                return self.rows
            self.now = min(instants)
            for j in sorted(j for j, r in self.running.items() if r["end"] == self.now):
                self.stop(j)
            while coming and self.jobs[coming[0]]["enter"] == self.now:
                self.queue.append(coming.pop(0))
            self.queue.sort(key=self.key)
            self.dispatch()
            wake = self.due if self.due > self.now else INF


POLICIES = {
    "equal": lambda every, cost: EqualShares(Amdahl(P), every, cost),
    "marginal": lambda every, cost: Marginal(1.0, Amdahl(P), every, cost),
    "whim": Whimsical,
}


@pytest.mark.parametrize("pools", [SMALL, MIXED], ids=["small", "mixed"])
@pytest.mark.parametrize("start", ["none", "skip", "easy nodes"])
@pytest.mark.parametrize("policy", POLICIES)
def test_fast_is_plain(policy, start, pools):
    resized = 0
    for seed in range(4):
        every, cost = [(0.0, 0.0), (30.0, 7.0), (0.0, 3.0), (60.0, 0.0)][seed]
        made = workload(seed, 40, pools, 1.0)
        rng = np.random.default_rng(seed)
        made["min_gpus"] = np.maximum(made["gpus"] // rng.integers(1, 4, 40), 1)
        made["max_gpus"] = made["gpus"] * rng.integers(1, 4, 40)
        made["cpus"] = np.where(rng.random(40) < 0.4, made["gpus"] * rng.choice([1, 3, 4], 40), 0.0)
        place = ["first_fit", "pack"][seed % 2]
        result = simulate(Scenario(
            cluster=Inventory(pools), workload=Given(made), backfill=RULES[start][0],
            placement=FirstFit() if place == "first_fit" else Pack(),
            elastic=POLICIES[policy](every, cost),
        ))  # fmt: skip
        kinds = list(dict.fromkeys((p.gpu, p.gpus_per_node) for p in pools))
        names, nodes = {}, []
        for p in pools:
            for i in range(p.nodes):
                names[f"{p.name}-{i}"] = len(nodes)
                cpu = np.inf if p.cpus is None else int(1000 * p.cpus)
                mem = np.inf if p.mem_bytes is None else int(p.mem_bytes)
                kind = kinds.index((p.gpu, p.gpus_per_node))
                nodes.append(Node(len(nodes), kind, p.gpus_per_node, cpu, mem))
        jobs = [
            job | {"told": job["gpus"], "least": int(made["min_gpus"][j]),
                   "most": int(made["max_gpus"][j])}
            for j, job in enumerate(plain_jobs(made, pools))
        ]  # fmt: skip
        states = {int(r["job_id"]): r["state"] for r in result.jobs.to_pylist()}
        for j, job in enumerate(jobs):
            if states[j] == "unfit":
                job["enter"] = INF
        slow = Sized(nodes, jobs, RULES[start][1], place, policy, every, cost)
        fast = [[int(r["job_id"]), names[r["node"]], r["gpus"], r["start_s"], r["end_s"]]
                for r in result.ledger.to_pylist()]  # fmt: skip
        rows = sorted(slow.run(), key=lambda r: r[3])
        for i, (a, b) in enumerate(zip(fast, rows, strict=False)):
            assert a == b, f"seed {seed} row {i}: fast {a}, plain {b}\n{gantt(result)[:2500]}"
        assert len(fast) == len(rows)
        resized += sum(result.jobs.column("resizes").to_pylist())
    assert resized > 0
