"""Walltimes, dependencies, arrays and the delay after an eviction in lists, from scratch each time.

One instant: ends, arrivals; then whom these set free; then a pass; then whom its starts set free.
"""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.policies.backfill import Easy, NoBackfill, Skip
from sim.policies.limits import Walltime
from sim.policies.placement import FirstFit
from sim.policies.preemption import NoPreemption, Tail
from sim.policies.queue import Priority
from sim.state import Inventory
from sim.workload import Given
from tests.conftest import gantt
from tests.plain.plain import Node, Plain
from tests.plain.test_preemption import Preempting
from tests.plain.test_same import MIXED, SMALL, plain_jobs, workload

pytestmark = pytest.mark.rare

OVER, WAIT = 5.0, 2.0


class Timed(Preempting):
    """Preempting, with jobs that wait for others: `after` is a list of (kind, parents, delay)."""

    def __init__(self, *args, after, array, most, outcome, delay, kills, **kws):
        super().__init__(*args, **kws)
        n = len(self.jobs)
        self.after, self.array, self.most = after, array, most
        self.outcome, self.delay, self.kills = outcome, delay, kills
        self.state, self.first, self.end = ["unborn"] * n, [None] * n, [None] * n
        self.due, self.line, self.holds = [], {}, set()
        self.told = set()

    def start(self, j, kind, got):
        super().start(j, kind, got)
        self.state[j] = "running"
        if self.first[j] is None:
            self.first[j] = self.now
        run = self.running[j]
        limit = run["expect"] + OVER
        run["late"] = self.kills and run["end"] > limit
        if run["late"]:
            run["end"] = limit + WAIT
        for row in self.rows[run["row"] :]:
            row[4] = run["end"]

    def evict(self, j):
        super().evict(j)
        self.state[j] = "waiting"
        if self.delay:
            self.queue.remove(j)
            self.state[j] = "unborn"
            self.due.append((self.now + self.delay, j))

    def dispatch(self):
        if self.give:
            super().dispatch()
        else:
            Plain.dispatch(self)

    def met(self, j):
        """Return when all that a job waits for has come; None: not yet; "never"."""
        times = []
        for kind, parents, delay in self.after[j]:
            for p in parents:
                over = self.state[p] in ("completed", "failed", "timeout", "never")
                if self.state[p] == "never":
                    return "never"
                if kind == "after":
                    times.append(None if self.first[p] is None else self.first[p] + delay)
                elif not over:
                    times.append(None)
                elif (kind == "afterok") <= (self.state[p] == "completed") and (
                    (kind == "afternotok") <= (self.state[p] != "completed")
                ):
                    times.append(self.end[p])
                else:
                    return "never"
        return None if None in times else max(times, default=0.0)

    def release(self):
        """Let in whoever may come by now; a job that ended leaves its place in the array first."""
        again = True
        while again:
            again = False
            for j in sorted(self.holds):
                if self.end[j] is not None:
                    self.holds.discard(j)
                    again = True
            for a, line in self.line.items():
                while line and sum(self.array[j] == a for j in self.holds) < self.most:
                    self.come(line.pop(0))
                    again = True
            for j in range(len(self.jobs)):
                if j in self.told or not (self.after[j] or self.array[j] is not None):
                    continue
                at = self.met(j)
                if at == "never":
                    self.state[j], self.end[j] = "never", self.now
                    self.told.add(j)
                    again = True
                elif at is not None:
                    self.due.append((max(at, self.jobs[j]["enter"]), j))
                    self.told.add(j)
                    again = True
            for at, j in sorted(self.due):
                if at <= self.now:
                    self.due.remove((at, j))
                    again = True
                    a = self.array[j]
                    full = sum(self.array[k] == a for k in self.holds) >= self.most
                    if a is not None and j not in self.holds and full:
                        self.line.setdefault(a, []).append(j)
                    else:
                        self.come(j)
                    break

    def come(self, j):
        if self.array[j] is not None:
            self.holds.add(j)
        self.state[j] = "waiting"
        if self.first[j] is None:
            self.jobs[j]["enter"] = self.now
        self.queue.append(j)

    def run(self):
        coming = [j for j in range(len(self.jobs)) if not self.after[j] and self.array[j] is None]
        self.now = 0.0
        self.release()
        while True:
            instants = [r["end"] for r in self.running.values()] + [at for at, _ in self.due]
            instants += [self.jobs[j]["enter"] for j in coming]
            if not instants:
                return self.rows
            self.now = min(instants)
            for j in sorted(j for j, r in self.running.items() if r["end"] == self.now):
                late = self.running[j]["late"]
                self.stop(j)
                self.state[j], self.end[j] = "timeout" if late else self.outcome[j], self.now
            for j in [j for j in coming if self.jobs[j]["enter"] == self.now]:
                coming.remove(j)
                self.come(j)
            before = None
            while before != (len(self.rows), len(self.queue)):
                before = len(self.rows), len(self.queue)
                self.release()
                self.queue.sort(key=self.key)
                self.dispatch()


