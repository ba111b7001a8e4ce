"""Transforms: small pictures, and the laws they keep."""

from __future__ import annotations

import math
import re

import numpy as np
import pyarrow as pa
import pytest

from sim.errors import ScenarioError
from sim.rng import Streams
from sim.table import to_numpy
from sim.workload import (
    BlockResample,
    Cut,
    Given,
    MakeElastic,
    ScaleLoad,
    ScaleSize,
    Shift,
    Synthetic,
    Thin,
    Trace,
    offered_load,
)

PHILLY = "philly_2017-10-23_4_weeks.csv.gz"
SMALL = {
    "job_id": ["a", "b", "c", "d"],
    "submit_s": [0.0, 10, 20, 30],
    "gpus": [1, 2, 8, 0],
    "work_s": [5.0, 6, 7, 8],
    "eligible_s": [0.0, 15, None, 30],
    "deadline_s": [100.0, None, 25, 90],
    "cpus": [4.0, 8, None, 3],
    "nodes": [1, 2, 1, None],
}


def small():
    return Given(SMALL).request(Streams(1), 8).jobs


def made(n=50_000, **knobs):
    return Synthetic(jobs=n, **knobs).request(Streams(1), 64).jobs


def rng(seed=1):
    return np.random.default_rng(seed)


def columns(table, *names):
    return [table.column(name).to_pylist() for name in names]


def test_cut_is_a_window_from_its_own_zero():
    got = Cut(10.0, 30.0).apply(small(), rng(), 8)
    assert columns(got, "job_id", "submit_s", "eligible_s", "deadline_s") == [
        ["b", "c"],
        [0, 10],
        [5, None],
        [None, 15],
    ]
    assert columns(Cut(jobs=3).apply(small(), rng(), 8), "job_id") == [["a", "b", "c"]]


def test_scale_load_brings_jobs_together_and_keeps_their_own_spans():
    got = ScaleLoad(factor=2.0).apply(small(), rng(), 8)
    assert columns(got, "submit_s", "eligible_s", "deadline_s", "work_s") == [
        [0, 5, 10, 15],
        [0, 10, None, 15],
        [100, None, 15, 75],
        [5, 6, 7, 8],
    ]


@pytest.mark.parametrize("load", [0.3, 1.2])
def test_scale_load_can_aim_at_a_load(load):
    got = ScaleLoad(load=load).apply(made(), rng(), 64)
    assert offered_load(got, 64) == pytest.approx(load, rel=1e-9)


def test_scale_load_by_a_factor_multiplies_the_load():
    jobs = made()
    got = ScaleLoad(factor=1.7).apply(jobs, rng(), 64)
    assert offered_load(got, 64) == pytest.approx(1.7 * offered_load(jobs, 64), rel=1e-9)


def test_scale_size_rounds_and_lets_demands_follow():
    got = ScaleSize(0.5).apply(small(), rng(), 8)
    assert columns(got, "gpus", "cpus", "nodes") == [
        [1, 1, 4, 0],
        [4.0, 4.0, None, 3.0],
        [1, None, None, None],
    ]
    assert columns(ScaleSize(3).apply(small(), rng(), 8), "gpus") == [[3, 6, 24, 0]]
    assert columns(ScaleSize(1.0).apply(small(), rng(), 8), "gpus", "nodes") == [
        SMALL["gpus"],
        SMALL["nodes"],
    ]


def test_thin_keeps_each_job_by_a_coin_of_its_own():
    jobs = made()
    got = Thin(0.3).apply(jobs, rng(), 64)
    assert abs(got.num_rows - 0.3 * 50_000) < 5 * math.sqrt(50_000 * 0.3 * 0.7)
    assert set(got.column("job_id").to_pylist()) <= set(jobs.column("job_id").to_pylist())
    assert Thin(1.0).apply(jobs, rng(), 64).equals(jobs)


def test_shift_moves_every_instant():
    got = Shift(7.0).apply(small(), rng(), 8)
    assert columns(got, "submit_s", "deadline_s") == [[7, 17, 27, 37], [107, None, 32, 97]]


