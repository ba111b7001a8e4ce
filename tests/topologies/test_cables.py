"""What is left of a sprayed tree's links when switches fail, against max flows and by hand."""

from dataclasses import replace

import numpy as np
import pytest

import topologies
from topologies.cables import Cables
from topologies.tree import tree

MADE = {
    "leaf_spine": lambda: topologies.leaf_spine.arrays(12, 4, 3),
    "one_leaf": lambda: topologies.leaf_spine.arrays(4, 4, 2),
    "rails": lambda: topologies.rail_optimized.arrays(20, rails=4, radix=8),
    "rail_only": lambda: topologies.rail_only.arrays(20, rails=4, radix=8),
    "planes": lambda: topologies.multi_plane.arrays(32, planes=4, radix=16, gpus_per_node=2),
    "clos": lambda: topologies.clos.arrays(60, radix=8, tiers=3, spine_oversubscription=3.0),
    "flat": lambda: topologies.rail_only.arrays(8, rails=4, radix=8),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_the_cables_of_all_switches_are_those_of_the_tree(make):
    """With all at work each link is whole; without those of a tier nothing of it is left."""
    fabric = make()
    cables, t = Cables(fabric), tree(fabric)
    assert cables.switches == len(fabric.kind) - fabric.nodes
    touched = set()
    for number in range(cables.switches):
        vertices, parts = cables.left(number, np.zeros(cables.switches, bool))
        assert parts.tolist() == [1.0] * len(vertices)
        touched |= set(vertices.tolist())
    assert touched == set(np.flatnonzero(t.capacity_Bps > 0.0).tolist())


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_what_is_left_is_the_tree_of_the_fabric_without_the_switches(make):
    """Edges of switches that are down carry nothing: the capacities of `tree` say the rest."""
    fabric = make()
    cables, whole = Cables(fabric), tree(fabric).capacity_Bps
    rng = np.random.default_rng(5)
    for _ in range(20):
        down = rng.random(cables.switches) < 0.3
        if not down.any():
            continue
        gone = np.concatenate([np.zeros(fabric.nodes, bool), down])
        works = ~(gone[fabric.a] | gone[fabric.b])
        less = tree(replace(fabric, capacity_Bps=fabric.capacity_Bps * works,
                            back_Bps=fabric.back_Bps * works)).capacity_Bps  # fmt: skip
        for number in np.flatnonzero(down).tolist():
            vertices, parts = cables.left(number, down)
            assert parts * whole[vertices] == pytest.approx(less[vertices])
