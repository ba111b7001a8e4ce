"""Kill at walltime, dependencies, arrays with a throttle, requeue delay: each by hand, and as laws."""

import numpy as np
import pytest

from sim.engine import AbstractProcess
from sim.errors import ScenarioError, TraceError
from sim.policies.backfill import Skip
from sim.policies.limits import Walltime
from sim.policies.preemption import NoPreemption, Tail
from sim.policies.queue import Priority
from tests.conftest import run, starts


def ends(result):
    found = result.jobs.select(["job_id", "end_s"]).to_pydict()
    made = dict(zip(found["job_id"], found["end_s"], strict=True))
    return [made[str(i)] for i in range(len(made))]


def states(result):
    found = result.jobs.select(["job_id", "state"]).to_pydict()
    made = dict(zip(found["job_id"], found["state"], strict=True))
    return [made[str(i)] for i in range(len(made))]


def jobs(n=1, **columns):
    made = {"submit_s": [0.0] * n, "gpus": [1] * n, "work_s": [10.0] * n} | columns
    return {name: list(values) for name, values in made.items()}


# ---- kill at walltime
@pytest.mark.parametrize(
    ("knobs", "end"),
    [
        ({}, 60.0),
        ({"over_limit_s": 15.0}, 75.0),
        ({"kill_wait_s": 5.0}, 65.0),
        ({"poll_s": 25.0, "kill_wait_s": 5.0}, 80.0),
    ],
)
def test_a_job_ends_at_its_walltime(knobs, end):
    made = jobs(3, work_s=[100.0, 59.0, 60.0], walltime_s=[60.0, 60.0, 60.0])
    result = run(made, limits=Walltime(True, **knobs))
    assert ends(result) == [end, 59.0, 60.0]
    assert states(result) == ["timeout", "completed", "completed"]


def test_without_the_choice_nobody_is_killed():
    result = run(jobs(walltime_s=[1.0]))
    assert (ends(result), states(result)) == ([10.0], ["completed"])


def test_walltime_goes_by_speed():
    made = jobs(2, work_s=[100.0, 100.0], walltime_s=[60.0, 60.0], gpu_types=["gpu:2", "gpu:0.5"])
    assert ends(run(made, limits=Walltime(True))) == [30.0, 120.0]


def test_each_run_has_its_own_walltime():
    """50 of 100 s are kept by the eviction; the second run does the rest within its 60 s."""
    made = jobs(2, submit_s=[0.0, 50.0], gpus=[8, 8], work_s=[100.0, 10.0], priority=[0.0, 1.0],
                walltime_s=[60.0, 60.0])  # fmt: skip
    result = run(made, limits=Walltime(True), queue=Priority(), preemption=Tail())
    assert states(result) == ["completed", "completed"]
    assert ends(result) == [110.0, 60.0]


class Paced(AbstractProcess):
    """Sets the rate of job 0 at 10 s."""

    def __init__(self, rate):
        self.rate = rate

    def begin(self, clock, cluster, streams):
        def life():
            yield clock.timeout(10.0)
            cluster.set_rate(0, self.rate)

        clock.process(life())


@pytest.mark.parametrize(
    ("rate", "end", "state"),
    [
        (2.0, 25.0, "completed"),
        (1.0, 40.0, "completed"),
        (0.6, 60.0, "completed"),  # 10 + 30 / 0.6, at the very limit
        (0.5, 60.0, "timeout"),
        (0.0, 60.0, "timeout"),
    ],
)
def test_walltime_goes_by_the_clock_whatever_slows_the_job(rate, end, state):
    made = jobs(work_s=[40.0], walltime_s=[60.0])
    result = run(made, limits=Walltime(True), processes=(Paced(rate),))
    assert (ends(result), states(result)) == ([end], [state])


