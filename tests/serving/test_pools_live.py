"""A service of two pools on a cluster: prompts on one, decoding on the other, each scaled by itself."""

from dataclasses import dataclass, fields

import numpy as np
import pytest

from sim.engine.apart import Link, serve_apart
from sim.engine.serving import ServiceSpec, StepTime
from sim.errors import ScenarioError
from sim.policies import autoscaler
from sim.policies.autoscaler import (
    AbstractAutoscaler,
    ByPool,
    Hpa,
    Oracle,
    SageServe,
    SloDriven,
)
from sim.policies.autoscaler.memory import note
from sim.state.scaling import NOTHING, Replica, Wish
from sim.workload.services import LlmPools, LlmReplica, LlmService, ModelReplica, Pool, Several
from tests.scaling.seeing import seen
from tests.serving.test_services import COLD, SMALL, STEP, Fall, Plan, asked, frame, rows, run

FIRST = LlmReplica(2, None, *STEP, batch=16, chunked=False, kv_tokens=50_000)


def pool(replica=SMALL, **knobs):
    plain = {"replica": replica, "cold_start": COLD, "max_replicas": 4}
    return Pool(**(plain | knobs))


def pools(**knobs):
    plain = {"requests": asked(), "prefill": pool(FIRST), "decode": pool(), "scrape_s": 5.0,
             "link_Bps": 1e9, "link_latency_s": 0.003, "kv_token_bytes": 2e5}  # fmt: skip
    return LlmPools(**(plain | knobs))


def of_pool(table, name):
    return [row for row in table.to_pylist() if row["service"] == name]


def test_pools_that_never_change_answer_as_the_runs_one_after_the_other():
    """The same requests, routed the same, to the last digit, whoever looks in between."""
    made = run(pools(), Plan(((0.0, 2),)))
    arrival, prompt, output = frame(made.requests, "arrival_s", "prompt_tokens", "output_tokens")
    plain = {"kv_tokens": 50_000, "grow": True, "route": "least_requests"}
    first = ServiceSpec(StepTime(*STEP), 2, 16, False, prompt_tokens=8192, **plain)
    second = ServiceSpec(StepTime(*STEP), 2, 16, **plain)
    want = serve_apart(first, second, Link(2e5 / 1e9, 0.003), arrival,
                       prompt.astype(int), output.astype(int))  # fmt: skip
    for name in ("ttft_s", "tpot_s", "e2e_s", "preemptions"):
        assert frame(made.requests, name)[0].tolist() == want[name].tolist(), name
    assert frame(made.requests, "place")[0].tolist() == want["replica"].tolist()


def test_each_pool_has_its_own_replicas_and_numbers_and_all_is_conserved():
    made = run(pools(decode=pool(min_replicas=2, start_replicas=2)), Plan(((0.0, 1), (50.0, 3))))
    output, prompt = frame(made.requests, "output_tokens", "prompt_tokens")
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}
    assert set(made.requests.column("service").to_pylist()) == {"llm"}
    first, second = (of_pool(made.services, f"llm/{part}") for part in ("prefill", "decode"))
    long = output > 1
    total = {n: [sum(row[n] for row in part) for part in (first, second)]
             for n in ("arrivals", "ended", "prompt_tokens", "output_tokens")}  # fmt: skip
    assert total["arrivals"] == total["ended"] == [len(output), long.sum()]
    assert total["prompt_tokens"] == [prompt.sum(), prompt[long].sum()]
    assert total["output_tokens"] == [len(output), output[long].sum()]
    assert len(of_pool(made.replicas, "llm/prefill")) == 3
    assert [row["asked_s"] for row in of_pool(made.replicas, "llm/decode")] == [0.0, 0.0, 50.0]
    found = made.metrics["services"]["llm"]
    hours = {name: one["gpu_hours"] for name, one in found["pools"].items()}
    held = {"llm/prefill": 0.0, "llm/decode": 0.0}
    for row in made.ledger.to_pylist():
        held[row["job_id"].rpartition("/")[0]] += row["gpus"] * (row["end_s"] - row["start_s"])
    assert {k: v * 3600.0 for k, v in hours.items()} == pytest.approx(held)
    assert found["gpu_hours"] == pytest.approx(sum(hours.values()))


