"""Preemption by quality of service: the fast engine and a plain one, and what it promises."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError
from sim.policies.placement import FirstFit
from sim.policies.preemption import ByQos
from sim.policies.queue import Fifo, Priority
from sim.state import Inventory
from sim.workload import Given
from tests.conftest import gantt, run, starts
from tests.plain.plain import Node
from tests.plain.test_preemption import STARTS, Preempting
from tests.plain.test_same import SMALL, plain_jobs, workload

pytestmark = pytest.mark.rare

QOSES = {
    "high": {"priority": 100, "preempts": ["low", "idle"]},
    "normal": {"priority": 20, "preempts": ["idle"]},
    "low": {"priority": 10, "exempt_s": 40.0},
    "idle": {"priority": 0, "mode": "cancel"},
}


class Served(Preempting):
    """Jobs have `qos`; `told` says of each QOS what `QOSES` does, `knobs` what `ByQos` takes."""

    def setup(self, told, knobs):
        self.told, self.knobs = told, knobs
        return self

    def may(self, job, other):
        a, b = self.jobs[job]["qos"], self.jobs[other]["qos"]
        behind = self.key(other)[0] > self.key(job)[0]
        if a == b:
            return bool(self.knobs.get("within")) and a in self.told and behind
        takes = b in self.told.get(a, {}).get("preempts", [])
        return takes and (behind or not self.knobs.get("by_priority"))

    def room_for(self, head):
        exempt = self.knobs.get("exempt_s", 0.0)
        line = []
        for j in sorted(self.running, key=self.key, reverse=True):
            told = self.told.get(self.jobs[j]["qos"], {})
            long = self.now - self.running[j]["since"] >= told.get("exempt_s", exempt)
            if self.may(head, j) and long:
                rank = told.get("priority", 0), self.jobs[j]["gpus"]
                if self.knobs.get("youngest_first"):
                    rank = (-self.running[j]["since"],)
                line.append((rank, j))
        line = [j for _, j in sorted(line, key=lambda pair: pair[0])]
        gone, got = self.taken(head, line)
        if got and len(gone) > 1:  # the last of them first, and again
            gone, got = self.taken(head, [gone[-1], *gone[:-1]])
        nodes = {n.number for n, _ in got[1]} if got else set()
        for j in gone:
            if not nodes & {n.number for n, _ in self.running[j]["got"]}:
                continue
            self.hold(j, -1)
            told = self.told[self.jobs[j]["qos"]]
            if told.get("mode", self.knobs.get("mode")) == "cancel":
                go = self.running.pop(j)
                for row in self.rows[go["row"] : go["row"] + len(go["got"])]:
                    row[4] = self.now
            else:
                self.evict(j)
        return got

    def taken(self, head, line):
        gone, got = [], None
        for j in line:
            self.hold(j, -1)
            gone.append(j)
            got = self.where(self.jobs[head])
            if got:
                break
        for j in gone:
            self.hold(j, 1)
        return gone, got


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    "knobs",
    [{}, {"within": True}, {"by_priority": True}, {"youngest_first": True, "exempt_s": 25.0},
     {"mode": "cancel"}],
    ids=str,
)  # fmt: skip
def test_fast_is_plain(knobs, start):
    interrupted = 0
    for seed in range(6):
        made = workload(seed, 50, SMALL, 1.5)
        rng = np.random.default_rng(seed)
        made["qos"] = [str(q) or None for q in rng.choice([*QOSES, "other", ""], 50)]
        made["priority"] = rng.integers(0, 3, 50).astype(float)
        queue, by = [(Priority(), -made["priority"]), (Fifo(), made["submit_s"])][seed % 2]
        cost, step = [(0.0, 0.0), (5.0, 30.0), (0.0, np.inf)][seed % 3]
        rule, plain_rule = STARTS[start]
        told = ByQos(QOSES, cost_s=cost, checkpoint_s=step, requeue_delay_s=0.0, **knobs)
        result = simulate(Scenario(Inventory(SMALL), Given(made), queue=queue, backfill=rule,
                                   placement=FirstFit(), preemption=told))  # fmt: skip
        jobs = plain_jobs(made, SMALL)
        for job, qos in zip(jobs, made["qos"], strict=True):
            job["qos"] = qos
        slow = Served(
            [Node(i, 0, 4) for i in range(3)], jobs, plain_rule, "first_fit",
            key=lambda j, by=by: (by[j], j), give="qos", cost=cost, step=step,
        ).setup(QOSES, knobs)  # fmt: skip
        fast = [[int(r["job_id"]), int(r["node"][-1]), r["gpus"], r["start_s"], r["end_s"]]
                for r in result.ledger.to_pylist()]  # fmt: skip
        rows = sorted(slow.run(), key=lambda r: r[3])
        for i, (a, b) in enumerate(zip(fast, rows, strict=False)):
            assert a == b, f"seed {seed} row {i}: fast {a}, plain {b}\n{gantt(result)[:2500]}"
        assert len(fast) == len(rows)
        interrupted += result.ledger.column("why").to_pylist().count("preempted")
    assert interrupted > 0


def ended(result, job):
    return [(r["start_s"], r["end_s"], r["why"]) for r in result.ledger.to_pylist()
            if r["job_id"] == str(job)]  # fmt: skip


FULL = {"submit_s": [0.0, 10.0], "gpus": [8, 8], "work_s": [100.0, 20.0]}


def test_who_may_preempt_does_though_it_came_later_and_the_other_waits_its_delay():
    made = FULL | {"qos": ["idle", "high"]}
    told = {"high": {"preempts": ["idle"]}, "idle": {}}
    result = run(made, preemption=ByQos(told, requeue_delay_s=120.0))
    assert starts(result) == [0.0, 10.0]
    assert ended(result, 0) == [(0.0, 10.0, "preempted"), (130.0, 230.0, "done")]
    assert ended(run(made, preemption=ByQos({"high": {}, "idle": {}})), 0) == [(0.0, 100.0, "done")]


def test_a_suspended_job_goes_on_once_who_took_its_nodes_has_ended():
    made = FULL | {"qos": ["idle", "high"]}
    told = {"high": {"preempts": ["idle"]}, "idle": {}}
    result = run(made, preemption=ByQos(told, mode="suspend"))
    assert ended(result, 0) == [(0.0, 10.0, "suspended"), (30.0, 120.0, "done")]
    assert ended(result, 1) == [(10.0, 30.0, "done")]


def test_a_job_is_left_alone_for_its_exempt_time():
    made = {"submit_s": [0.0, 10.0, 50.0], "gpus": [8, 8, 1], "work_s": [100.0, 20.0, 1.0]}
    made["qos"] = ["low", "high", "high"]
    result = run(made, preemption=ByQos(QOSES, requeue_delay_s=0.0))
    assert starts(result)[1] == 50.0  # the first event after 40 s


def test_the_lowest_goes_first_then_the_smallest():
    made = {"submit_s": [0.0, 0.0, 0.0, 9.0], "gpus": [2, 2, 4, 2], "work_s": [100.0] * 4,
            "qos": ["low", "idle", "idle", "high"]}  # fmt: skip
    told = {"high": {"preempts": ["low", "idle"]}, "low": {"priority": 5}, "idle": {"priority": 0}}
    result = run(made, preemption=ByQos(told))
    assert [len(ended(result, job)) for job in range(3)] == [1, 2, 1]


def test_faults_are_named_at_once():
    told = {
        "a": {"preempts": ["b", "nobody"], "rank": 3},
        "b": {"priority": -1, "mode": "suspend"},
        "c": 7,
    }
    with pytest.raises(ScenarioError) as caught:
        ByQos(told, exempt_s=-1.0, recheck=-1)
    assert len(caught.value.issues) == 7
    with pytest.raises(ScenarioError, match="a, b preempt each other in a circle"):
        ByQos({"a": {"preempts": ["b"]}, "b": {"preempts": ["a"]}, "c": {"preempts": ["a"]}})
