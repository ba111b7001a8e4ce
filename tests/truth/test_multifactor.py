"""Priorities and ranks of a real Slurm 22.05 (sprio and sshare).

Source: shared/groundtruth/slurm/fx, recorded for this project.
"""

import re

import numpy as np
import pytest

from sim.policies.queue import Multifactor
from sim.policies.queue.fair_tree import OWN, fair_tree
from tests.conftest import cluster, run, shared


def sshare():
    """Return each `sshare -l` recorded, as its rows."""
    found = []
    for name in ("priority_snapshot1.txt", "sshare_final.txt"):
        rows = None
        for line in shared("groundtruth", "slurm", "fx", name).read_text().splitlines():
            if line.startswith("Account|"):
                rows = []
                found.append(rows)
            elif rows is not None and line.count("|") == 10:
                rows.append(line.split("|"))
    return found


def test_fair_tree_ranks():
    snapshots = sshare()
    assert len(snapshots) == 2
    for rows in snapshots:
        tree, used, factor, path = {}, {}, {}, []
        for account, user, parts, _, usage, _, _, fair, *_ in rows[1:]:  # below the root itself
            depth = len(account) - len(account.lstrip()) - 1
            place = tree
            for step in path[:depth]:
                place = place[step]
            if user:
                place[user] = int(parts)
                used[user], factor[user] = float(usage), float(fair)
            else:
                del path[depth:]
                path.append(account.strip())
                place[account.strip()] = {OWN: int(parts)}
        assert len(factor) == 5
        assert fair_tree(tree, used) == pytest.approx(factor, abs=1e-6)


def test_priorities_are_the_sum_of_weights_times_factors():
    lines = shared("groundtruth", "slurm", "fx", "priority_snapshot1.txt").read_text().splitlines()
    jobs = [re.split(r"\s+", line.strip()) for line in lines if re.match(r"\s+\d+ gpu\s", line)]
    weights = next(re.split(r"\s+", line.strip()) for line in lines if "Weights" in line)
    age, fair, size, partition, qos = (float(weights[i]) for i in (2, 3, 4, 5, 6))
    gpus = float(weights[7].split("=")[1])
    policy = Multifactor(
        age=age, fair_share=fair, size=size, gpus=gpus, qos=qos, half_life_s=3600.0
    )
    assert len(jobs) == 4
    for row in jobs:
        told = [float(row[i]) for i in (5, 7, 8, 10)] + [float(row[12].split("=")[1])]
        factors = np.array(told) / np.array([age, fair, size, qos, gpus])
        ours = policy.points(factors[0], factors[1], factors[2], factors[4], factors[3])
        rest = float(row[9])  # the partition's, which is one for all here
        assert partition == 1000.0
        assert ours + rest == pytest.approx(float(row[3]), abs=2.0)  # columns are cut to whole ones


def test_the_priority_of_a_job_from_what_it_asks_for():
    """`urgent`: 2 of 4 nodes, 128 of 256 CPUs, 16 of 32 GPUs, QOS 100 of 100 (squeue, sinfo)."""
    policy = Multifactor(age=1000, fair_share=10000, size=1000, gpus=500, qos=2000, max_age_s=3600)
    size = 0.5 * (2 / 4 + 128 / 256)
    for waited_s in (8.0, 9.0, 10.0):  # priorities are made once a minute: AGE reads 2
        assert int(1000 * waited_s / 3600) == 2
        points = policy.points(waited_s / 3600, 0.8, size, 16 / 32, 100 / 100)
        assert int(points) + 500 == 11252  # 500: the partition's


@pytest.mark.parametrize(("cpus", "size"), [(None, 2 / 4), (100, (2 / 4 + 40 / 400) / 2)])
def test_where_nobody_counts_cores_the_size_is_that_of_nodes(cpus, size):
    seen = []

    class Watch(Multifactor):
        def key(self, jobs, now_s):
            seen.append(super().key(jobs, now_s))
            return seen[-1]

    weights = dict.fromkeys(("age", "fair_share", "gpus", "qos"), 0)
    jobs = {"submit_s": np.zeros(1), "gpus": np.array([16], np.int32), "work_s": np.ones(1)}
    run(jobs | ({"cpus": [40.0]} if cpus else {}), queue=Watch(**weights, size=1000),
        inventory=cluster(4, 8, cpus))  # fmt: skip
    assert -seen[0] == pytest.approx([1000 * size])


def test_partition_and_nice_are_in_the_sum():
    """Job 14 of the record: its partition has 10 of at most 20, so 500 of the weight of 1000.

    The partitions' factors are those of fx/slurm.conf; nice as in `sbatch --nice=300`.
    """
    seen = {}

    class Watch(Multifactor):
        def key(self, jobs, now_s):
            seen["key"] = super().key(jobs, now_s)
            return seen["key"]

    weights = {"age": 0, "fair_share": 0, "size": 0, "gpus": 0, "qos": 0, "partition": 1000}
    run({
        "submit_s": [0.0, 0.0, 0.0], "gpus": [1, 1, 1], "work_s": [1.0, 1.0, 1.0],
        "partition": ["gpu", "debug", None], "nice": [0.0, 300.0, -7.0],
    }, queue=Watch(**weights, partitions={"gpu": 10, "debug": 20}))  # fmt: skip
    assert list(seen["key"]) == [-500.0, -1000.0 + 300.0, -7.0]


def test_the_factor_of_qos_is_that_of_the_recorded_jobs():
    """Jobs 11 to 13 are of QOS normal, 14 of high (squeue); priorities as sacctmgr tells them."""
    rows = shared("groundtruth", "slurm", "fx", "sacctmgr_qos.txt").read_text().splitlines()
    qoses = {row.split("|")[0]: float(row.split("|")[1]) for row in rows[1:]}
    text = shared("groundtruth", "slurm", "fx", "priority_snapshot1.txt").read_text()
    of = {}
    for row in text.splitlines():
        if "|PENDING|" in row:  # a part of a heterogeneous job: 12+1 is job 13
            job, _, part = row.split("|")[0].partition("+")
            of[str(int(job) + int(part or 0))] = "high" if "|high|" in row else "normal"
    jobs = [re.split(r"\s+", line) for line in text.splitlines() if re.match(r"\s+\d+ gpu\s", line)]
    told = [float(row[11]) for row in jobs]
    assert sorted(told) == [400.0, 400.0, 400.0, 2000.0]
    seen = {}

    class Watch(Multifactor):
        def key(self, jobs, now_s):
            seen["key"] = super().key(jobs, now_s)
            return seen["key"]

    weights = {"age": 0, "fair_share": 0, "size": 0, "gpus": 0, "qos": 2000}
    run({
        "submit_s": [0.0] * 5, "gpus": [1] * 5, "work_s": [1.0] * 5, "priority": [9.0] * 5,
        "qos": [*(of[row[1]] for row in jobs), None],
    }, queue=Watch(**weights, qoses=qoses))  # fmt: skip
    assert list(-seen["key"]) == [*told, 0.0]
