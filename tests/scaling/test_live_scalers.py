"""Node scalers and supply in a whole run: each instant from the documented arithmetic.

Instants are chosen so that nothing but what is meant falls on an asking.
"""

import math
from dataclasses import dataclass

import pyarrow as pa
import pytest

from sim import Scenario, simulate
from sim.policies.node_scaler import (
    AbstractNodeScaler,
    CloudBurst,
    ClusterAutoscaler,
    Karpenter,
    PowerDown,
)
from sim.policies.node_scaler.base import nothing, room
from sim.state import Homogeneous, Pools, PurchasePlan, Supply
from sim.state.scaling import NodeWish
from sim.workload import Given, NoJobs, Poisson
from sim.workload.requests import DrawnRequests, LogNormalTokens
from sim.workload.services import LlmReplica, LlmService, Stages
from tests.scaling.test_live_nodes import held_only_while_there, jobs, spans

COME_S = 40.0


def asking(from_s, every_s):
    """Return the first asking from an instant on."""
    return every_s * math.ceil(from_s / every_s)


def went(made, pool=None):
    """Return each node's stages in the run, as (state, begin)."""
    own = {}
    for r in spans(made):
        if pool is None or r["pool"] == pool:
            own.setdefault(r["node"], []).append((r["state"], r["begin_s"]))
    return list(own.values())


def starts(made):
    return made.jobs.column("start_s").to_pylist()


def play(cluster, rows, scaler, horizon_s=1e5, **supply):
    made = simulate(Scenario(cluster, jobs(*rows), node_scaler=scaler, supply=Supply(**supply),
                             horizon_s=horizon_s))  # fmt: skip
    held_only_while_there(made)
    return made


# ---------------------------------------------------------------- Karpenter


def cloud(**pools):
    """A cluster of such pools, nodes and GPUs each, and what the supply says of them."""
    made = Pools(tuple({"name": name, "nodes": nodes, "gpus_per_node": gpus}
                       for name, (nodes, gpus, _) in pools.items()))  # fmt: skip
    return made, {name: {"start_nodes": 0, **terms} for name, (*_, terms) in pools.items()}


def test_a_batch_is_asked_for_a_second_after_the_last_of_it_came():
    came = [2.0, 2.75, 3.5]
    made = play(Homogeneous(5, 8), [(s, 8, 500.25) for s in came], Karpenter(every_s=1.0), 500.0,
                start_nodes=0, come_s=COME_S)  # fmt: skip
    asked = asking(came[-1] + 1.0, 1.0)
    assert starts(made) == [asked + COME_S] * 3
    some = [("off", 0.0), ("coming", asked), ("on", asked + COME_S)]
    assert went(made) == [some] * 3 + [[("off", 0.0)]] * 2


def test_a_batch_that_never_rests_is_asked_for_ten_seconds_after_its_first_and_then_another():
    """A job each half second: two batches, each counted from the first that has no node yet."""
    came = [0.25 + 0.5 * k for k in range(30)]
    first = asking(came[0] + 10.0, 1.0)
    then = [s for s in came if s > first]
    second = asking(min(then[0] + 10.0, came[-1] + 1.0), 1.0)
    made = play(Homogeneous(40, 8), [(s, 8, 900.25) for s in came], Karpenter(every_s=1.0), 500.0,
                start_nodes=0, come_s=COME_S)  # fmt: skip
    assert starts(made) == [(first if s < first else second) + COME_S for s in came]


@pytest.mark.parametrize("after_s", [0.0, 30.0])
def test_empty_nodes_go_a_tenth_at_an_asking_rounded_up(after_s):
    """Of 23 nodes 3, then of 20, 18, 16, 14, 12 2, then 1, an asking each: ceil(n / 10)."""
    many, ends = 23, 100.5
    made = play(Homogeneous(many, 8), [(0.0, 8, ends)] * many + [(1e3, 8, 1.0)],
                Karpenter(every_s=1.0, consolidate_after_s=after_s), 300.0)  # fmt: skip
    gone, left, at_s = [], many, asking(ends + after_s, 1.0)
    while left:
        go = math.ceil(left / 10)
        gone, left, at_s = gone + [at_s] * go, left - go, at_s + 1.0
    assert sorted(begin for node in went(made) for word, begin in node if word == "off") == gone