def test_a_run_after_a_failure_has_its_walltime_anew():
    """Node 0 fails at 50 s, for 5 s: the job starts anew then and is killed 60 s later."""

    class Fails(AbstractProcess):
        def begin(self, clock, cluster, streams):
            def life():
                yield clock.timeout(50.0)
                cluster.fail(0)
                yield clock.timeout(5.0)
                cluster.repair(0)

            clock.process(life())

    made = jobs(work_s=[100.0], walltime_s=[60.0])
    for delay_s, end in ((0.0, 115.0), (120.0, 230.0)):
        result = run(made, limits=Walltime(True), processes=(Fails(),),
                     preemption=NoPreemption(requeue_delay_s=delay_s))  # fmt: skip
        assert (ends(result), states(result)) == ([end], ["timeout"])


# ---- dependencies
def test_kinds_of_dependency():
    made = jobs(
        7,
        gpus=[1] * 7,
        work_s=[10.0, 20.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        state=["completed", "failed", *["completed"] * 5],
        after=[None, None, "afterok:0", "afternotok:1", "afterany:0:1", "after:1+2",
               "afterok:1?afterok:0"],
    )  # fmt: skip
    assert starts(run(made)) == [0.0, 0.0, 10.0, 20.0, 20.0, 120.0, 10.0]


def test_what_can_no_more_come_is_reported_and_so_are_those_behind():
    made = jobs(4, state=["failed", "completed", "completed", "completed"],
                after=[None, "afterok:0", "afterany:1", "afternotok:1"])  # fmt: skip
    assert states(run(made)) == ["failed", "never", "never", "never"]
    killed = run(made, limits=Walltime(kill_invalid_depend=True))
    assert states(killed) == ["failed", "cancelled", "completed", "completed"]
    assert starts(killed)[2:] == [10.0, 10.0]


def test_a_dependency_is_no_wait_for_capacity():
    result = run(jobs(2, after=[None, "afterok:0"]))
    assert result.jobs.column("wait_s").to_pylist() == [0.0, 0.0]
    assert result.metrics["queue_jobs"]["mean"] == 0.0


def test_one_that_is_set_free_competes_in_the_same_pass():
    """At 10 s both the follower, of higher priority, and the one who waited could start."""
    made = jobs(3, gpus=[8, 8, 8], priority=[0.0, 0.0, 5.0], after=[None, None, "afterok:0"])
    assert starts(run(made, queue=Priority())) == [0.0, 20.0, 10.0]


def test_singleton():
    made = jobs(4, job_name=["a", "a", "b", "a"], user=["u", "u", "u", "v"],
                work_s=[10.0, 5.0, 5.0, 5.0], after=[None, *["singleton"] * 3])  # fmt: skip
    assert starts(run(made)) == [0.0, 10.0, 0.0, 0.0]


def test_a_wait_for_a_whole_array_and_for_its_parts():
    made = jobs(6, work_s=[5.0, 9.0, 1.0, 1.0, 1.0, 1.0], array=["a", "a", "b", "b", None, None],
                after=[None, None, "aftercorr:a", "aftercorr:a", "afterok:a", "after:a"])  # fmt: skip
    assert starts(run(made)) == [0.0, 0.0, 5.0, 9.0, 9.0, 0.0]


def test_a_cancelled_parent():
    """It gives up at 5 s: `after` and `afterany` are fulfilled, `afterok` never is."""
    made = jobs(5, gpus=[8, 8, 0, 0, 0], cancel_s=[None, 5.0, None, None, None],
                after=[None, None, "after:1", "afterany:1", "afterok:1"])  # fmt: skip
    result = run(made, backfill=Skip())
    assert starts(result)[2:] == [5.0, 5.0, None]
    assert states(result)[1:] == ["cancelled", "completed", "completed", "never"]


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (["afterok:9", None], "'9'"),
        (["afterok:1", "afterany:0"], "circle"),
        (["afterok:0", None], "circle"),
        (["singleton", None], "job_name"),
    ],
)
def test_bad_dependencies_are_named_at_once(after, told):
    with pytest.raises(ScenarioError, match=told):
        run(jobs(2, after=after))


