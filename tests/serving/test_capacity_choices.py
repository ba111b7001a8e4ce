"""Each choice of hardware is judged by itself: what is wrong with one does not refuse the others."""

import re

import numpy as np
import pytest

from sim import Scenario
from sim.app.capacity import costs, tokens_per_h
from sim.app.hardware import at_best, faults_of_all, judged, label, on, parts, reasons
from sim.app.services import main
from sim.physics.calibration import FITS
from sim.study.capacity import chosen, fitting, search
from sim.study.capacity_apart import search_apart
from sim.workload.requests.base import Requests
from sim.workload.services import LlmPools, LlmReplica, LlmService, ModelReplica, Pool, Several

SHORT = ("experiment=serving", "services.requests.duration_s=2 min")


def said(capsys, *words, code=0):
    """Return what was printed, spaces as one, and the faults."""
    assert main(["screen", *SHORT, *words]) == code
    shown = capsys.readouterr()
    return re.sub(r" +", " ", shown.out), shown.err


@pytest.mark.parametrize("slo_ms", [9, 12, 20, 50])
def test_those_whose_step_is_below_the_slo_are_kept_and_of_the_others_is_told_why(capsys, slo_ms):
    """By the first number of each row of the table, in milliseconds."""
    out, _ = said(capsys, f"services.slo_tpot_s={slo_ms}ms")
    for key, fit in FITS.items():
        keeps = fit[0] <= slo_ms
        assert (f"\n {label(key)} " in out) == keeps
        told = f"not on {label(key)}: services.slo_tpot_s: is {slo_ms / 1e3:g} s; must be at least"
        assert (told in out) != keeps
    assert ("not as configured" in out) == (
        slo_ms < FITS["h100", "llama-3.1-70b", 4, 16, "vllm"][0]
    )


@pytest.mark.parametrize(
    "word", ["gpus=1", "gpu=h900", "used_frac=7", "model=gpt", "step_time=guess", "kv_tokens=0"]
)
def test_what_is_wrong_with_the_configured_replica_alone_refuses_no_other(capsys, word):
    plain, _ = said(capsys, "model=llama_8b")
    out, _ = said(capsys, "model=llama_8b", f"services.replica.{word}")
    kept, more = out.split("not as configured: services.replica.")
    assert kept == plain
    assert more.startswith(word.partition("=")[0])


@pytest.mark.parametrize("word", ["services.replica.batch=0", "services.min_replicas=99"])
def test_what_is_wrong_on_every_choice_is_refused_and_told_once(capsys, word):
    out, err = said(capsys, word, "services.slo_tpot_s=12ms", code=2)
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith(f"rackplan: {word.partition('=')[0]}: is ")


def test_where_none_can_keep_the_slo_each_is_told(capsys):
    out, err = said(capsys, "services.slo_tpot_s=1ms", "model=llama_8b", code=2)
    assert out == ""
    for key in fitting("llama-3.1-8b"):
        assert f"rackplan: not on {label(key)}: services.slo_tpot_s: is 0.001 s" in err
    assert "rackplan: services.slo_tpot_s: is 0.001 s" in err


@pytest.mark.parametrize("key", fitting(), ids=label)
def test_a_service_on_a_choice_is_the_chosen_one(key):
    """Its replica moved before it is put in numbers, or after."""
    knobs = {"batch": 17, "chunk_tokens": 512, "prefix_hit_frac": 0.3, "kv_spare_frac": 0.01}
    for replica in (ModelReplica(**knobs), LlmReplica(**knobs)):
        one = LlmService(replica=replica)
        pools = LlmPools(prefill=Pool(replica=replica), decode=Pool(replica=replica),
                         kv_token_bytes=1e5)  # fmt: skip
        for of in (one, pools):
            for was, now in zip(of.listed(), on(of, key).listed(), strict=True):
                alike = chosen(was[0], key)
                for name in ("decode_s", "mixed_s", "kv_tokens", "gpus", "gpu", "model", *knobs):
                    assert getattr(now[0], name) == getattr(alike, name), name


def test_services_side_by_side_are_judged_apart():
    fast, slow = (LlmService(name=n, slo_tpot_s=s) for n, s in (("a", 0.012), ("b", 0.05)))
    both = Several([fast, slow])
    paths = dict(parts(both))
    assert paths == {"services.services[0]": fast, "services.services[1]": slow}
    keys = fitting("llama-3.1-70b")
    told = {path: judged(of, path, keys) for path, of in paths.items()}
    assert told["services.services[0]"][None][0].startswith("services.services[0].slo_tpot_s: is")
    assert not any(told["services.services[1]"].values())
    best = at_best(both, "services", keys)
    assert best.services[1] is slow
    assert best.issues() == []
    assert faults_of_all(Scenario(services=both), keys) == []
    assert Scenario(services=both).issues() == told["services.services[0]"][None]


def test_memory_that_is_short_and_too_many_replicas_are_the_reasons():
    n = 200
    given = Requests(np.arange(n) * 0.1, np.full(n, 300_000), np.full(n, 9), np.zeros(n, np.int64))
    of, keys = LlmService(replica=ModelReplica()).listed()[0][0], fitting()
    for one in search(of, given, keys, exact=False):
        room = chosen(of, one.key).kv_tokens
        told = f"its KV memory holds {room:,} tokens, the longest request has 300,009"
        assert one.why == (told if room < 300_009 else "")
    pools = LlmPools(prefill=Pool(replica=ModelReplica()), decode=Pool(replica=ModelReplica()))
    both = tuple(pool for pool, _ in pools.listed())
    for one in search_apart(both, given, keys, exact=False):
        assert bool(one.why) == (chosen(of, one.key).kv_tokens < 300_009)
    brief = Requests(given.arrival_s, np.full(n, 100), given.output, given.klass)
    (one,) = search(of._replace(slo_ttft_s=1e-6), brief, keys[:1])
    assert reasons({one.key: [one.why]}) == [
        f"not on {label(keys[0])}: 4,096 replicas do not keep the SLO"
    ]


@pytest.mark.parametrize(("at_s", "output", "each"), [
    ([0.0, 900.0, 9000.0], [60, 90, 10], "16,666.67"),  # 150 tokens in the busiest hour
    ([0.0, 600.0, 1800.0], [60, 60, 30], "8,333.33"),  # all of them within half an hour
    ([7.0], [150], "–"),
    ([7.0, 7.0], [150, 150], "–"),
])  # fmt: skip
def test_a_million_tokens_cost_what_an_hour_does_over_its_tokens(at_s, output, each):
    """At 2.5 usd an hour; by hand: 2.5 / 150 x 1e6, and half of it in half the time."""
    n = len(at_s)
    asks = Requests(np.array(at_s), np.full(n, 9), np.array(output), np.zeros(n, np.int64))
    told = dict(costs([2.5, None], tokens_per_h(asks, 3600.0)))
    assert told == {"usd an hour": ["2.50", "–"], "usd a million tokens": [each, "–"]}