def test_a_pool_without_stock_is_left_alone_for_three_minutes_and_the_next_is_asked():
    cluster, pools = cloud(
        cheap=(1, 8, {"node_h_usd": 1.0, "refused_frac": 1.0, "refused_after_s": 20.0}),
        dear=(9, 8, {"node_h_usd": 2.0}),
    )
    again = 230.0
    made = play(cluster, [(2.5, 8, 900.0), (100.5, 8, 900.0), (again, 8, 900.0)],
                Karpenter(every_s=1.0), 600.0, come_s=COME_S, pools=pools)  # fmt: skip
    first = asking(2.5 + 1.0, 1.0)
    told = first + 20.0
    late = asking(again + 1.0, 1.0)
    assert late > told + 180.0
    assert went(made, "cheap") == [[("off", 0.0), ("coming", first), ("off", told),
                                    ("coming", late), ("off", late + 20.0)]]  # fmt: skip
    second = asking(100.5 + 1.0, 1.0)  # the cheap one is left alone then
    assert starts(made) == [told + COME_S, second + COME_S, late + 20.0 + COME_S]


TWO = {"large": (1, 8, {"node_h_usd": 20.0, "start_nodes": 1}),
       "small": (2, 1, {"node_h_usd": 3.0})}  # fmt: skip


@pytest.mark.parametrize("notice_s", [30.0, 100.0])
def test_a_cheaper_node_is_there_before_the_one_it_replaces_is_told_to_go(notice_s):
    """It is asked for at once, ready 40 s later; the work moves when its notice is over."""
    cluster, pools = cloud(**TWO)
    made = play(cluster, [(0.25, 1, 400.5)], Karpenter(every_s=1.0), 5e3, come_s=COME_S,
                pools=pools, moves_jobs=True, lost_s=0.0, notice_s=notice_s)  # fmt: skip
    asked, ready = 1.0, 1.0 + COME_S
    moved = ready + notice_s
    assert went(made, "large") == [[("on", 0.0), ("leaving", ready), ("off", moved)]]
    over = 0.25 + 400.5  # moving took no time and lost no work
    assert went(made, "small")[0] == [("off", 0.0), ("coming", asked), ("on", ready)]
    assert [(r["start_s"], r["end_s"]) for r in made.ledger.to_pylist() if r["job_id"]] == [
        (0.25, moved), (moved, over)
    ]  # fmt: skip


def test_a_replica_moves_to_the_cheaper_node_without_waiting_for_it():
    """Told to go when the new node is ready, it drains while another comes up there: no gap."""
    step = ((0.02, 1e-4, 1e-7), (0.02, 5e-5, 1e-9, 1e-4, 1e-7))
    one = LlmService(
        requests=DrawnRequests(2.0, 200.0, Poisson(), LogNormalTokens(300, 1.0, 60, 1.0, 4000)),
        replica=LlmReplica(1, None, *step, batch=16, chunk_tokens=256, kv_tokens=50_000),
        cold_start=Stages(0.0, 0.0, 7.0, 0.0), min_replicas=1, max_replicas=2, start_replicas=1,
    )  # fmt: skip
    cluster, pools = cloud(**TWO)
    made = simulate(Scenario(
        cluster, NoJobs(), services=one, node_scaler=Karpenter(every_s=1.0),
        supply=Supply(come_s=COME_S, pools=pools, notice_s=300.0),
    ))  # fmt: skip
    held_only_while_there(made)
    first, second = made.replicas.to_pylist()[:2]
    ready = 1.0 + COME_S
    assert (first["told_s"], second["asked_s"], second["start_s"]) == (ready, ready, ready)
    assert second["ready_s"] == ready + 7.0
    assert went(made, "large") == [[("on", 0.0), ("leaving", ready), ("off", first["end_s"])]]
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}


def test_who_cannot_be_replaced_for_want_of_stock_stays():
    cluster, pools = cloud(**TWO)
    pools["small"] |= {"refused_frac": 1.0, "refused_after_s": 20.0}
    made = play(cluster, [(0.25, 1, 500.5)], Karpenter(every_s=1.0), 5e3, come_s=COME_S,
                pools=pools, moves_jobs=True, lost_s=0.0)  # fmt: skip
    assert made.jobs.column("end_s").to_pylist() == [500.75]
    asked = [begin for word, begin in went(made, "small")[0] if word == "coming"]
    assert asked == [1.0, 1.0 + 20.0 + 180.0, 1.0 + 2 * (20.0 + 180.0)]  # left alone when told
    assert went(made, "large") == [[("on", 0.0)]]


# ---------------------------------------------------------------- Cluster Autoscaler


def two_kinds(**of_b):
    """One node of type a, here from the start, and one of type b to be asked for."""
    cluster = Pools(({"name": "a", "nodes": 1, "gpus_per_node": 8, "gpu": "a"},
                     {"name": "b", "nodes": 1, "gpus_per_node": 8, "gpu": "b"}))  # fmt: skip
    return cluster, {"a": {"start_nodes": 1}, "b": {"start_nodes": 0, **of_b}}


