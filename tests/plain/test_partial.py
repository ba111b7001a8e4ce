"""Partial admission: the kernels and the plain version give the same rows."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim import Scenario, simulate
from sim.policies.placement import Pack
from sim.policies.preemption import Reclaim
from sim.policies.queue import Priority
from sim.policies.quota import Kueue
from sim.state import Inventory
from sim.workload import Given
from tests.conftest import gantt
from tests.plain.plain import Node
from tests.plain.quota import Book, Quotas
from tests.plain.test_quota import BACKFILL, POOLS, drawn, work
from tests.plain.test_same import plain_jobs

pytestmark = pytest.mark.rare


class Partial(Quotas):
    """Quotas, with jobs that may be smaller: `least` GPUs each."""

    def __init__(self, *args, least, **kws):
        super().__init__(*args, **kws)
        self.least = least
        self.whole = [dict(job) for job in self.jobs]
        self.last = [job["gpus"] for job in self.jobs]

    def form(self, j):
        small, self.jobs[j] = self.jobs[j], self.whole[j] | {"priority": self.jobs[j]["priority"]}
        made = (*super().form(j), self.least[j])
        self.jobs[j] = small
        return made

    def resize(self, j, gpus):
        job, whole = self.jobs[j], self.whole[j]
        told = whole["gpus"]
        share = gpus / told
        for name in ("mcpu", "mem"):
            job[name] = whole[name] // told * gpus if gpus < told else whole[name]
        job["gpus"], job["wall"] = gpus, whole["wall"] / share
        for name in ("speed", "full"):
            job[name] = {k: whole["full"][k] * share for k in job[name]}

    def nominate(self, j):
        told, least = self.whole[j]["gpus"], self.least[j]
        best = super().nominate(j)
        if best[1] > 1:
            return best
        low, top, found = 0, told - least + 1, told
        while low < top:
            fewer = (low + top) // 2
            if fewer == 0:
                break
            self.resize(j, told - fewer)
            one = super().nominate(j)
            if one[1] > 1:
                best, top, found = one, fewer, told - fewer
            else:
                low = fewer + 1
        self.resize(j, found)
        return best

    def cycle(self, root):
        news = super().cycle(root)
        for j in self.pending:
            self.resize(j, self.whole[j]["gpus"])
        return news

    def release(self, j):
        super().release(j)
        self.resize(j, self.whole[j]["gpus"])


def alike(seed, jobs, rule, cost=0.0, step=0.0):
    knobs, tree, fair, strategies = drawn(seed)
    made = work(seed + 1, jobs, len(knobs["queues"]))
    rng = np.random.default_rng(seed + 2)
    made["cpus"] = [float(g) for g in made["gpus"]]
    made["walltime_s"] = made["work_s"] * 2
    able = rng.random(jobs) < 0.5
    least = np.where(able, rng.integers(1, made["gpus"] + 1), made["gpus"])
    made["min_gpus"] = [int(v) for v in least]
    fast_rule, plain_rule = BACKFILL[rule]
    scenario = Scenario(
        cluster=Inventory(POOLS), workload=Given(made), backfill=fast_rule, placement=Pack(),
        queue=Priority(), quota=Kueue(**knobs), preemption=Reclaim(0.0, step, cost),
    )  # fmt: skip
    result = simulate(scenario)
    fast = [
        [int(r["job_id"]), "xy".index(r["node"][0]) * 3 + int(r["node"][2:]), r["gpus"],
         r["start_s"], r["end_s"]]
        for r in result.ledger.to_pylist()
    ]  # fmt: skip
    state = result.jobs["state"].to_pylist()
    jobs_ = plain_jobs(made, POOLS)
    for j, job in enumerate(jobs_):
        job |= {"full": job["speed"], "priority": made["priority"][j]}
        if state[j] == "unfit":
            job |= {"enter": 1e18, "cancel": 0.0}
    slow = Partial(
        [Node(i, i // 3, 4) for i in range(6)], jobs_, plain_rule, "pack",
        book=Book(tree, fair, strategies), cost=cost, step=step, least=[int(v) for v in least],
        owner=[f"q{t[1:]}" for t in made["tenant"]], key=lambda j: (-made["priority"][j], j),
    )  # fmt: skip
    slow.flavor_of = {0: "a", 1: "b"}
    slow = slow.run()
    for i, (a, b) in enumerate(zip(fast, slow, strict=False)):
        assert a == b, f"seed {seed} row {i}: fast {a}, plain {b}\n{gantt(result)[:3000]}"
    assert len(fast) == len(slow)
    return result


@pytest.mark.parametrize("rule", BACKFILL)
@pytest.mark.parametrize("seed", range(4))
def test_smaller_sizes_on_a_drawn_tree(seed, rule):
    alike(100 * seed, 60, rule)


def test_they_are_evicted_and_come_back_whole():
    results = [alike(seed, 80, "skip", cost=3.0, step=7.0) for seed in range(20, 26)]
    smaller = sum(
        r["gpus"] < told
        for result in results
        for told, r in rows_with(result)
    )  # fmt: skip
    assert smaller > 30
    assert sum(sum(r.jobs["restarts"].to_pylist()) for r in results) > 30


def rows_with(result):
    """Yield (GPUs asked for, row) of each row of the ledger that is a job's only one then."""
    told = dict(zip(*(result.jobs[c].to_pylist() for c in ("job_id", "gpus")), strict=True))
    rows = result.ledger.to_pylist()
    for r in rows:
        same = [x for x in rows if (x["job_id"], x["start_s"]) == (r["job_id"], r["start_s"])]
        if len(same) == 1:
            yield told[r["job_id"]], r


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6))
def test_any_tree(seed):
    alike(seed, 30, "skip")
