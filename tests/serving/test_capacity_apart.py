"""Capacity of two pools: a sweep of runs finds the same, a run of a scenario has the same share."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import Scenario, simulate
from sim.app.services import main
from sim.engine.apart import Link
from sim.engine.pools import Prompts, PromptsByRank
from sim.engine.serving import columns
from sim.policies.autoscaler import StaticPeak
from sim.rng import Streams
from sim.state import Homogeneous
from sim.study.capacity import EDGE_FRAC, fitting
from sim.study.capacity_apart import Ask, fewest, paired, search_apart
from sim.study.services import spec_of
from sim.workload import Gamma, NoJobs
from sim.workload.requests import DrawnRequests, GivenRequests, LogNormalTokens
from sim.workload.requests.base import Requests
from sim.workload.services import (
    ByPriority,
    FirstCome,
    LlmPools,
    LlmReplica,
    ModelReplica,
    Pool,
)

BARE = np.zeros(0, np.int64)


def asked(n=240, rate=6.0, seed=3):
    draws = np.random.default_rng(seed)
    at_s = np.cumsum(draws.exponential(1.0 / rate, n))
    prompt, output = draws.integers(50, 3000, n), draws.integers(1, 120, n)
    return Requests(at_s, prompt, output, np.zeros(n, np.int64))


def pools(**knobs):
    plain = {"chunked": False, "kv_tokens": 60_000}
    first, second = (ModelReplica(**(plain | more)) for more in ({}, {"batch": 12}))
    return LlmPools(prefill=Pool(replica=first), decode=Pool(replica=second), **knobs)


def servings(of):
    (first, _), (second, _) = of.listed()
    return first, second


@settings(max_examples=200, deadline=None)
@given(
    start=st.integers(1, 9),
    needs=st.lists(st.integers(1, 12), min_size=30, max_size=30),
    each=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    guess=st.tuples(st.integers(1, 30), st.integers(1, 30)),
)
def test_of_all_pairs_that_meet_the_cheapest_is_found(start, needs, each, guess):
    """`needs`: how many of the second the n-th number of the first asks for; 12 may be too many."""
    most = 30

    def meets(both):
        return both[0] >= start and both[1] >= needs[both[0] - 1]

    pairs = [(n, k) for n in range(1, most + 1) for k in range(1, most + 1) if meets((n, k))]
    want = min(pairs, key=lambda both: (each[0] * both[0] + each[1] * both[1], both[0]))
    got = fewest(lambda n: n >= start, meets, each, guess, most=most)
    assert got == want


def test_where_no_number_meets_there_is_none():
    assert fewest(lambda n: False, lambda both: True, (1, 1), (3, 3), most=20) is None
    assert fewest(lambda n: True, lambda both: False, (1, 1), (3, 3), most=20) is None
    late = fewest(lambda n: n >= 2, lambda both: both[0] >= 5, (1, 1), (1, 1), most=20)
    assert late == (5, 1)


def share_of(first, second, replicas, given_, slo, rank=None):
    """Return the share within the SLO of a live run of both pools, the edges left out."""
    specs = [spec_of(of, n) for of, n in zip((first, second), replicas, strict=True)]
    at_s = given_.arrival_s - given_.arrival_s[0]
    ask = Link(*second.link), at_s, given_.prompt, given_.output, (BARE, BARE)
    run = Prompts(*specs, *ask) if rank is None else PromptsByRank(*specs, *ask, rank)
    run.accepts[:] = 1
    run.rest.accepts[:] = 1
    run.advance()
    got = columns(run.outcome(), given_.output)
    good = (got["ttft_s"] <= slo[0]) & (got["tpot_s"] <= slo[1])
    edge = int(EDGE_FRAC * len(good))
    return good[edge : len(good) - edge].mean()


@pytest.mark.parametrize(
    ("slo", "share", "rate"),
    [((0.4, 0.025), 0.95, 12.0), ((0.25, 0.02), 0.95, 40.0), ((3.0, 0.022), 0.8, 40.0)],
)
def test_a_sweep_of_runs_over_all_pairs_finds_the_same(slo, share, rate):
    first, second = servings(pools(slo_ttft_s=slo[0], slo_tpot_s=slo[1]))
    given_ = asked(rate=rate)
    (found,) = search_apart((first, second), given_, [None], share)
    assert found.each == (4, 4)
    assert found.gpus is not None
    swept = {
        (n, k): share_of(first, second, (n, k), given_, slo)
        for n in range(1, found.gpus // 4)
        for k in range(1, found.gpus // 4 + 1 - n)
    }
    enough = [both for both, got in swept.items() if got >= share]
    assert min(enough, key=lambda both: (sum(both), both[0])) == found.replicas
    assert found.attained == swept[found.replicas]
    assert sum(found.replicas) > 2  # one of each is not it


@pytest.mark.rare
def test_a_sweep_of_runs_by_rank_finds_the_same_and_fewer():
    """Half the requests may take their time: behind the others they do, and fewer GPUs are enough."""
    given_ = replace(asked(rate=60.0), klass=np.arange(240) % 2, classes=("now", "later"))
    loose, share = {"later": {"slo_ttft_s": 60.0, "slo_tpot_s": 9.0}}, 0.9
    knobs = {"slo_ttft_s": 0.4, "slo_tpot_s": 0.03, "slo_by_class": loose}
    plain, ranked = (
        servings(pools(**knobs, order=order)) for order in (FirstCome(), ByPriority({"later": 1}))
    )
    slo = np.array([(0.4, 0.03), (60.0, 9.0)])[given_.klass].T
    rank = given_.klass.astype(np.int8)
    (found,) = search_apart(ranked, given_, [None], share)
    swept = {
        (n, k): share_of(*ranked, (n, k), given_, slo, rank)
        for n in range(1, found.gpus // 4)
        for k in range(1, found.gpus // 4 + 1 - n)
    }
    enough = [both for both, got in swept.items() if got >= share]
    assert min(enough, key=lambda both: (sum(both), both[0])) == found.replicas
    assert found.attained == swept[found.replicas]
    (as_they_come,) = search_apart(plain, given_, [None], share)
    assert found.gpus < as_they_come.gpus


def test_a_run_of_a_scenario_has_the_share_that_was_found():
    """With as many replicas from the start as were found, request by request."""
    given_, slo = asked(rate=12.0), (0.4, 0.025)
    first, second = servings(pools(slo_ttft_s=slo[0], slo_tpot_s=slo[1]))
    (found,) = search_apart((first, second), given_, [None], 0.95)
    rows = GivenRequests({
        "arrival_s": given_.arrival_s - given_.arrival_s[0], "prompt_tokens": given_.prompt,
        "output_tokens": given_.output,
    })  # fmt: skip
    parts = {
        name: Pool(of.replica, min_replicas=n, max_replicas=n, start_replicas=n)
        for name, of, n in zip(
            ("prefill", "decode"), (pools().prefill, pools().decode), found.replicas, strict=True
        )
    }
    of = LlmPools(requests=rows, slo_ttft_s=slo[0], slo_tpot_s=slo[1], **parts)
    cluster = Homogeneous(nodes=sum(found.replicas), gpus_per_node=4)
    made = simulate(
        Scenario(cluster, NoJobs(), services=of, autoscaler=StaticPeak()), 1
    ).requests  # fmt: skip
    ttft_s, tpot_s = (made.column(n).to_numpy() for n in ("ttft_s", "tpot_s"))
    good, edge = (ttft_s <= slo[0]) & (tpot_s <= slo[1]), int(EDGE_FRAC * len(ttft_s))
    assert good[edge : len(good) - edge].mean() == found.attained


def test_single_tokens_ask_nothing_of_the_second_pool():
    given_ = asked()
    given_ = Requests(given_.arrival_s, given_.prompt, np.ones_like(given_.output), given_.klass)
    (found,) = search_apart(servings(pools()), given_, [None], 0.9)
    assert found.replicas is not None
    assert found.replicas[1] == 1
    assert found.screened[1] == 1.0


def test_what_is_sent_follows_the_model_on_other_hardware():
    both = servings(pools(link_Bps=10e9))
    of_8b = paired(both, ("h100", "llama-3.1-8b", 1, 16, "vllm"))
    for was, now in ((both[1], of_8b[1]),):
        assert now.link[0] == pytest.approx(now.kv_token_bytes / 10e9, rel=1e-12)
        assert was.kv_token_bytes > now.kv_token_bytes
    own = LlmPools(
        prefill=Pool(replica=LlmReplica()), decode=Pool(replica=LlmReplica()), kv_token_bytes=1e5
    )
    assert paired(servings(own), fitting()[0])[1].link == servings(own)[1].link


def test_none_where_the_slo_is_below_what_one_alone_takes_or_memory_is_short():
    (found,) = search_apart(servings(pools(slo_ttft_s=0.02)), asked(), [None], 0.99)
    assert found.screened[0] == np.inf
    assert (found.replicas, found.gpus) == (None, None)
    first, second = servings(pools())
    assert Ask((first, second._replace(kv_tokens=100)), asked(), 3600.0, 1).fewest(0.9) is None


SMALL = ("experiment=serving_pools", "services.requests.duration_s=5 min", "model=llama_8b")
OF_IT = tuple(f"services.{pool}.replica.{knob}" for pool in ("prefill", "decode")
              for knob in ("model=llama_8b", "gpus=1"))  # fmt: skip


def test_the_command_prints_both_pools_and_draws(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "220")
    price = "services.gpu_h_usd={h100: 2.5}"
    words = (*SMALL, *OF_IT)
    assert main(["search", *words, "draw=here.svg", price]) == 0
    out = re.sub(r" +", " ", capsys.readouterr().out)
    for word in ("as configured", "llama-3.1-8b, 1 a100, 16 bit, vllm", "usd an hour"):
        assert word in out
    assert "70b" not in out
    assert "of the exact kernel's" in out
    assert "as configured" in (tmp_path / "here.svg").read_text()
    assert main(["screen", *SMALL]) == 0
    assert "as configured" not in capsys.readouterr().out  # it is of another model
    assert main(["screen", *words]) == 0
    told = capsys.readouterr().out
    assert "closed form" in told
    assert "within the SLO" not in told
    assert "docs/capacity.md is of one pool alone" in told
    assert "17 % fewer to 50 % more" in told  # as the last of these tests holds


@pytest.mark.slow
@pytest.mark.parametrize("rate", [5.0, 30.0, 150.0])
@pytest.mark.parametrize("cv", [1.0, 4.0])
def test_closed_forms_are_as_far_off_as_the_command_says(rate, cv):
    requests = DrawnRequests(
        rate, 1200.0, Gamma(cv=cv), LogNormalTokens(1236, 1.29, 219, 1.05, 8192)
    )
    first, second = servings(LlmPools(prefill=Pool(replica=ModelReplica(chunked=False))))
    given_ = requests.requests(Streams(1), "llm")
    for one in search_apart((first, second), given_, fitting(), 0.99, 1200.0):
        assert one.gpus is not None
        assert 0.83 <= one.total(one.screened) / one.gpus <= 1.5, one
