"""A user's own fabric works like a shipped one; a bad file is refused with all its faults."""

import json

import networkx as nx
import pytest

import topologies
from topologies import read
from topologies.own import FromFile
from topologies.read.slurm import expanded

TREE = """# two leaves
SwitchName=s0 Nodes=n[01-04]
SwitchName=s1 Nodes=n[05-06],n08
SwitchName=root Switches=s[0-1]
"""
BLOCK = """BlockName=b0 Nodes=n[01-04]
BlockName=b1 Nodes=n[05-08]
BlockSizes=4,8
"""


def write(place, text):
    path = place / "fabric.conf"
    path.write_text(text)
    return path


def faults_of(reader, path):
    with pytest.raises(read.FabricFileError) as caught:
        reader(path)
    return caught.value.faults


@pytest.mark.parametrize(
    "make",
    [lambda: topologies.fat_tree(4), lambda: topologies.torus((4, 4), cube=2)],
    ids=["fat_tree", "torus"],
)
def test_graphml_and_json_bring_a_graph_back(tmp_path, make):
    graph = make()
    nx.write_graphml(graph, tmp_path / "fabric.graphml")
    (tmp_path / "fabric.json").write_text(json.dumps(nx.node_link_data(graph, edges="edges")))
    for again in (
        read.graphml(tmp_path / "fabric.graphml"),
        read.node_link(tmp_path / "fabric.json"),
    ):
        assert dict(again.nodes(data=True)) == dict(graph.nodes(data=True))
        assert nx.utils.edges_equal(again.edges(data=True), graph.edges(data=True))
        shown, wanted = topologies.describe(again), topologies.describe(graph)
        assert (shown.bisection_Bps, shown.bill) == (wanted.bisection_Bps, wanted.bill)
        assert len(topologies.routed(topologies.compiled(again), [0, 1], [5, 9]).link) > 0


def test_a_directed_graphml_has_two_capacities(tmp_path):
    graph = topologies.leaf_spine(2, 2, 1).to_directed()
    graph.edges["leaf0", 0]["capacity_Bps"] = 7.0
    nx.write_graphml(graph, tmp_path / "fabric.graphml")
    fabric = topologies.compiled(read.graphml(tmp_path / "fabric.graphml"))
    assert fabric.capacity_Bps[0] == 50e9
    assert fabric.back_Bps[0] == 7.0
    graph.remove_edge("leaf0", 0)
    nx.write_graphml(graph, tmp_path / "fabric.graphml")
    assert any("goes one way" in f for f in faults_of(read.graphml, tmp_path / "fabric.graphml"))


def test_graphml_with_entities_is_refused_unread(tmp_path):
    bomb = '<!DOCTYPE g [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><graphml>&b;</graphml>'
    assert faults_of(read.graphml, write(tmp_path, bomb)) == [
        "declares a document type or entities; must have none"
    ]
    assert "no GraphML" in faults_of(read.graphml, write(tmp_path, "<graphml><node"))[0]


def test_a_slurm_tree(tmp_path):
    graph = read.slurm(write(tmp_path, TREE), node_Bps=1.0, link_Bps=3.0)
    assert [graph.nodes[i]["label"] for i in range(7)] == [
        "n01",
        "n02",
        "n03",
        "n04",
        "n05",
        "n06",
        "n08",
    ]
    assert [graph.nodes[i]["rack"] for i in range(7)] == [0, 0, 0, 0, 1, 1, 1]
    assert graph.nodes["root"]["tier"] == 2
    assert nx.shortest_path_length(graph, 0, 6) == 4
    assert topologies.describe(graph).bisection_Bps == 3.0


def test_slurm_blocks(tmp_path):
    graph = read.slurm(write(tmp_path, BLOCK))
    assert graph.graph["block_sizes"] == (4, 8)
    assert [v for v, kind in graph.nodes(data="kind") if kind == "block"] == ["b0", "b1"]
    assert nx.shortest_path_length(graph, 0, 4) == 4


def test_all_faults_of_a_topology_conf_at_once(tmp_path):
    text = (
        TREE
        + "SwitchName=s1 Nodes=n09\nSwitchName=s3 Nodes=n01 Color=red\nSwitchName=t Switches=no\n"
    )
    found = faults_of(read.slurm, write(tmp_path, text + "SwitchName=u Nodes=n[9-1]\n"))
    for said in (
        "'s1' stands twice",
        "'n01' stands on two",
        "'Color' is not known",
        "'no' is not there",
        "[9-1]",
    ):
        assert any(said in fault for fault in found), said


