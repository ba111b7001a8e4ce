"""Limits of QOS beside those of associations: the fast engine and a plain one, and pictures."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError
from sim.policies.placement import FirstFit
from sim.policies.queue import Priority
from sim.policies.quota import SlurmLimits
from sim.state import Inventory
from sim.workload import Given
from tests.conftest import gantt, starts
from tests.conftest import run as play
from tests.plain.plain import INF, Node
from tests.plain.test_limits import RULES, Limited
from tests.plain.test_same import SMALL, plain_jobs

pytestmark = pytest.mark.rare


class OfQos(Limited):
    """`qos` is that of each job, `told` its limits: what it limits nobody else does."""

    def setup(self, qos, told):
        self.qos, self.told = qos, told
        self.spent |= {("qos", name): 0.0 for name in told}
        return self

    def stop(self, j):
        if self.qos[j] in self.told:
            for_s = self.now - self.running[j]["since"]
            self.spent["qos", self.qos[j]] += for_s * self.jobs[j]["gpus"]
        super().stop(j)

    def form(self, j):
        return (*super().form(j), self.qos[j] if self.qos[j] in self.told else None)

    def allowed(self, j):
        (own, user), of, gpus = self.who[j], self.qos[j], self.jobs[j]["gpus"]
        groups = [(self.groups[name], name, [k for k in self.running
                                             if name in self.path(self.who[k][0])])
                  for name in self.path(own)]  # fmt: skip
        mine = [(self.groups[own], [k for k in self.running if self.who[k] == (own, user)])]
        first = self.told.get(of, {})
        if of in self.told:
            theirs = [k for k in self.running if self.qos[k] == of]
            groups.insert(0, (first, ("qos", of), theirs))
            mine.insert(0, (first, [k for k in theirs if self.who[k][1] == user]))

        def sum_of(jobs):
            return sum(self.jobs[k]["gpus"] for k in jobs)

        def wished(jobs):
            return sum(self.jobs[k]["gpus"] * self.jobs[k]["wall"] for k in jobs)

        def most(limits, knob):
            return INF if limits is not first and knob in first else limits.get(knob, INF)

        for limits, running in mine:
            if len(running) >= most(limits, "user_jobs"):
                return False
            if sum_of(running) + gpus > most(limits, "user_gpus"):
                return False
        for limits, name, running in groups:
            if len(running) >= most(limits, "jobs") or sum_of(running) + gpus > most(
                limits, "gpus"
            ):
                return False
            taken = self.spent[name] + wished([*running, j])
            if taken > most(limits, "budget_gpu_s"):
                return False
        return True


def drawn(rng, own=True):
    """Return limits, about every third."""
    group = (("gpus", 12), ("jobs", 6), ("budget_gpu_s", 20000))
    knobs = (*group, ("user_gpus", 8), ("user_jobs", 4)) if own else group
    return {k: int(rng.integers(most // 2, most)) for k, most in knobs if rng.random() < 0.35}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(10))
def test_fast_is_plain(seed, rule):
    rng, jobs = np.random.default_rng(seed), 80
    accounts = {f"c{i}": drawn(rng, False) for i in range(2)}
    own = {f"q{i}": drawn(rng) for i in range(3)}
    qoses = {f"s{i}": drawn(rng) for i in range(2)}
    up = {name: f"c{i % 2}" for i, name in enumerate(own)}
    groups = {n: limits | {"up": up.get(n)} for n, limits in (accounts | own).items()}
    work = rng.integers(5, 150, jobs).astype(float)
    made = {
        "job_id": [str(i) for i in range(jobs)],
        "submit_s": np.sort(rng.integers(0, 15 * jobs, jobs)).astype(float),
        "gpus": rng.choice([1, 1, 2, 3, 4], jobs).astype(np.int32),
        "work_s": work,
        "walltime_s": np.ceil(work * rng.choice([0.5, 1.0, 2.0], jobs)),
        "priority": rng.integers(0, 3, jobs).astype(float),
        "tenant": [f"t{i}" for i in rng.integers(0, 3, jobs)],
        "user": [f"u{i}" for i in rng.integers(0, 3, jobs)],
        "qos": [str(q) for q in rng.choice(["s0", "s1", "other"], jobs)],
    }
    told = {n: limits | {"account": up[n], "tenants": [f"t{n[1:]}"]} for n, limits in own.items()}
    fast_rule, plain_rule = RULES[rule]
    result = simulate(Scenario(
        cluster=Inventory(SMALL), workload=Given(made), backfill=fast_rule, placement=FirstFit(),
        queue=Priority(), quota=SlurmLimits(told, accounts, qoses), horizon_s=1e5,
    ))  # fmt: skip
    fast = [[int(r["job_id"]), int(r["node"][2:]), r["gpus"], r["start_s"], r["end_s"]]
            for r in result.ledger.to_pylist()]  # fmt: skip
    plain = plain_jobs(made, SMALL)
    for r in result.jobs.to_pylist():
        if r["state"] == "unfit":
            plain[int(r["job_id"])] |= {"enter": 1e18, "cancel": 0.0}
    slow = OfQos(
        [Node(i, 0, 4) for i in range(3)], plain, plain_rule, "first_fit", groups=groups,
        who=[(f"q{t[1:]}", u) for t, u in zip(made["tenant"], made["user"], strict=True)],
        stops=False, key=lambda j: (-made["priority"][j], j),
    ).setup(made["qos"], qoses)  # fmt: skip
    for i, (a, b) in enumerate(zip(fast, rows := slow.run(), strict=False)):
        assert a == b, f"seed {seed} row {i}: fast {a}, plain {b}\n{gantt(result)[:3000]}"
    assert len(fast) == len(rows)


def go(tenants, of, **knobs):
    n = len(tenants)
    jobs = {"submit_s": np.zeros(n), "gpus": np.ones(n, np.int32), "work_s": np.full(n, 10.0),
            "tenant": tenants, "qos": of}  # fmt: skip
    return play(jobs, nodes=1, gpus=8, quota=SlurmLimits(**knobs), backfill=RULES["skip"][0])


OWN = {"a": {"tenants": ["ann"]}, "b": {"tenants": ["bob"]}}


def test_the_jobs_of_a_qos_count_together_whosoever_they_are():
    told = go(["ann", "bob", "ann"], ["high", "high", None], associations=OWN,
              qoses={"high": {"jobs": 1}})  # fmt: skip
    assert starts(told) == [0.0, 10.0, 0.0]


def test_a_user_of_a_qos_counts_over_all_associations():
    told = go(["ann", "bob", "bob"], ["high"] * 3, associations=OWN,
              qoses={"high": {"user_jobs": 1}})  # fmt: skip
    assert starts(told) == [0.0, 0.0, 10.0]  # without `user` the tenant is one


def test_what_a_qos_limits_its_association_does_not():
    own = {"a": {"tenants": ["ann"], "jobs": 1, "wall_s": 5.0}}
    told = go(["ann"] * 4, ["high", "high", "high", None], associations=own,
              qoses={"high": {"jobs": 2, "wall_s": 20.0}})  # fmt: skip
    assert starts(told) == [0.0, 0.0, 10.0, None]
    assert told.jobs["state"].to_pylist()[3] == "unfit"


def test_faults_of_a_qos_are_named():
    with pytest.raises(ScenarioError) as caught:
        go(["ann"], ["x"], associations=OWN, qoses={"x": {"gpus": -1, "rank": 3}})
    assert [text.split(":")[0] for text in caught.value.issues] == [
        "quota.qoses.x.rank",
        "quota.qoses.x.gpus",
    ]
