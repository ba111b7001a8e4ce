"""Ctrl-C leaves whole books, at the instant reached."""

import os
import signal
import sys
import threading

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.engine import AbstractProcess
from sim.policies.backfill import Conservative, Slurm
from sim.state import Homogeneous
from sim.workload import Synthetic
from tests.conftest import run


def press(progress):
    """Press Ctrl-C, as the terminal does."""
    del progress
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("rule", [Conservative(), Slurm()])
def test_ctrl_c_gives_what_was_done_so_far(rule, monkeypatch):
    monkeypatch.setattr(sys.modules["sim.study.simulate"], "EVERY_S", 0.0)
    scenario = Scenario(
        cluster=Homogeneous(nodes=8), workload=Synthetic(jobs=20_000), backfill=rule
    )
    result = simulate(scenario, progress=press)
    end_s = result.manifest["end_s"]
    assert result.manifest["status"] == "interrupted"
    assert end_s > 0.0
    rows = result.ledger.to_pydict()
    assert max(rows["start_s"]) <= end_s
    assert max(e for e in rows["end_s"] if e is not None) <= end_s
    assert min(result.nodes.column("busy_gpu_s").to_pylist()) >= 0.0
    assert 0 < result.metrics["jobs"]["completed"] < 20_000
    assert result.timeline.num_rows > 0


def test_ctrl_c_is_as_it_was_after_a_run():
    before = signal.getsignal(signal.SIGINT)
    run([(0, 1, 1)])
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_in_a_thread_leaves_ctrl_c_alone():
    found = []
    thread = threading.Thread(target=lambda: found.append(run([(0, 1, 1)])))
    thread.start()
    thread.join()
    assert found[0].manifest["status"] == "complete"


class Hands(AbstractProcess):
    """Does things to nodes at given instants."""

    def __init__(self, *todo):
        self.todo = todo

    def begin(self, clock, cluster, streams):
        del streams

        def life():
            for at_s, verb, node in self.todo:
                yield clock.timeout(at_s - clock.now)
                getattr(cluster, verb)(node)

        clock.process(life())


def test_a_failed_node_is_offered_only_after_its_repair():
    hands = Hands((1.0, "fail", 0), (2.0, "offer", 0), (10.0, "repair", 0))
    result = run([(5, 4, 3)], 1, 4, processes=(hands,))
    assert result.jobs.column("start_s").to_pylist() == [10.0]
    assert result.nodes.column("up_s").to_pylist() == [13.0 - 9.0]


def test_a_withdrawn_node_is_promised_to_nobody():
    """Node 0 ends first but is withdrawn: the head is promised node 1, and may not be delayed."""
    from sim.policies.backfill import Easy

    hands = Hands((1.0, "withdraw", 0))
    jobs = [(0, 4, 10), (0, 2, 20), (2, 4, 5), (3, 1, 16), (3, 1, 18)]
    result = run(jobs, 2, 4, processes=(hands,), backfill=Easy("counts"))
    # at 20 node 1 is free: what ends by then may run before it, what would not may not
    assert result.jobs.column("start_s").to_pylist() == [0.0, 0.0, 20.0, 3.0, 25.0]


def test_lost_work_is_told_in_the_time_of_the_gpus_it_took():
    """At speed 0.5 work of 100 s takes 200 s; 60 s of holding lost are 30 s of work lost."""
    hands = Hands((60.0, "fail", 0), (70.0, "repair", 0))
    jobs = {"submit_s": np.array([0.0]), "gpus": np.array([2], np.int32),
            "work_s": np.array([100.0]), "gpu_types": ["gpu:0.5"]}  # fmt: skip
    result = run(jobs, 1, 4, processes=(hands,))
    job = result.jobs.to_pylist()[0]
    assert (job["lost_s"], job["end_s"], job["gpu_s"]) == (30.0, 270.0, 2 * 260.0)
    assert result.metrics["lost_gpu_s"] == pytest.approx(2 * 60.0)
    assert result.metrics["utilisation"] == pytest.approx(2 * 200.0 / (4 * 270.0))