def test_a_topology_conf_as_people_write_it(tmp_path):
    """Continued lines, any case, blanks and quotes round =, LinkSpeed, the top before its own."""
    text = """# comment
SwitchName=top Switches=p[0-1]   # the top
switchname = p0 switches = l0,l1 LinkSpeed=100
SwitchName=p1 \\
   Switches="l2"
SwitchName=l0 Nodes=n[3-4]
SwitchName=l1 Nodes=n[1-2]
SwitchName=l2 \\
   Nodes=n5
"""
    graph = read.slurm(write(tmp_path, text))
    assert [graph.nodes[i]["label"] for i in range(5)] == ["n3", "n4", "n1", "n2", "n5"]
    assert {v: graph.nodes[v]["tier"] for v in graph if isinstance(v, str)} == {
        "top": 3, "p0": 2, "p1": 2, "l0": 1, "l1": 1, "l2": 1,
    }  # fmt: skip
    pods = [graph.nodes[i]["pod"] for i in range(5)]
    assert pods[0] == pods[1] == pods[2] == pods[3] != pods[4]
    parent = FromFile(str(tmp_path / "fabric.conf")).laid(5, 8)[0].parent
    # nodes, then three leaves, then the pods over them, which meet above
    assert parent[:10].tolist() == [5, 5, 6, 6, 7, 8, 8, 9, -1, -1]


def test_a_tree_that_goes_in_a_ring_or_has_both_is_refused(tmp_path):
    ring = TREE + "SwitchName=u Switches=v\nSwitchName=v Switches=u\nBlockSizes=4,x\n"
    found = faults_of(read.slurm, write(tmp_path, ring + "SwitchName=w Nodes=n09 Switches=s0\n"))
    for said in (
        "one stands over itself",
        "'w' has both nodes and switches",
        "BlockSizes is '4,x'",
    ):
        assert any(said in fault for fault in found), said


def plain_graph(kind=nx.Graph, **edge):
    """Return four nodes on two leaves under a spine, all edges alike."""
    graph = kind()
    graph.add_nodes_from((f"gpu{i}", {"kind": "node"}) for i in range(4))
    graph.add_nodes_from((v, {"kind": v[:-1]}) for v in ("leaf0", "leaf1", "spine0"))
    graph.add_edges_from((f"gpu{i}", f"leaf{i // 2}", edge) for i in range(4))
    graph.add_edges_from((f"leaf{i}", "spine0", edge) for i in range(2))
    return graph


def written(place, graph):
    """Return the graphs that the readers make of a graph's files, of JSON with either name."""
    nx.write_graphml(graph, place / "a.graphml")
    found = [read.graphml(place / "a.graphml")]
    for edges in ("edges", "links"):
        (place / "a.json").write_text(json.dumps(nx.node_link_data(graph, edges=edges)))
        found.append(read.node_link(place / "a.json"))
    return found


def test_quantities_may_be_texts_and_a_latency_may_be_missing(tmp_path):
    graph = plain_graph(capacity_Bps="400 Gbps", cables="2")
    graph.nodes["gpu0"]["gpus"], graph.nodes["leaf0"]["rack"] = "8", 3.0
    for made in written(tmp_path, graph):
        for _, _, has in made.edges(data=True):
            assert has == {"capacity_Bps": 50e9, "cables": 2, "latency_s": 1e-6}
        assert (made.nodes[0]["gpus"], made.nodes["leaf0"]["rack"]) == (8, 3)
        assert topologies.compiled(made).capacity_Bps.tolist() == [50e9] * 6


def test_parallel_edges_are_one_of_their_sum(tmp_path):
    graph = plain_graph(nx.MultiGraph, capacity_Bps=7.0)
    graph.add_edge("spine0", "leaf0", capacity_Bps=5.0, back_Bps=4.0, cables=3)
    for made in written(tmp_path, graph):
        has = made.edges["leaf0", "spine0"]
        assert (has["capacity_Bps"], has["back_Bps"], has["cables"]) == (12.0, 11.0, 4)
        assert made.edges[0, "leaf0"]["capacity_Bps"] == 7.0


