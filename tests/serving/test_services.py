"""A service on a cluster: what its replicas hold, when they answer, and that nothing is lost."""

import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.app.terminal import line
from sim.engine import AbstractProcess
from sim.engine.held import Stage
from sim.engine.services import Life
from sim.engine.serving import ServiceSpec, StepTime, serve
from sim.engine.warm import WarmPool
from sim.errors import ScenarioError
from sim.physics.queueing import erlang_b
from sim.policies.autoscaler import AbstractAutoscaler, Hpa, Kpa, NoAutoscaler, RayServe
from sim.policies.preemption import Tail
from sim.policies.queue import Fifo, Sjf
from sim.state import Homogeneous
from sim.state.scaling import NOTHING, Wish
from sim.workload import Given, NoJobs, Poisson
from sim.workload.requests import DrawnRequests, GivenRequests, LogNormalTokens
from sim.workload.services import LlmReplica, LlmService, Several, Stages

STEP = ((0.02, 1e-4, 1e-7), (0.02, 5e-5, 1e-9, 1e-4, 1e-7))
COLD = Stages(node_s=5.0, image_s=40.0, weights_s=20.0, warm_s=10.0)
SMALL = LlmReplica(2, None, *STEP, batch=16, chunk_tokens=256, kv_tokens=50_000)


@dataclass(frozen=True)
class Plan(AbstractAutoscaler):
    """So many replicas from each instant on."""

    steps: tuple = ((0.0, 1),)
    every_s: float = 10.0

    def start(self, seen):
        return self.steps[0][1]

    def desired(self, seen, notes):
        return Wish([n for at_s, n in self.steps if at_s <= seen.now_s][-1], NOTHING)


@dataclass(frozen=True)
class Fall(AbstractProcess):
    """A node fails at an instant and is back later."""

    node: int
    at_s: float
    back_s: float

    def begin(self, clock, cluster, streams):
        def life():
            yield clock.timeout(self.at_s)
            cluster.fail(self.node)
            yield clock.timeout(self.back_s - self.at_s)
            cluster.repair(self.node)

        clock.process(life())


def asked(rate_per_s=8.0, duration_s=200.0, tokens=None):
    return DrawnRequests(rate_per_s, duration_s, Poisson(), tokens or LogNormalTokens(
        300, 1.0, 60, 1.0, 4000))  # fmt: skip


def service(**knobs):
    plain = {"requests": asked(), "replica": SMALL, "cold_start": COLD, "max_replicas": 4,
             "scrape_s": 5.0}  # fmt: skip
    return LlmService(**(plain | knobs))


def run(services, autoscaler=None, nodes=4, jobs=None, seed=1, **choices):
    workload = NoJobs() if jobs is None else Given(jobs)
    return simulate(
        Scenario(Homogeneous(nodes=nodes, gpus_per_node=2), workload, services=services,
                 autoscaler=autoscaler or Plan(), **choices), seed,
    )  # fmt: skip


def rows(result):
    return result.replicas.to_pylist()


def frame(table, *names):
    return [np.array([np.nan if v is None else v for v in table.column(n).to_pylist()], float)
            for n in names]  # fmt: skip


def test_replicas_that_never_change_answer_as_the_core_alone():
    """The same requests, routed the same, to the last bit of a microsecond."""
    made = run(service(route="round_robin"), Plan(((0.0, 3),)))
    arrival, prompt, output, ttft, e2e = frame(
        made.requests, "arrival_s", "prompt_tokens", "output_tokens", "ttft_s", "e2e_s"
    )
    spec = ServiceSpec(StepTime(*STEP), 3, 16, chunk_tokens=256, kv_tokens=50_000, grow=True)
    want = serve(spec, arrival, prompt.astype(int), output.astype(int))
    assert (ttft == want["ttft_s"]).all()
    assert (e2e == want["e2e_s"]).all()


def test_every_request_is_answered_once_whatever_the_replicas_do():
    plan = Plan(((0.0, 1), (10.0, 4), (120.0, 1), (130.0, 3), (190.0, 1)))
    made = run(service(), plan)
    ends, tokens = frame(made.services, "ended", "output_tokens")
    (output,) = frame(made.requests, "output_tokens")
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}
    assert ends.sum() == len(output)
    assert tokens.sum() == output.sum()
    assert {row["why"] for row in rows(made)} == {"drained", "over"}


