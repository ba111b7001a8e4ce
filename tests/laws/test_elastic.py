"""Elastic jobs: processor sharing, fair and greedy shares, work conserved, sizes within bounds."""

import itertools
import math

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.engine import Failures
from sim.errors import ScenarioError, TraceError
from sim.policies.backfill import Conservative, Easy, NoBackfill, Skip, Slurm
from sim.policies.elastic import (
    AbstractElastic,
    Amdahl,
    EqualShares,
    Goodput,
    Marginal,
    Measured,
    NoElastic,
    Pollux,
    Power,
)
from sim.policies.elastic.pollux import BATCHES
from sim.policies.elastic.shares import greedy, level
from sim.policies.placement import Consecutive, FewestNodes, Fgd, Pack, Random, Spread
from sim.policies.preemption import Rebuild, Tail
from sim.policies.queue import Drf, Fifo, Multifactor, Priority, Smallest, Srtf, Tiresias
from sim.rng import Streams
from sim.state import Homogeneous, Inventory
from sim.study.prepare import prepared
from sim.study.simulate import run as simulate_run
from sim.workload import Given
from tests.conftest import run
from tests.plain.test_same import MIXED, SMALL, workload

Z = 4.0


# ---- processor sharing
def hyper(rng, n):
    """Hyperexponential with mean 1 and squared coefficient of variation 4."""
    p = 0.5 * (1 + math.sqrt(3.0 / 5.0))
    fast = rng.random(n) < p
    return np.where(fast, rng.exponential(0.5 / p, n), rng.exponential(0.5 / (1 - p), n))


WORK = {
    "deterministic": lambda rng, n: np.ones(n),
    "exponential": lambda rng, n: rng.exponential(1.0, n),
    "hyperexponential": hyper,
}


