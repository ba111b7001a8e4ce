"""Gangs under strict FIFO: the multiserver-job queue, its limit and its mean response.

Sources: the saturated throughput by a regenerative argument (1 or all k servers); Rumyantsev and
Morozov 2017 (equal rates); the mean response by a Markov chain solved here: jobs behind the blocked
head are of unknown class until they become head.
"""

import math
from collections import deque

import numpy as np
import pytest

from tests.conftest import run


def gang_jobs(rng, n, needs, shares, rates, submit):
    kind = rng.choice(len(needs), n, p=shares)
    work = rng.exponential(1.0, n) / np.array(rates, float)[kind]
    return {"submit_s": submit, "gpus": np.array(needs, np.int32)[kind], "work_s": work}


def saturated(k, p, mu, mean_all):
    q = 1 - p
    first = sum(p**j / j for j in range(1, k + 1)) + p ** (k + 1) / (q * k)
    return 1 / q / (mean_all + first / mu)


@pytest.mark.parametrize(
    ("k", "p", "mu", "mean_all"),
    [(2, 0.5, 1, 1), (8, 0.5, 1, 1), (8, 0.9, 1, 1), (8, 0.9, 1, 0.5), (64, 0.9, 1, 1)],
)
def test_one_or_all_the_limit_of_throughput(k, p, mu, mean_all):
    rng, n = np.random.default_rng(k), 300_000
    rates = (mu, 1 / mean_all)
    result = run(gang_jobs(rng, n, (1, k), (p, 1 - p), rates, np.zeros(n)), 1, k)
    # independent cycles end with each wide job; their lengths vary about as much as they last
    allowed = 4 * math.sqrt(2 / (n * (1 - p)))
    assert n / result.metrics["makespan_s"] == pytest.approx(
        saturated(k, p, mu, mean_all), rel=allowed
    )


def rumyantsev(c, shares):
    """Return the limit of the arrival rate at service rate 1; shares[i] need i + 1 servers."""
    p = np.zeros(c + 1)
    p[1 : len(shares) + 1] = shares
    total, conv = 0.0, np.zeros(c + 1)
    conv[0] = 1.0
    for j in range(1, c + 1):
        conv = np.convolve(conv, p)[: c + 1]
        total += sum(conv[i] * p[max(c - i + 1, 0) :].sum() for i in range(j, c + 1)) / j
    return c / (total * c)


@pytest.mark.parametrize(
    "shares", [(0.5, 0.25, 0, 0.25), (0.25,) * 4, (0.5, 0.2, 0, 0.2, 0, 0, 0, 0.1)]
)
def test_equal_rates_the_limit_of_throughput(shares):
    rng, n, c = np.random.default_rng(9), 300_000, len(shares)
    needs = [i + 1 for i, p in enumerate(shares) if p]
    odds = [p for p in shares if p]
    result = run(gang_jobs(rng, n, needs, odds, [1.0] * len(needs), np.zeros(n)), 1, c)
    allowed = 4 * math.sqrt(4 / n) * 2
    assert n / result.metrics["makespan_s"] == pytest.approx(rumyantsev(c, shares), rel=allowed)


def mean_wait(rate, needs, shares, rates, k, deepest=400):
    """Return the mean wait of the FIFO gang queue: a truncated chain, solved by iteration."""
    classes = range(len(needs))

    def settled(running, head, behind):
        """Yield (probability, state) once all that can start has started."""
        used = sum(n * r for n, r in zip(needs, running, strict=True))
        if head is None:
            if behind == 0:
                yield 1.0, (running, None, 0)
                return
            for i in classes:
                for p, state in settled(running, i, behind - 1):
                    yield shares[i] * p, state
        elif used + needs[head] <= k:
            more = tuple(r + (i == head) for i, r in enumerate(running))
            yield from settled(more, None, behind)
        else:
            yield 1.0, (running, head, behind)

    start = ((0,) * len(needs), None, 0)
    index, todo, moves = {start: 0}, deque([start]), []
    while todo:
        state = todo.popleft()
        running, head, behind = state
        steps = []
        if head is not None and behind < deepest:
            steps.append((rate, [(1.0, (running, head, behind + 1))]))
        elif head is None:
            for i in classes:
                steps.append((rate * shares[i], list(settled(running, i, 0))))
        for i in classes:
            if running[i]:
                left = tuple(r - (j == i) for j, r in enumerate(running))
                steps.append((running[i] * rates[i], list(settled(left, head, behind))))
        for speed, targets in steps:
            for p, target in targets:
                if target not in index:
                    index[target] = len(index)
                    todo.append(target)
                moves.append((index[state], index[target], speed * p))
    from scipy.sparse import coo_matrix, diags
    from scipy.sparse.linalg import spsolve

    n = len(index)
    a, b, v = (np.array(x) for x in zip(*moves, strict=True))
    q = coo_matrix((v, (a, b)), (n, n)).tocsr()
    balance = (q - diags(np.asarray(q.sum(axis=1)).ravel())).T.tolil()
    balance[0, :] = 1.0
    right = np.zeros(n)
    right[0] = 1.0
    pi = spsolve(balance.tocsc(), right)
    waiting = np.array([0 if s[1] is None else 1 + s[2] for s in index])
    assert pi[waiting > deepest - 5].sum() < 1e-9  # the truncation cut nothing that counts
    return float(pi @ waiting) / rate


@pytest.mark.parametrize(
    ("rate", "needs", "shares", "rates", "k"),
    [
        (0.8, (1, 2), (0.5, 0.5), (1, 1), 2),
        (1.5, (1, 8), (0.9, 0.1), (1, 1), 8),
        (1.5, (1, 2, 4, 8), (0.5, 0.2, 0.2, 0.1), (1, 1, 1, 1), 8),
        (4.0, (1, 8), (0.95, 0.05), (1, 0.5), 16),
    ],
)
def test_mean_waits_of_a_stable_gang_queue(rate, needs, shares, rates, k):
    expected = mean_wait(rate, needs, shares, rates, k)
    means = []
    for seed in range(8):
        rng, n = np.random.default_rng(seed), 250_000
        submit = np.cumsum(rng.exponential(1 / rate, n))
        result = run(gang_jobs(rng, n, needs, shares, rates, submit), 1, k)
        means.append(result.metrics["wait_s"]["mean"])
    # eight independent runs: Student's t with 7 degrees of freedom exceeds 6 once in 4,000
    error = np.std(means, ddof=1) / math.sqrt(len(means))
    assert error < 0.03 * expected  # long enough to tell
    assert np.mean(means) == pytest.approx(expected, abs=6 * error)
