"""Neighbours on a device: what time-slicing and MPS do to the rate, and that no work is lost."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.engine import Failures
from sim.errors import ScenarioError
from sim.policies.backfill import Skip
from sim.policies.placement import BestFitVector, Pack, Spread
from sim.policies.preemption import Tail
from sim.policies.queue import Smallest
from sim.policies.sharing import Mps, NoInterference, TimeSlicing
from sim.state import Inventory, Pool
from sim.workload import Given
from tests.conftest import run
from tests.plain.test_same import workload

pytestmark = pytest.mark.rare


def shares_of(seed, jobs, load, pools):
    """Return a workload of shares, gangs of shares and whole GPUs."""
    made = workload(seed, jobs, pools, load)
    rng = np.random.default_rng(seed + 5)
    made["gpus"] = np.minimum(made["gpus"], 4)
    milli = rng.choice([100, 250, 250, 500, 1000], jobs)
    made["gpu_milli"] = [int(m) if m < 1000 else None for m in milli]
    return made


def done_work(result, factor):
    """Return the work that each job has done by its rows, each device's neighbours counted anew."""
    rows = []
    for row in result.ledger.to_pylist():
        if row["job_id"] is not None:
            devices = {(row["node"], d) for d in (row["devices"] or "").split("-") if d}
            rows.append((row["job_id"], row["start_s"], row["end_s"], devices))
    runs = defaultdict(set)
    for job, start_s, end_s, devices in rows:
        runs[job, start_s, end_s] |= devices
    on = defaultdict(list)
    for (job, start_s, end_s), devices in runs.items():
        for device in devices:
            on[device].append((start_s, end_s, job))
    done = defaultdict(float)
    for (job, start_s, end_s), devices in runs.items():
        marks = {start_s, end_s}
        for device in devices:
            marks |= {t for a, b, _ in on[device] for t in (a, b) if start_s < t < end_s}
        marks = sorted(marks)
        for a, b in pairwise(marks):
            most = max((sum(p <= a < q for p, q, _ in on[d]) for d in devices), default=1)
            done[job] += (b - a) * factor(most)
    return done