def test_a_directed_file_says_both_ways(tmp_path):
    graph = plain_graph(capacity_Bps=7.0).to_directed()
    graph.edges["leaf0", "gpu1"]["capacity_Bps"] = 3.0
    for made in written(tmp_path, graph):
        fabric = topologies.compiled(made)
        assert (fabric.capacity_Bps[1], fabric.back_Bps[1]) == (7.0, 3.0)
    graph.remove_edge("leaf0", "gpu0")
    (tmp_path / "a.json").write_text(json.dumps(nx.node_link_data(graph, edges="edges")))
    found = faults_of(read.node_link, tmp_path / "a.json")
    assert found == ["link 'gpu0'–'leaf0' goes one way; add the way back"]


def test_places_that_are_no_numbers_are_told_by_the_name_in_the_file(tmp_path):
    graph = plain_graph(capacity_Bps=1.0)
    graph.nodes["gpu1"]["rack"], graph.nodes["gpu2"]["gpus"] = "A", 0
    (tmp_path / "a.json").write_text(json.dumps(nx.node_link_data(graph, edges="edges")))
    assert faults_of(read.node_link, tmp_path / "a.json") == [
        "vertex 'gpu1': rack is 'A'; must be a whole number >= 0",
        "vertex 'gpu2': gpus is 0; must be a whole number >= 1",
    ]


def test_an_edge_list_may_be_a_table_with_a_header(tmp_path):
    text = "a,b,capacity,latency\nnode0,leaf0,400 Gbps,2 us\nnode1,leaf0,50 GB/s\n"
    graph = read.edge_list(write(tmp_path, text))
    assert graph.edges[0, "leaf0"] == {"capacity_Bps": 50e9, "latency_s": 2e-6}
    assert graph.edges[1, "leaf0"] == {"capacity_Bps": 50e9, "latency_s": 1e-6}
    found = faults_of(read.edge_list, write(tmp_path, "n0 leaf0 1\nn1 leaf0 1\n"))
    assert "must be named 0, 1" in found[0]


def test_a_list_of_names_is_bounded():
    assert expanded("a,b[1-2]") == ["a", "b1", "b2"]
    with pytest.raises(ValueError, match="names more than"):
        expanded("n[1-1000][1-1000]")
    with pytest.raises(ValueError, match="no list of numbers"):
        expanded("n[0-999999999]")


def test_lines_that_are_wrong_are_not_told_again_as_nodes_that_lack(tmp_path):
    found = faults_of(read.edge_list, write(tmp_path, "0 s0\n1 s0\n"))
    assert [fault[:18] for fault in found] == ["line 1 has 2 words", "line 2 has 2 words"]


def test_an_edge_list(tmp_path):
    text = "# a b capacity latency\n0 leaf0 400Gbps 2us\n1 leaf0 50e9\n1 leaf1 1GB/s\n"
    graph = read.edge_list(write(tmp_path, text))
    assert graph.edges[0, "leaf0"] == {"capacity_Bps": 50e9, "latency_s": 2e-6}
    assert graph.edges[1, "leaf1"]["capacity_Bps"] == 1e9
    assert graph.nodes["leaf1"]["kind"] == "leaf"


def test_all_faults_of_an_edge_list_at_once(tmp_path):
    text = "0 leaf0 fast\n1 leaf0 1\n1 leaf0 1\n2 leaf0\n7 leaf1 0\n"
    found = faults_of(read.edge_list, write(tmp_path, text))
    for said in (
        "line 1",
        "line 3",
        "line 4",
        "capacity_Bps is 0",
        "cannot reach",
    ):
        assert any(said in fault for fault in found), (said, found)


def test_all_faults_of_a_node_link_file_at_once(tmp_path):
    data = {
        "nodes": [{"id": 0, "kind": "node"}, {"id": 0}, 7, {"id": "leaf", "kind": "leaf"}],
        "edges": [
            {"source": 0, "target": "gone"},
            {"source": 0, "target": "leaf", "capacity_Bps": "x", "latency_s": -1},
        ],
    }
    found = faults_of(read.node_link, write(tmp_path, json.dumps(data)))
    for said in ("nodes[1]: id 0", "nodes[2]", "edges[0]", "capacity_Bps is 'x'", "latency_s"):
        assert any(said in fault for fault in found), (said, found)
    assert "no JSON" in faults_of(read.node_link, write(tmp_path, "[" * 100_000))[0]