def test_time_in_both_pools_and_between_is_the_time_of_requests():
    """Little: running, waiting and leaving of both, and the transfers between them."""
    made = run(pools(), Plan(((0.0, 1), (40.0, 3), (120.0, 1))))
    e2e, prompt, output = frame(made.requests, "e2e_s", "prompt_tokens", "output_tokens")
    there_s = 0.0
    for part in ("prefill", "decode"):
        table = of_pool(made.services, f"llm/{part}")
        ends = np.array([0.0, *(row["time_s"] for row in table)])
        there_s += sum((row["running"] + row["waiting"] + row["leaving"]) * span
                       for row, span in zip(table, np.diff(ends), strict=True))  # fmt: skip
    between_s = (0.003 + prompt * 2e5 / 1e9)[output > 1].sum()
    assert there_s + between_s == pytest.approx(e2e.sum(), rel=1e-6)


def test_infinite_bandwidth_and_no_decoding_is_a_service_of_the_first_pool():
    """Of one token each: the second pool has nothing to do, the first is a service by itself."""
    from sim.workload.requests import GivenRequests

    at = np.sort(np.random.default_rng(3).uniform(0, 50, 300))
    ask = GivenRequests({"arrival_s": at, "prompt_tokens": list(range(1, 301)),
                         "output_tokens": [1] * 300})  # fmt: skip
    apart = run(pools(requests=ask, link_Bps=1e30, link_latency_s=0.0), Plan(((0.0, 2),)))
    alone = run(LlmService("llm", ask, FIRST, COLD, scrape_s=5.0), Plan(((0.0, 2),)))
    for name in ("ttft_s", "e2e_s", "place"):
        assert apart.requests.column(name).equals(alone.requests.column(name)), name


@pytest.mark.parametrize(("node", "part"), [(0, "prefill"), (2, "decode")])
def test_a_node_of_either_pool_fails_and_no_request_is_lost(node, part):
    """A decoding replica takes the KV memory along: its requests go through the first pool again."""
    slow = LlmReplica(2, None, STEP[0], (0.3, *STEP[1][1:]), batch=16, chunked=False,
                      kv_tokens=50_000)  # fmt: skip
    made = run(pools(prefill=pool(slow)), Plan(((0.0, 2),)), processes=(Fall(node, 80.0, 150.0),))
    lost = [row for row in rows(made) if row["why"] == "node_fail"]
    assert [(row["service"], row["end_s"]) for row in lost] == [(f"llm/{part}", 80.0)]
    again = of_pool(made.replicas, f"llm/{part}")[2]
    assert (again["asked_s"], again["start_s"]) == (80.0, 150.0)
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}
    preempted, output = frame(made.requests, "preemptions", "output_tokens")
    hit = int((preempted > 0).sum())
    assert hit > 0
    prompts, decodes = (sum(row["ended"] for row in of_pool(made.services, f"llm/{p}"))
                        for p in ("prefill", "decode"))  # fmt: skip
    assert prompts == len(output) + (hit if part == "decode" else 0)
    # of those hit some had one token left, which the first pool made
    assert (output > 1).sum() - hit <= decodes <= (output > 1).sum()
    assert made.metrics["serving"]["answered"] == len(output)


def test_requests_wait_where_a_pool_is_cold():
    """No decoding replica until 20 s and its cold start: first tokens come, the others wait."""

    @dataclass(frozen=True)
    class Late(AbstractAutoscaler):
        every_s: float = 10.0

        def start(self, seen):
            return seen.least

        def desired(self, seen, notes):
            return Wish(max(seen.least, int(seen.now_s >= 20.0)), NOTHING)

    made = run(pools(decode=pool(min_replicas=0)), Late())
    ready_s = of_pool(made.replicas, "llm/decode")[0]["ready_s"]
    assert ready_s == 20.0 + 75.0
    arrival, ttft, e2e, output = frame(
        made.requests, "arrival_s", "ttft_s", "e2e_s", "output_tokens"
    )
    early = (arrival < 60.0) & (output > 1)
    assert (arrival + ttft)[early].min() < 1.0
    assert (arrival + e2e)[early].min() > ready_s


