"""Max-min shares over routes: a 1:1 fabric slows nobody, k:1 slows a bisection-bound job k-fold."""

import numpy as np
import pytest

import topologies
from sim.kernel.flows import max_min


def across(fabric, ways):
    """Return each node's rate when every node sends to the one half the fabric away."""
    node = np.arange(fabric.nodes)
    routes = topologies.routed(fabric, node, (node + fabric.nodes // 2) % fabric.nodes, ways=ways)
    return np.asarray(max_min(fabric.link_Bps, routes.start, routes.link, routes.weight))


@pytest.mark.parametrize("bundles", [False, True])
def test_a_sprayed_fat_tree_slows_nobody(bundles):
    fabric = topologies.fat_tree.arrays(8)
    rates = across(topologies.bundled(fabric) if bundles else fabric, ways=0)
    assert rates == pytest.approx(np.full(fabric.nodes, 50e9), rel=1e-9)


@pytest.mark.parametrize("over", [1.0, 2.0, 4.0, 8.0])
def test_oversubscription_slows_as_many_times(over):
    fabric = topologies.leaf_spine.arrays(64, 16, 4, oversubscription=over)
    assert across(fabric, ways=0) == pytest.approx(np.full(64, 50e9 / over), rel=1e-9)


def test_hashing_by_flow_slows_some_on_a_fabric_that_need_not():
    rates = across(topologies.fat_tree.arrays(8), ways=1)
    assert rates.max() <= 50e9 * (1 + 1e-9)
    assert rates.mean() < 0.9 * 50e9