STARTS = {
    "none": (NoBackfill(), {"depth": 0, "reserves": 0}),
    "skip": (Skip(depth=None), {"depth": 10**9, "reserves": 0}),
    "easy": (Easy("nodes", None), {"depth": 10**9, "reserves": 1, "nodes": True}),
}


def story(rng, n):
    """Return random dependencies, as text and as (kind, parents, delay)."""
    texts, lists = [None] * n, [[] for _ in range(n)]
    for j in range(3, n):
        if rng.random() < 0.35:
            kind = ["after", "afterany", "afterok", "afternotok"][rng.integers(4)]
            parents = sorted(rng.choice(j, rng.integers(1, 3), replace=False).tolist())
            minutes = int(rng.integers(0, 2)) if kind == "after" else 0
            end = f"+{minutes}" if minutes else ""
            texts[j] = ":".join([kind, *(f"{p}{end}" for p in parents)])
            lists[j] = [(kind, parents, 60.0 * minutes)]
    return texts, lists


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("give", [None, "tail"])
@pytest.mark.parametrize("pools", [SMALL, MIXED])
def test_fast_is_plain(pools, give, start):
    ends = set()
    for seed in range(6):
        n, delay, kills = 40, [0.0, 30.0][seed % 2], seed % 3 > 0
        rng = np.random.default_rng(seed)
        made = workload(seed, n, pools, 0.9)
        made.pop("cancel_s", None)
        made["priority"] = rng.integers(0, 4, n).astype(float)
        made["walltime_s"] = np.asarray(made["work_s"]) * rng.uniform(0.5, 1.5, n)
        made["state"] = [["completed", "failed"][k] for k in rng.integers(0, 2, n)]
        texts, lists = story(rng, n)
        arrays = [None if rng.random() < 0.5 else f"a{rng.integers(3)}" for _ in range(n)]
        made |= {"after": texts, "array": arrays, "array_most": [2] * n}
        rule, plain_rule = STARTS[start]
        gives = Tail(requeue_delay_s=delay) if give else NoPreemption(requeue_delay_s=delay)
        result = simulate(Scenario(
            cluster=Inventory(pools), workload=Given(made), backfill=rule, queue=Priority(),
            placement=FirstFit(), preemption=gives,
            limits=Walltime(kills, over_limit_s=OVER, kill_wait_s=WAIT),
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
        slow = Timed(
            nodes, plain_jobs(made, pools), plain_rule, "first_fit",
            key=lambda j: (-made["priority"][j], j), give=give, cost=0.0, step=0.0,
            after=lists, array=arrays, most=2, outcome=made["state"], delay=delay, kills=kills,
        )  # fmt: skip
        fast = [[int(r["job_id"]), names[r["node"]], r["gpus"], r["start_s"], r["end_s"]]
                for r in result.ledger.to_pylist()]  # fmt: skip
        rows = sorted(slow.run(), key=lambda r: (r[3],))
        for i, (a, b) in enumerate(zip(fast, rows, strict=False)):
            assert a == b, f"seed {seed} row {i}: fast {a}, plain {b}\n{gantt(result)[:2500]}"
        assert len(fast) == len(rows)
        ends |= set(result.jobs.column("state").to_pylist())
    assert {"completed", "failed", "timeout", "never"} <= ends
