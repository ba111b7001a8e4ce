"""The law of ties, in pictures: SimPy first, then ends, arrivals, those who give up, one pass."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.engine import AbstractProcess
from sim.policies.backfill import Easy, NoBackfill
from sim.policies.placement import FirstFit
from sim.policies.queue import Sjf
from sim.workload import Given
from tests.conftest import cluster, columns, run, starts


class Script(AbstractProcess):
    """Runs one generator function as a process."""

    def __init__(self, story):
        self.story = story

    def begin(self, clock, cluster, streams):
        """Start it."""
        clock.process(self.story(clock, cluster))


def play(jobs, story, nodes=2, gpus=8, **choices):
    chosen = {"backfill": NoBackfill(), "placement": FirstFit()} | choices
    return simulate(Scenario(cluster=cluster(nodes, gpus), workload=Given(columns(jobs)),
                             processes=(Script(story),), **chosen))  # fmt: skip


def test_a_gang_starts_whole_or_not_at_all():
    assert starts(run([(0, 1, 100), (0, 16, 10)], 2)) == [0, 100]


def test_backfill_does_not_delay_the_head():
    #        runs to 100  head: all 8   fits in the hole  would delay the head
    jobs = [(0, 6, 100), (1, 8, 10), (2, 2, 50), (3, 2, 500)]
    assert starts(run(jobs, backfill=Easy())) == [0, 100, 2, 110]


def test_an_end_makes_room_for_an_arrival_of_the_same_instant():
    assert starts(run([(0, 8, 100), (100, 8, 10)])) == [0, 100]


def test_arrivals_of_one_instant_are_in_before_anybody_starts():
    assert starts(run([(0, 8, 50), (0, 8, 10)], queue=Sjf())) == [10, 0]


def test_who_gives_up_at_the_instant_of_arrival_never_starts():
    jobs = columns([(5, 8, 10)]) | {"cancel_s": [5.0]}
    result = run(jobs)
    assert result.jobs.to_pylist()[0]["state"] == "cancelled"
    assert result.jobs.to_pylist()[0]["start_s"] is None
    assert result.jobs.to_pylist()[0]["end_s"] == 5.0


def test_a_job_that_runs_does_not_give_up():
    jobs = columns([(0, 8, 10)]) | {"cancel_s": [5.0]}
    assert run(jobs).jobs.to_pylist()[0]["state"] == "completed"


def test_a_job_waits_until_it_is_eligible():
    jobs = columns([(0, 1, 10), (0, 1, 10)]) | {"eligible_s": [30.0, 0.0]}
    result = run(jobs)
    assert starts(result) == [30, 0]
    assert result.jobs.to_pylist()[0]["wait_s"] == 0.0


def test_a_failed_node_sends_its_job_back():
    def story(clock, cluster):
        yield clock.timeout(40)
        cluster.fail(0, lost_s=10.0)  # 40 done, 10 lost: 70 to go, on the other node

    result = play([(0, 8, 100)], story)
    assert result.jobs.to_pylist()[0]["end_s"] == 110.0
    assert [r["node"] for r in result.ledger.to_pylist() if r["job_id"]] == ["n-0", "n-1"]
    assert result.jobs.to_pylist()[0]["lost_s"] == 10.0


def test_two_failures_of_one_instant_come_before_the_pass():
    def story(clock, cluster):
        yield clock.timeout(10)
        cluster.fail(0)
        yield clock.timeout(0)
        cluster.fail(1)
        yield clock.timeout(5)
        cluster.repair(1)

    result = play([(0, 8, 100)], story)
    rows = [(r["node"], r["start_s"]) for r in result.ledger.to_pylist() if r["job_id"]]
    assert rows == [("n-0", 0.0), ("n-1", 15.0)]  # never placed on the node about to fail


def test_simpy_goes_before_the_jobs_own_events_of_an_instant():
    def story(clock, cluster):
        yield clock.timeout(100)
        assert cluster.fail(0) == 1  # the job that would have ended now is still there

    result = play([(0, 8, 100)], story)
    assert result.jobs.to_pylist()[0]["end_s"] == 200.0


def test_one_can_wait_for_a_job():
    seen = []

    def story(clock, cluster):
        job = yield cluster.done(1)
        seen.append((job, clock.now))
        yield cluster.done(1)  # it has ended already
        seen.append(clock.now)

    play([(0, 8, 30), (0, 8, 50), (0, 8, 70)], story)
    assert seen == [(1, 50.0), 50.0]


def test_a_rate_of_a_half_doubles_what_is_left():
    def story(clock, cluster):
        yield clock.timeout(40)
        cluster.set_rate(0, 0.5)

    assert play([(0, 8, 100)], story).jobs.to_pylist()[0]["end_s"] == 160.0


def test_a_held_job_goes_on_where_it_stopped():
    def story(clock, cluster):
        yield clock.timeout(40)
        cluster.set_rate(0, 0.0)
        yield clock.timeout(1000)
        cluster.set_rate(0, 1.0)

    assert play([(0, 8, 100)], story).jobs.to_pylist()[0]["end_s"] == 1100.0


def test_a_withdrawn_node_keeps_its_job_and_takes_no_other():
    def story(clock, cluster):
        yield clock.timeout(1)
        cluster.withdraw(0)
        cluster.withdraw(1)
        yield clock.timeout(199)
        cluster.offer(0)

    result = play([(0, 8, 100), (5, 8, 10)], story)
    assert starts(result) == [0, 200]
    assert list(np.array(starts(result)) + [100, 10]) == result.jobs.column("end_s").to_pylist()


def test_jobs_that_wait_for_nodes_that_never_come_end_the_run():
    def story(clock, cluster):
        yield clock.timeout(1)
        cluster.withdraw(0)
        cluster.withdraw(1)

    result = play([(5, 8, 10)], story)
    assert result.jobs.to_pylist()[0]["state"] == "waiting"


def test_a_job_that_can_never_fit_is_reported_and_not_waited_for():
    result = run([(0, 17, 10), (1, 16, 10)], 2)
    assert [r["state"] for r in result.jobs.to_pylist()] == ["unfit", "completed"]
    assert starts(result) == [None, 1]


@pytest.mark.parametrize(("rate", "end"), [(2.0, 50.0), (0.5, 200.0)])
def test_a_faster_kind_of_gpu_ends_sooner(rate, end):
    jobs = columns([(0, 8, 100)]) | {"gpu_types": [f"gpu:{rate}"]}
    assert run(jobs).jobs.to_pylist()[0]["end_s"] == end