def test_an_autoscaler_sees_of_a_pool_what_is_its_own():
    seen = []

    @dataclass(frozen=True)
    class Watch(AbstractAutoscaler):
        every_s: float = 50.0

        def together(self, told, notes):
            seen.append(told)
            return [Wish(1, NOTHING) for _ in told]

        def desired(self, told, notes):
            return Wish(1, NOTHING)

    run(pools(prefill=pool(FIRST, max_replicas=3)), Watch())
    first, second = seen[2]
    assert (first.most, second.most) == (3, 4)
    assert (first.replica.ttft_slo_s, second.replica.tpot_slo_s) == (2.0, 0.05)
    assert first.replica.tpot_slo_s == second.replica.ttft_slo_s == np.inf
    assert np.isnan(first.scrapes.tpot_s).all()
    assert np.isnan(second.scrapes.ttft_s).all()
    assert (second.scrapes.tpot_s > STEP[0][0]).any()


def test_pools_beside_training_and_another_service():
    jobs = {"submit_s": [0.0], "gpus": [2], "work_s": [50.0], "job_id": ["a"]}
    chat = LlmService("chat", asked(1.0, 100.0), SMALL, COLD, scrape_s=5.0)
    made = run(Several((chat, pools())), Hpa(), nodes=8, jobs=jobs)
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}
    assert set(made.metrics["services"]) == {"chat", "llm"}
    assert made.jobs.num_rows == 1


def test_the_same_seed_gives_the_same_bytes_of_pools():
    route = {"route": "two_choices"}
    given = pools(prefill=pool(FIRST, **route), decode=pool(**route))
    one, same = (run(given, Plan(((0.0, 1), (30.0, 3))), seed=5) for _ in range(2))
    for name in ("requests", "replicas", "services", "ledger"):
        assert getattr(one, name).equals(getattr(same, name)), name


def test_the_kv_memory_of_a_token_is_the_models():
    """Llama-3.1-70B: keys and values, 80 layers, 8 heads of 128, two bytes."""
    first, second = (of for of, _ in LlmPools(decode=Pool(ModelReplica())).listed())
    assert second.link == (2 * 80 * 8 * 128 * 2 / 50e9, 0.0)
    assert first.link is None


def test_bad_numbers_of_pools_are_named_with_the_remedy():
    text = "\n".join(pools(
        kv_token_bytes=None, link_Bps=1.0, slo_tpot_s=0.001,
    ).issues())  # fmt: skip
    assert "services.kv_token_bytes: is null; must be given" in text
    assert "services.slo_tpot_s: is 0.001 s; must be at least the step of one sequence" in text
    assert "take a faster decode replica" in text
    text = "\n".join(pools(link_Bps=0.0, prefill=pool(route="odd", min_replicas=5)).issues())
    assert "services.link_Bps: is 0" in text
    assert "services.prefill.route: is 'odd'" in text
    assert "services.prefill.min_replicas: is 5" in text
    with pytest.raises(ScenarioError, match=r"services.decode.replica.kv_tokens: is 1000; must"):
        run(pools(decode=pool(LlmReplica(2, None, *STEP, kv_tokens=1000))))
    with pytest.raises(ScenarioError, match=r"services.prefill.replica.gpus: is 3; .*never fit"):
        run(pools(prefill=pool(LlmReplica(3, None, *STEP, kv_tokens=50_000))), nodes=1)


def test_each_pool_may_have_a_policy_of_its_own_asked_and_read_as_it_wants():
    asked_at = {}

    @dataclass(frozen=True)
    class Watch(AbstractAutoscaler):
        many: int = 1
        every_s: float = 10.0
        scrape_s: float = 5.0

        def desired(self, told, notes):
            asked_at.setdefault(told.name, []).append((told.now_s, len(notes)))
            return Wish(self.many, note(7, told.now_s, 0.0))

    both = ByPool({"prefill": Watch(2, 6.0, 3.0), "llm/decode": Watch(3, 30.0, 10.0)})
    made = run(pools(scrape_s=None), both, nodes=5)
    for name, every_s, scrape_s, many in (("prefill", 6.0, 3.0, 2), ("decode", 30.0, 10.0, 3)):
        times = [at_s for at_s, _ in asked_at[f"llm/{name}"]]
        np.testing.assert_allclose(times, every_s * np.arange(1, len(times) + 1), rtol=1e-12)
        # its own note of the time before, and no other
        assert [n for _, n in asked_at[f"llm/{name}"]] == [0] + [1] * (len(times) - 1)
        read = [row["time_s"] for row in of_pool(made.services, f"llm/{name}")]
        np.testing.assert_allclose(read, scrape_s * np.arange(1, len(read) + 1), rtol=1e-12)
        assert max(row["ready"] for row in of_pool(made.services, f"llm/{name}")) == many


