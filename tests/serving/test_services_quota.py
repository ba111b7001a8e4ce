"""Services beside quotas: replicas ask for quota as jobs do, lend what they leave and take it back."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError
from sim.policies.backfill import Easy, Skip
from sim.policies.preemption import Reclaim
from sim.policies.queue import Fifo
from sim.policies.quota import Kai, Kueue, NoQuota, SlurmLimits, Volcano
from sim.state import Homogeneous
from sim.workload import Given
from sim.workload.requests import GivenRequests
from tests.serving.test_pools_live import pool, pools
from tests.serving.test_services import COLD, Plan, asked, rows, run, service

HORIZON_S = 190.0
NODES = 6  # of two GPUs
RULES = {
    "kueue": Kueue(
        {"s": {"cohort": "all", "gpus": 6, "tenants": ["llm"]}, "r": {"cohort": "all", "gpus": 6}},
        {"all": {}}, "r", reclaim_within_cohort="Any",
    ),
    "kueue_strict": Kueue(
        {"s": {"cohort": "all", "gpus": 6, "tenants": ["llm"]}, "r": {"cohort": "all", "gpus": 6}},
        {"all": {}}, "r", "StrictFIFO", reclaim_within_cohort="Any",
    ),
    "kueue_fair": Kueue(
        {"s": {"cohort": "all", "gpus": 6, "tenants": ["llm"]}, "r": {"cohort": "all", "gpus": 6}},
        {"all": {}}, "r", reclaim_within_cohort="Any", fair_sharing=True,
    ),
    "kai": Kai(projects={"s": {"gpus": 6, "tenants": ["llm"]}, "r": {"gpus": 6}}, default="r"),
    "volcano": Volcano(
        queues={"s": {"weight": 1, "tenants": ["llm"]}, "r": {"weight": 1}}, default="r",
    ),
    "slurm": SlurmLimits(
        {"s": {"gpus": 8, "tenants": ["llm"]}, "r": {"gpus": 8}}, default="r"
    ),
}  # fmt: skip


def work(seed, n=60, sizes=(1, 2, 4)):
    """Return jobs of 1, 2 or 4 GPUs, of two tenants, more than there is room for."""
    rng = np.random.default_rng(seed)
    return {
        "submit_s": np.sort(rng.uniform(1.0, HORIZON_S, n)), "work_s": rng.exponential(40.0, n),
        "gpus": rng.choice(sizes, n).astype(np.int32),
        "tenant": [f"t{i}" for i in rng.integers(0, 2, n)], "job_id": [f"j{i}" for i in range(n)],
    }  # fmt: skip


def steps(seed):
    """Return a plan that goes up and down, often before a replica has got its GPUs."""
    rng = np.random.default_rng([seed, 1])
    return Plan(((0.0, 1), *((float(at), int(rng.integers(1, 6))) for at in range(10, 190, 10))))


def mixed(seed, quota, plan, jobs=None, **knobs):
    start = Skip(None) if isinstance(quota, Kai | Volcano) else Easy(reservation="nodes")
    choices = {"queue": Fifo(), "backfill": start, "preemption": Reclaim(checkpoint_s=5.0),
               "quota": quota} | knobs  # fmt: skip
    ask = service(max_replicas=5, requests=asked(6.0, 180.0))
    return run(ask, plan, NODES, jobs or work(seed), seed, **choices)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_lost_whatever_quota_replicas_find(rule, seed):
    """Each request is answered once; no GPU is held twice; lent is borrowed; all jobs are done."""
    made = mixed(seed, RULES[rule], steps(seed))
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}
    assert made.metrics["jobs"]["completed"] == 60
    led = made.ledger.to_pylist()
    for at_s in {row["start_s"] for row in led}:
        on = [row for row in led if row["start_s"] <= at_s < row["end_s"]]
        held = {node: sum(r["gpus"] for r in on if r["node"] == node) for node in
                {r["node"] for r in on}}  # fmt: skip
        assert max(held.values(), default=0) <= 2
        if rule == "slurm":
            for mine in (True, False):
                assert sum(r["gpus"] for r in on if ("/" in r["job_id"]) == mine) <= 8
    told = made.metrics["by_queue"]
    replicas_s = sum(r["gpus"] * (r["end_s"] - r["start_s"]) for r in led if "/" in r["job_id"])
    assert told["s"]["held_gpu_s"] == pytest.approx(replicas_s)
    if rule.startswith("kueue"):
        assert told["s"]["borrowed_gpu_s"] == pytest.approx(told["r"]["lent_gpu_s"])
        assert told["r"]["borrowed_gpu_s"] == pytest.approx(told["s"]["lent_gpu_s"])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("seed", "many"), [(0, 3), (1, 3), (0, 4), (1, 5), (2, 5)])
def test_replicas_that_stay_are_to_a_quota_what_jobs_without_an_end_are(rule, seed, many):
    """So many replicas from the start, or jobs: the others start and end at the same instants.

    More than three borrow, and give way again and again.
    """
    jobs = work(seed)
    made = mixed(seed, RULES[rule], Plan(((0.0, many),)), jobs, horizon_s=170.0)
    these = {
        "submit_s": np.zeros(many), "work_s": np.full(many, 1e9),
        "gpus": np.full(many, 2, np.int32), "tenant": ["llm"] * many,
        "job_id": [f"x{i}" for i in range(many)],
    }  # fmt: skip
    both = {name: [*these[name], *jobs[name]] for name in jobs}
    start = Skip(None) if isinstance(RULES[rule], Kai | Volcano) else Easy(reservation="nodes")
    want = simulate(
        Scenario(Homogeneous(nodes=NODES, gpus_per_node=2), Given(both), queue=Fifo(),
                 backfill=start, preemption=Reclaim(checkpoint_s=5.0), quota=RULES[rule],
                 horizon_s=170.0), seed,
    )  # fmt: skip
    for name in ("start_s", "end_s", "state", "restarts", "lost_s"):
        assert made.jobs[name].to_pylist() == want.jobs[name].to_pylist()[many:], name


@pytest.mark.parametrize("seed", range(6))
def test_who_stays_within_its_quota_waits_for_nobody(seed):
    """Kueue takes back at once what is lent. Whole nodes for jobs and replicas."""
    made = mixed(seed, RULES["kueue"], steps(seed), work(seed, sizes=[2]))
    first = {}
    for row in rows(made):
        alive = [r for r in rows(made) if r["asked_s"] <= row["asked_s"] < r["end_s"]]
        if len(alive) <= 3 and row["start_s"] is not None:
            first[row["asked_s"]] = row["start_s"]
    assert first
    assert "preempted" in made.ledger["why"].to_pylist()
    for asked_s, start_s in first.items():
        assert start_s - asked_s <= 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_a_quota_that_holds_nobody_changes_nothing(seed):
    """One queue for all, of more than there is: the same ledger, requests and replicas."""
    wide = mixed(seed, Kueue({"all": {"gpus": 1000}}, default="all"), steps(seed))
    none = mixed(seed, NoQuota(), steps(seed))
    for name in ("jobs", "ledger", "requests", "replicas", "services"):
        assert getattr(wide, name).equals(getattr(none, name)), name


def test_a_service_without_a_queue_is_told():
    quota = Kueue({"r": {"gpus": 12, "tenants": ["t0", "t1"]}})
    with pytest.raises(ScenarioError) as caught:
        mixed(1, quota, Plan())
    assert caught.value.issues[0].startswith(
        "quota.default: is null, and no queue names the tenant 'llm'"
    )


def test_requests_of_a_replica_that_gave_way_are_answered_by_others():
    """At 100 s research takes back two nodes of four replicas'; each request is answered once."""
    jobs = {"submit_s": [100.0, 100.0], "gpus": [2, 2], "work_s": [50.0, 50.0],
            "tenant": ["t0", "t0"], "job_id": ["a", "b"]}  # fmt: skip
    quota = Kueue(
        {"s": {"cohort": "all", "gpus": 4, "tenants": ["llm"]}, "r": {"cohort": "all", "gpus": 4}},
        {"all": {}}, "r", reclaim_within_cohort="Any",
    )  # fmt: skip
    at = np.linspace(0.5, 180.0, 300)
    given = GivenRequests({"arrival_s": at, "prompt_tokens": np.full(300, 200),
                           "output_tokens": np.full(300, 40)})  # fmt: skip
    ask = service(max_replicas=4, requests=given)
    made = run(ask, Plan(((0.0, 4),)), 4, jobs, preemption=Reclaim(), quota=quota)
    gone = [row for row in rows(made) if row["why"] == "preempted"]
    assert [row["end_s"] for row in gone] == [100.0, 100.0]
    assert made.jobs["start_s"].to_pylist() == [100.0, 100.0]
    again = [row for row in rows(made) if row["asked_s"] == 100.0]
    assert [row["start_s"] for row in again] == made.jobs["end_s"].to_pylist() == [150.0, 150.0]
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}
    assert len(made.requests) == 300


