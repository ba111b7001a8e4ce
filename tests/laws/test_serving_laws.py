"""Where batching degenerates to a queue that has a closed form, it gives it.

Step times are chosen so that a token takes a fixed time, or a fixed time over the batch. Runs are
long enough for four deviations of a batch-means error to lie within the tolerance that is asked.
"""

import math

import numpy as np
import pytest

from sim.engine.serving import ServiceSpec, StepTime, serve

pytestmark = pytest.mark.heavy  # hundreds of thousands of requests
TINY = 1e-9
"""Seconds: a step must take some time."""


def means_error(values, batches=50):
    """Return the mean and four deviations of it, by batch means."""
    cut = values[: len(values) // batches * batches].reshape(batches, -1).mean(axis=1)
    return cut.mean(), 4.0 * cut.std(ddof=1) / math.sqrt(batches)


def waits(spec, rate_per_s, output, seed=1):
    """Return queueing times, (n,): time to first token less the first step."""
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(1.0 / rate_per_s, len(output)))
    arrival -= arrival[0]
    got = serve(spec, arrival, np.ones(len(output), np.int64), output)
    return got["ttft_s"] - spec.step.mixed_s[0], got["e2e_s"]


def each_alone(token_s):
    """Return a step in which every sequence gets a token in the same time, however many there are."""
    return StepTime((token_s, 0.0, 0.0), (token_s, 0.0, 0.0, 0.0, 0.0))


def erlang_c(c, a):
    """Return the share that waits in M/M/c with offered load a."""
    blocked = 1.0
    for k in range(1, c + 1):
        blocked = a * blocked / (k + a * blocked)
    return blocked / (1.0 - a / c * (1.0 - blocked))


@pytest.mark.parametrize(("c", "load"), [(1, 0.7), (4, 0.8), (16, 0.9)])
def test_a_batch_of_c_is_m_m_c(c, load):
    """Output tokens geometric of mean 2,000, a step of 1 ms: exponential but for a step's grain."""
    n, mean = 200_000, 2000.0
    output = np.random.default_rng(5).geometric(1.0 / mean, n)
    rate = load * c / (mean * 1e-3)
    wait, _ = waits(ServiceSpec(each_alone(1e-3), 1, c, chunk_tokens=10**6), rate, output)
    want = erlang_c(c, load * c) * mean * 1e-3 / (c * (1.0 - load))
    got, error = means_error(wait)
    assert got == pytest.approx(want, abs=error + 2e-3)  # a step or two of grain


@pytest.mark.parametrize("load", [0.3, 0.6, 0.9])
def test_one_at_a_time_and_all_alike_is_m_d_1(load):
    n, tokens = 200_000, 100
    spec = ServiceSpec(each_alone(1e-2), 1, 1)
    wait, _ = waits(spec, load, np.full(n, tokens))
    got, error = means_error(wait)
    assert got == pytest.approx(load / (2.0 * (1.0 - load)), abs=error + 1e-9)


@pytest.mark.parametrize("cv", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("load", [0.4, 0.7])
def test_a_step_as_long_as_its_batch_is_processor_sharing(cv, load):
    """M/G/1-PS: mean sojourn E[S] / (1 - load), whatever the law of S."""
    n, mean = 100_000, 1000.0
    rng = np.random.default_rng(9)
    if cv == 0.0:
        output = np.full(n, int(mean))
    elif cv == 1.0:
        output = rng.geometric(1.0 / mean, n)
    else:
        square = math.log(1.0 + cv * cv)
        drawn = rng.lognormal(math.log(mean) - square / 2.0, math.sqrt(square), n)
        output = np.maximum(np.rint(drawn), 1).astype(np.int64)
    token_s = 1e-3
    step = StepTime((TINY, token_s, 0.0), (token_s, 0.0, 0.0, token_s, 0.0))
    rate = load / (output.mean() * token_s)
    _, sojourn = waits(ServiceSpec(step, 1, 4096, chunk_tokens=10**6), rate, output)
    got, error = means_error(sojourn)
    grain = 0.02 * got  # a request joins at a step's end, and steps are as long as the batch
    assert got == pytest.approx(output.mean() * token_s / (1.0 - load), abs=error + grain)


@pytest.mark.parametrize("rate_per_s", [1.0, 2.5])
def test_time_a_token_in_closed_form(rate_per_s):
    """TPOT = d0 / (1 - rate s), s the marginal engine time of a request; below the batch limit.

    Within 5 %: the form takes means of products as products of means, and steps with prompts as
    others.
    """
    rng = np.random.default_rng(3)
    n, d0, dD, dC, pP = 60_000, 0.03, 7.8e-5, 4.6e-8, 1.4e-4
    prompt = rng.integers(100, 1900, n)
    output = rng.integers(100, 300, n)
    arrival = np.cumsum(rng.exponential(1.0 / rate_per_s, n))
    step = StepTime((d0, dD, dC), (d0, pP, 0.0, dD, dC))
    got = serve(ServiceSpec(step, 1, 1024, chunk_tokens=4096), arrival - arrival[0], prompt, output)
    context = ((output - 1) * (prompt + output / 2.0)).sum() / (output - 1).sum()
    s = (output.mean() - 1.0) * (dD + dC * context) + pP * prompt.mean()
    tpot = ((got["e2e_s"] - got["ttft_s"]).sum()) / (output - 1).sum()
    assert tpot == pytest.approx(d0 / (1.0 - rate_per_s * s), rel=0.05)