def of_types(*rows):
    """Rows: submitted, GPUs, seconds of work, type of GPU."""
    submit, gpus, work, types = zip(*rows, strict=True)
    made = jobs(*zip(submit, gpus, work, strict=True)).table
    return Given(made.append_column("gpu_types", pa.array(types)))


def test_a_node_is_asked_for_at_the_next_scan_and_goes_ten_minutes_after_the_scan_that_saw_it_idle():
    made = play(Homogeneous(3, 8), [(3.0, 8, 500.25), (2003.0, 8, 1.0)], ClusterAutoscaler(), 5e3,
                start_nodes=0, come_s=COME_S)  # fmt: skip
    asked = asking(3.0, 10.0)
    over = asked + COME_S + 500.25
    gone = asking(over, 10.0) + 600.0
    again = asking(2003.0, 10.0)
    assert went(made)[0] == [("off", 0.0), ("coming", asked), ("on", asked + COME_S), ("off", gone),
                             ("coming", again), ("on", again + COME_S)]  # fmt: skip
    assert went(made)[1:] == [[("off", 0.0)]] * 2


def test_after_a_node_was_asked_for_no_other_goes_for_ten_minutes():
    """Node a is idle from 550 s and due at 1,160 s; at 910 s b is asked for: a goes at 1,510 s."""
    cluster, pools = two_kinds()
    rows = of_types((0.0, 8, 550.25, "a"), (900.5, 8, 5000.0, "b"))
    made = simulate(Scenario(cluster, rows, node_scaler=ClusterAutoscaler(),
                             supply=Supply(come_s=COME_S, pools=pools)))  # fmt: skip
    held_only_while_there(made)
    asked = asking(900.5, 10.0)
    assert asking(550.25, 10.0) + 600.0 < asked + 600.0
    assert went(made, "a") == [[("on", 0.0), ("off", asked + 600.0)]]
    assert went(made, "b") == [[("off", 0.0), ("coming", asked), ("on", asked + COME_S)]]


def test_after_a_failure_no_node_goes_for_three_minutes():
    """Due at 1,160 s; at 1,110 s b is asked for in vain, which is told 20 s later."""
    cluster, pools = two_kinds(refused_frac=1.0, refused_after_s=20.0)
    rows = of_types((0.0, 8, 550.25, "a"), (1100.5, 8, 5000.0, "b"))
    made = simulate(Scenario(cluster, rows, node_scaler=ClusterAutoscaler(after_add_s=0.0),
                             supply=Supply(come_s=COME_S, pools=pools), horizon_s=1400.0))  # fmt: skip
    held_only_while_there(made)
    told = asking(1100.5, 10.0) + 20.0
    assert went(made, "a") == [[("on", 0.0), ("off", told + 180.0)]]


def test_a_pool_that_fails_is_left_alone_for_five_minutes_doubling_to_thirty():
    made = play(Homogeneous(1, 8), [(3.0, 8, 10.0)], ClusterAutoscaler(), 7000.0, start_nodes=0,
                refused_frac=1.0, refused_after_s=20.0)  # fmt: skip
    asked = [asking(3.0, 10.0)]
    for length in (300, 600, 1200, 1800, 1800):
        asked.append(asked[-1] + 20.0 + length)
    found = [begin for word, begin in went(made)[0] if word == "coming"]
    assert found == [at_s for at_s in asked if at_s < 7000.0]


def test_a_node_less_than_half_used_goes_if_its_work_fits_elsewhere_and_one_at_a_time():
    """6 and 2 GPUs fill the first node, 3 lie on the second; the 6 end at 100 s: both are below
    half from the scan at 110 s on. The first goes 600 s later, its work moves at its notice's end.
    """
    made = play(Homogeneous(2, 8), [(0.0, 6, 100.25), (0.1, 2, 3000.0), (0.2, 3, 3000.0)],
                ClusterAutoscaler(), 5e3, moves_jobs=True, lost_s=0.0, notice_s=60.0)  # fmt: skip
    told = asking(100.25, 10.0) + 600.0
    assert went(made) == [[("on", 0.0), ("leaving", told), ("off", told + 60.0)], [("on", 0.0)]]
    assert made.jobs.column("end_s").to_pylist() == pytest.approx([100.25, 3000.1, 3000.2])
    assert made.stopped.column("at_s").to_pylist() == [told + 60.0]


# ---------------------------------------------------------------- cloud burst

