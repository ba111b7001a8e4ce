"""Running jobs that move for a blocked one: a plain version gives the same rows, and what it keeps."""

from collections import defaultdict

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError
from sim.policies.backfill import Easy, NoBackfill, Skip
from sim.policies.placement import FirstFit, MostAllocated, Pack, Spread
from sim.policies.preemption import Consolidate, NoPreemption
from sim.policies.queue import Priority
from sim.policies.sharing import TimeSlicing
from sim.state import Inventory, Pool
from sim.workload import Given
from tests.conftest import gantt, run
from tests.laws.test_interference import done_work, shares_of
from tests.plain.plain import Node
from tests.plain.test_preemption import Preempting
from tests.plain.test_same import plain_jobs, workload

pytestmark = pytest.mark.rare

RULES = {
    "none": (NoBackfill(), {"depth": 0, "reserves": 0}),
    "skip": (Skip(depth=None), {"depth": 10**9, "reserves": 0}),
    "easy": (Easy("nodes", None), {"depth": 10**9, "reserves": 1, "nodes": True}),
}
PLACES = {"first_fit": FirstFit(), "pack": Pack(), "spread": Spread()}
POOLS = (Pool("a", 5, 4, "a"), Pool("b", 3, 2, "b"))


class Moving(Preempting):
    """Plain, with jobs that move so that a blocked one fits."""

    def __init__(self, *args, most, **kws):
        super().__init__(*args, give="", **kws)
        self.most = most

    def dispatch(self):
        while self.front() and self.moved(self.queue[0]):
            pass
        super(Preempting, self).dispatch()
        if self.rule["depth"] and self.rule["reserves"] == 0:
            for j in self.queue[1 : self.rule["depth"] + 1]:
                if j in self.queue:
                    self.moved(j)

    def front(self):
        for j in list(self.queue):
            got = self.where(self.jobs[j])
            if got is None:
                return True
            self.start(j, *got)
        return False

    def occupy(self, job, got, sign):
        self.running["trial"] = {"got": got}
        self.jobs.append(job)
        for node, gpus in got:
            mcpu, mem = self.part(job, gpus)
            node.free -= sign * gpus
            node.mcpu -= sign * mcpu
            node.mem -= sign * mem
        del self.running["trial"]
        self.jobs.pop()

    @staticmethod
    def part(job, gpus):
        return -(-job["mcpu"] * gpus // job["gpus"]), -(-job["mem"] * gpus // job["gpus"])

    def good(self):
        return all(n.free >= 0 and n.mcpu >= 0 and n.mem >= 0 for n in self.nodes)

    def moved(self, head):
        """Start the head if moving others makes it fit; return whether it did."""
        job, n = self.jobs[head], 0
        kinds = {k: sum(m.free for m in self.nodes if m.kind == k) for k in job["speed"]}
        if not any(free >= job["gpus"] for free in kinds.values()):
            return False
        could = [j for j in sorted(self.running, key=self.key, reverse=True)
                 if self.running[j]["since"] < self.now][: self.most]  # fmt: skip
        for n in range(1, len(could) + 1):
            gone = could[:n]
            for j in gone:
                self.hold(j, -1)
            got, out = self.where(job), []
            if got is not None:
                self.occupy(job, got[1], 1)
                for j in reversed(gone):  # who stays where it is?
                    self.hold(j, 1)
                    if not self.good():
                        self.hold(j, -1)
                        out.append(j)
                self.occupy(job, got[1], -1)
                plan = self.planned([head, *out])
                for j in out:
                    self.hold(j, 1)
                if plan:
                    for j in out:
                        self.hold(j, -1)
                        self.evict(j)
                    for j, found in zip([head, *out], plan, strict=True):
                        self.start(j, *found)
                    return True
            else:
                for j in gone:
                    self.hold(j, 1)
        return False

    def planned(self, jobs):
        """Return where each would go, one after another; None if one finds no place."""
        plan = []
        for j in jobs:
            got = self.where(self.jobs[j])
            if got is None:
                break
            self.occupy(self.jobs[j], got[1], 1)
            plan.append(got)
        for j, got in zip(jobs, plan, strict=False):
            self.occupy(self.jobs[j], got[1], -1)
        return plan if len(plan) == len(jobs) else None


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("most", [3, 16])
def test_fast_is_plain(most, rule, place):
    moves = 0
    for seed in range(5):
        cost, step = [(0.0, 0.0), (7.0, 0.0), (0.0, np.inf), (3.0, 25.0)][seed % 4]
        made = workload(seed, 80, POOLS, 1.0)
        rng = np.random.default_rng(seed)
        made["gpus"] = rng.choice([1, 1, 1, 2, 3, 4, 6], 80)
        made["priority"] = rng.integers(0, 3, 80).astype(float)
        each = rng.choice([0, 1, 2, 3], 80)
        made["cpus"] = [float(g * c) if c and g < 3 else None
                        for g, c in zip(made["gpus"], each, strict=True)]  # fmt: skip
        pools = (Pool("a", 5, 4, "a", cpus=10), Pool("b", 3, 2, "b"))
        start, plain_rule = RULES[rule]
        result = simulate(Scenario(
            Inventory(pools), Given(made), backfill=start, queue=Priority(), placement=PLACES[place],
            preemption=Consolidate(most_moved=most, cost_s=cost, checkpoint_s=step),
        ))  # fmt: skip
        nodes = [Node(i, 0, 4, 10000) for i in range(5)] + [Node(5 + i, 1, 2) for i in range(3)]
        names = {f"a-{i}": i for i in range(5)} | {f"b-{i}": 5 + i for i in range(3)}
        slow = Moving(
            nodes, plain_jobs(made, pools), plain_rule, place, most=most, cost=cost, step=step,
            key=lambda j: (-made["priority"][j], j),
        )  # fmt: skip
        for row in result.jobs.to_pylist():
            if row["state"] == "unfit":
                slow.jobs[int(row["job_id"])] |= {"enter": 1e18, "cancel": 0.0}
        fast = [[int(r["job_id"]), names[r["node"]], r["gpus"], r["start_s"], r["end_s"]]
                for r in result.ledger.to_pylist()]  # fmt: skip
        rows = slow.run()
        for i, (a, b) in enumerate(zip(fast, rows, strict=False)):
            assert a == b, f"seed {seed} row {i}: fast {a}, plain {b}\n{gantt(result)[:2500]}"
        assert len(fast) == len(rows)
        moves += sum(result.jobs.column("restarts").to_pylist())
    assert moves > 0


def test_one_moves_so_that_a_pair_fits():
    """Nodes of two GPUs, one free on each: the last to come moves to the other node."""
    made = {"submit_s": [0.0, 0.0, 3.0], "gpus": [1, 1, 2], "work_s": [100.0, 100.0, 10.0]}
    still = run(made, 2, 2, placement=Spread())
    assert still.jobs.column("start_s").to_pylist() == [0.0, 0.0, 100.0]
    moved = run(made, 2, 2, placement=Spread(), preemption=Consolidate(cost_s=5.0))
    rows = [(r["job_id"], r["node"], r["start_s"], r["end_s"], r["why"])
            for r in moved.ledger.to_pylist()]  # fmt: skip
    assert rows == [
        ("0", "n-0", 0.0, 100.0, "done"),
        ("1", "n-1", 0.0, 3.0, "preempted"),
        ("2", "n-1", 3.0, 13.0, "done"),
        ("1", "n-0", 3.0, 105.0, "done"),
    ]


def laws(result, cost_s=0.0, most=16):
    """Who moved went on at that instant; nobody lost more than the cost; return how many moves."""
    begins, ends = defaultdict(set), defaultdict(set)
    for row in result.ledger.to_pylist():
        begins[row["job_id"]].add(row["start_s"])
        if row["why"] == "preempted":
            ends[row["job_id"]].add(row["end_s"])
    moves = 0
    for job, instants in ends.items():
        assert instants <= begins[job]
        moves += len(instants)
    for row in result.jobs.to_pylist():
        assert row["lost_s"] == pytest.approx(cost_s * row["restarts"])
        assert row["state"] in ("completed", "unfit")
    return moves


@pytest.mark.parametrize("choice", [
    {"placement": Spread()},
    {"placement": MostAllocated(), "backfill": Skip()},
    {"placement": Spread(), "sharing": TimeSlicing()},
])  # fmt: skip
def test_all_who_move_go_on_at_once_with_shares_too(choice):
    pools = (Pool("n", 5, 4, "a"),)
    made = shares_of(8, 300, 3.0, pools)
    result = simulate(Scenario(Inventory(pools), Given(made),
                               preemption=Consolidate(cost_s=4.0), **choice))  # fmt: skip
    assert laws(result, 4.0) > 3
    turns = "sharing" in choice
    done = done_work(result, (lambda k: 1.0 / k) if turns else (lambda k: 1.0))
    for row in result.jobs.to_pylist():
        assert done[row["job_id"]] == pytest.approx(row["work_s"] + row["lost_s"], rel=1e-9)


def test_instances_move_too():
    pools = (Pool("n", 3, 2, "h100"),)
    made = workload(4, 150, pools, 1.5)
    rng = np.random.default_rng(1)
    made["gpus"] = np.minimum(made["gpus"], 2)
    made["mig_profile"] = list(
        rng.choice(np.array(["1g.10gb", "2g.20gb", "3g.40gb", None], object), 150)
    )
    result = simulate(Scenario(Inventory(pools), Given(made), placement=Spread(),
                               preemption=Consolidate(cost_s=2.0)))  # fmt: skip
    assert laws(result, 2.0) > 3
    from tests.plain.test_slices import apart

    assert apart(result) > 20


def test_nobody_waits_longer_than_for_ever_and_wide_jobs_wait_less():
    pools = (Pool("n", 8, 4, "a"),)
    made = workload(12, 400, pools, 0.85)
    made["gpus"] = np.minimum(made["gpus"], 8)
    waits = {}
    for name, rule in (("still", NoPreemption()), ("moves", Consolidate())):
        result = simulate(Scenario(Inventory(pools), Given(made), backfill=NoBackfill(),
                                   placement=Spread(), preemption=rule))  # fmt: skip
        assert set(result.jobs.column("state").to_pylist()) == {"completed"}
        gpus, wait = result.jobs.column("gpus").to_numpy(), result.jobs.column("wait_s").to_numpy()
        waits[name] = wait[gpus >= 4].mean()
    assert waits["moves"] < waits["still"]


def test_a_limit_below_one_is_a_fault():
    with pytest.raises(ScenarioError, match="most_moved: is 0; must be a whole number"):
        Consolidate(most_moved=0).rule()