@pytest.mark.parametrize(("path", "knobs"), [
    ("associations.s.budget_gpu_s", {"associations": {"budget_gpu_s": 1e8}}),
    ("associations.s.wall_s", {"associations": {"wall_s": 86400.0}}),
    ("accounts.all.budget_gpu_s", {"accounts": {"budget_gpu_s": 1e8}}),
])  # fmt: skip
def test_limits_that_end_what_has_no_end_are_refused_by_name(path, knobs):
    """Of the service's association and what is over it only: others may have them."""
    quota = SlurmLimits(
        {"s": {"gpus": 8, "account": "all", "tenants": ["llm"], **knobs.get("associations", {})},
         "r": {"gpus": 8, "budget_gpu_s": 1e9, "wall_s": 1e9}},
        {"all": knobs.get("accounts", {})}, default="r",
    )  # fmt: skip
    with pytest.raises(ScenarioError) as caught:
        mixed(1, quota, Plan())
    (issue,) = caught.value.issues
    assert issue.startswith(f"quota.{path}: is ")
    assert "a replica has no end; must be null" in issue


ALL_R = {"cohort": "all", "gpus": 6}
HOLDS = {
    "kueue": lambda gpus: Kueue({"s": {"cohort": "all", "gpus": gpus - 2, "borrow_gpus": 2,
                                       "tenants": ["llm"]}, "r": ALL_R}, {"all": {}}, "r"),
    "kai": lambda gpus: Kai(projects={"s": {"gpus": 2, "limit_gpus": gpus, "tenants": ["llm"]},
                                      "r": {"gpus": 6}}, default="r"),
    "volcano": lambda gpus: Volcano(queues={"s": {"capability_gpus": gpus, "tenants": ["llm"]},
                                            "r": {}}, default="r"),
    "slurm": lambda gpus: SlurmLimits({"s": {"gpus": gpus, "tenants": ["llm"]}, "r": {}},
                                      default="r"),
    "slurm_user": lambda gpus: SlurmLimits({"s": {"user_gpus": gpus, "tenants": ["llm"]}, "r": {}},
                                           default="r"),
    "slurm_over": lambda gpus: SlurmLimits({"s": {"account": "all", "tenants": ["llm"]}, "r": {}},
                                           {"all": {"gpus": gpus}}, default="r"),
}  # fmt: skip