def batch_error(values, batches=25):
    """Return the standard error of the mean of a correlated series, by batch means."""
    means = values[: len(values) // batches * batches].reshape(batches, -1).mean(1)
    return means.std(ddof=1) / math.sqrt(batches)


@pytest.mark.parametrize("law", WORK)
def test_equal_shares_with_linear_speed_up_are_processor_sharing(law):
    """Mean response of M/G/1-PS = work / (1 - load), whatever the law of work (Kleinrock 1967).

    Shares are whole GPUs of 10,000: with k jobs they differ by at most k / 10,000 of a share, far
    below the error of the run. The expected response of a job of size x is x / (1 - load).
    """
    rng, n, load = np.random.default_rng(3), 12_000, 0.5
    submit = np.cumsum(rng.exponential(1.0 / load, n))
    work = WORK[law](rng, n)
    jobs = {"submit_s": submit, "gpus": np.full(n, 10_000, np.int32), "work_s": work,
            "min_gpus": np.full(n, 1), "max_gpus": np.full(n, 10_000)}  # fmt: skip
    result = run(jobs, 1, 10_000, elastic=EqualShares(Power(1.0), 0.0, 0.0))
    response = result.jobs.column("jct_s").to_numpy()
    error = batch_error(response)
    assert error < 0.05 * response.mean()
    assert response.mean() == pytest.approx(1.0 / (1.0 - load), abs=Z * error)
    assert max(result.jobs.column("wait_s").to_pylist()) == 0.0
    large = work > np.median(work)
    if large.any():
        slow = (response / work)[large]
        assert slow.mean() == pytest.approx(1.0 / (1.0 - load), abs=Z * batch_error(slow))


def test_equal_shares_shares_in_turn():
    """Two jobs on 8 GPUs, the second from 10 s on: each half, the first whole again at the end."""
    jobs = {"submit_s": [0.0, 10.0], "gpus": np.array([8, 8], np.int32), "work_s": [30.0, 5.0],
            "min_gpus": [1, 1], "max_gpus": [8, 8]}  # fmt: skip
    result = run(jobs, 1, 8, elastic=EqualShares(Power(1.0), 0.0, 0.0))
    rows = [(r["job_id"], r["gpus"], r["start_s"], r["end_s"], r["why"])
            for r in result.ledger.to_pylist()]  # fmt: skip
    assert rows == [
        ("0", 8, 0.0, 10.0, "resized"),
        ("0", 4, 10.0, 20.0, "resized"),
        ("1", 4, 10.0, 20.0, "done"),
        ("0", 8, 20.0, 35.0, "done"),
    ]
    # a share of 1 - p of the work on one GPU does not speed up: rate(4) = S(4) / S(8)
    slow = run(jobs, 1, 8, elastic=EqualShares(Amdahl(0.9), 0.0, 0.0))
    rate = (0.1 + 0.9 / 8) / (0.1 + 0.9 / 4)
    assert slow.ledger.to_pylist()[2]["end_s"] == pytest.approx(10.0 + 5.0 / rate, rel=1e-12)


def test_a_resize_costs_its_time():
    """The first job shrinks at 10 s and grows at the second's end: it holds 3 s idle each time."""
    jobs = {"submit_s": [0.0, 10.0], "gpus": np.array([8, 8], np.int32), "work_s": [30.0, 5.0],
            "min_gpus": [1, 1], "max_gpus": [8, 8]}  # fmt: skip
    result = run(jobs, 1, 8, elastic=EqualShares(Power(1.0), 0.0, 3.0))
    first, second = result.jobs.to_pylist()
    assert second["end_s"] == 20.0
    # 10 s whole, 3 s idle, 7 s at half, 3 s idle, the rest whole
    assert first["end_s"] == pytest.approx(10 + 3 + 7 + 3 + (30 - 10 - 3.5), rel=1e-12)
    assert first["lost_s"] == pytest.approx(3 * 0.5 + 3 * 1.0, rel=1e-12)
    assert (first["resizes"], first["restarts"]) == (2, 0)
    assert result.metrics["elastic"]["resizes"] == 2
    gpus = (8 * 10 + 4 * 10 + 8 * (first["end_s"] - 20)) / first["end_s"]
    assert result.metrics["elastic"]["gpus"]["mean"] == pytest.approx((gpus + 4) / 2, rel=1e-12)


# ---- shares
def test_levels_are_max_min_fair_and_fill_the_cluster():
    rng = np.random.default_rng(1)
    for _ in range(300):
        least = rng.integers(1, 5, 6)
        most = least + rng.integers(0, 9, 6)
        gpus = int(rng.integers(least.sum(), most.sum() + 5))
        made = level(least, most, gpus)
        assert (made >= least).all()
        assert (made <= most).all()
        assert made.sum() == min(gpus, most.sum())
        for a, b in itertools.permutations(
            range(6), 2
        ):  # nobody could have more at a richer's cost
            assert made[a] == most[a] or made[b] == least[b] or made[b] <= made[a] + 1


def brute(least, most, gpus, value):
    """Return the greatest total value of any sizes that fit."""
    ranges = [range(a, b + 1) for a, b in zip(least, most, strict=True)]
    return max(
        sum(value(j, g) for j, g in enumerate(sizes))
        for sizes in itertools.product(*ranges)
        if sum(sizes) <= gpus
    )


@pytest.mark.parametrize("shape", ["amdahl", "power", "optimus", "goodput"])
def test_greedy_is_the_best_of_all_sharings_where_curves_bend_down(shape):
    rng = np.random.default_rng(2)
    for _ in range(40):
        scale, bend = rng.uniform(0.5, 3.0, 4), rng.uniform(0.3, 0.95, 4)

        def worth(job, g, scale=scale, bend=bend):
            amdahl = 1.0 / (1.0 - bend[job] + bend[job] / g)
            return {
                "amdahl": scale[job] * amdahl,
                "power": scale[job] * g ** bend[job],
                "optimus": -scale[job] / amdahl,
                "goodput": -((scale[job] * amdahl) ** -0.5),
            }[shape]

        least = rng.integers(1, 3, 4)
        most = least + rng.integers(0, 5, 4)
        gpus = int(rng.integers(least.sum(), most.sum() + 2))
        made = greedy(least, most, gpus, worth, least, 1.0)
        assert made.sum() <= gpus
        assert (made >= least).all()
        assert (made <= most).all()
        best = brute(least, most, gpus, worth)
        # sums of four numbers, in another order
        assert sum(worth(j, g) for j, g in enumerate(made)) == pytest.approx(best, rel=1e-12)


def test_greedy_is_one_gpu_at_a_time_whatever_the_curves():
    """Also where they bend up, fall, or are level; GPUs held already count half as much again."""
    rng = np.random.default_rng(6)
    for _ in range(400):
        value = rng.integers(0, 9, (5, 12)).cumsum(1) - rng.integers(0, 20, (5, 1))
        value = value - 3.0 * rng.integers(0, 2, (5, 12))
        least, held = rng.integers(1, 4, 5), rng.integers(0, 9, 5)
        most = least + rng.integers(0, 8, 5)
        gpus = int(rng.integers(least.sum(), most.sum() + 2))
        sizes = least.copy()

        def gain(j, sizes=sizes, value=value, held=held):
            more = value[j, sizes[j] + 1] - value[j, sizes[j]]
            return more * 1.5 if sizes[j] + 1 <= held[j] else more

        for _ in range(gpus - least.sum()):
            able = [j for j in range(5) if sizes[j] < most[j] and gain(j) > 0]
            if not able:
                break
            sizes[max(able, key=lambda j: (gain(j), -j))] += 1
        made = greedy(least, most, gpus, lambda j, g, value=value: value[j, g], held, 1.5)
        assert made.tolist() == sizes.tolist()


@pytest.mark.parametrize("policy", [
    Marginal(1.0, Amdahl(0.9), 0.0, 0.0), Marginal(1.0, Power(0.7), 0.0, 0.0),
    Goodput(-1.0, 1.0, Amdahl(0.9), 0.0, 0.0), Goodput(0.0, 1.0, Power(0.5), 0.0, 0.0),
])  # fmt: skip
def test_alike_jobs_share_alike(policy):
    jobs = {"submit_s": np.zeros(5), "gpus": np.full(5, 4, np.int32), "work_s": np.full(5, 60.0),
            "min_gpus": np.ones(5), "max_gpus": np.full(5, 32)}  # fmt: skip
    equal = run(jobs, 4, 8, elastic=EqualShares(policy.speedup, 0.0, 0.0))
    assert run(jobs, 4, 8, elastic=policy).ledger.slice(0, 6).equals(equal.ledger.slice(0, 6)) or (
        [r["gpus"] for r in run(jobs, 4, 8, elastic=policy).ledger.to_pylist()][:5]
        == [r["gpus"] for r in equal.ledger.to_pylist()][:5]
    )


def test_optimus_favours_the_long_and_power_means_the_poor():
    """Of two jobs on 8 GPUs at speed g: left / a^2 = left' / b^2 where both shorten alike."""
    jobs = {"submit_s": [0.0, 0.0], "gpus": np.array([1, 1], np.int32), "work_s": [900.0, 100.0],
            "min_gpus": [1, 1], "max_gpus": [8, 8]}  # fmt: skip
    made = run(jobs, 1, 8, elastic=Marginal(1.0, Power(1.0), 0.0, 0.0)).ledger.to_pylist()
    assert [r["gpus"] for r in made[:2]] == [6, 2]  # a / b = sqrt(900 / 100) = 3


# ---- curves
def test_curves_are_what_they_say():
    gpus, none = np.arange(1, 65), np.full(64, np.nan)
    np.testing.assert_allclose(Power(0.5).speed(gpus, none), np.sqrt(gpus), rtol=1e-15)
    amdahl = Amdahl(0.9).speed(gpus, none)
    assert amdahl[0] == 1.0
    assert amdahl[-1] < 10.0
    assert Amdahl(0.9).speed(np.array([4, 4]), np.array([np.nan, 1.0])).tolist() == [amdahl[3], 4.0]
    points = Measured((1, 4), (1.0, 3.0)).speed(np.array([1, 2, 4, 9]), none[:4])
    np.testing.assert_allclose(points, [1.0, 1.0 + 2.0 / 3.0, 3.0, 3.0], rtol=1e-15)


def test_pollux_finds_the_best_batch():
    """Without sync the goodput at batch M is g M / (g grad + sample M) (n + M0) / (n + M).

    With one step of any size (gpu_batch = inf), d/dM = 0 at M = sqrt(g grad n / sample): there it
    is best, or at the nearer end of the range.
    """
    n, grad, each = 2000.0, 0.02, 0.002
    curve = Pollux(128, 10**9, 8192, n, grad, each, 0.0, 0.0, 8, 0.0, 0.0, 1.0)
    gpus = np.array([1, 2, 8, 64, 512, 4096])
    batch = np.clip(np.sqrt(gpus * grad * n / each), 128, 8192)
    expected = batch / (grad + each * batch / gpus) * (n + 128) / (n + batch)
    found = curve.speed(gpus, np.full(6, np.nan))
    # steps of the batches tried: e = ln(8192 / 128) / BATCHES / 2 off at most; the loss is of the
    # order e^2 / 2 about the best
    loss = (math.log(64) / (BATCHES - 1) / 2) ** 2
    assert (found <= expected * (1 + 1e-12)).all()
    assert (found >= expected * (1 - loss)).all()


def test_pollux_efficiency_and_sync_as_published():
    curve = Pollux()
    one = curve.goodput(np.array(1.0), np.array(128.0))
    assert one == pytest.approx(128 / (0.02 + 0.002 * 128), rel=1e-12)  # efficiency 1, no sync
    # 16 GPUs, batch 4096: two steps of 128 each, sync between nodes, gamma 2
    compute, sync = 0.02 + 0.002 * 128, 0.06 + 0.001 * 14
    expected = 4096 / (compute + math.hypot(compute, sync)) * (2000 + 128) / (2000 + 4096)
    assert curve.goodput(np.array(16.0), np.array(4096.0)) == pytest.approx(expected, rel=1e-12)


# ---- what holds in every run
def segments(result):
    """Return {job: [(start, end, gpus, why)]}, its stretches in order."""
    found = {}
    for r in result.ledger.to_pylist():
        if r["job_id"] is not None:
            rows = found.setdefault(r["job_id"], {})
            old = rows.get(r["start_s"], (0, 0, ""))
            rows[r["start_s"]] = (r["end_s"], old[1] + r["gpus"], r["why"])
    return {j: [(a, *b) for a, b in sorted(rows.items())] for j, rows in found.items()}


POLICIES = {
    "equal": EqualShares(Amdahl(0.9), 0.0, 0.0),
    "equal, each minute": EqualShares(Amdahl(0.9), 60.0, 5.0),
    "marginal": Marginal(1.0, Power(0.8), 0.0, 2.0),
    "goodput": Goodput(-1.0, 1.2, Pollux(), 30.0, 4.0),
}


@pytest.mark.parametrize("place", [Pack(), Spread(), FewestNodes()], ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("start", [NoBackfill(), Skip(), Easy("nodes"), Easy("counts")])
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("pools", [SMALL, MIXED], ids=["small", "mixed"])
def test_sizes_capacity_and_work(pools, policy, start, place):
    """In its bounds, never two on a GPU, and the integral of the rate is the work and the costs."""
    chosen, seed, n = POLICIES[policy], 5, 60
    rng = np.random.default_rng(seed)
    made = workload(seed, n, pools, 1.1, plenty=True)
    made["min_gpus"] = np.maximum(made["gpus"] // rng.integers(1, 5, n), 1)
    made["max_gpus"] = np.where(rng.random(n) < 0.3, made["min_gpus"], made["gpus"] * 3)
    made["max_gpus"] = np.maximum(made["max_gpus"], made["gpus"])
    made["priority"] = rng.integers(0, 3, n).astype(float)
    choices = [(Fifo(), None, ()), (Priority(), Tail(cost_s=3.0), ()),
               (Fifo(), None, (Failures(400.0, 50.0),))]  # fmt: skip
    for queue, gives, processes in choices:
        more = {} if gives is None else {"preemption": gives}
        result = simulate(Scenario(
            cluster=Inventory(pools), workload=Given(made), queue=queue, backfill=start,
            placement=place, elastic=chosen, processes=processes, horizon_s=1e5, **more,
        ))  # fmt: skip
        jobs = {r["job_id"]: r for r in result.jobs.to_pylist()}
        size = {r["node"]: r["gpus"] for r in result.nodes.to_pylist()}
        changes = []
        for r in result.ledger.to_pylist():
            if r["job_id"] is None:
                continue  # an outage
            r["end_s"] = 1e5 if r["end_s"] is None else r["end_s"]  # hit again and again
            assert r["end_s"] > r["start_s"] or r["why"] == "preempted"  # shrunk, then evicted
            if r["end_s"] > r["start_s"]:
                changes += [(r["start_s"], 1, r["node"], r["gpus"])]
                changes += [(r["end_s"], 0, r["node"], -r["gpus"])]
        held = dict.fromkeys(size, 0)
        for _, _, node, gpus in sorted(changes):
            held[node] += gpus
            assert 0 <= held[node] <= size[node]
        types = {r["node"]: r["gpu_type"] for r in result.nodes.to_pylist()}
        kind = {(r["job_id"], r["start_s"]): types[r["node"]] for r in result.ledger.to_pylist()}
        for name, rows in segments(result).items():
            job, i = jobs[name], int(name)
            least, most = made["min_gpus"][i], made["max_gpus"][i]
            for (_, end, gpus, why), after in itertools.pairwise([*rows, None]):
                assert least <= gpus <= most
                assert (why == "resized") <= (after is not None and after[0] == end)
            assert job["resizes"] == sum(why == "resized" for *_, why in rows)
            assert job["gpus"] == made["gpus"][i]
            assert job["walltime_s"] == made["walltime_s"][i]
            if job["state"] != "completed" or made["gpus"][i] == 0:
                continue
            speeds = {"": {}, "a": {"a": 1.0}, "b:0.5|a": {"b": 0.5, "a": 1.0},
                      "b:2|a:1": {"b": 2.0, "a": 1.0}}[made["gpu_types"][i]]  # fmt: skip
            done, none = 0.0, np.full(1, np.nan)
            told = chosen.speedup.speed(np.array([job["gpus"]]), none)[0]
            for begin, end, gpus, _ in rows:
                rate = chosen.speedup.speed(np.array([gpus]), none)[0] / told
                done += (end - begin) * rate * speeds.get(kind[name, begin], 1.0)
            # a few hundred sums of floats
            assert done == pytest.approx(job["work_s"] + job["lost_s"], rel=1e-9)


def test_a_run_is_the_same_twice():
    made = workload(2, 200, SMALL, 1.0)
    made["min_gpus"], made["max_gpus"] = np.ones(200), made["gpus"] * 2
    runs = [
        simulate(Scenario(cluster=Inventory(SMALL), workload=Given(made), elastic=Goodput()), 3)
        for _ in range(2)
    ]
    assert runs[0].ledger.equals(runs[1].ledger)


def test_waiting_jobs_start_on_fewer_gpus_than_they_asked_for():
    jobs = {"submit_s": [0.0, 1.0], "gpus": np.array([6, 8], np.int32), "work_s": [10.0, 10.0],
            "min_gpus": [6, 2], "max_gpus": [6, 8]}  # fmt: skip
    result = run(jobs, 1, 8, elastic=EqualShares(Power(1.0), 1000.0, 0.0))
    rows = result.ledger.to_pylist()
    assert [(r["job_id"], r["gpus"], r["start_s"]) for r in rows] == [("0", 6, 0.0), ("1", 2, 1.0)]
    assert rows[1]["end_s"] == 1.0 + 10.0 * 8 / 2
    # a job too large for the cluster as told runs if its least fits
    wide = {"submit_s": [0.0], "gpus": np.array([32], np.int32), "work_s": [10.0],
            "min_gpus": [8], "max_gpus": [32]}  # fmt: skip
    assert run(wide, 2, 8, elastic=EqualShares(Power(1.0), 0.0, 0.0)).ledger.to_pylist()[0][
        "end_s"
    ] == pytest.approx(20.0)
    assert run(wide, 2, 8).jobs.column("state").to_pylist() == ["unfit"]


def test_an_elastic_job_waits_for_its_least_and_finds_it_where_it_lies():
    """Three jobs of 5 leave 3 on each of three nodes: 8 of them for the fourth, told for 16."""
    jobs = {"submit_s": [0.0, 0.0, 0.0, 1.0, 2.0], "gpus": np.array([5, 5, 5, 16, 16], np.int32),
            "work_s": [50.0, 50.0, 50.0, 9.0, 9.0], "min_gpus": [5, 5, 5, 8, 4],
            "max_gpus": [5, 5, 5, 16, 16]}  # fmt: skip
    result = run(jobs, 3, 8, elastic=EqualShares(Power(1.0), 1000.0, 0.0))
    fourth, fifth = result.jobs.to_pylist()[3:]
    assert (fourth["start_s"], fourth["gpu_s"]) == (1.0, 9.0 * 16)
    assert fifth["start_s"] == fourth["end_s"] == 1.0 + 9.0 * 16 / 9
    assert fifth["for_gpus_s"] == pytest.approx(fifth["wait_s"], rel=1e-12)
    assert fifth["scattered_s"] == fifth["held_back_s"] == 0.0


class Never(AbstractElastic):
    """Lets nobody run."""

    refresh_s = 0.0

    def sizes(self, jobs, gpus, now_s):
        return np.zeros(len(jobs.gpus), np.int64)


class Wrong(AbstractElastic):
    """Gives more than the most."""

    refresh_s = 0.0

    def sizes(self, jobs, gpus, now_s):
        return jobs.most + 1


def test_a_policy_may_hold_back_and_may_not_overdo():
    jobs = {"submit_s": [0.0], "gpus": np.array([4], np.int32), "work_s": [10.0],
            "min_gpus": [1], "max_gpus": [8]}  # fmt: skip
    assert run(jobs, elastic=Never()).jobs.column("state").to_pylist() == ["waiting"]
    with pytest.raises(ScenarioError, match="from its least to its most"):
        run(jobs, elastic=Wrong())


# ---- bad input
@pytest.mark.parametrize(("columns", "told"), [
    ({"min_gpus": [4], "max_gpus": [2]}, "min_gpus.*must not exceed max_gpus"),
    ({"min_gpus": [5], "max_gpus": [9]}, "gpus.*must lie from min_gpus to max_gpus"),
    ({"min_gpus": [5]}, "gpus.*must lie from min_gpus to max_gpus"),
    ({"max_gpus": [3]}, "gpus.*must lie from min_gpus to max_gpus"),
    ({"min_gpus": [1], "max_gpus": [8], "gpu_milli": [500]}, "an elastic job takes whole GPUs"),
    ({"parallel_share": [1.5]}, "parallel_share.*must be a number from 0 to 1"),
])  # fmt: skip
def test_a_bad_row_is_named(columns, told):
    jobs = {"submit_s": [0.0], "gpus": np.array([4], np.int32), "work_s": [10.0]}
    with pytest.raises(TraceError, match=told):
        run(jobs | columns)


@pytest.mark.parametrize(("make", "path"), [
    (lambda: Measured((1, 2, 4), (1.0, 2.0, 1.5)), "elastic.speedup.speeds: is .* that rise"),
    (lambda: Measured((1, 2), (1.0,)), "elastic.speedup.speeds: has 1 numbers"),
    (lambda: Measured((), ()), "elastic.speedup.gpus"),
    (lambda: Power(0.0), "elastic.speedup.alpha: is 0.0; .* must rise"),
    (lambda: Power(1.1), "elastic.speedup.alpha"),
    (lambda: Amdahl(0.0), "elastic.speedup.parallel_share"),
    (lambda: Pollux(most_batch=1), "elastic.speedup.most_batch"),
    (lambda: Pollux(sample_s=-1.0), "elastic.speedup.sample_s"),
    (lambda: EqualShares(cost_s=-1.0), "elastic.cost_s"),
    (lambda: EqualShares(refresh_s=math.nan), "elastic.refresh_s"),
    (lambda: Marginal(held_factor=0.5), "elastic.held_factor"),
    (lambda: Goodput(fairness=2.0), "elastic.fairness"),
])  # fmt: skip
def test_a_bad_knob_is_named(make, path):
    with pytest.raises(ScenarioError, match=path):
        make()


def test_choices_that_do_not_go_together_are_named():
    for more, path in (
        ({"placement": Fgd()}, "placement: is Fgd"),
        ({"preemption": Tail(round_s=60.0)}, "preemption.round_s: is set beside elastic"),
    ):
        bad = Scenario(Homogeneous(2), elastic=EqualShares(), **more)
        assert any(issue.startswith(path) for issue in bad.issues())
        assert not Scenario(Homogeneous(2), elastic=NoElastic(), **more).issues()


BESIDE = {
    "Slurm's cycle": {"backfill": Slurm(interval_s=7.0, resolution_s=1.0)},
    "conservative": {"backfill": Conservative(None)},
    "rebuild": {"preemption": Rebuild(cost_s=2.0), "queue": Smallest()},
    "random": {"placement": Random()},
    "consecutive": {"placement": Consecutive()},
    "asked always": {"queue": Srtf()},
    "Tiresias": {"queue": Tiresias(), "preemption": Rebuild()},
    "fair": {"queue": Drf()},
}


COUNTS = {"conservative", "rebuild", "Tiresias"}  # whole GPUs only: refused beside shares


@pytest.mark.parametrize(("beside", "shares"), [
    *((name, False) for name in BESIDE), *((name, True) for name in BESIDE if name not in COUNTS)
])  # fmt: skip
def test_beside_every_other_choice(beside, shares):
    """All jobs end, and no device is ever held beyond 1000 thousandths."""
    for seed in range(3):
        made = workload(seed, 60, SMALL, 1.0)
        rng = np.random.default_rng(seed)
        made["min_gpus"] = np.maximum(made["gpus"] // 2, 1)
        made["max_gpus"] = made["gpus"] * 2
        made["tenant"] = [str(t) for t in rng.integers(0, 3, 60)]
        if shares:
            part = rng.random(60) < 0.4
            for name in ("gpus", "min_gpus", "max_gpus"):
                made[name] = np.where(part, 1, made[name])
            made["gpu_milli"] = np.where(part, rng.choice([250, 500], 60), 1000)
        result = simulate(Scenario(
            cluster=Inventory(SMALL), workload=Given(made),
            elastic=EqualShares(Amdahl(0.95), [0.0, 20.0, 60.0][seed], 2.0), **BESIDE[beside],
        ))  # fmt: skip
        states = set(result.jobs.column("state").to_pylist())
        assert states <= {"completed", "unfit"}
        changes = []
        for r in result.ledger.to_pylist():
            milli = r.get("gpu_milli", 1000)
            devices = r["devices"].split("-") if shares else [""]
            weight = milli if shares else 1000 * r["gpus"]
            assert not shares or len(devices) == r["gpus"]
            for device in devices:
                changes.append((r["start_s"], 1, (r["node"], device), weight))
                changes.append((r["end_s"], 0, (r["node"], device), -weight))
        held, most = {}, 1000 if shares else 4000
        for at in sorted(changes, key=lambda c: c[:2]):
            held[at[2]] = held.get(at[2], 0) + at[3]
            assert held[at[2]] <= most
        for job in result.jobs.to_pylist():
            if job["state"] == "completed":
                assert job["gpu_s"] > 0.0


def test_what_tenants_used_is_what_their_jobs_held():
    made = workload(4, 80, SMALL, 1.0)
    made["min_gpus"], made["max_gpus"] = np.ones(80), made["gpus"] * 3
    made["tenant"] = [str(i % 3) for i in range(80)]
    scenario = Scenario(Inventory(SMALL), Given(made), queue=Multifactor(half_life_s=math.inf),
                        elastic=Marginal(1.0, Amdahl(0.9), 10.0, 1.0))  # fmt: skip
    streams = Streams(1)
    jobs = scenario.workload.request(streams, 12).jobs
    state = prepared(scenario, Inventory(SMALL), jobs, streams)
    state = simulate_run(scenario, state, streams)[0]
    led, n = state.ledger, state.ledger.n[0]
    spent = led.gpus[:n] * (led.end_s[:n] - led.start_s[:n])
    held = np.bincount(state.jobs.tenant[led.job[:n]], spent, 3)
    np.testing.assert_allclose(state.usage.gpu_s, held, rtol=1e-12)
    assert (state.jobs.gpus == made["gpus"]).all()