def test_blocks_are_whole_and_in_their_new_places():
    got = BlockResample(10.0, 6).apply(small(), rng(), 8)
    drawn = columns(got, "job_id", "submit_s", "gpus")
    for name, submit, gpus in zip(*drawn, strict=True):
        original, place = name.split("~")
        at = SMALL["job_id"].index(original)
        assert submit == 10.0 * int(place) + SMALL["submit_s"][at] % 10
        assert gpus == SMALL["gpus"][at]
    assert sorted({int(name.split("~")[1]) for name in drawn[0]}) == list(range(6))


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (BlockResample(1e-9), "2.9e+10 blocks"),
        (BlockResample(1e-320), "blocks"),
        (BlockResample(10.0, 10**9), "1e+09 blocks"),
        (BlockResample(1e6, 10**7), "3e+08 jobs"),
    ],
)
def test_more_blocks_than_fit_are_refused(step, told):
    thirty = {"submit_s": range(31), "gpus": [1] * 31, "work_s": [1] * 31}
    jobs = Given({name: list(values)[1:] for name, values in thirty.items()})
    jobs = jobs.request(Streams(1), 8).jobs
    with pytest.raises(ScenarioError, match=f"BlockResample makes .*{re.escape(told)}"):
        step.apply(jobs, rng(), 8)


def test_resampling_keeps_the_load_in_the_mean():
    jobs = made(load=0.8)
    loads = [offered_load(BlockResample(86400.0).apply(jobs, rng(s), 64), 64) for s in range(40)]
    spread = np.std(loads) / math.sqrt(len(loads))
    assert abs(np.mean(loads) - offered_load(jobs, 64)) < 5 * spread + 0.01


def test_a_trace_goes_through_its_transforms_in_order_and_repeatably():
    steps = (Cut(0.0, 7 * 86400.0), Thin(0.5), ScaleLoad(load=0.7), BlockResample(86400.0, 14))
    one = Trace(PHILLY, transforms=steps).request(Streams(3), 512).jobs
    assert one.equals(Trace(PHILLY, transforms=steps).request(Streams(3), 512).jobs)
    assert not one.equals(Trace(PHILLY, transforms=steps).request(Streams(4), 512).jobs)
    submit = to_numpy(one, "submit_s")
    assert (np.diff(submit) >= 0).all()
    assert Given(one).request(Streams(1), 512).jobs.num_rows == one.num_rows


@pytest.mark.parametrize(
    "step",
    [
        Cut(-1.0),
        Cut(10.0, 5.0),
        Cut(jobs=0),
        ScaleLoad(),
        ScaleLoad(1.0, 1.0),
        ScaleLoad(factor=0.0),
        ScaleSize(-1.0),
        Thin(1.5),
        BlockResample(0.0),
        BlockResample(1.0, 0),
        Shift(-1.0),
        "cut",
    ],
)
def test_a_parameter_out_of_place_is_named(step):
    with pytest.raises(ScenarioError, match=r"workload\.transforms\[0\]"):
        Trace(PHILLY, transforms=[step]).request(Streams(1), 8)


def test_knobs_of_a_trace_are_checked_all_at_once():
    wrong = Trace("nowhere", "xls", "stop?", procs="all", requeues="first")  # type: ignore[arg-type]
    paths = [issue.split(":")[0] for issue in wrong.issues()]
    names = ("path", "format", "on_error", "procs", "requeues")
    assert paths == [f"workload.{name}" for name in names]


def test_jobs_made_elastic_may_have_some_times_their_gpus():
    jobs = pa.table({"job_id": list("abcd"), "submit_s": [0.0] * 4, "work_s": [1.0] * 4,
                     "gpus": [1, 6, 0, 1], "gpu_milli": [None, None, None, 500]})  # fmt: skip
    got = MakeElastic(0.25, 2.5).apply(jobs, rng(), 8)
    assert got.column("min_gpus").to_pylist() == [1, 2, None, None]
    assert got.column("max_gpus").to_pylist() == [2, 15, None, None]
    assert MakeElastic(0.0, 0.5).issues("t") == [
        "t.least: is 0.0; must be a number above 0, at most 1",
        "t.most: is 0.5; must be a number, at least 1",
    ]
    drawn = Synthetic(jobs=50, elastic=MakeElastic(0.5, 2.0)).request(Streams(1), 64).jobs
    assert drawn.column("max_gpus").to_pylist() == [2 * g for g in drawn.column("gpus").to_pylist()]
    assert "elastic" in str(Synthetic(elastic=3).issues())