@pytest.mark.parametrize(
    "after", ["afterok", "before:1", "afterok:1+5", "afterok:1?after:1,after:1"]
)
def test_what_cannot_be_read(after):
    with pytest.raises(TraceError, match="must read like"):
        run(jobs(2, after=[after, None]))


# ---- arrays
def test_a_throttled_array():
    made = jobs(5, array=["a"] * 5, array_most=[2] * 5)
    result = run(made)
    assert starts(result) == [0.0, 0.0, 10.0, 10.0, 20.0]
    assert result.jobs.column("wait_s").to_pylist() == [0.0] * 5


def test_throttle_order_and_dependency_laws():
    """Of random workloads: no more of an array at once than it may, nobody before its parents."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        n = 60
        after = [None] * n
        for j in range(5, n):
            if rng.random() < 0.4:
                kind = ["afterany", "afterok", "afternotok", "after"][rng.integers(4)]
                picked = rng.choice(j, 2, replace=False)
                after[j] = f"{kind}:{picked[0]}:{picked[1]}"
        made = jobs(
            n,
            submit_s=np.sort(rng.uniform(0, 200, n)),
            gpus=rng.integers(0, 9, n),
            work_s=rng.integers(1, 60, n).astype(float),
            state=[["completed", "failed"][k] for k in rng.integers(0, 2, n)],
            array=[f"a{k}" for k in rng.integers(0, 8, n)],
            array_most=[2] * n,
            after=after,
            priority=rng.integers(0, 3, n).astype(float),
        )
        result = run(made, nodes=2, backfill=Skip(), queue=Priority(),
                     preemption=Tail(requeue_delay_s=7.0))  # fmt: skip
        start, end, state = starts(result), ends(result), states(result)
        for j in range(n):
            if after[j] and start[j] is not None:
                kind, *parents = after[j].split(":")
                for p in map(int, parents):
                    assert start[j] >= (start[p] if kind == "after" else end[p])
                    assert {"afterok": state[p] == "completed", "afternotok": state[p] == "failed"
                            }.get(kind, True)  # fmt: skip
        rows = [r for r in result.ledger.to_pylist() if r["end_s"] > r["start_s"]]
        array = dict(zip(result.jobs.column("job_id").to_pylist(), made["array"], strict=True))
        array = {str(j): made["array"][j] for j in range(n)}
        for name in set(made["array"]):
            mine = [r for r in rows if array[r["job_id"]] == name]
            for r in mine:
                at = {q["job_id"] for q in mine if q["start_s"] <= r["start_s"] < q["end_s"]}
                assert len(at) <= 2


# ---- requeue delay
def test_an_evicted_job_is_eligible_again_after_the_delay():
    made = jobs(2, submit_s=[0.0, 5.0], gpus=[8, 8], priority=[0.0, 1.0])
    result = run(made, queue=Priority(), preemption=Tail(requeue_delay_s=120.0))
    rows = [(r["job_id"], r["start_s"], r["end_s"], r["why"]) for r in result.ledger.to_pylist()]
    assert rows == [
        ("0", 0.0, 5.0, "preempted"), ("1", 5.0, 15.0, "done"), ("0", 125.0, 130.0, "done")
    ]  # fmt: skip
    assert result.metrics["queue_jobs"]["mean"] == 0.0  # the delay is no wait for capacity


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"limits": Walltime(poll_s=-1.0)}, "limits.poll_s"),
        ({"limits": Walltime(over_limit_s=float("nan"))}, "limits.over_limit_s"),
        ({"preemption": NoPreemption(requeue_delay_s=-1.0)}, "preemption.requeue_delay_s"),
    ],
)
def test_bad_knobs(choice, told):
    with pytest.raises(ScenarioError, match=told):
        run(jobs(), **choice)