def test_one_policy_for_all_by_name_is_that_policy():
    for policy in (Hpa(target=3.0), Oracle(), SageServe(plan_s=60.0, bin_s=10.0, skip_s=10.0)):
        plain, named = (run(pools(), one) for one in (policy, ByPool({"llm": policy})))
        assert plain.replicas.equals(named.replicas), policy
        assert plain.requests.equals(named.requests)


def test_a_policy_for_a_pool_that_is_not_is_named():
    with pytest.raises(ScenarioError, match=r"'x' is no service or pool; valid are decode, llm, "):
        run(pools(), ByPool({"x": Hpa()}))


def test_first_replicas_of_a_pool_that_cannot_keep_up_are_told():
    slow = LlmReplica(
        2, None, (0.5, 0.0, 0.0), (0.5, 0.0, 0.0, 0.0, 0.0), batch=4, kv_tokens=50_000
    )
    made = run(pools(decode=pool(slow), slo_tpot_s=1.0), Plan(), horizon_s=20.0)
    notes = [note for note in made.manifest["notes"] if "at the start" in note]
    assert len(notes) == 1
    assert "llm/decode: replicas at the start, 1" in notes[0]
    assert "services.decode.start_replicas" in notes[0]


SHIPPED = [made for name, made in sorted(vars(autoscaler).items())
           if isinstance(made, type) and issubclass(made, AbstractAutoscaler)
           and made is not AbstractAutoscaler]  # fmt: skip


@pytest.mark.parametrize("policy", SHIPPED, ids=lambda policy: policy.__name__)
def test_every_policy_scales_pools_and_all_requests_are_answered(policy):
    made = run(pools(scrape_s=None), policy(), nodes=8)
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}
    assert made.metrics["services"]["llm"]["slo_attainment"] > 0.2


def test_a_pool_of_prompts_is_scaled_by_its_first_tokens():
    """As TPOT says how loaded a replica is: 1 - own time / TTFT, of what the SLO allows."""
    one = Replica((0.0, 0.0, 0.0), (0.01, 1e-4, 1e-8, 0.0, 0.0), 64, 10**6, 4, 60.0, 1.0, np.inf)
    shown = seen([1.0] * 4, 6, replica=one, arrivals=10.0, prompt_tokens=10_000.0, ttft_s=0.24)
    own_s = 0.01 + 1e-4 * 1000 + 1e-8 * 1000**2
    want = np.ceil(6 * (1.0 - own_s / 0.24) / (1.0 - own_s / 0.7))
    assert SloDriven().desired(shown, NOTHING).replicas == want == 4


def test_pools_that_cannot_read_each_others_memory_are_refused():
    small, half = (
        ModelReplica("llama_8b", gpus=1),
        ModelReplica(weight_bits=8, step_time="roofline"),
    )
    for replica, text in (
        (small, "services.decode.replica.model: is llama-3.1-8b; must be llama-3.1-70b, whose"),
        (half, "services.decode.replica.weight_bits: gives KV memory other than"),
    ):
        made = LlmPools(prefill=Pool(ModelReplica()), decode=Pool(replica))
        assert [issue for issue in made.issues() if issue.startswith(text)], made.issues()
    assert LlmPools(decode=Pool(ModelReplica(gpu="h200"))).issues() == []


def test_what_both_kinds_of_service_have_is_the_same_in_both():
    """A knob of LlmService is one of a pool or of LlmPools, its default and its kind alike."""
    whole, of_pool_, apart = (
        {one.name: (one.type, one.default, one.default_factory) for one in fields(kind)}
        for kind in (LlmService, Pool, LlmPools)
    )
    apart_only = {"prefill", "decode", "link_Bps", "link_latency_s", "link_shared",
                  "kv_token_bytes"}  # fmt: skip
    assert set(whole) == set(of_pool_) | (set(apart) - apart_only)
    assert not set(of_pool_) & set(apart)
    ours = of_pool_ | apart | {"replica": whole["replica"]}  # a pool's is told by its model
    assert {name: ours[name] for name in whole} == whole
