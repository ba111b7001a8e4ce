"""Preemption in lists and dicts, from scratch at every instant; the fast one gives the same rows."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.policies.backfill import Easy, NoBackfill, Skip
from sim.policies.placement import FirstFit, Pack
from sim.policies.preemption import Rebuild, Tail
from sim.policies.queue import Priority, Smallest
from sim.state import Inventory, Pool
from sim.workload import Given
from tests.conftest import gantt
from tests.plain.plain import Node, Plain, split
from tests.plain.test_same import MIXED, SMALL, plain_jobs, workload


class Preempting(Plain):
    """Plain, with work that is interrupted and goes on."""

    def __init__(self, *args, give, cost, step, **kws):
        super().__init__(*args, **kws)
        self.give, self.cost, self.step = give, cost, step
        self.left = [j["work"] for j in self.jobs]

    def start(self, j, kind, got):
        whole, self.jobs[j]["work"] = self.jobs[j]["work"], self.left[j]
        super().start(j, kind, got)
        self.jobs[j]["work"] = whole
        self.running[j] |= {"since": self.now, "row": len(self.rows) - len(got)}

    def hold(self, j, sign):
        for node, gpus in self.running[j]["got"]:
            mcpu, mem = split(self.jobs[j], gpus)
            node.free, node.mcpu, node.mem = (
                node.free - sign * gpus, node.mcpu - sign * mcpu, node.mem - sign * mem
            )  # fmt: skip

    def evict(self, j):
        """The nodes are given back already."""
        run = self.running.pop(j)
        self.left[j] -= (self.now - run["since"]) * self.jobs[j]["speed"][run["kind"]]
        done = max(self.jobs[j]["work"] - self.left[j], 0.0)
        lost = done if self.step == np.inf else done % self.step if self.step else 0.0
        self.left[j] += lost + self.cost
        for row in self.rows[run["row"] : run["row"] + len(run["got"])]:
            row[4] = self.now
        self.queue.append(j)
        self.queue.sort(key=self.key)

    def dispatch(self):
        if self.give == "rebuild":
            for j in list(self.queue):
                got = self.where(self.jobs[j])
                if got is None:
                    break
                self.start(j, *got)
            if self.queue:
                self.rebuild()
            super().dispatch()
            return
        while self.queue:
            head = self.queue[0]
            got = self.where(self.jobs[head]) or self.room_for(head)
            if got is None:
                break
            self.start(head, *got)
        super().dispatch()

    def room_for(self, head):
        """Return where the head goes once the last of those behind it have given way."""
        gone, got = [], None
        for j in sorted(self.running, key=self.key, reverse=True):
            behind = self.key(j)[0] > self.key(head)[0]
            if self.give == "tail of equals":
                behind = self.key(j) > self.key(head)
            if not behind:
                break
            self.hold(j, -1)
            gone.append(j)
            got = self.where(self.jobs[head])
            if got:
                break
        nodes = {n.number for n, _ in got[1]} if got else set()
        for j in gone:
            if nodes & {n.number for n, _ in self.running[j]["got"]}:
                self.evict(j)
            else:
                self.hold(j, 1)
        return got

    def rebuild(self):
        left = {}
        for n in self.nodes:
            left[n.kind] = left.get(n.kind, 0) + n.free
        for j, run in self.running.items():
            left[run["kind"]] += self.jobs[j]["gpus"]
        chosen, victims, over = [], [], False
        for j in sorted([*self.queue, *self.running], key=self.key):
            job = self.jobs[j]
            kinds = sorted(job["speed"], key=lambda k, job=job: (-job["speed"][k], k))
            if j in self.running:
                kinds = [self.running[j]["kind"]]
            able = [k for k in kinds if left.get(k, -1) >= job["gpus"]]
            if able and not over:
                left[able[0]] -= job["gpus"]
                if j in self.queue:
                    chosen.append(j)
                continue
            over = over or self.rule["depth"] == 0
            if j in self.running:
                victims.append(j)
        for j in victims:
            self.hold(j, -1)
        for j in chosen:
            got = self.where(self.jobs[j])
            if got:
                self.start(j, *got)
        out = []
        for j in victims:
            if all(node.free >= gpus for node, gpus in self.running[j]["got"]):
                self.hold(j, 1)
            else:
                out.append(j)
        for j in out:
            self.evict(j)


GIVES = {
    "rebuild": lambda **k: Rebuild(**k),
    "tail": lambda **k: Tail(**k),
    "tail of equals": lambda **k: Tail(strictly=False, **k),
}
STARTS = {
    "none": (NoBackfill(), {"depth": 0, "reserves": 0}),
    "skip": (Skip(depth=None), {"depth": 10**9, "reserves": 0}),
    "easy": (Easy("nodes", None), {"depth": 10**9, "reserves": 1, "nodes": True}),
}


def compared(pools, seed, jobs, load, give, start, place):
    """Hold the ledger against the plain one; return how often jobs were interrupted."""
    cost, step = [(0.0, 0.0), (7.0, 0.0), (0.0, np.inf), (3.0, 25.0)][seed % 4]
    made = workload(seed, jobs, pools, load)
    made["priority"] = np.random.default_rng(seed).integers(0, 4, jobs).astype(float)
    queue, by = [(Priority(), lambda j: -made["priority"][j]),
                 (Smallest(), lambda j: float(made["gpus"][j]))][seed % 2]  # fmt: skip
    rule, plain_rule = STARTS[start]
    result = simulate(Scenario(
        cluster=Inventory(pools), workload=Given(made), backfill=rule, queue=queue,
        placement=FirstFit() if place == "first_fit" else Pack(),
        preemption=GIVES[give](cost_s=cost, checkpoint_s=step),
    ))  # fmt: skip
    kinds = list(dict.fromkeys((p.gpu, p.gpus_per_node) for p in pools))
    names = {name: i for i, name in enumerate(result.nodes["node"].to_pylist())}
    nodes = []
    for p in pools:
        for _ in range(p.nodes):
            cpu = np.inf if p.cpus is None else int(1000 * p.cpus)
            mem = np.inf if p.mem_bytes is None else int(p.mem_bytes)
            kind = kinds.index((p.gpu, p.gpus_per_node))
            nodes.append(Node(len(nodes), kind, p.gpus_per_node, cpu, mem))
    slow = Preempting(
        nodes,
        plain_jobs(made, pools),
        plain_rule,
        place,
        key=lambda j: (by(j), j),
        give=give,
        cost=cost,
        step=step,
    )
    fast = [[int(r["job_id"]), names[r["node"]], r["gpus"], r["start_s"], r["end_s"]]
            for r in result.ledger.to_pylist()]  # fmt: skip
    rows = sorted(slow.run(), key=lambda r: (r[3],))
    for i, (a, b) in enumerate(zip(fast, rows, strict=False)):
        assert a == b, f"seed {seed} row {i}: fast {a}, plain {b}\n{gantt(result)[:2500]}"
    assert len(fast) == len(rows)
    return sum(result.jobs.column("restarts").to_pylist())


@pytest.mark.parametrize("place", ["first_fit", "pack"])
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("give", GIVES)
@pytest.mark.parametrize("pools", [SMALL, MIXED, (Pool("n", 6, 1, "a"),)])
def test_fast_is_plain(pools, give, start, place):
    seen = [compared(pools, seed, 40, 0.9, give, start, place) for seed in range(5)]
    assert sum(seen) > 0


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_fast_is_plain_where_hundreds_run_and_wait(seed):
    """More than one block of the order: an election that looks at the end of it only."""
    wide = (Pool("n", 250, 8, "a"),)
    assert compared(wide, seed, 900, 4.0, "rebuild", "none", "pack") > 0