POOLS = (Pool("n", 5, 4, "a"),)
RULES = {
    "time-slicing": (TimeSlicing(), lambda k: 1.0 / k),
    "turns cost": (TimeSlicing(switching=0.1), lambda k: 1.0 if k == 1 else 0.9 / k),
    "mps": (Mps(factors=(1.0, 0.8, 0.5)), lambda k: (1.0, 0.8, 0.5)[min(k, 3) - 1]),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("choice", [
    {"placement": Pack(), "backfill": Skip()},
    {"placement": Spread()},
    {"placement": BestFitVector()},
    {"queue": Smallest(), "preemption": Tail(cost_s=5.0)},
])  # fmt: skip
def test_work_is_conserved(rule, choice):
    sharing, factor = RULES[rule]
    made = shares_of(1, 150, 1.2, POOLS)
    result = simulate(Scenario(Inventory(POOLS), Given(made), sharing=sharing, **choice))
    done, crowded = done_work(result, factor), 0
    for row in result.jobs.to_pylist():
        asked = row["work_s"] + row["lost_s"]
        assert done[row["job_id"]] == pytest.approx(asked, rel=1e-9)  # sums of products, rounded
        held = row["gpu_s"] / (row["gpus"] * (row["gpu_milli"] or 1000) / 1000)
        crowded += held > asked * 1.01
    assert crowded > 30


def test_a_failure_takes_the_neighbours_along():
    made = shares_of(2, 120, 0.8, POOLS)
    result = simulate(Scenario(Inventory(POOLS), Given(made), sharing=TimeSlicing(),
                               processes=(Failures(mtbf_s=800.0, repair_s=60.0),)))  # fmt: skip
    done = done_work(result, lambda k: 1.0 / k)
    assert sum(result.jobs.column("restarts").to_pylist()) > 10
    for row in result.jobs.to_pylist():
        assert done[row["job_id"]] == pytest.approx(row["work_s"] + row["lost_s"], rel=1e-9)


def test_two_on_a_device_in_turns():
    made = {"submit_s": [0.0, 5.0], "gpus": [1, 1], "work_s": [10.0, 10.0], "gpu_milli": [500, 500]}
    result = run(made, gpus=1, sharing=TimeSlicing())
    assert result.jobs.column("end_s").to_pylist() == [15.0, 20.0]
    result = run(made, gpus=1, sharing=Mps(factors=[1.0, 0.8]))
    first = 5.0 + 5.0 / 0.8
    assert result.jobs.column("end_s").to_pylist() == [first, first + 10.0 - (first - 5.0) * 0.8]


def test_a_gang_goes_at_the_pace_of_its_most_crowded_device():
    made = {
        "submit_s": [0.0] * 3,
        "gpus": [2, 1, 1],
        "work_s": [10.0] * 3,
        "gpu_milli": [400, 300, 300],
    }
    result = run(made, gpus=2, sharing=TimeSlicing())
    devices = result.ledger.column("devices").to_pylist()
    assert devices == ["0-1", "0", "0"]  # three on one device, one on the other
    assert result.jobs.column("end_s").to_pylist() == [30.0, 30.0, 30.0]


def test_processor_sharing():
    """One GPU in turns is M/G/1 with processor sharing: a plain one gives the same ends."""
    rng = np.random.default_rng(4)
    submit = np.cumsum(rng.exponential(12.0, 300))
    work = rng.exponential(10.0, 300)
    made = {"submit_s": submit, "gpus": [1] * 300, "work_s": work, "gpu_milli": [1] * 300}
    ends = run(made, gpus=1, sharing=TimeSlicing()).jobs.column("end_s").to_numpy()
    left, plain, now, i = {}, np.zeros(300), 0.0, 0
    while i < 300 or left:
        soon = min(left.values()) * len(left) if left else np.inf
        at = min(now + soon, submit[i] if i < 300 else np.inf)
        for j in left:
            left[j] -= (at - now) / len(left)
        now = at
        for j in [j for j in left if left[j] < 1e-9]:
            plain[j] = now
            del left[j]
        if i < 300 and submit[i] == now:
            left[i] = work[i]
            i += 1
    np.testing.assert_allclose(ends, plain, rtol=1e-9)  # the two round differently


@pytest.mark.parametrize("sharing", [Mps(factors=[1.0]), Mps(factors=[1.0, 1.0, 1.0])])
def test_without_interference_it_is_the_plain_share(sharing):
    made = shares_of(3, 150, 1.2, POOLS)
    alike = [simulate(Scenario(Inventory(POOLS), Given(made), sharing=s)).ledger
             for s in (NoInterference(), sharing)]  # fmt: skip
    assert alike[0].equals(alike[1])


def test_instances_and_whole_gpus_have_no_neighbours():
    pools = (Pool("n", 2, 2, "h100"),)
    made = workload(6, 80, pools, 2.0)
    rng = np.random.default_rng(6)
    made["gpus"] = np.minimum(made["gpus"], 2)
    made["mig_profile"] = list(rng.choice(np.array(["1g.10gb", "3g.40gb", None], object), 80))
    ledgers = [simulate(Scenario(Inventory(pools), Given(made), sharing=s)).ledger
               for s in (NoInterference(), TimeSlicing())]  # fmt: skip
    assert ledgers[0].equals(ledgers[1])


@pytest.mark.parametrize(("sharing", "told"), [
    (TimeSlicing(switching=1.0), "sharing.switching: is 1.0; must be a part of 1"),
    (Mps(factors=[]), "sharing.factors: is []; must be numbers"),
    (Mps(factors=[0.9, 0.8]), "sharing.factors: is [0.9, 0.8]"),
    (Mps(factors=[1.0, 0.0]), "sharing.factors: is [1.0, 0.0]"),
    (NoInterference("last"), "sharing.mig_position: is 'last'; must be spare or first"),
])  # fmt: skip
def test_wrong_knobs(sharing, told):
    with pytest.raises(ScenarioError) as caught:
        sharing.rule()
    assert caught.value.issues[0].startswith(told)
