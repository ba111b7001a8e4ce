"""Nodes that come and go beside quotas, a fabric, elastic jobs: none is used while away, all end."""

import numpy as np
import pytest

from sim import simulate
from sim.app.services import composed
from tests.scaling.test_live_nodes import held_only_while_there

pytestmark = pytest.mark.rare
SMALL = ("workload=synthetic", "workload.jobs=30", "workload.load=0.9", "workload.work.mean_s=600",
         "cluster.nodes=8", "supply.start_nodes=2", "supply.notice_s=30")  # fmt: skip
SCALERS = ("cluster_autoscaler",)
BESIDE = ("quota=kueue", "quota=kai", "quota=volcano", "quota=slurm_limits", "fabric=leaf_spine",
          "elastic=equal_shares", "elastic=marginal")  # fmt: skip


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("beside", BESIDE)
def test_all_jobs_end_and_no_node_is_used_while_away(scaler, beside):
    made = simulate(*composed([*SMALL, beside, f"node_scaler={scaler}"]))
    held_only_while_there(made)
    assert set(made.jobs.column("state").to_pylist()) == {"completed"}
    # more came than the two there were at the beginning, and some went: the law was put to a test
    assert made.metrics["fleet"]["came"] > 0
    assert made.metrics["fleet"]["went"] > 0
    rows = [r for r in made.ledger.to_pylist() if r["job_id"] is not None]
    per_node = {node: [] for node in made.nodes.column("node").to_pylist()}
    for r in rows:
        per_node[r["node"]] += [(r["start_s"], r["gpus"]), (r["end_s"], -r["gpus"])]
    for changes in per_node.values():  # at one instant who ends goes first
        held = np.cumsum([gpus for _, gpus in sorted(changes)])
        assert (held <= 8).all()
        assert not len(held) or held[-1] == 0
