"""Strict FCFS and EASY by counts on whole logs: Lublin's model, HPC2N of the Parallel Workloads Archive.

Source: shared/groundtruth/swf: expected_reference.json and the 25-line scheduler that made it. It
lifts an estimate that a job outran to the run time, and so do these tests. Its EASY stops counting
at the first end that suffices for the head, so that of several jobs expected to end at one instant
some still seem to run after it; ours counts all of that instant, as the law of ties has it. Lublin
has no such instant that matters, HPC2N has: there the rule of the reference, mended in this one
line, gives our start for every job, and unmended the number it published.
"""

import importlib.util
import json

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.policies.backfill import Easy, NoBackfill
from sim.policies.placement import FirstFit
from sim.results.metrics.jobs import bounded_slowdown
from sim.state import Inventory, Pool
from sim.workload import Given, Trace
from tests.conftest import shared

FOLDER = ("groundtruth", "swf")
LOGS = {"lublin_256_first3000": ("lublin_256_first3000.swf", 256),
        "hpc2n_first3170": ("hpc2n.swf", 240)}  # fmt: skip
RULES = {"fcfs": NoBackfill(), "easy": Easy(reservation="counts", depth=None)}
FIRST = "if av>=h[4]: shadow=e[3]; extra=av-h[4]; break"
ALL = (
    "if av>=h[4]: shadow=e[3]; extra=free-h[4]+sum(r[2][4] for r in running if r[3]<=shadow); break"
)


def reference(mended):
    """Return the reference's `simulate`, its tie rule mended or as it stands."""
    path = shared(*FOLDER, "easy_reference.py")
    text = path.read_text()
    assert FIRST in text
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location("ref", path))
    exec(compile(text.replace(FIRST, ALL) if mended else text, path, "exec"), module.__dict__)
    return module.simulate


def ours(log, rule, shape):
    """Return job_id, submit, run, estimate, processors and start of every job of a log."""
    name, procs = LOGS[log]
    path = str(shared(*FOLDER, name))
    scenario = Scenario(Inventory((Pool("n", *shape(procs), "gpu"),)), Trace(path, "swf"),
                        backfill=rule, placement=FirstFit())  # fmt: skip
    jobs = simulate(scenario).jobs.select(["job_id", "submit_s", "gpus", "work_s", "walltime_s"])
    given = {n: jobs[n].to_numpy() for n in ("submit_s", "gpus", "work_s", "walltime_s")}
    given["walltime_s"] = np.maximum(given["walltime_s"], given["work_s"])
    given["job_id"] = jobs["job_id"].to_pylist()
    result = simulate(Scenario(scenario.cluster, Given(given), backfill=rule, placement=FirstFit()))
    start = dict(zip(*(result.jobs[n].to_pylist() for n in ("job_id", "start_s")), strict=True))
    rows = zip(given["job_id"], given["submit_s"], given["work_s"], given["walltime_s"],
               given["gpus"].tolist(), strict=True)  # fmt: skip
    return list(rows), start, procs


@pytest.mark.parametrize("shape", [lambda n: (1, n), lambda n: (n, 1)], ids=["one node", "many"])
@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("rule", RULES)
def test_every_job_starts_as_in_the_reference(log, rule, shape):
    jobs, start, procs = ours(log, RULES[rule], shape)
    truth = reference(mended=True)(jobs, procs, rule)
    wrong = [(job, start[job], truth[job]) for job in truth if start[job] != truth[job]]
    assert len(truth) == len(jobs)
    assert not wrong, f"{len(wrong)} of {len(truth)} differ, first {wrong[:3]}"


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("rule", RULES)
def test_the_published_numbers_are_those_of_the_reference(log, rule):
    """And ours, except where its tie rule differs: EASY on HPC2N."""
    jobs, start, procs = ours(log, RULES[rule], lambda n: (1, n))
    published = json.loads(shared(*FOLDER, "expected_reference.json").read_text())[f"{log}/{rule}"]
    theirs = reference(mended=False)(jobs, procs, rule)
    assert len(jobs) == published["jobs"]
    for found in (theirs,) if (log, rule) == ("hpc2n_first3170", "easy") else (theirs, start):
        wait = np.array([found[j[0]] - j[1] for j in jobs])
        run = np.array([j[2] for j in jobs])
        slow = bounded_slowdown(wait + run, run).mean()
        assert wait.mean() == pytest.approx(published["mean_wait_s"], rel=1e-12)
        assert wait.max() == published["max_wait_s"]
        assert slow == pytest.approx(published["mean_bounded_slowdown_tau10"], rel=1e-12)
