"""Values of the right type that make no sense are faults too, told with all others."""

import pytest

from sim.app.build import scenario
from sim.errors import ScenarioError
from tests.test_conf import plain


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["backfill.depth=-1"], ["backfill.depth: is -1; "]),
        (["backfill=skip", "backfill.depth=-1"], ["backfill.depth: is -1; "]),
        (["backfill=conservative", "backfill.depth=-2"], ["backfill.depth: is -2; "]),
        (
            ["backfill=slurm", "backfill.interval_s=0 s", "backfill.reserve=-1"],
            ["backfill.interval_s: is 0.0; ", "backfill.reserve: is -1; "],
        ),
        (["queue=wfp3", "queue.refresh_s=-5 s"], ["queue.refresh_s: is -5.0; "]),
        (["cluster.nodes=0", "cluster.mem_bytes=-1"], ["cluster.nodes: ", "cluster.mem_bytes: "]),
        (["cluster=pools", "cluster.pools=[]"], ["cluster.pools: is empty; "]),
        (["cluster=pools", "cluster.pools=[3]"], ["cluster.pools[0]: is 3; must be a mapping"]),
        (["workload.sizes.gpus=[1,a]"], ["workload.sizes.gpus[1]: is 'a'; must be a whole"]),
        (["horizon_s=1 h", "warmup_s=2 h"], ["warmup_s: is 7200.0; "]),
        (["horizon_s=-1"], ["horizon_s: is -1.0; "]),
        (["cluster.nodes=100000000000"], ["cluster.nodes: is 100000000000; must be at most "]),
        (["cluster.gpus_per_node=1000000"], ["cluster.gpus_per_node: is 1000000; must be at "]),
        (["failures=exponential", "failures.mtbf_s=0"], ["failures.mtbf_s: is 0; "]),
        (
            [
                "autoscaler=hpa",
                "autoscaler.metric=gpu",
                "autoscaler.target=much",
                "autoscaler.up_select=most",
                "autoscaler.up_count=1.5",
            ],
            [
                "autoscaler.metric: is 'gpu'; must be one of concurrency, ",
                "autoscaler.target: is 'much'; ",
                "autoscaler.up_select: is 'most'; must be one of ",
                "autoscaler.up_count: is 1.5; must be a whole number",
            ],
        ),
        (["autoscaler=keda", "autoscaler.tolerance_frac=-1"], ["autoscaler.tolerance_frac: is -1"]),
        (["autoscaler=wva", "autoscaler.queue=long"], ["autoscaler.queue: is 'long'; "]),
        (
            ["autoscaler=sage_serve", "autoscaler.budget_gpus=-8", "autoscaler.change_cost=-1"],
            ["autoscaler.budget_gpus: is -8; ", "autoscaler.change_cost: is -1"],
        ),
        (
            [
                "node_scaler=lending",
                "node_scaler.pool=1",
                "supply=steady",
                "supply.start_nodes=999",
            ],
            ["node_scaler.pool: is 1; must be below 1, ", "supply.start_nodes: is 999; "],
        ),
        (["workload=trace"], ["workload.path: is not given; must be a file"]),
        (["workload=trace", "workload.path=nowhere.csv"], ["workload.path: nowhere.csv: no such"]),
    ],
)
def test_a_value_out_of_range(words, told):
    with pytest.raises(ScenarioError) as caught:
        scenario(plain(*words), [])
    assert len(caught.value.issues) >= len(told)
    for said in told:
        assert any(fault.startswith(said) for fault in caught.value.issues), caught.value.issues


@pytest.mark.parametrize("horizon", ["-5", "nan"])
def test_a_bad_horizon_is_no_fault_of_the_warm_up(horizon):
    with pytest.raises(ScenarioError) as caught:
        scenario(plain(f"horizon_s={horizon}"), [])
    assert [fault.split(":")[0] for fault in caught.value.issues] == ["horizon_s"]