def test_requests_in_the_system_are_what_the_intervals_say():
    """Little: over all intervals they are the time that requests spent there.

    Also where replicas fail, one while it drains.
    """
    falls = (Fall(1, 120.2, 150.0), Fall(2, 120.2, 150.0), Fall(0, 160.0, 161.0))
    made = run(service(), Plan(((0.0, 1), (40.0, 3), (120.0, 1))), processes=falls)
    (e2e,) = frame(made.requests, "e2e_s")
    running, waiting, leaving, time_s = frame(
        made.services, "running", "waiting", "leaving", "time_s"
    )
    spans = np.diff(np.concatenate([[0.0], time_s]))
    all_s = ((running + waiting + leaving) * spans).sum()
    assert all_s == pytest.approx(e2e.sum(), rel=1e-6)  # whole ns
    assert "node_fail" in {row["why"] for row in rows(made) if row["told_s"] is not None}
    assert min(running.min(), waiting.min(), leaving.min()) >= 0.0


def test_requests_on_a_replica_that_drains_are_told_apart():
    """From the word to go to each one's last token; an autoscaler's averages lack them."""
    made = run(service(), Plan(((0.0, 2), (100.0, 1))))
    gone = next(row for row in rows(made) if row["why"] == "drained")
    place, arrival, e2e = frame(made.requests, "place", "arrival_s", "e2e_s")
    there = (place == gone["place"]) & (arrival + e2e > gone["told_s"])
    leaving, time_s = frame(made.services, "leaving", "time_s")
    spans = np.diff(np.concatenate([[0.0], time_s]))
    want = (arrival + e2e - gone["told_s"])[there].sum()
    assert want > 0.0
    assert (leaving * spans).sum() == pytest.approx(want, rel=1e-6)
    assert (leaving[time_s <= gone["told_s"]] == 0.0).all()


def test_an_answers_length_is_told_when_it_has_ended():
    """Each interval's tokens are those of the answers that ended in it, nothing of those to come."""
    made = run(service(scrape_s=1.0), Plan(((0.0, 2),)))
    output, arrival, e2e = frame(made.requests, "output_tokens", "arrival_s", "e2e_s")
    tokens, ended, time_s = frame(made.services, "output_tokens", "ended", "time_s")
    edges = np.concatenate([[0.0], time_s])
    assert tokens.tolist() == np.histogram(arrival + e2e, edges, weights=output)[0].tolist()
    assert ended.tolist() == np.histogram(arrival + e2e, edges)[0].tolist()


def test_tokens_are_told_once_though_requests_are_evicted_and_lose_their_replica():
    tight = LlmReplica(2, None, *STEP, batch=16, chunk_tokens=256, kv_tokens=4100)
    made = run(service(replica=tight), Plan(((0.0, 2),)), nodes=2,
               processes=(Fall(0, 80.0, 90.0),))  # fmt: skip
    output, preempted = frame(made.requests, "output_tokens", "preemptions")
    tokens, ended = frame(made.services, "output_tokens", "ended")
    assert preempted.sum() > 20
    assert tokens.sum() == output.sum()
    assert ended.sum() == len(output)


def test_an_autoscaler_has_numbers_read_as_often_as_its_product_does_unless_the_service_says():
    for policy, every_s in ((Kpa(), 1.0), (RayServe(), 10.0), (Hpa(), 15.0)):
        for given, want_s in ((None, every_s), (4.0, 4.0)):
            made = run(service(scrape_s=given), policy)
            (time_s,) = frame(made.services, "time_s")
            np.testing.assert_allclose(time_s, want_s * np.arange(1, len(time_s) + 1), rtol=1e-12)


