"""Two pools in closed form: where they are one queue of a textbook they give its answer."""

import numpy as np
import pytest

from sim.physics.apart import (
    decode_replicas,
    first_share,
    prompt_replicas,
    prompt_s,
    step_allowed_s,
)
from sim.physics.batching import Batching, requests_like, requests_of, seats, tpot_s
from sim.physics.queueing import erlang_c

REPLICA = Batching((0.02, 1e-4, 1e-8), (0.02, 5e-5, 1e-9, 1e-4, 1e-8), 256, 400_000)


def test_a_prompt_in_chunks_is_the_sum_of_its_steps():
    p0, each, square, *_ = REPLICA.mixed_s
    for prompt in (1, 511, 512, 513, 5000):
        want, done = 0.0, 0
        while done < prompt:
            n = min(512, prompt - done)
            want += p0 + each * n + square * n * (n + 2 * done)
            done += n
        assert float(prompt_s(REPLICA.mixed_s, prompt, 512)) == pytest.approx(want, rel=1e-12)
        whole = p0 + each * prompt + square * prompt**2
        assert float(prompt_s(REPLICA.mixed_s, prompt)) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.9])
def test_one_replica_of_exponential_services_is_m_m_1(load):
    """Time in M/M/1 is exponential at rate mu - lambda; services at even quantiles, of mean 1."""
    n = 200_000
    service_s = -np.log1p(-(np.arange(n) + 0.5) / n)
    for slo_s in (0.5, 2.0, 8.0):
        want = 1.0 - np.exp(-(1.0 - load) * slo_s)
        assert first_share(1, load, 1.0, service_s, slo_s) == pytest.approx(want, rel=1e-3)


def test_several_replicas_of_services_alike_wait_as_allen_and_cunneen_say():
    """Of M/D/c half the conditional wait of M/M/c: s / (2 (c - a))."""
    lines, load, spare_s = 4, 3.2, 0.7
    waits = float(erlang_c(lines, load))
    want = 1.0 - waits * np.exp(-spare_s * 2.0 * (lines - load))
    got = first_share(lines, load, 1.0, np.ones(50), 1.0 + spare_s)
    assert got == pytest.approx(want, rel=1e-12)
    assert first_share(3, load, 1.0, np.ones(50), 1e9) == 0.0


def test_so_many_for_prompts_are_enough_and_one_less_is_not():
    draws = np.random.default_rng(4)
    service_s = draws.gamma(2.0, 0.05, 500)
    for rate, cv, slo_s, share in ((3.0, 1.0, 1.0, 0.99), (80.0, 2.0, 0.6, 0.9)):
        n = prompt_replicas(rate, cv, service_s, slo_s, share)
        assert first_share(int(n), rate, cv, service_s, slo_s) >= share
        assert n == 1 or first_share(int(n) - 1, rate, cv, service_s, slo_s) < share
    assert prompt_replicas(1.0, 1.0, service_s, float(np.median(service_s)), 0.9) == np.inf


def test_the_step_allowed_just_keeps_a_requests_time_per_token():
    output, sent_s, slo_s = np.array([2, 11, 401]), np.array([0.01, 0.02, 0.3]), 0.05
    for i in range(3):
        step_s = step_allowed_s(slo_s, output[i : i + 1], sent_s[i : i + 1], 0.99)
        later = output[i] - 1
        assert (sent_s[i] + step_s / 2 + later * step_s) / later == pytest.approx(slo_s, rel=1e-12)
    assert step_allowed_s(slo_s, np.ones(3), sent_s, 0.99) == np.inf
    assert step_allowed_s(0.001, output, sent_s, 0.99) < 1e-200
    sent = np.linspace(0.0, 0.4, 100)
    step_s = step_allowed_s(slo_s, np.full(100, 11), sent, 0.75)
    for longer, least, most in ((1.0, 0.75, 0.77), (1.03, 0.7, 0.7499)):
        share = np.mean((sent + longer * step_s * 10.5) / 10 <= slo_s + 1e-15)
        assert least <= share <= most


def test_without_chance_the_decoding_pool_is_the_closed_form_of_a_batch():
    """For half the time z is 0: the least n at which d0 / (1 - rate s / n) is the step, or less."""
    of = requests_like(0.0, 200.0)._replace(prompt=0.0, prompt_square=0.0, context=1000.0)
    alone = REPLICA._replace(mixed_s=(0.02, 0.0, 0.0, 0.0, 0.0))
    for rate, step_s in ((10.0, 0.03), (300.0, 0.025), (90.0, 0.04)):
        n = decode_replicas(REPLICA, of, rate, 1.0, step_s, 0.5)
        assert float(tpot_s(alone, of, rate / n)) <= step_s * (1 + 1e-12)
        if n > 1:
            assert not float(tpot_s(alone, of, rate / (n - 1))) <= step_s
    assert decode_replicas(REPLICA, of, 1.0, 1.0, 0.01, 0.5) == np.inf


def test_more_chance_takes_more_to_decode():
    like = requests_of(np.full(10, 800), np.full(10, 200))
    counts = [decode_replicas(REPLICA, like, 200.0, cv, 0.03, 0.99) for cv in (0.0, 1.0, 4.0)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    few = REPLICA._replace(batch=4)  # all seats: N + z sqrt(N / 2) <= 4 n, and not one less
    n = decode_replicas(few, like, 20.0, 0.0, 1.0, 0.99)
    work = 20.0 * 199 * (1e-4 + 1e-8 * float(like.context))

    def need(lines):
        many = 20.0 * 199 * 0.02 / (1.0 - work / lines)
        return many + 2.3263478740408408 * np.sqrt(many / 2.0)

    assert float(seats(few, like)) == 4.0
    assert need(n) <= 4.0 * n
    assert need(n - 1) > 4.0 * (n - 1)
