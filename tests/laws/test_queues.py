"""Waits and losses agree with queueing theory; every expected number is computed here.

How long to run: the mean wait of an M/M/1 queue with load rho has the asymptotic variance
rho (2 + 5 rho - 4 rho^2 + rho^3) / (1 - rho)^4 (Whitt 1989; service time 1), so that n customers
give a relative half-width z sqrt(variance / n) / wait. The tests allow z = 4: one in 16,000 seeds
would fail by luck, and the seed is fixed. More servers only lower the variance at the same load.
"""

import math

import numpy as np
import pytest

from sim.policies.backfill import Skip
from tests.conftest import run

Z = 4.0


def erlang_b(servers, offered):
    blocking = 1.0
    for k in range(1, servers + 1):
        blocking = offered * blocking / (k + offered * blocking)
    return blocking


def erlang_c_wait(rate, servers):
    """Mean wait of M/M/c with service time 1."""
    b = erlang_b(servers, rate)
    load = rate / servers
    return b / (1.0 - load * (1.0 - b)) / (servers - rate)


def tolerance(load, jobs, inflation=1.0):
    """Relative tolerance of the mean wait; `inflation` for services more variable than M/M/1."""
    variance = load * (2 + 5 * load - 4 * load**2 + load**3) / (1 - load) ** 4
    return Z * math.sqrt(inflation * variance / jobs) / (load / (1 - load))


def poisson(rng, rate, jobs):
    return np.cumsum(rng.exponential(1.0 / rate, jobs))


def waits(submit, work, servers):
    n = len(submit)
    jobs = {"submit_s": submit, "gpus": np.ones(n, np.int32), "work_s": work}
    return run(jobs, 1, servers).jobs.column("wait_s").to_numpy()


@pytest.mark.parametrize(("rate", "servers"), [(0.8, 1), (1.6, 2), (6.4, 8), (7.2, 8), (57.6, 64)])
def test_mmc_waits_agree_with_erlang_c(rate, servers):
    rng, n = np.random.default_rng(servers), 1_200_000
    found = waits(poisson(rng, rate, n), rng.exponential(1.0, n), servers)
    expected = erlang_c_wait(rate, servers)
    # the wait of many servers is rarer and so relatively more variable: by 1 / P(wait) at most
    busy = expected * (servers - rate)
    allowed = tolerance(rate / servers, n, 1.0 / busy)
    assert allowed < 0.15
    assert found.mean() == pytest.approx(expected, rel=allowed)
    assert (found > 0).mean() == pytest.approx(busy, rel=allowed)


LAWS = {
    "deterministic": (lambda rng, n: np.ones(n), 1.0),
    "uniform": (lambda rng, n: rng.uniform(0, 2, n), 4.0 / 3.0),
    "Erlang-2": (lambda rng, n: rng.gamma(2.0, 0.5, n), 1.5),
    "hyperexponential": (lambda rng, n: hyper(rng, n, 4.0), 5.0),
}


def hyper(rng, n, cv2):
    p = 0.5 * (1 + math.sqrt((cv2 - 1) / (cv2 + 1)))
    fast = rng.random(n) < p
    return np.where(fast, rng.exponential(0.5 / p, n), rng.exponential(0.5 / (1 - p), n))


@pytest.mark.parametrize("law", LAWS)
def test_mg1_waits_agree_with_pollaczek_and_khinchine(law):
    draw, square = LAWS[law]
    rng, n, rate = np.random.default_rng(7), 1_000_000, 0.8
    found = waits(poisson(rng, rate, n), draw(rng, n), 1)
    expected = rate * square / (2 * (1 - rate))
    assert found.mean() == pytest.approx(
        expected, rel=tolerance(rate, n, max(square / 2, 1.0) ** 2)
    )