def test_a_class_of_requests_may_have_an_slo_of_its_own():
    ask = DrawnRequests(8.0, 200.0, Poisson(), LogNormalTokens(300, 1.0, 60, 1.0, 4000),
                        {"chat": 3.0, "batch": 1.0})  # fmt: skip
    own = {"batch": {"slo_ttft_s": 30.0, "slo_tpot_s": 0.5}, "chat": {"slo_ttft_s": 0.2}}
    made = run(service(requests=ask, slo_by_class=own), Plan(((0.0, 1),)), horizon_s=150.0)
    ttft, tpot = frame(made.requests, "ttft_s", "tpot_s")
    klass = np.array(made.requests.column("class").to_pylist())
    limits = {"batch": (30.0, 0.5), "chat": (0.2, 0.05)}
    good = np.zeros(len(ttft), bool)
    found = made.metrics["services"]["llm"]
    for name, (ttft_s, tpot_s) in limits.items():
        of = klass == name
        good |= of & (ttft <= ttft_s) & (tpot <= tpot_s)  # nan, not answered by then, is missed
        assert found["by_class"][name]["slo_attainment"] == pytest.approx(good[of].mean())
    assert np.isnan(tpot).any()
    assert 0.0 < found["slo_attainment"] < 1.0
    assert found["slo_attainment"] == pytest.approx(good.mean())


def test_faults_of_the_slo_of_a_class_are_named():
    for own, text in (
        ({"chat": {"slo_ttft_s": -1.0}}, r"slo_by_class.chat.slo_ttft_s: is -1"),
        ({"chat": {"ttft": 1.0}}, r"slo_by_class.chat: is .*must have slo_ttft_s or slo_tpot_s"),
        ({"chat": {"slo_tpot_s": 0.001}}, r"slo_by_class.chat.slo_tpot_s: is 0.001 s; .*sequence"),
        ({"chat": {"slo_ttft_s": 1.0}}, r"slo_by_class: names 'chat', no class of the requests"),
    ):
        with pytest.raises(ScenarioError, match=text):
            run(service(slo_by_class=own))


def test_first_replicas_that_cannot_keep_up_are_told():
    """A batch of one, so what one answers at all is one over its time; demand is 8 a second."""
    alone = LlmReplica(2, None, *STEP, batch=1, chunk_tokens=256, kv_tokens=50_000)
    notes = run(service(replica=alone), Plan(((0.0, 1), (10.0, 4))), horizon_s=50.0).manifest[
        "notes"
    ]
    assert any("llm: replicas at the start, 1, can answer" in note for note in notes)
    notes = run(service(), Plan(((0.0, 3),))).manifest["notes"]
    assert not any("at the start" in note for note in notes)


def test_replicas_are_no_jobs_that_a_queue_could_tell_apart():
    made = run(service(), Plan(((0.0, 1),)), queue=Fifo())
    assert not any(note.startswith("queue:") for note in made.manifest["notes"])


def test_progress_counts_requests_and_no_replica(monkeypatch):
    told = []
    monkeypatch.setattr(sys.modules["sim.study.simulate"], "EVERY_S", 0.0)
    scenario = Scenario(
        Homogeneous(nodes=4, gpus_per_node=2),
        Given({"submit_s": [1.0], "gpus": [2], "work_s": [50.0]}),
        services=service(),
        autoscaler=Plan(),
    )
    made = simulate(scenario, 1, told.append)
    assert {(now.jobs, now.requests) for now in told} == {(1, made.requests.num_rows)}
    answered = [now.answered for now in told]
    assert answered == sorted(answered)
    assert 0 < answered[-1] <= made.requests.num_rows
    assert len(line(told[-1])) < 120


def test_a_cold_start_is_the_sum_of_its_stages_and_an_image_stays_on_its_node():
    made = run(service(), Plan(((0.0, 1), (10.0, 2), (100.0, 1), (150.0, 2))))
    first, second, third = rows(made)
    assert first["ready_s"] == 0.0
    assert (second["asked_s"], second["start_s"]) == (10.0, 10.0)
    assert second["ready_s"] == 10.0 + 5.0 + 40.0 + 20.0 + 10.0
    assert third["ready_s"] == 150.0 + 5.0 + 20.0 + 10.0
    places, arrival = frame(made.requests, "place", "arrival_s")
    assert (places[arrival < second["ready_s"]] == 0).all()
    assert (places[(arrival >= 100.0) & (arrival < third["ready_s"])] == 0).all()


