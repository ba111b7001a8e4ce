"""Schedules of other simulators, equal for every job.

Source: shared/groundtruth/peers (Tiresias, CQSim, Alibaba's PAI simulator) on neutral traces;
synth480 and its schedules are shipped in tests/data/peers. Integer seconds, the tie law of
README: at one instant ends, then arrivals in order of job, then one pass.
"""

import csv

import numpy as np
import pytest

from sim.policies.backfill import Conservative, Easy, NoBackfill, Skip
from sim.policies.placement import FirstFit
from sim.policies.queue import Fifo, Sjf
from tests.conftest import DATA, run, shared, starts

GPUS = {"synth480": 64, "philly_103959": 24, "ef06": 128, "ef01": 64}


def table(*parts):
    """Return the rows of a truth file, the shipped one where it is shipped."""
    path = DATA.joinpath("peers", *parts)
    with (path if path.exists() else shared("groundtruth", "peers", *parts)).open() as file:
        return list(csv.DictReader(file))


def jobs_of(trace):
    rows = table("traces", f"{trace}.csv")
    number = {c: np.array([int(r[c]) for r in rows]) for c in ("submit_s", "duration_s", "gpus")}
    return {
        "job_id": [r["job_id"] for r in rows],
        "submit_s": number["submit_s"].astype(float),
        "gpus": number["gpus"].astype(np.int32),
        "work_s": number["duration_s"].astype(float),
    }


def agree(trace, peer, file, shape, **choices):
    """Assert that every job starts when the peer says."""
    rows = {int(r["job_id"]): int(float(r["start_s"])) for r in table(peer, file)}
    ours = starts(run(jobs_of(trace), *shape, **choices))
    truth = [rows[i] for i in range(len(rows))]
    wrong = [(i, a, b) for i, (a, b) in enumerate(zip(ours, truth, strict=True)) if a != b]
    assert not wrong, f"{len(wrong)} of {len(truth)} differ, first (job, ours, theirs) {wrong[:3]}"


@pytest.fixture(params=["one big node", "many nodes of one GPU"])
def pool_of(request):
    """Return the two ways of saying "a pool of GPUs without placement"."""
    return lambda gpus: (1, gpus) if request.param == "one big node" else (gpus, 1)


@pytest.mark.parametrize("trace", ["synth480", "philly_103959", "ef06"])
@pytest.mark.parametrize(("theirs", "ours"), [("fifo", NoBackfill()), ("fjf", Skip(depth=None))])
def test_tiresias_by_count(trace, theirs, ours, pool_of):
    agree(trace, "tiresias", f"{trace}__{theirs}__count.csv", pool_of(GPUS[trace]), backfill=ours)


@pytest.mark.parametrize("trace", ["synth480", "philly_103959", "ef06"])
@pytest.mark.parametrize(("theirs", "ours"), [("fifo", NoBackfill()), ("fjf", Skip(depth=None))])
def test_tiresias_on_nodes_with_yarn_placement(trace, theirs, ours):
    shape = (GPUS[trace] // 8, 8)
    agree(trace, "tiresias", f"{trace}__{theirs}__yarn.csv", shape, backfill=ours)


@pytest.mark.parametrize("trace", ["synth480", "philly_103959"])
def test_cqsim_easy_is_easy_by_counts(trace, pool_of):
    easy = Easy(reservation="counts", depth=None)
    agree(trace, "cqsim", f"{trace}__EASY.csv", pool_of(GPUS[trace]), backfill=easy)


@pytest.mark.parametrize("trace", ["synth480", "philly_103959"])
def test_on_one_node_easy_by_nodes_is_easy_by_counts(trace):
    easy = Easy(reservation="nodes", depth=None)
    agree(trace, "cqsim", f"{trace}__EASY.csv", (1, GPUS[trace]), backfill=easy)


@pytest.mark.parametrize("trace", ["synth480", "philly_103959"])
def test_cqsim_conservative(trace, pool_of):
    rule = Conservative(depth=None)
    agree(trace, "cqsim", f"{trace}__CONSERVATIVE.csv", pool_of(GPUS[trace]), backfill=rule)


@pytest.mark.parametrize("trace", ["synth480", "ef01"])
@pytest.mark.parametrize(("theirs", "queue"), [("p8", Fifo()), ("p0", Sjf())])
def test_pai_fifo_and_sjf(trace, theirs, queue):
    shape = (1, GPUS[trace])
    choices = {"queue": queue, "backfill": Skip(depth=None)}
    agree(trace, "pai2020", f"{trace}__{theirs}__n1.csv", shape, **choices)


def test_pai_fifo_on_eight_nodes():
    choices = {"backfill": Skip(depth=None), "placement": FirstFit()}
    agree("synth480", "pai2020", "synth480__p8__n8.csv", (8, 8), **choices)