OWN = {"own": (1, 8, {"start_nodes": 1})}


def burst(rows, pools, horizon_s=1e5, **knobs):
    cluster, terms = cloud(**OWN, **pools)
    return play(cluster, [(0.0, 8, 50_000.5), *rows], CloudBurst(**knobs), horizon_s, come_s=240.0,
                pools=terms)  # fmt: skip


def test_a_gang_bursts_after_its_patience_runs_when_all_came_and_goes_when_idle():
    made = burst([(30.0, 16, 1000.5)], {"rent": (3, 8, {"node_h_usd": 10.0})})
    asked = asking(30.0 + 600.0, 60.0)
    came = asked + 240.0
    over = came + 1000.5
    gone = asking(over + 600.0, 60.0)
    assert starts(made)[1] == came
    some = [("off", 0.0), ("coming", asked), ("on", came), ("off", gone)]
    assert went(made, "rent") == [some, some, [("off", 0.0)]]
    assert made.metrics["fleet"]["cost_usd"] == pytest.approx(2 * 10.0 * (gone - asked) / 3600.0)


def test_what_has_no_stock_is_told_later_and_the_next_cheapest_is_asked():
    made = burst([(30.0, 16, 1000.5)], {
        "none": (2, 8, {"node_h_usd": 10.0, "refused_frac": 1.0, "refused_after_s": 50.0}),
        "more": (2, 8, {"node_h_usd": 12.0}),
    }, 3000.0)  # fmt: skip
    asked = asking(30.0 + 600.0, 60.0)
    told = asking(asked + 50.0, 60.0)
    assert went(made, "none") == [[("off", 0.0), ("coming", asked), ("off", asked + 50.0)]] * 2
    assert starts(made)[1] == told + 240.0


@pytest.mark.parametrize(("most_s", "lengths"), [
    (600.0, (600, 600, 600, 600)), (2400.0, (600, 1200, 2400, 2400)),
])  # fmt: skip
def test_a_stock_out_is_asked_again_after_a_back_off_that_doubles_to_its_bound(most_s, lengths):
    made = burst([(30.0, 8, 1000.5)], {
        "none": (1, 8, {"node_h_usd": 10.0, "refused_frac": 1.0, "refused_after_s": 50.0}),
    }, 9000.0, backoff_most_s=most_s)  # fmt: skip
    asked = [asking(30.0 + 600.0, 60.0)]
    for length in lengths:  # counted from the asking at which the refusal is told
        asked.append(asking(asking(asked[-1] + 50.0, 60.0) + length, 60.0))
    found = [begin for word, begin in went(made, "none")[0] if word == "coming"]
    assert found[: len(asked)] == [s for s in asked if s < 9000.0]
    assert made.metrics["fleet"]["cost_usd"] == 0.0


def test_two_jobs_of_one_pool_and_what_is_left_of_a_node():
    """Three jobs of 4 GPUs: two share a node of 8, so two nodes are rented, not three."""
    made = burst([(30.0, 4, 1000.5)] * 3, {"rent": (9, 8, {"node_h_usd": 10.0})}, 3000.0)
    came = asking(630.0, 60.0) + 240.0
    assert starts(made)[1:] == [came] * 3
    assert sum(len(node) > 1 for node in went(made, "rent")) == 2


# ---------------------------------------------------------------- power-down, spot, purchases


@pytest.mark.parametrize(("per_minute", "apart_s"), [(1, 60.0), (2, 30.0), (6, 10.0)])
def test_no_more_nodes_a_minute_are_switched_off_and_on_than_the_rate(per_minute, apart_s):
    """Six idle from 0 s: the first goes at 300 s, a multiple of all; all are wanted from 995 s."""
    many, scaler = 6, PowerDown(300.0, off_per_minute=per_minute, on_per_minute=per_minute)
    made = play(Homogeneous(many, 8), [(995.0, 8, 5000.0)] * many, scaler, 4e3, come_s=COME_S)
    off = sorted(begin for node in went(made) for word, begin in node if word == "off")
    on = sorted(begin for node in went(made) for word, begin in node if word == "coming")
    assert off == [300.0 + apart_s * k for k in range(many)]
    first = asking(995.0, apart_s)
    assert on == [first + apart_s * k for k in range(many)]
    assert starts(made) == [at_s + COME_S for at_s in on]


def test_a_spare_stays_on_and_the_longest_idle_goes_first():
    """Jobs end at 100 s, 200 s, 300 s: with one spare the first two nodes go, 300 s after."""
    made = play(Homogeneous(3, 8), [(0.0, 8, 100.5 + 100.0 * k) for k in range(3)] + [(5e3, 8, 1.0)],
                PowerDown(300.0, spare=1), 4e3)  # fmt: skip
    found = [[begin for word, begin in node if word == "off"] for node in went(made)]
    assert found == [[asking(400.5, 10.0)], [asking(500.5, 10.0)], []]


