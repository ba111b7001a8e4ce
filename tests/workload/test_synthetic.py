"""Synthetic workloads: the load law, streams apart, faults all at once."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from sim.errors import ScenarioError
from sim.files import data_dir, find
from sim.rng import Streams
from sim.table import to_numpy
from sim.workload import (
    Constant,
    Empirical,
    Exponential,
    Fixed,
    Gamma,
    Given,
    Mix,
    Pareto,
    Poisson,
    Profile,
    Synthetic,
    Trace,
    Uniform,
    offered_load,
)


def jobs(seed=1, gpus=64, **knobs):
    return Synthetic(**knobs).request(Streams(seed), gpus).jobs


@pytest.mark.parametrize("arrivals", [Poisson(), Gamma(2.0), Profile(daily=[1, 2, 3])])
@pytest.mark.parametrize(("load", "gpus"), [(0.5, 64), (1.1, 8000)])
def test_the_load_offered_is_the_load_asked_for(arrivals, load, gpus):
    n, mix = 200_000, Mix([1, 4, 8], [5, 3, 2], [1.0, 1.5, 2.0])
    made = jobs(
        gpus=gpus, jobs=n, load=load, arrivals=arrivals, work=Exponential(1000.0), sizes=mix
    )
    area = to_numpy(made, "gpus") * to_numpy(made, "work_s")
    cv2 = np.var(area) / np.mean(area) ** 2
    gap_cv = 2.0 if isinstance(arrivals, Gamma) else 1.0
    slack = 5 * math.sqrt((cv2 + gap_cv**2) / n)
    if isinstance(arrivals, Profile):  # the span may end anywhere in a day
        slack += 86400 / to_numpy(made, "submit_s").max()
    assert offered_load(made, gpus) == pytest.approx(load, rel=slack)


def test_a_duration_or_a_count_or_whichever_comes_first():
    by_time = jobs(jobs=None, duration_s=10_000.0, load=None, rate_per_s=1.0)
    assert abs(by_time.num_rows - 10_000) < 5 * math.sqrt(10_000)
    assert to_numpy(by_time, "submit_s").max() < 10_000
    first = jobs(jobs=100, duration_s=10_000.0, load=None, rate_per_s=1.0)
    assert first.equals(by_time.slice(0, 100))


def test_python_and_the_command_line_begin_with_the_same_laws():
    shipped = instantiate(OmegaConf.load(data_dir("conf") / "workload" / "synthetic.yaml"))
    assert (shipped.work.mean_s, shipped.work.cv) == ("2 h", Synthetic().work.cv)
    told = replace(shipped, work=replace(shipped.work, mean_s=2 * 3600.0))
    assert told.request(Streams(1), 64).jobs.equals(jobs())


def test_the_same_seed_gives_the_same_jobs():
    assert jobs(5).equals(jobs(5))
    assert not jobs(5).equals(jobs(6))


def test_changing_one_law_leaves_the_draws_of_the_others():
    one, other = jobs(jobs=500), jobs(jobs=500, sizes=Mix([1], [1]), tenants={"a": 1}, load=0.8)
    assert one.column("work_s").equals(other.column("work_s"))
    scale = to_numpy(other, "submit_s") / to_numpy(one, "submit_s")
    assert np.allclose(scale, scale[0])


def test_tenants_priorities_deadlines_estimates_and_demands():
    n = 100_000
    made = jobs(
        jobs=n,
        tenants={"research": 3, "product": 1},
        priorities={0: 9, 10: 1},
        deadline=Constant(2.0),
        estimate=Uniform(1.0, 3.0),
        cpus_per_gpu=12.0,
        mem_per_gpu_bytes=2.0**36,
    )
    tenant = np.array(made.column("tenant").to_pylist())
    assert abs(np.mean(tenant == "research") - 0.75) < 5 * math.sqrt(0.75 * 0.25 / n)
    assert abs(np.mean(to_numpy(made, "priority") == 10) - 0.1) < 5 * math.sqrt(0.09 / n)
    submit, work, gpus = (to_numpy(made, c) for c in ("submit_s", "work_s", "gpus"))
    assert np.allclose(to_numpy(made, "deadline_s"), submit + 2 * work)
    ratio = to_numpy(made, "walltime_s") / work
    assert ratio.min() >= 1 - 1e-12
    assert ratio.max() <= 3 + 1e-12
    assert np.array_equal(to_numpy(made, "cpus"), 12 * gpus)
    assert np.array_equal(to_numpy(made, "mem_bytes"), 2.0**36 * gpus)


def test_a_load_of_a_cluster_without_gpus_says_where_they_are_told():
    with pytest.raises(ScenarioError, match=r"workload.load: .* raise cluster.gpus_per_node, or"):
        jobs(gpus=0)


def test_what_is_made_keeps_the_rules_of_a_trace():
    made = jobs(jobs=1000, tenants={"a": 1}, deadline=Constant(2.0))
    assert Given(made).request(Streams(1), 8).jobs.equals(made)


def test_durations_may_come_from_a_trace():
    path = "philly_2017-10-23_4_weeks.csv.gz"
    law = Empirical(path=path)
    seen = to_numpy(Trace(path).request(Streams(1), 1).jobs, "work_s")
    assert law.mean() == pytest.approx(seen.mean())
    request = Synthetic(jobs=1000, work=law).request(Streams(1), 64)
    assert set(to_numpy(request.jobs, "work_s")) <= set(seen)
    assert set(request.inputs) == {path}
    assert find(path).exists()


def test_all_faults_are_told_at_once():
    wrong = Synthetic(
        jobs=0,
        load=-1.0,
        work=Pareto(0.0),
        sizes=Mix([-1], [1]),
        tenants={"a": -1},
        priorities={"high": 1},
        cpus_per_gpu=-2.0,
        arrivals="poisson",
    )
    with pytest.raises(ScenarioError) as stop:
        wrong.request(Streams(1), 8)
    paths = {issue.split(":")[0] for issue in stop.value.issues}
    assert paths == {
        "workload.jobs",
        "workload.load",
        "workload.work.least_s",
        "workload.sizes.gpus[0]",
        "workload.tenants",
        "workload.priorities",
        "workload.cpus_per_gpu",
        "workload.arrivals",
    }


@pytest.mark.parametrize(
    "knobs",
    [
        {"load": None},
        {"load": 0.5, "rate_per_s": 1.0},
        {"jobs": None},
        {"work": Pareto(1.0, 0.9, None)},
        {"work": Fixed(0.0)},
        {"work": Pareto(1e9, 0.5, None), "load": None, "rate_per_s": 1.0},
        {"jobs": None, "duration_s": 1e12, "load": None, "rate_per_s": 1e6},
    ],
)
def test_what_cannot_be_drawn_says_why(knobs):
    with pytest.raises(ScenarioError, match="workload"):
        jobs(**knobs)


@pytest.mark.parametrize(
    ("knobs", "advice"),
    [
        ({"jobs": 10**11}, "workload.jobs: is 100000000000"),
        ({"jobs": 10**11, "duration_s": 1e300}, "workload.jobs: is 100000000000"),
        ({"jobs": None, "duration_s": 1e12}, "workload.duration_s: is 1000000000000.0"),
        ({"jobs": 10**18, "duration_s": 1e12}, "workload.duration_s: is 1000000000000.0"),
    ],
)
def test_too_many_jobs_are_blamed_on_the_knob_that_makes_them(knobs, advice):
    with pytest.raises(ScenarioError) as stop:
        jobs(**{"load": None, "rate_per_s": 1.0} | knobs)
    assert stop.value.issues[0].startswith(advice)