def test_mginf_the_number_in_service_is_poisson():
    rng, n, rate, mean = np.random.default_rng(3), 200_000, 5.0, 2.0
    submit, work = poisson(rng, rate, n), rng.lognormal(math.log(mean) - 0.5, 1.0, n)
    result = run({"submit_s": submit, "gpus": np.ones(n, np.int32), "work_s": work}, 1, 64)
    assert result.jobs.column("wait_s").to_numpy().max() == 0.0
    end = submit + work
    at = np.linspace(100, submit[-1], 20_000)
    running = np.searchsorted(submit, at, "right") - np.searchsorted(np.sort(end), at, "right")
    starts = result.jobs.column("start_s").to_numpy()
    ends = np.sort(result.jobs.column("end_s").to_numpy())
    ours = np.searchsorted(np.sort(starts), at, "right") - np.searchsorted(ends, at, "right")
    assert (ours == running).all()
    # samples 2 s apart are nearly independent: the standard error of the mean is about sqrt(10/n)
    assert ours.mean() == pytest.approx(rate * mean, abs=Z * math.sqrt(3 * 10 / len(at)))
    assert ours.var() == pytest.approx(rate * mean, rel=Z * math.sqrt(3 * 2 / len(at)))


def kaufman_roberts(capacity, offered, needs):
    q = np.zeros(capacity + 1)
    q[0] = 1.0
    for j in range(1, capacity + 1):
        q[j] = sum(a * b * q[j - b] for a, b in zip(offered, needs, strict=True) if b <= j) / j
    q /= q.sum()
    return [q[capacity - b + 1 :].sum() for b in needs]


@pytest.mark.parametrize("law", ["exponential", "deterministic", "lognormal"])
@pytest.mark.parametrize(
    ("capacity", "offered", "needs"),
    [(8, (2, 1, 0.5, 0.25), (1, 2, 4, 8)), (64, (16, 8, 4, 2), (1, 2, 4, 8))],
)
def test_blocking_agrees_with_kaufman_and_roberts(law, capacity, offered, needs):
    """Loss is modelled as giving up a microsecond after submission if nothing was free."""
    rng, n = np.random.default_rng(11), 300_000
    rate = np.array(offered, float)
    kind = rng.choice(len(needs), n, p=rate / rate.sum())
    submit = poisson(rng, rate.sum(), n)
    work = {"exponential": rng.exponential(1.0, n), "deterministic": np.ones(n),
            "lognormal": rng.lognormal(-0.5, 1.0, n)}[law]  # fmt: skip
    jobs = {"submit_s": submit, "gpus": np.array(needs, np.int32)[kind], "work_s": work,
            "cancel_s": submit + 1e-6}  # fmt: skip
    result = run(jobs, 1, capacity, backfill=Skip(depth=None))
    lost = np.array(result.jobs.column("state").to_pylist()) == "cancelled"
    for k, expected in enumerate(kaufman_roberts(capacity, offered, needs)):
        own = lost[kind == k]
        # blocked arrivals come in busy periods: count about 5 of them as one observation
        error = math.sqrt(5 * expected * (1 - expected) / len(own))
        assert own.mean() == pytest.approx(expected, abs=Z * error)


def test_littles_law_holds_in_every_run():
    rng, n = np.random.default_rng(5), 5000
    submit = poisson(rng, 1.0, n)
    jobs = {"submit_s": submit, "gpus": rng.choice([1, 2, 8], n).astype(np.int32),
            "work_s": rng.exponential(10.0, n)}  # fmt: skip
    result = run(jobs, 4, 8)
    lines = result.timeline
    width = result.manifest["end_s"] / lines.num_rows
    waited = result.jobs.column("wait_s").to_numpy().sum()
    assert lines.column("waiting_jobs").to_numpy().sum() * width == pytest.approx(waited, rel=1e-9)
    held = result.nodes.column("busy_gpu_s").to_numpy().sum()
    work = (result.jobs.column("gpus").to_numpy() * result.jobs.column("work_s").to_numpy()).sum()
    assert held == pytest.approx(work, rel=1e-9)
    assert lines.column("busy_gpus").to_numpy().sum() * width == pytest.approx(work, rel=1e-9)
