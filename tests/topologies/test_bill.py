"""A bill counts what the graph has; a sum without its prices is not made up."""

import pytest

import topologies

GIVEN = topologies.Prices(switch_usd=36e3, switch_W=1000.0, fibre_usd=100.0, optic_usd=200.0)


def test_a_fat_tree_costs_what_its_formula_says():
    k = 8
    shown = topologies.bill(topologies.fat_tree(k), GIVEN)
    switches, cables = 5 * k**2 // 4, 3 * k**3 // 4
    assert sum(shown.switches.values()) == switches
    assert shown.ports == switches * k
    assert shown.cables == {"fibre": cables}
    assert shown.optics == {"400G": 2 * cables}
    assert shown.gpus == k**3 // 4 * 8
    assert shown.missing == ()
    assert shown.price_usd == switches * 36e3 + cables * 100 + 2 * cables * 200
    assert shown.watts_W == switches * 1000 + 2 * cables * 9.0
    assert shown.usd_per_gpu == shown.price_usd / shown.gpus


@pytest.mark.parametrize(("nodes", "switches", "cables"), [(128, 3, 2), (2048, 5, 3)])
def test_a_non_blocking_clos_has_three_or_five_sixty_fourths_of_a_switch_a_gpu(
    nodes, switches, cables
):
    shown = topologies.bill(topologies.rail_optimized.arrays(nodes))
    assert sum(shown.switches.values()) == switches * 8 * nodes / 64
    assert shown.cables["fibre"] == cables * 8 * nodes
    assert shown.optics["400G"] == 2 * cables * 8 * nodes


def test_nothing_unverified_is_a_default():
    shown = topologies.bill(topologies.fat_tree(4))
    assert shown.price_usd is None
    assert shown.watts_W is None
    assert shown.usd_per_gpu is None
    assert {*shown.missing} == {"switch_W", "switch_usd", "optic_usd", "fibre_usd"}
    assert topologies.bill(topologies.fat_tree(4), topologies.SHEET_400G).missing == (
        "switch_W",
        "optic_usd",
        "fibre_usd",
    )


def test_an_optic_without_watts_is_named():
    shown = topologies.bill(topologies.leaf_spine(4, 2, 1, node_Bps=25e9), GIVEN)
    assert "optic_W[200G]" in shown.missing


def test_copper_needs_no_optics_and_nvlink_is_not_billed():
    shown = topologies.bill(topologies.torus((4, 4)), topologies.Prices(copper_usd=50.0))
    assert shown.optics == {}
    assert shown.price_usd == 32 * 50.0
    assert shown.watts_W == 0.0
    below = topologies.rail_optimized.arrays(32)
    assert topologies.bill(topologies.nvlink_arrays(below, 8)) == topologies.bill(below)


def test_a_description_of_a_graph_is_that_of_its_arrays():
    one, two = (
        topologies.describe(topologies.fat_tree(4)),
        topologies.describe(topologies.fat_tree.arrays(4)),
    )
    assert one == two
    assert (one.nodes, one.gpus, one.edges, one.links) == (16, 128, 48, 96)
    assert one.oversubscription == 1.0
