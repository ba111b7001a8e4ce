"""Jobs that interruptions of their nodes hardly let come through: laws, and who is told of it."""

import math

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError
from sim.policies.node_scaler import CloudBurst, ClusterAutoscaler, Lending, PowerDown
from sim.state import Homogeneous, Inventory, Pool, Supply
from sim.study.worn import sinking
from tests.scaling.test_live_nodes import jobs

HOPELESS = r"supply.spot_mtbf_s: begins a job anew.*1 job '0' on 2 nodes.*supply.lost_s"


def run(*rows, cluster=None, scaler=None, **supply):
    told = {"come_s": 10.0, "notice_s": 0.0, "spot_mtbf_s": 1000.0} | supply
    return simulate(Scenario(cluster or Homogeneous(4, 4), jobs(*rows),
                             node_scaler=scaler or PowerDown(), supply=Supply(**told)))  # fmt: skip


@pytest.mark.parametrize("notice_s", [0.0, 400.0])
def test_one_that_loses_all_starts_as_often_as_the_law_says(notice_s):
    """A node lasts for exponential times of mean m; a run of r needs exp((r - notice) / m) starts."""
    made = run(
        *[(0, 4, 2000)] * 300,
        cluster=Homogeneous(150, 4),
        scaler=PowerDown(every_s=50.0),
        notice_s=notice_s,
    )
    starts = made.ledger.num_rows - sum(row["job_id"] is None for row in made.ledger.to_pylist())
    law = math.exp((2000.0 - notice_s) / 1000.0)
    error = math.sqrt((law - 1.0) * law / 300)  # starts are geometric
    assert starts / 300 == pytest.approx(law, abs=4.0 * error)


def walked(rate, run_s, lost_s, rng):
    """How often one starts that rises by exponential times and falls by `lost_s`, never below 0."""
    done_s, starts = 0.0, 1
    while (done_s := done_s + rng.exponential(1.0 / rate)) < run_s:
        done_s, starts = max(done_s - lost_s, 0.0), starts + 1
    return starts


@pytest.mark.parametrize("falls", [1.5, 2.0, 4.0])
def test_starts_of_one_that_loses_a_part_grow_with_its_run_as_told(falls):
    rng, part = np.random.default_rng(7), float(sinking(np.array([1.0]), falls)[0])
    means = [np.mean([walked(1.0, power / part, falls, rng) for _ in range(1000)])
             for power in (4.0, 6.0)]  # fmt: skip
    assert means[0] > math.exp(4.0) - 1.0  # what is told is no more than it is
    assert means[1] > math.exp(6.0) - 1.0
    assert math.log(means[1] / means[0]) == pytest.approx(2.0, abs=0.2)  # noise, and the start


def test_of_a_walk_that_rises_nothing_grows_and_of_one_that_loses_all_everything():
    rates = np.array([0.0, 1.0, 2.0])
    assert sinking(rates, 0.5) == pytest.approx(0.0, abs=1e-6)
    assert sinking(rates, -3.0) == pytest.approx(0.0, abs=1e-6)
    assert sinking(rates[1:], math.inf) == pytest.approx(1.0)


def test_who_can_never_come_through_is_refused_and_comes_through_with_less_to_lose():
    long = (0, 8, 20_000.0)  # two nodes: exp(40) starts
    for scaler in (PowerDown(), ClusterAutoscaler(), CloudBurst(), Lending(plan=((0, 4),))):
        with pytest.raises(ScenarioError, match=HOPELESS):
            run(long, scaler=scaler, node_h_usd=1.0)
    made = run(long, lost_s=100.0)
    assert made.metrics["jobs"]["completed"] == 1
    assert not any("begins a job anew" in note for note in made.manifest["notes"])
    with pytest.raises(ScenarioError, match=r"a shorter supply.lost_s"):
        run(long, lost_s=5000.0)
    assert run(long, notice_s=20_000.0).metrics["jobs"]["completed"] == 1  # it ends within it


def test_who_may_run_on_nodes_that_stay_is_not_refused():
    def pools(steady, gpu="spot"):
        return Inventory((Pool("spot", 4, 4, "spot"), Pool("steady", steady, 4, gpu)))

    long, of = (0, 8, 20_000.0), {"pools": {"spot": {"spot_mtbf_s": 1000.0}}, "spot_mtbf_s": None}
    for cluster in (pools(2), pools(2, "other")):
        told = Scenario(
            cluster,
            jobs(long),
            node_scaler=PowerDown(),
            supply=Supply(notice_s=0.0, start_nodes=None, **of),
            horizon_s=3600.0,
        )
        assert not any("anew" in note for note in simulate(told).manifest["notes"])  # fmt: skip
    for cluster in (pools(1), pools(1, "other")):  # one of its two nodes at least is interrupted
        with pytest.raises(ScenarioError, match=HOPELESS):
            run(long, cluster=cluster, **of)


def test_where_nobody_asks_for_new_nodes_the_run_ends_and_says_so():
    long = (0, 8, 20_000.0)
    bare = simulate(Scenario(Homogeneous(4, 4), jobs(long), supply=Supply(spot_mtbf_s=1000.0)))
    burst = run(long, scaler=CloudBurst())
    for made, why in ((bare, "asks for none"), (burst, "set supply.node_h_usd")):
        (note,) = [n for n in made.manifest["notes"] if n.startswith("supply.spot_mtbf_s: nodes")]
        assert why in note
        assert "4 of pool h100" in note
        assert "1 job waits to the end" in note
    idle = [note for note in burst.manifest["notes"] if "asked for no node" in note]
    assert idle == ["node_scaler: asked for no node and gave none back; it rents only nodes that "
                    "have a price: set supply.node_h_usd"]  # fmt: skip
