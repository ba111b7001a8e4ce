"""Bundles carry what their cables carry."""

import numpy as np
import pytest
from test_families import SMALL

import topologies

TIERS = ("leaf_spine", "fat_tree", "clos", "rail_optimized", "rail_only", "multi_plane")


@pytest.mark.parametrize("family", TIERS)
def test_a_bundle_has_the_capacity_of_its_cables(family):
    fabric = SMALL[family]()
    bundles = topologies.bundled(fabric)
    assert topologies.faults(bundles.graph()) == []
    for column in ("capacity_Bps", "cables"):
        assert getattr(bundles, column).sum() == pytest.approx(getattr(fabric, column).sum())
    one, two = topologies.describe(fabric), topologies.describe(bundles)
    assert two.bisection_Bps == pytest.approx(one.bisection_Bps)
    plan = fabric.router
    tops = plan.groups * plan.parts if plan.cores else 0
    assert len(bundles.a) == plan.nodes * plan.lanes + plan.leaves + tops


@pytest.mark.parametrize("ways", [0, 1])
@pytest.mark.parametrize("family", ["leaf_spine", "fat_tree", "multi_plane", "rail_only"])
def test_sprayed_flows_use_a_bundle_as_much_as_its_cables(family, ways):
    fabric = SMALL[family]()
    bundles = topologies.bundled(fabric)
    rng = np.random.default_rng(5)
    src, dst = rng.integers(0, fabric.nodes, (2, 40))
    if ways and fabric.router.lanes > 1:
        return  # one lane a flow is not what spraying over lanes does
    even = topologies.routed(fabric, src, dst, ways=0)
    few = topologies.routed(bundles, src, dst, ways=ways)
    most = [
        (np.bincount(r.link, r.weight, 2 * len(f.a)) / f.link_Bps).max()
        for f, r in ((fabric, even), (bundles, few))
    ]
    assert most[0] == pytest.approx(most[1], rel=1e-12, abs=0)  # a sum in another order


def test_only_tiers_bundle():
    with pytest.raises(ValueError, match="only tiers"):
        topologies.bundled(SMALL["torus"]())