def test_a_replica_that_was_kept_warm_does_the_other_stages_only():
    """Two warm through the image, 45 s done of 75: of three that are asked for one is cold."""
    cold = replace(COLD, warm_replicas=2, warm_through="image", image_stays=False)
    ask = asked(duration_s=400.0)
    plan = Plan(((0.0, 1), (100.0, 4), (130.0, 1), (140.0, 2), (150.0, 3)))
    made = run(service(cold_start=cold, requests=ask), plan)
    up = [(row["start_s"], row["ready_s"]) for row in rows(made)]
    assert up[0] == (0.0, 0.0)
    assert sorted(ready for start, ready in up if start == 100.0 and ready) == [130.0, 130.0]
    # of the three one was still cold at 130 and was recalled; the pool is full again at 145
    assert (140.0, 140.0 + 75.0) in up
    assert (150.0, 150.0 + 30.0) in up


def test_how_often_no_replica_is_warm_is_erlangs_loss():
    """Starts at random, each takes a warm place for the time its like takes: M/D/k/k."""
    of = service(cold_start=replace(COLD, warm_replicas=3, warm_through="weights")).listed()[0][0]
    pool, draws, n = WarmPool(of), np.random.default_rng(2), 40_000
    rate_per_s = 0.03
    at_s = np.cumsum(draws.exponential(1.0 / rate_per_s, n))
    missed = np.array([pool.take(now_s) == 0 for now_s in at_s])
    lost = float(erlang_b(3, rate_per_s * (5.0 + 40.0 + 20.0)))
    batches = missed.reshape(40, -1).mean(axis=1)
    assert abs(missed.mean() - lost) < 4.0 * batches.std(ddof=1) / np.sqrt(40)


def test_faults_of_what_is_kept_warm_are_named():
    told = service(cold_start=replace(COLD, warm_replicas=-1, warm_through="warm_up")).issues()
    assert "services.cold_start.warm_replicas: is -1" in told[0]
    assert "warm_through: is 'warm_up'; must be one of node, image, weights" in told[1]


def test_a_replica_drains_holds_its_gpus_till_the_last_answer_and_no_longer():
    made = run(service(), Plan(((0.0, 2), (100.0, 1))))
    gone = next(row for row in rows(made) if row["why"] == "drained")
    place, arrival, e2e = frame(made.requests, "place", "arrival_s", "e2e_s")
    last_s = (arrival + e2e)[place == gone["place"]].max()
    assert gone["told_s"] == 100.0
    assert last_s > 100.0
    assert last_s <= gone["end_s"] <= last_s + 2e-6  # looked at a microsecond later
    held = [r for r in made.ledger.to_pylist() if r["job_id"] == f"llm/{gone['place']}"]
    assert held[0]["end_s"] == gone["end_s"]


def test_requests_wait_at_the_door_as_long_as_nobody_is_ready():
    made = run(service(min_replicas=0), Plan(((0.0, 0), (20.0, 1))))
    ready_s = rows(made)[0]["ready_s"]
    arrival, ttft = frame(made.requests, "arrival_s", "ttft_s")
    assert ready_s == 20.0 + 75.0
    early = arrival < ready_s
    assert early.any()
    assert (arrival + ttft)[early].min() > ready_s
    waiting, time_s = frame(made.services, "waiting", "time_s")
    assert waiting[time_s == 20.0] > waiting[time_s == 5.0] > 0


def test_a_replica_waits_for_gpus_before_all_jobs_in_the_queue():
    """Both GPUs of the node are held until 50 s; the job behind would fit there too."""
    jobs = {"submit_s": [0.0, 1.0], "gpus": [2, 2], "work_s": [50.0, 30.0], "job_id": ["a", "b"]}
    for queue in (Fifo(), Sjf()):
        made = run(service(), Plan(((0.0, 1), (10.0, 2))), nodes=2, jobs=jobs, queue=queue)
        assert rows(made)[1]["start_s"] == 50.0
        starts = dict(zip(*(made.jobs.column(n).to_pylist() for n in ("job_id", "start_s")),
                          strict=True))  # fmt: skip
        assert starts["a"] == 0.0
        assert starts["b"] == rows(made)[0]["end_s"]  # when the service is over
    assert made.jobs.num_rows == 2


@pytest.mark.rare
def test_a_replica_takes_the_nodes_of_training_where_the_tail_gives_way():
    jobs = {"submit_s": [0.0], "gpus": [2], "work_s": [50.0], "job_id": ["a"]}
    made = run(service(), Plan(((0.0, 1), (10.0, 2))), nodes=2, jobs=jobs, preemption=Tail())
    assert rows(made)[1]["start_s"] == 10.0
    assert made.jobs.column("restarts").to_pylist() == [1]