@dataclass(frozen=True)
class Always(AbstractNodeScaler):
    """Asks for all nodes there may be, each minute."""

    every_s: float = 60.0

    def wish(self, seen, notes):
        return NodeWish(room(seen), nothing(seen)[1], notes)


def test_spot_nodes_are_interrupted_at_their_mean_rate_and_go_within_their_notice():
    """Time on over interruptions is the mean, its error one in the root of their number."""
    mtbf_s, notice_s, many = 7200.0, 90.0, 20
    made = play(Homogeneous(many, 8), [(0.0, 8, 3e5)] * (many // 2), Always(), 2e6, come_s=COME_S,
                spot_mtbf_s=mtbf_s, notice_s=notice_s, lost_s=600.0)  # fmt: skip
    rows = spans(made)
    on_s = sum(r["end_s"] - r["begin_s"] for r in rows if r["state"] == "on")
    ends = [r for r in rows if r["state"] == "on" and r["why"] == "interrupted"]
    assert on_s / len(ends) == pytest.approx(mtbf_s, rel=4.0 / math.sqrt(len(ends)))
    stopped = made.stopped.to_pylist()
    assert len(stopped) > 100
    told = {(r["node"], r["end_s"]) for r in ends}
    for s in stopped:  # exactly the notice after it was told
        leaving = [r for r in rows if r["node"] == s["node"] and r["end_s"] == s["at_s"]]
        assert [r["state"] for r in leaving] == ["leaving"]
        assert leaving[0]["end_s"] - leaving[0]["begin_s"] == pytest.approx(notice_s)
        assert (s["node"], leaving[0]["begin_s"]) in told
        assert s["lost_s"] <= 600.0
    cost = made.metrics["fleet"]["stopped"]["interrupted"]
    assert cost["evictions"] == len(stopped)
    lost_s = sum(s["lost_s"] for s in stopped)
    assert sum(made.jobs.column("lost_s").to_pylist()) == pytest.approx(lost_s)


def test_who_is_idle_when_interrupted_goes_at_once():
    made = play(Homogeneous(4, 8), [(0.0, 8, 1e5)], Always(), 1.2e5, come_s=COME_S,
                spot_mtbf_s=5000.0, notice_s=90.0, lost_s=0.0)  # fmt: skip
    busy = {(r["node"], r["end_s"]) for r in made.ledger.to_pylist() if r["why"] == "preempted"}
    left = {(r["node"], r["end_s"]) for r in spans(made) if r["state"] == "leaving"}
    assert left == busy
    assert busy
    assert made.metrics["fleet"]["interrupted"] > len(busy)


def test_a_plan_delivers_and_retires_at_its_dates_and_what_is_not_bought_is_not_asked_for():
    """Two of four nodes at first; one each at 1,000 s and 2,000 s; one goes at 3,000 s, told 100 s
    before: who runs there is stopped then, and begins anew on the next node that is free.
    """
    plan = PurchasePlan((
        {"at_s": 1000.0, "nodes": 1}, {"at_s": 2000.0, "nodes": 1},
        {"at_s": 3000.0, "nodes": -1, "notice_s": 100.0},
    ))  # fmt: skip
    made = simulate(Scenario(
        Homogeneous(4, 8), jobs(*[(0.0, 8, 5000.0)] * 4), growth=plan, node_scaler=PowerDown(1e6),
    ))  # fmt: skip
    held_only_while_there(made)
    assert starts(made) == [0.0, 0.0, 1000.0, 2000.0]
    whose = made.stopped.to_pylist()
    assert [(s["at_s"], s["why"], s["lost_s"]) for s in whose] == [(3000.0, "retired", 3000.0)]
    ends = made.jobs.column("end_s").to_pylist()
    rest = 5000.0 + 5000.0  # the other of the first two ends at 5,000 s, and makes room
    assert sorted(ends) == [5000.0, 6000.0, 7000.0, rest]
    found, absent_s = made.metrics["fleet"], 1000.0 + 2000.0 + (rest - 3000.0)
    assert found["node_hours"]["absent"] * 3600.0 == pytest.approx(absent_s)
    assert found["bought_gpu_hours"] * 3600.0 == pytest.approx(8 * (4 * rest - absent_s))
    assert found["stopped"]["retired"]["waited_hours"] * 3600.0 == pytest.approx(2000.0)
