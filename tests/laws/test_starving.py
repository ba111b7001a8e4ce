"""Nobody starves where that is promised: a long job beside an endless stream of short ones."""

import numpy as np
import pytest

from sim.policies.backfill import Skip
from sim.policies.preemption import Rebuild
from sim.policies.queue import Gittins, Tiresias
from tests.conftest import run

SHORT, LIMIT_S, LONG_S, MANY = 10.0, 100.0, 400.0, 300
QUEUES = {
    "tiresias": lambda limit: Tiresias((LIMIT_S,), starve_limit=limit),
    "gittins": lambda limit: Gittins((SHORT, 5000.0), 100.0, (LIMIT_S,), starve_limit=limit),
}


def end_of_the_long(queue):
    """One GPU, a long job at 0, and a short one every SHORT seconds that fills it by itself."""
    submit_s = np.concatenate([[0.0], SHORT * np.arange(MANY)])
    jobs = {"submit_s": submit_s, "gpus": np.ones(MANY + 1, np.int32),
            "work_s": np.array([LONG_S] + [SHORT] * MANY)}  # fmt: skip
    result = run(jobs, 1, 1, queue=queue, backfill=Skip(depth=None), preemption=Rebuild())
    return result.jobs.column("end_s")[0].as_py()


@pytest.mark.parametrize("name", QUEUES)
def test_a_long_job_waits_for_the_end_of_the_stream(name):
    assert end_of_the_long(QUEUES[name](np.inf)) == LONG_S + SHORT * MANY


@pytest.mark.parametrize("limit", [1.0, 2.0])
def test_who_starved_runs_again_when_it_has_waited_so_long(limit):
    """Plainly: LIMIT_S in front, then limit x LIMIT_S of waiting, then behind those in queue 0.

    All that came before it rose are served first; who came in the meantime is behind it.
    """
    now_s, ran_s, served = LIMIT_S, LIMIT_S, 0
    while ran_s < LONG_S:
        rises_s = now_s + limit * LIMIT_S
        ahead = min(int(rises_s // SHORT) + 1, MANY)  # one comes at that very instant, before it
        now_s += SHORT * (ahead - served) + LIMIT_S
        served, ran_s = ahead, ran_s + LIMIT_S
    assert end_of_the_long(QUEUES["tiresias"](limit)) == now_s < LONG_S + SHORT * MANY
