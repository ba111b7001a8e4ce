"""A design is its family without the nodes; what does not fit is told with its remedy."""

from math import prod

import numpy as np
import pytest

import topologies
from topologies import Ecmp, Spraying, designs
from topologies.load import MOST, load
from topologies.sized import grid, least_arity

COLUMNS = ("kind", "a", "b", "capacity_Bps", "latency_s", "cables", "cable", "optic")


def same(one, two):
    """Check that two fabrics are alike but for their names."""
    for column in COLUMNS:
        assert np.array_equal(getattr(one, column), getattr(two, column)), column
    for place, values in one.places.items():
        assert np.array_equal(values, two.places[place]), place


@pytest.mark.parametrize(
    ("design", "nodes", "gpus", "family"),
    [
        (designs.RailOptimized(), 96, 8, lambda: topologies.rail_optimized.arrays(96)),
        (designs.RailOptimized(rails=4, nvlink_gpus=72), 36, 4,
         lambda: topologies.nvlink_arrays(topologies.rail_optimized.arrays(36, rails=4), 72)),
        (designs.RailOnly(), 100, 8, lambda: topologies.rail_only.arrays(100)),
        (designs.MultiPlane(), 64, 8, lambda: topologies.multi_plane.arrays(64)),
        (designs.Clos(leaf_oversubscription=3.0), 90, 8, lambda: topologies.clos.arrays(
            90, leaf_oversubscription=3.0, cables_per_lane=8)),
        (designs.FatTree(), 128, 8, lambda: topologies.fat_tree.arrays(8)),
        (designs.DragonflyPlus(radix=8, parallel=1), 80, 8,
         lambda: topologies.dragonfly_plus.arrays(5, 8)),
        (designs.DragonflyPlus(radix=8), 80, 8,  # 16 ports a group to 4 others
         lambda: topologies.dragonfly_plus.arrays(5, 8, parallel=16 // 4)),
        (designs.Torus(cube=4), 4096, 1, lambda: topologies.torus.arrays((16, 16, 16), cube=4)),
        (designs.HyperX(), 96, 8, lambda: topologies.hyperx.arrays((3, 4), 8)),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, designs.Design) else "",
)  # fmt: skip
def test_a_design_of_so_many_nodes_is_its_family(design, nodes, gpus, family):
    made = design.arrays(nodes, gpus)
    same(made, family())
    assert made.nodes == nodes
    assert design.described(nodes, gpus).gpus == nodes * gpus
    assert topologies.faults(made.graph()) == []


@pytest.mark.parametrize(
    ("design", "nodes", "remedy"),
    [
        (designs.Torus(cube=4), 100, "must be a multiple of 64, such as 64 or 128"),
        (designs.DragonflyPlus(), 100, "multiple of the 64 of a group, such as 64 or 128"),
        (designs.HyperX(), 5, "multiple of the 8 of a switch, such as 8"),
        (designs.FatTree(k=8), 129, "fat tree of 128 nodes; must be even and hold 129: set k to 10"),
        (designs.FatTree(k=7), 4, "must be even"),
        (designs.RailOptimized(tiers=2), 2048, "must be at most 256 nodes: raise tiers to 3"),
        (designs.RailOptimized(link_Bps=0.0), 64, "link_Bps is 0.0; must be above 0"),
        (designs.RailOptimized(nvlink_gpus=12), 64, "must be a multiple of the 8 GPUs of a node"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_its_remedy(design, nodes, remedy):
    with pytest.raises(ValueError, match=remedy):
        design.arrays(nodes, 8)


def test_all_knobs_that_cannot_be_are_told_at_once_by_their_paths():
    wrong = designs.RailOptimized(
        nodes_per_leaf=-1, nodes_per_rack=0, link_Bps=0.0, latency_s=-1.0, tiers=4, oversubscription=-1.0,
        routing="luck", queue_pairs=0,
    )  # fmt: skip
    found = wrong.issues(64, 8)
    knobs = ("nodes_per_rack", "oversubscription", "link_Bps", "latency_s", "nodes_per_leaf",
             "tiers", "routing", "queue_pairs")  # fmt: skip
    assert [fault.partition(":")[0] for fault in found] == [f"fabric.{knob}" for knob in knobs]
    assert designs.RailOptimized().issues(64, 8) == []


def least_edge(count, dimensions):
    """Return the smallest greatest edge of all grids of so many points, tried one by one."""
    if dimensions == 1:
        return count
    divisors = [k for k in range(1, count + 1) if count % k == 0]
    return min(max(k, least_edge(count // k, dimensions - 1)) for k in divisors)


def test_a_grid_has_its_points_and_no_smaller_greatest_edge():
    for count in range(1, 200):
        for dimensions in (1, 2, 3):
            edges = grid(count, dimensions)
            assert prod(edges) == count
            assert len(edges) == dimensions
            assert list(edges) == sorted(edges)
            assert edges[-1] == least_edge(count, dimensions)


def test_the_least_arity_holds_and_the_next_lower_does_not():
    for nodes in range(1, 300):
        k = least_arity(nodes)
        assert k**3 // 4 >= nodes
        assert k == 2 or (k - 2) ** 3 // 4 < nodes


@pytest.mark.parametrize("pattern", ["ring", "permutation", "all_to_all"])
def test_a_pattern_gives_everybody_as_much_to_send_as_to_take(pattern):
    fabric = topologies.rail_optimized.arrays(12, rails=2, radix=8)
    laid = load(fabric, pattern, Spraying(), 3)
    sent, taken = (np.bincount(x, minlength=12) for x in (laid.src, laid.dst))
    assert np.array_equal(sent, taken)
    assert (sent > 0).all()
    assert (laid.src != laid.dst).all()
    assert np.bincount(laid.src, laid.port_Bps) == pytest.approx(np.full(12, 2 * 50e9))


def test_flows_over_nvlink_do_not_widen_the_nics_of_the_others():
    """Two domains of 2 nodes: a node has 1 partner over NVLink and 2 over its 2 rails."""
    below = topologies.rail_optimized.arrays(4, rails=2, radix=8)
    fabric = topologies.nvlink_arrays(below, 4, 900e9)
    laid = load(fabric, "all_to_all", Spraying(), 3)
    near = laid.src // 2 == laid.dst // 2
    assert laid.port_Bps[near] == pytest.approx(np.full(4 * 2, 2 * 900e9 / 2))
    assert laid.port_Bps[~near] == pytest.approx(np.full(4 * 4, 2 * 50e9 / 4))


def test_traffic_that_cannot_be_laid_is_refused():
    fabric = topologies.fat_tree.arrays(4)
    with pytest.raises(ValueError, match="must be one of ring, permutation, all_to_all"):
        load(fabric, "incast", Ecmp())
    with pytest.raises(ValueError, match="must be at least 2"):
        load(topologies.leaf_spine.arrays(1, 1, 1), "ring", Ecmp())
    most = MOST // (8 * 256)  # planes, and spines of each
    with pytest.raises(
        ValueError, match=f"too many paths to lay traffic on; must be at most {most}"
    ):
        load(topologies.multi_plane.arrays(12288), "ring", Spraying())