def test_a_replica_that_waits_for_gpus_is_recalled_first():
    jobs = {"submit_s": [0.0], "gpus": [2], "work_s": [150.0], "job_id": ["a"]}
    made = run(service(), Plan(((0.0, 1), (10.0, 2), (60.0, 1))), nodes=2, jobs=jobs)
    found = rows(made)[1]
    assert (found["start_s"], found["end_s"], found["why"]) == (None, 60.0, "recalled")


@pytest.mark.parametrize("grow", [True, False])
def test_a_node_that_fails_loses_no_request(grow):
    """What was on it goes on elsewhere; the replica is asked for again at once."""
    replica = LlmReplica(2, None, *STEP, batch=16, chunk_tokens=256, kv_tokens=50_000, grow=grow)
    made = run(service(replica=replica), Plan(((0.0, 2),)), nodes=2,
               processes=(Fall(0, 80.0, 150.0),))  # fmt: skip
    lost = [row for row in rows(made) if row["why"] == "node_fail"]
    again = rows(made)[2]
    assert [row["end_s"] for row in lost] == [80.0]
    assert (again["asked_s"], again["start_s"]) == (80.0, 150.0)
    assert again["ready_s"] == 150.0 + 35.0  # the image is there
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}
    preempted, arrival, e2e = frame(made.requests, "preemptions", "arrival_s", "e2e_s")
    hit = preempted > 0
    assert hit.any()
    assert (arrival[hit] < 80.0).all()
    assert ((arrival + e2e)[hit] > 80.0).all()
    assert made.metrics["serving"]["answered"] == len(e2e)


def test_both_nodes_fail_and_requests_wait_for_the_first_that_is_back():
    falls = (Fall(0, 60.0, 100.0), Fall(1, 60.0, 120.0))
    made = run(service(), Plan(((0.0, 2),)), nodes=2, processes=falls)
    arrival, ttft, e2e, preempted = frame(
        made.requests, "arrival_s", "ttft_s", "e2e_s", "preemptions"
    )
    assert not np.isnan(e2e).any()
    back_s = 100.0 + 35.0
    none = (arrival >= 60.0) & (arrival < back_s)
    assert ((arrival + ttft)[none] > back_s).all()
    assert ((arrival + e2e)[preempted > 0] > back_s).all()


def test_shed_are_those_beyond_what_a_replica_may_have():
    at = np.zeros(10)
    ask = GivenRequests({"arrival_s": at, "prompt_tokens": [10] * 10, "output_tokens": [5] * 10})
    made = run(service(requests=ask, most_open=3), Plan(((0.0, 2),)))
    assert made.requests.column("fate").to_pylist().count("shed") == 10 - 2 * 3
    assert made.metrics["serving"]["shed"] == 4
    assert made.metrics["serving"]["slo_attainment"] == pytest.approx(0.6)


def test_the_same_seed_gives_the_same_bytes():
    plan = Plan(((0.0, 1), (30.0, 4), (90.0, 1)))
    one, same = (run(service(route="two_choices"), plan, seed=5) for _ in range(2))
    for name in ("requests", "replicas", "services", "ledger", "timeline"):
        assert getattr(one, name).equals(getattr(same, name)), name


def test_who_begins_alike_is_sent_to_one_replica_and_prefixes_are_spread():
    rng = np.random.default_rng(3)
    prefix = rng.integers(0, 40, 400)
    told = {"arrival_s": np.sort(rng.uniform(0.0, 100.0, 400)), "prompt_tokens": [10] * 400,
            "output_tokens": [5] * 400}  # fmt: skip
    known = told | {"prefix": [f"p{k}" for k in prefix]}

    def replicas(columns):
        one = service(requests=GivenRequests(columns), route="affinity")
        found = run(one, Plan(((0.0, 4),))).requests.column("place").to_pylist()
        return [{found[i] for i in np.flatnonzero(prefix == k)} for k in range(40)]

    alike, any_of_them = replicas(known), replicas(told)
    assert all(len(one) == 1 for one in alike)
    assert len(set().union(*alike)) == 4
    assert any(len(one) > 1 for one in any_of_them)


