"""On a fabric that nobody else uses, flows take as long as the formulas say."""

import numpy as np
import pytest

import topologies
from sim.kernel.flows import finish_times, max_min
from sim.physics.collective import all_to_all_s, hierarchical_all_reduce_s, ring_all_reduce_s
from topologies import Adaptive, Spraying

S, B = 8e9, 50e9


def slowest_s(fabric, routes, each_bytes):
    """Return when the last of flows that start together ends."""
    n = len(routes.start) - 1
    return finish_times(fabric.link_Bps, routes.start, routes.link, np.zeros(n),
                        np.full(n, each_bytes), weight=routes.weight).max()  # fmt: skip


@pytest.mark.parametrize("routing", [Spraying(), Adaptive()], ids=repr)
def test_a_ring_on_a_fabric_that_blocks_nobody_is_its_formula(routing):
    """Neighbours in order: adaptive switches never send two of them up one port, nor down."""
    fabric = topologies.leaf_spine.arrays(32, 8, 8)
    node = np.arange(32)
    step_s = slowest_s(fabric, routing.routes(fabric, node, np.roll(node, -1)), S / 32)
    assert 2 * 31 * step_s == pytest.approx(ring_all_reduce_s(S, 32, B))


def test_rails_of_a_hierarchy_do_not_meet():
    """Eight rings side by side, each of S / 8, on a rail-optimised fabric of 64 nodes."""
    fabric = topologies.rail_optimized.arrays(64)
    node, rail = np.repeat(np.arange(64), 8), np.tile(np.arange(8), 64)
    routes = Spraying().routes(fabric, node, (node + 1) % 64, rail)
    step_s = slowest_s(fabric, routes, S / 8 / 64)
    formula = hierarchical_all_reduce_s(S, 8, 64, 450e9, B)
    assert 2 * 63 * step_s == pytest.approx(formula)  # the rails are slower than NVLink


@pytest.mark.parametrize("k", [1.0, 2.0, 4.0])
def test_an_all_to_all_is_bound_by_nics_or_by_the_bisection(k):
    """Of each node's S a part (n - d) / n must leave its leaf, whose way up is d B / k."""
    n, d = 16, 4
    fabric = topologies.leaf_spine.arrays(n, d, 4, oversubscription=k)
    src, dst = np.divmod(np.arange(n * n), n)
    src, dst = src[src != dst], dst[src != dst]
    took = slowest_s(fabric, Spraying().routes(fabric, src, dst), S / n)
    nic = all_to_all_s(S, 1, n, 1.0, B, forwarded=False)
    bisection = S * (n - d) / n * k / B
    assert took == pytest.approx(max(float(nic), bisection))


def test_an_incast_shares_one_nic():
    fabric = topologies.fat_tree.arrays(4)
    routes = Spraying().routes(fabric, np.arange(1, 13), np.zeros(12, int))
    rate = max_min(fabric.link_Bps, routes.start, routes.link, routes.weight)
    assert rate == pytest.approx(np.full(12, B / 12))