@pytest.mark.parametrize("rule", HOLDS)
@pytest.mark.parametrize("gpus", [4, 6])
def test_fewer_gpus_of_quota_than_the_fewest_replicas_need_are_told(rule, gpus):
    """Three replicas of two GPUs: told where they are never there at once, and nowhere else."""
    quota = HOLDS[rule](gpus)
    start = Skip(None) if isinstance(quota, Kai | Volcano) else Easy(reservation="nodes")
    ask = service(min_replicas=3, max_replicas=3, requests=asked(6.0, 60.0))
    made = run(ask, Plan(((0.0, 3),)), NODES, quota=quota, backfill=start, preemption=Reclaim())
    got = sum(row["start_s"] is not None for row in rows(made))
    told = [note for note in made.manifest["notes"] if "fewest replicas" in note]
    assert got == min(3, gpus // 2)
    assert len(told) == (got < 3)
    if told:
        assert "need 6 GPUs of 4" in told[0]
        assert ".s, or what is over it" in told[0]


COLD_S = COLD.node_s + COLD.image_s + COLD.weights_s + COLD.warm_s


@pytest.mark.parametrize("till_s", [3600.0 + COLD_S, 50_000.0])
@pytest.mark.parametrize("gpus", [2, 4])
def test_a_pool_that_stands_without_a_replica_is_told(gpus, till_s):
    """One pool has all the quota, the other never a replica: told after a cold start and an hour."""
    quota = Kueue({"s": {"gpus": gpus, "tenants": ["llm"]}, "r": {"gpus": 8}}, default="r")
    one = {"prefill": pool(max_replicas=1), "decode": pool(max_replicas=1)}
    made = run(pools(requests=asked(1.0, 60.0), **one), Plan(((0.0, 1),)), quota=quota,
               preemption=Reclaim(), horizon_s=till_s)  # fmt: skip
    told = [note for note in made.manifest["notes"] if "had no replica" in note]
    assert len(told) == (gpus == 2 and till_s == 50_000.0)
    if told:
        left = made.requests.column("fate").to_pylist().count("open")
        assert told[0].startswith("services: llm/decode had no replica from 0 s to the end")
        assert f"{left} requests of llm are open; those asked for waited" in told[0]
