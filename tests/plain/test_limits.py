"""Slurm's limits in lists and dicts: who runs is added up anew for each job that is asked."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim import Scenario, simulate
from sim.policies.backfill import Easy, NoBackfill, Skip
from sim.policies.placement import FirstFit
from sim.policies.queue import Priority
from sim.policies.quota import SlurmLimits
from sim.state import Inventory
from sim.workload import Given
from tests.conftest import gantt, run, starts
from tests.plain.plain import INF, Node, Plain
from tests.plain.test_same import SMALL, plain_jobs

pytestmark = pytest.mark.rare

RULES = {
    "none": (NoBackfill(), {"depth": 0, "reserves": 0}),
    "skip": (Skip(depth=None), {"depth": 10**9, "reserves": 0}),
    "skip3": (Skip(depth=3), {"depth": 3, "reserves": 0}),
    "easy": (Easy("nodes", None), {"depth": 10**9, "reserves": 1, "nodes": True}),
    "easy 4": (Easy("nodes", 4), {"depth": 4, "reserves": 1, "nodes": True}),
}


class Limited(Plain):
    """Plain, with limits: `who` is (association, user) a job, `groups` their limits."""

    def __init__(self, *args, who, groups, stops, **kws):
        super().__init__(*args, **kws)
        self.who, self.groups, self.stops = who, groups, stops
        self.spent = dict.fromkeys(groups, 0.0)

    def start(self, j, kind, got):
        super().start(j, kind, got)
        self.running[j]["since"] = self.now

    def stop(self, j):
        for name in self.path(self.who[j][0]):
            self.spent[name] += (self.now - self.running[j]["since"]) * self.jobs[j]["gpus"]
        super().stop(j)

    def path(self, name):
        out = [name]
        while self.groups[out[-1]].get("up"):
            out.append(self.groups[out[-1]]["up"])
        return out

    def allowed(self, j):
        job, (own, user) = self.jobs[j], self.who[j]
        mine = [k for k in self.running if self.who[k] == (own, user)]
        most = self.groups[own]
        if len(mine) >= most.get("user_jobs", INF):
            return False
        if sum(self.jobs[k]["gpus"] for k in mine) + job["gpus"] > most.get("user_gpus", INF):
            return False
        for name in self.path(own):
            most = self.groups[name]
            under = [k for k in self.running if name in self.path(self.who[k][0])]
            if len(under) >= most.get("jobs", INF):
                return False
            if sum(self.jobs[k]["gpus"] for k in under) + job["gpus"] > most.get("gpus", INF):
                return False
            pledged = sum(self.jobs[k]["gpus"] * self.jobs[k]["wall"] for k in under)
            wish = job["gpus"] * job["wall"]
            if self.spent[name] + pledged + wish > most.get("budget_gpu_s", INF):
                return False
        return True

    def form(self, j):
        """Return what jobs alike have in common."""
        return (*self.who[j], self.jobs[j]["gpus"])

    def dispatch(self):
        head, seen, barrier, shut = None, 0, None, set()
        depth, reserves = self.rule["depth"], self.rule["reserves"]
        for j in list(self.queue):
            if head is not None and seen >= depth:
                break
            if not any(n.free for n in self.nodes):
                break
            form = self.form(j)
            if form in shut:
                continue  # one alike found no nodes: it does not count again
            if not self.allowed(j):
                if self.stops:
                    break
                continue
            seen += head is not None
            got = self.where(self.jobs[j], barrier=barrier)
            if got is not None:
                self.start(j, *got)
                self.mark(j, got, barrier)
                continue
            if barrier is None or self.where(self.jobs[j]) is None:
                shut.add(form)
            if head is None:
                head = j
                if reserves:
                    self.queue.sort(key=lambda k: k != j)
                    barrier = self.by_nodes()
                    self.queue.sort(key=self.key)

    def mark(self, j, got, barrier):
        if barrier and self.running[j]["expect"] > barrier["at"] and got[0] == barrier["kind"]:
            for node, gpus in got[1]:
                if node.number in barrier["limit"]:
                    a, b, c = barrier["limit"][node.number]
                    barrier["limit"][node.number] = (a - gpus, b, c)


def alike(seed, jobs, rule):
    rng = np.random.default_rng(seed)
    accounts, groups = {}, {}

    def limits(own):
        made = {}
        for knob, most in (("gpus", 12), ("jobs", 6), ("budget_gpu_s", 20000)):
            if rng.random() < 0.3:
                made[knob] = int(rng.integers(most // 3, most))
        for knob, most in (("user_gpus", 8), ("user_jobs", 4)) if own else ():
            if rng.random() < 0.4:
                made[knob] = int(rng.integers(most // 2, most))
        return made

    for i in range(int(rng.integers(1, 4))):
        parent = f"c{rng.integers(i)}" if i and rng.random() < 0.8 else None
        made = limits(False)
        accounts[f"c{i}"], groups[f"c{i}"] = made | {"parent": parent}, made | {"up": parent}
    own = {}
    for i in range(int(rng.integers(1, 5))):
        up, made = f"c{rng.integers(len(accounts))}", limits(True)
        own[f"q{i}"] = made | {"account": up, "tenants": [f"t{i}"]}
        groups[f"q{i}"] = made | {"up": up}
    stops = bool(rng.random() < 0.3)
    work = rng.integers(5, 150, jobs).astype(float)
    made = {
        "job_id": [str(i) for i in range(jobs)],
        "submit_s": np.sort(rng.integers(0, 15 * jobs, jobs)).astype(float),
        "gpus": rng.choice([1, 1, 2, 3, 4, 6], jobs).astype(np.int32),
        "work_s": work,
        "walltime_s": np.ceil(work * rng.choice([0.5, 1.0, 2.0], jobs)),
        "priority": rng.integers(0, 3, jobs).astype(float),
        "tenant": [f"t{i}" for i in rng.integers(0, len(own), jobs)],
        "user": [f"u{i}" for i in rng.integers(0, 3, jobs)],
    }
    fast_rule, plain_rule = RULES[rule]
    scenario = Scenario(
        cluster=Inventory(SMALL), workload=Given(made), backfill=fast_rule, placement=FirstFit(),
        queue=Priority(), quota=SlurmLimits(own, accounts, assoc_limit_stop=stops), horizon_s=1e5,
    )  # fmt: skip
    result = simulate(scenario)
    fast = [[int(r["job_id"]), int(r["node"][2:]), r["gpus"], r["start_s"], r["end_s"]]
            for r in result.ledger.to_pylist()]  # fmt: skip
    jobs_ = plain_jobs(made, SMALL)
    for r in result.jobs.to_pylist():
        if r["state"] == "unfit":
            jobs_[int(r["job_id"])] |= {"enter": 1e18, "cancel": 0.0}
    slow = Limited(
        [Node(i, 0, 4) for i in range(3)], jobs_, plain_rule, "first_fit", groups=groups,
        who=[(f"q{t[1:]}", u) for t, u in zip(made["tenant"], made["user"], strict=True)],
        stops=stops, key=lambda j: (-made["priority"][j], j),
    ).run()  # fmt: skip
    for i, (a, b) in enumerate(zip(fast, slow, strict=False)):
        assert a == b, f"seed {seed} row {i}: fast {a}, plain {b}\n{gantt(result)[:3000]}"
    assert len(fast) == len(slow)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(10))
def test_limits_of_a_drawn_tree(seed, rule):
    alike(seed, 80, rule)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6), st.sampled_from(sorted(RULES)))
def test_any_limits(seed, rule):
    alike(seed, 40, rule)


def go(tenants, **knobs):
    n = len(tenants)
    jobs = {"submit_s": np.zeros(n), "gpus": np.ones(n, np.int32), "work_s": np.full(n, 10.0),
            "tenant": tenants}  # fmt: skip
    return run(jobs, nodes=1, gpus=8, quota=SlurmLimits(**knobs), backfill=Skip(None))


def test_a_job_that_a_limit_blocks_is_passed_by_unless_told():
    own = {"a": {"tenants": ["ann"], "jobs": 1}, "b": {"tenants": ["bob"]}}
    assert starts(go(["ann", "ann", "bob"], associations=own)) == [0.0, 10.0, 0.0]
    stopped = go(["ann", "ann", "bob"], associations=own, assoc_limit_stop=True)
    assert starts(stopped) == [0.0, 10.0, 10.0]


def test_a_budget_is_spent_and_does_not_come_back():
    own = {"a": {"tenants": ["ann"], "budget_gpu_s": 35.0}}
    assert starts(go(["ann"] * 5, associations=own)) == [0.0, 0.0, 0.0, None, None]


def test_jobs_beyond_the_limits_of_one_job_are_set_aside():
    own = {"a": {"tenants": ["ann"], "wall_s": 5.0}, "b": {"tenants": ["bob"], "job_gpus": 0}}
    assert go(["ann", "bob"], associations=own).jobs["state"].to_pylist() == ["unfit"] * 2
