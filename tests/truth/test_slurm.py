"""A real Slurm: every job starts when Slurm started it, within the seconds it was recorded to.

Source: tests/data/slurm, recorded for this project on Slurm 22.05.8 and 26.11.0-0rc1, on 8 nodes of
8 GPUs with bf_interval=1, bf_resolution=1: W1, 24 whole-node jobs; W2, 60 jobs that share nodes. The
recording drifts by about a second a start (its README: within 7 s for FCFS, 6 s for backfill).
"""

import csv

import numpy as np
import pytest

from sim.policies.backfill import NoBackfill, Slurm
from sim.policies.placement import Consecutive
from tests.conftest import DATA, run, starts

EACH = {"interval_s": 1.0, "resolution_s": 1.0, "window_s": 86400.0}


def recorded(name, column):
    with (DATA / "slurm" / f"{name}_results.csv").open() as file:
        rows = list(csv.DictReader(file))
    rows.sort(key=lambda r: (float(r[f"{column}_submit"]), r["job_name"]))

    def seconds(field):
        return np.array([float(r[f"{column}_{field}"]) for r in rows])

    nodes = np.array([int(r["nodes"]) for r in rows], np.int32)
    each = np.array([int(r["gpus_per_node"]) for r in rows], np.int32)
    jobs = {
        "submit_s": seconds("submit"),
        "gpus": nodes * each,
        "nodes": nodes,
        "gpus_per_node": each,
        "work_s": seconds("end") - seconds("start"),
        "walltime_s": 60.0 * np.array([float(r["time_limit_min"]) for r in rows]),
    }
    return jobs, seconds("start")


@pytest.mark.parametrize(
    ("column", "rule", "within_s"),
    [
        ("fcfs_2205", NoBackfill(), 7),
        ("cons_2205", Slurm(**EACH), 6),
        ("easy_2205", Slurm(**EACH, reserve=1), 6),
        ("cons_2611", Slurm(**EACH, idle_first=False), 6),
        ("easy_2611", Slurm(**EACH, reserve=1, idle_first=False), 6),
    ],
)
def test_whole_nodes(column, rule, within_s):
    jobs, truth = recorded("W1", column)
    ours = np.array(starts(run(jobs, 8, 8, backfill=rule, placement=Consecutive())))
    late = np.abs(ours - truth)
    assert (late <= within_s).all(), (
        f"{(late <= within_s).sum()} of {len(late)}, worst {late.max()}"
    )


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        ("fcfs_2205", NoBackfill()),
        ("cons_2205", Slurm(**EACH)),
        ("easy_2205", Slurm(**EACH, reserve=1)),
    ],
)
def test_shared_nodes(column, rule):
    jobs, truth = recorded("W2", column)
    late = np.abs(np.array(starts(run(jobs, 8, 8, backfill=rule, placement=Consecutive()))) - truth)
    assert (late <= 6).all(), f"{(late <= 6).sum()} of {len(late)}, worst {late.max()}"


def test_the_version_matters():
    """Up to 24.05 later reservations also land on nodes idle now; both were recorded."""
    jobs, truth = recorded("W1", "cons_2205")
    new = Slurm(**EACH, idle_first=False)
    ours = np.array(starts(run(jobs, 8, 8, backfill=new, placement=Consecutive())))
    assert (np.abs(ours - truth) > 6).any()