def test_several_services_share_a_cluster_and_the_books_agree():
    other = service(name="chat", requests=asked(1.0, 100.0), replica=LlmReplica(
        1, None, *STEP, batch=8, chunk_tokens=128, kv_tokens=50_000))  # fmt: skip
    made = run(Several((service(), other)), Plan(((0.0, 1), (50.0, 2))))
    held = sum(
        r["gpus"] * (r["end_s"] - r["start_s"]) for r in made.ledger.to_pylist() if r["job_id"]
    )
    found = made.metrics["services"]
    assert set(found) == {"llm", "chat"}
    hours = sum(one["gpu_hours"] for one in found.values())
    assert hours * 3600.0 == pytest.approx(held)
    assert hours == made.metrics["serving"]["gpu_hours"]
    (busy, serving) = frame(made.timeline, "busy_gpus", "serving_gpus")
    assert (busy == serving).all()


def test_a_run_may_stop_at_its_horizon_with_requests_open():
    made = run(service(), Plan(((0.0, 1),)), horizon_s=100.0)
    fates = made.requests.column("fate").to_pylist()
    arrival, e2e = frame(made.requests, "arrival_s", "e2e_s")
    assert arrival.max() < 100.0
    assert (np.nan_to_num(arrival + e2e) <= 100.0).all()
    assert set(fates) == {"answered", "open"}
    assert rows(made)[0]["end_s"] is None


def test_a_service_that_nobody_ever_answers_ends_all_the_same():
    made = run(service(min_replicas=0), Plan(((0.0, 0),)))
    assert set(made.requests.column("fate").to_pylist()) == {"open"}
    assert made.metrics["serving"]["slo_attainment"] == 0.0


