"""A leaf–spine fabric obeys its counts, distances and capacities."""

import networkx as nx
import pytest

from topologies import faults, leaf_spine


@pytest.mark.parametrize(("nodes", "per_leaf", "spines"), [(1, 1, 1), (16, 4, 2), (18, 4, 3)])
def test_counts(nodes, per_leaf, spines):
    graph = leaf_spine(nodes, per_leaf, spines)
    leaves = -(-nodes // per_leaf)
    assert graph.number_of_nodes() == nodes + leaves + spines
    assert graph.number_of_edges() == nodes + leaves * spines
    assert faults(graph) == []


def test_distances_are_two_within_a_leaf_and_four_beyond():
    graph = leaf_spine(8, 4, 2)
    hops = dict(nx.all_pairs_shortest_path_length(graph))
    for a in range(8):
        for b in range(8):
            expected = 0 if a == b else 2 if a // 4 == b // 4 else 4
            assert hops[a][b] == expected


@pytest.mark.parametrize("over", [1.0, 2.0, 4.0])
def test_a_full_leaf_can_send_its_share_up(over):
    graph = leaf_spine(32, 8, 4, node_Bps=10.0, oversubscription=over)
    up = sum(graph.edges["leaf0", f"spine{i}"]["capacity_Bps"] for i in range(4))
    assert up == pytest.approx(8 * 10.0 / over)


def test_the_cut_between_two_leaves_is_the_uplinks():
    graph = leaf_spine(8, 4, 2, node_Bps=10.0, oversubscription=2.0)
    for a, b in graph.edges:
        graph.edges[a, b]["capacity"] = graph.edges[a, b]["capacity_Bps"]
    cut, _ = nx.minimum_cut(graph, "leaf0", "leaf1")
    assert cut == pytest.approx(4 * 10.0 / 2.0)


def test_all_faults_are_named_at_once():
    graph = leaf_spine(4, 2, 1)
    graph.edges[0, "leaf0"]["capacity_Bps"] = 0.0
    graph.add_node("lost", kind="leaf")
    graph.add_node("odd")
    found = faults(graph)
    assert len(found) == 4
    assert any("capacity_Bps is 0.0" in fault for fault in found)
    assert any("'odd' has no kind" in fault for fault in found)
    assert sum("cannot reach" in fault for fault in found) == 2


def test_a_wrong_count_is_refused_with_its_value():
    with pytest.raises(ValueError, match="spines is 0; must be at least 1"):
        leaf_spine(4, 2, 0)
