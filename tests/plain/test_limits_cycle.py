"""Slurm's limits beside its backfill cycle: a plain cycle without reservations, and laws with them."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.policies.backfill import Slurm
from sim.policies.placement import FirstFit
from sim.policies.queue import Priority
from sim.policies.quota import NoQuota, SlurmLimits
from sim.workload import Given
from tests.conftest import cluster
from tests.plain import test_limits
from tests.plain.plain import INF
from tests.plain.test_limits import Limited, alike

pytestmark = pytest.mark.rare

EVERY_S = 30.0


class Cycled(Limited):
    """A strict pass at each event, and each 30 s a look at all that limits allow, in order."""

    planned = None

    def asked_again(self, j):
        new = j in self.queue and self.seen() != self.planned
        return (self.now // EVERY_S + 1) * EVERY_S if new else INF

    def seen(self):
        return len(self.rows), sorted(self.running), list(self.queue)

    def dispatch(self):
        for j in list(self.queue):
            if not self.allowed(j):
                if self.stops:
                    break
                continue
            got = self.where(self.jobs[j])
            if got is None:
                break
            self.start(j, *got)
        if self.now % EVERY_S:
            return
        looked = 0
        for j in list(self.queue):
            if looked == self.rule["depth"] or (self.stops and not self.allowed(j)):
                break
            if not self.allowed(j):
                continue
            looked += 1
            got = self.where(self.jobs[j])
            if got is not None:
                self.start(j, *got)
        self.planned = self.seen()


@pytest.mark.parametrize("depth", [None, 3])
@pytest.mark.parametrize("seed", range(20))
def test_a_cycle_that_reserves_nothing(seed, depth, monkeypatch):
    plain = {"depth": depth or 10**9, "reserves": 0}
    rule = Slurm(depth=depth, interval_s=EVERY_S, reserve=0)
    monkeypatch.setitem(test_limits.RULES, "cycle", (rule, plain))
    monkeypatch.setattr(test_limits, "Limited", Cycled)
    alike(seed, 60, "cycle")


def drawn(seed, n=120):
    draw = np.random.default_rng(seed)
    work = draw.integers(10, 400, n).astype(float)
    return {
        "job_id": [str(i) for i in range(n)],
        "submit_s": np.sort(draw.integers(0, 20 * n, n)).astype(float),
        "gpus": draw.choice([1, 2, 4, 8, 16], n).astype(np.int32),
        "work_s": work,
        "walltime_s": np.ceil(work * draw.choice([1.0, 1.5, 3.0], n)),
        "priority": draw.integers(0, 3, n).astype(float),
        "tenant": draw.choice(["ann", "bob", "eve"], n).tolist(),
        "qos": draw.choice(["high", "low"], n).tolist(),
    }


def go(jobs, quota, horizon_s=INF, **knobs):
    return simulate(Scenario(
        cluster(nodes=4, gpus=8), Given(jobs), Priority(), Slurm(**knobs), FirstFit(),
        quota=quota, horizon_s=horizon_s,
    ))  # fmt: skip


def at_once(result, of):
    """Return the most jobs and the most GPUs that the jobs of `of` hold at any instant."""
    mine = [row for row in result.jobs.to_pylist() if of(row)]
    changes = sorted(
        [(row["end_s"], 0, (-1, -row["gpus"])) for row in mine]
        + [(row["start_s"], 1, (1, row["gpus"])) for row in mine]
    )
    return np.cumsum([change for _, _, change in changes], axis=0).max(axis=0).tolist()


@pytest.mark.parametrize("reserve", [None, 1, 0])
@pytest.mark.parametrize("seed", range(4))
def test_limits_that_bind_nobody_change_nothing(seed, reserve):
    jobs = drawn(seed)
    everyone = SlurmLimits(
        {name: {"tenants": [name], "gpus": 10**6} for name in ("ann", "bob", "eve")}
    )
    with_, without = (go(jobs, q, reserve=reserve) for q in (everyone, NoQuota()))
    assert with_.ledger.equals(without.ledger)


@pytest.mark.parametrize("seed", range(4))
def test_limits_of_associations_and_qos_hold_at_every_instant(seed):
    limits = SlurmLimits(
        {"a": {"tenants": ["ann"], "jobs": 2}, "b": {"tenants": ["bob"]}},
        qoses={"low": {"gpus": 18}}, default="b",
    )  # fmt: skip
    result, free = go(drawn(seed), limits), go(drawn(seed), NoQuota())
    assert set(result.jobs["state"].to_pylist()) == {"completed"}
    for i, most, of in (
        (0, 2, lambda r: r["tenant"] == "ann"),
        (1, 18, lambda r: r["qos"] == "low"),
    ):
        assert at_once(result, of)[i] <= most < at_once(free, of)[i]


@pytest.mark.parametrize("reserve", [None, 1])
@pytest.mark.parametrize("seed", range(4))
def test_who_a_limit_blocks_reserves_nothing(seed, reserve):
    """Eve's other jobs wait for the one that never ends: nobody else notices that they are there."""
    jobs = drawn(seed)
    hers = np.array([name == "eve" for name in jobs["tenant"]])
    first = int(np.flatnonzero(hers)[0])
    for name, value in (("work_s", 1e7), ("walltime_s", 1e7), ("gpus", 1), ("priority", 9.0),
                        ("submit_s", 0.0)):  # fmt: skip
        jobs[name][first] = value
    one = SlurmLimits({"e": {"tenants": ["eve"], "jobs": 1}, "o": {}}, default="o")
    kept = np.flatnonzero(~hers | (np.arange(len(hers)) == first))
    fewer = {name: [column[i] for i in kept] for name, column in jobs.items()}
    with_, without = (go(some, one, horizon_s=1e5, reserve=reserve) for some in (jobs, fewer))
    assert with_.ledger.num_rows > 60
    assert with_.ledger.equals(without.ledger)