def test_what_an_autoscaler_sees_is_as_old_as_the_lag_says():
    seen = []

    @dataclass(frozen=True)
    class Watch(AbstractAutoscaler):
        every_s: float = 10.0

        def desired(self, told, notes):
            seen.append(told)
            return Wish(2, NOTHING)

    made = run(service(lag_s=12.0, scrape_s=5.0), Watch())
    for told in seen:
        ends = told.scrapes.time_s
        assert (ends <= told.now_s - 12.0 + 1e-9).all()
        assert len(ends) == max(0, (told.now_s - 12.0) // 5.0)
    last = seen[-1]
    arrivals, ttft = frame(made.services, "arrivals", "ttft_s")
    k = len(last.scrapes.arrivals)
    assert last.scrapes.arrivals.tolist() == arrivals[:k].tolist()
    assert (last.scrapes.ttft_s == ttft[:k])[~np.isnan(ttft[:k])].all()
    assert last.ready == 2
    assert len(last.replica_running) == 2


def test_an_oracle_is_told_all_that_is_to_come():
    seen = []

    @dataclass(frozen=True)
    class Ahead(AbstractAutoscaler):
        every_s: float = 50.0
        sees_ahead = True

        def desired(self, told, notes):
            seen.append(told)
            return Wish(1, NOTHING)

    made = run(service(), Ahead())
    arrival, prompt = frame(made.requests, "arrival_s", "prompt_tokens")
    for told in seen:
        late = arrival >= told.now_s
        assert told.ahead.arrivals.sum() == late.sum()
        assert told.ahead.prompt_tokens.sum() == prompt[late].sum()


def test_numbers_of_the_replicas_follow_from_their_rows():
    made = run(service(), Plan(((0.0, 1), (20.0, 3), (110.0, 1))))
    start, ready, told, end = frame(made.replicas, "start_s", "ready_s", "told_s", "end_s")
    found = made.metrics["services"]["llm"]
    assert found["replica_hours"] * 3600.0 == pytest.approx((end - start).sum())
    assert found["gpu_hours"] == pytest.approx(2 * found["replica_hours"])
    assert found["starting_hours"] * 3600.0 == pytest.approx((ready - start).sum())
    assert found["draining_hours"] * 3600.0 == pytest.approx(np.nansum(end - told))
    assert found["cold_starts"] == 2
    (output,) = frame(made.requests, "output_tokens")
    each = found["gpu_hours"] / output.sum() * 1e6
    assert found["gpu_hours_per_million_tokens"] == pytest.approx(each)
    ttft, tpot = frame(made.requests, "ttft_s", "tpot_s")
    met = ((ttft <= 2.0) & (tpot <= 0.05)).mean()
    assert found["slo_attainment"] == pytest.approx(met)


def test_bad_numbers_are_named_with_the_remedy():
    scenario = Scenario(
        Homogeneous(nodes=1, gpus_per_node=2), NoJobs(), services=service(
            min_replicas=5, max_replicas=4, slo_tpot_s=0.01, slo_ttft_s=0.001, route="odd")
    )  # fmt: skip
    text = "\n".join(scenario.issues())
    for path in ("min_replicas", "slo_tpot_s", "slo_ttft_s", "route"):
        assert f"services.{path}: is " in text
    assert "lower it or raise that" in text
    assert "faster replica" in text
    with pytest.raises(ScenarioError, match=r"replica.gpus: is 3; .*can never fit"):
        run(service(replica=LlmReplica(3, None, *STEP, kv_tokens=50_000)), nodes=1)
    with pytest.raises(ScenarioError, match=r"kv_tokens: is 1000; must be at least"):
        run(service(replica=LlmReplica(2, None, *STEP, kv_tokens=1000)))
    with pytest.raises(ScenarioError, match="stands twice"):
        run(Several((service(), service())), NoAutoscaler())


def test_what_lies_before_the_warm_up_costs_nothing_and_answers_nothing():
    """Three replicas of 2 GPUs all the time: hours from the warm-up to their end."""
    made = run(service(), Plan(((0.0, 3),)), warmup_s=60.0)
    end_s = max(row["end_s"] for row in rows(made))
    found = made.metrics["services"]["llm"]
    want = sum(row["end_s"] - 60.0 for row in rows(made)) / 3600.0
    assert found["replica_hours"] == pytest.approx(want, rel=1e-12)
    assert found["gpu_hours"] == pytest.approx(2 * want, rel=1e-12)
    assert found["cold_starts"] == 0
    assert end_s > 60.0


def test_a_first_replica_that_finds_no_gpus_at_once_comes_up_cold():
    down = Fall(0, 0.0, 60.0)
    made = run(service(), Plan(((0.0, 1),)), nodes=1, processes=(down,))
    late = [row for row in rows(made) if row["start_s"] is not None and row["start_s"] >= 60.0]
    assert late
    assert all(row["ready_s"] - row["start_s"] == pytest.approx(75.0) for row in late)


def test_jobs_that_outlast_the_clock_of_requests_do_not_disturb_them():
    """53 days are 2**62 picoseconds; the service is over long before."""
    jobs = {"submit_s": [0.0], "gpus": [2], "work_s": [1.2e7]}
    made = run(service(requests=asked(1.0, 30.0)), Plan(((0.0, 1),)), jobs=jobs)
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}
    assert made.manifest["end_s"] == 1.2e7


def test_how_many_replicas_stand_how_is_counted_as_they_change(monkeypatch):
    """At each reading the same as going through all of them."""
    read, looks = Life.scrape, []

    def scrape(self):
        plain = [sum(one.stage == stage for one in self.here) for stage in Stage]
        assert self.counts() == plain
        assert self.ready() == [one.slot for one in self.here if one.stage == Stage.READY]
        looks.append(tuple(plain))
        read(self)

    monkeypatch.setattr(Life, "scrape", scrape)
    plan = Plan(((0.0, 2), (40.0, 5), (110.0, 1), (130.0, 4)))
    run(service(max_replicas=6), plan, processes=(Fall(0, 60.0, 90.0), Fall(1, 150.0, 170.0)))
    assert {sum(n > 0 for n in look) for look in looks} >= {1, 2, 3}  # stages at one instant


def test_more_replicas_than_there_are_gpus_for_are_told():
    """Four nodes of 2 GPUs hold four replicas of 2."""
    made = run(service(min_replicas=4, max_replicas=6), Plan(((0.0, 4),)))
    assert not any("fewest replicas" in note for note in made.manifest["notes"])
    made = run(service(min_replicas=5, max_replicas=6), Plan(((0.0, 5),)))
    (note,) = [note for note in made.manifest["notes"] if "fewest replicas" in note]
    assert "5 of llm with 2 each, need 10 GPUs of 8 that there are" in note
