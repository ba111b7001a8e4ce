"""A drawing has a dot a vertex, or several a dot, and colours a line by its links."""

from types import SimpleNamespace

import numpy as np
import pytest

import topologies
from sim.report.fabric import ACROSS, EDGE, bent, dots, figure_of, heights, lattice, lines
from sim.report.links import drawn
from sim.results import Result
from sim.workload import SameForAll
from tests.conftest import run
from topologies.designs import LeafSpine, Torus


def test_few_vertices_have_a_dot_each_and_many_share_evenly():
    kind = np.array(["node"] * 200 + ["leaf"] * 10)
    dot, rows = dots(kind)
    assert rows == [("node", 200, ACROSS), ("leaf", 10, 10)]
    sizes = np.bincount(dot)
    assert set(sizes[:ACROSS]) <= {200 // ACROSS, 200 // ACROSS + 1}
    assert (sizes[ACROSS:] == 1).all()
    assert (np.diff(dot) >= 0).all()


@pytest.mark.parametrize("dims", [(4, 4), (16, 16, 16), (3, 5, 2)])
def test_a_torus_is_drawn_as_a_grid_of_few_dots(dims):
    dot, x, y = lattice(dims)
    assert len(dot) == np.prod(dims)
    shown = [-(-k // -(-k // EDGE)) for k in dims]
    assert len(x) == len(y) == np.prod(shown)
    assert set(dot.tolist()) == set(range(len(x)))
    assert len({*zip(x.round(9).tolist(), y.round(9).tolist(), strict=True)}) == len(x)


def test_a_line_has_the_mean_load_of_its_links_of_the_fuller_way():
    fabric = topologies.leaf_spine.arrays(4, 2, 1)
    load = np.arange(2 * len(fabric.a)) / 20
    each = np.arange(len(fabric.kind))
    a, _, fuller = lines(fabric, load, each)
    assert len(a) == len(fabric.a)
    assert fuller.tolist() == pytest.approx(load.reshape(-1, 2).max(axis=1).tolist())
    merged = np.where(each < 4, 0, each)  # all nodes as one dot
    _, _, fuller = lines(fabric, load, merged)
    pairs = load.reshape(-1, 2).max(axis=1)
    assert fuller[:2].tolist() == pytest.approx([pairs[:2].mean(), pairs[2:4].mean()])


def test_a_row_is_as_high_as_its_way_from_a_node():
    fabric = topologies.nvlink_arrays(topologies.fat_tree.arrays(4), 16)
    height = {"nvlink": -1, "node": 0, "leaf": 1, "spine": 2, "core": 3}
    assert heights(fabric).tolist() == [height[kind] for kind in fabric.kind.tolist()]
    graph = topologies.leaf_spine(4, 2, 2)  # a spine over the spines, and another kind of leaf
    graph.add_node("spine2", kind="spine")
    graph.add_node("tor0", kind="tor")
    graph.add_edges_from(
        (a, b, {"capacity_Bps": 1.0})
        for a, b in (("spine2", "spine0"), ("spine2", "spine1"), ("tor0", 0))
    )
    fabric = topologies.compiled(graph)
    found = dict(zip(fabric.names(), heights(fabric).tolist(), strict=True))
    assert [found[v] for v in ("spine0", "spine1", "spine2", "leaf0", "tor0")] == [2, 2, 3, 1, 1]
    made = figure_of(fabric, np.zeros(2 * len(fabric.a)), "x")
    for row in ("2 spines", "1 spine", "1 tor", "2 leaves", "4 nodes"):
        assert f">{row}<" in made


def test_where_no_nodes_are_drawn_leaves_stand_below():
    tree = SimpleNamespace(kind=np.array(["top", "leaf", "leaf", "pod"]),
                           a=np.array([1, 2, 3]), b=np.array([3, 3, 0]))  # fmt: skip
    assert heights(tree).tolist() == [2, 0, 0, 1]
    odd = SimpleNamespace(kind=np.array(["tor", "agg"]), a=np.array([0]), b=np.array([1]))
    assert heights(odd).tolist() == [0, 1]


def test_links_within_a_row_go_in_arcs_and_others_straight():
    at = np.array([[0.0, 1.0], [0.5, 1.0], [1.0, 1.0], [0.2, 0.0]])
    near, far, down = bent(at, np.array([0, 0, 1]), np.array([1, 2, 3]))
    assert len(down) == 2
    for arc, ends in ((near, (0, 1)), (far, (0, 2))):
        assert np.allclose(arc[[0, -1]], at[list(ends)])
        assert (arc[1:-1, 1] > 1.0).all()
    assert far[:, 1].max() > near[:, 1].max()  # so that none lies on another


def test_a_full_link_is_drawn_in_another_colour_than_an_idle_one():
    fabric = topologies.leaf_spine.arrays(4, 2, 1)
    idle, full = (figure_of(fabric, np.full(2 * len(fabric.a), v), "x") for v in (0.0, 1.0))
    scale = figure_of(fabric, np.full(2 * len(fabric.a), 0.5), "x")
    assert idle.count("#dfe5ea") > full.count("#dfe5ea")
    assert full.count("#b4500b") > scale.count("#b4500b")


SOME = {"submit_s": [0.0, 0.0, 5.0], "gpus": [16, 32, 24], "work_s": [100.0, 300.0, 200.0]}


def talked(fabric):
    rows = list(zip(SOME["submit_s"], SOME["gpus"], SOME["work_s"], strict=True))
    return run(rows, 9, 8, fabric=fabric, comm=SameForAll(0.5, 0.25, "all_to_all"))


@pytest.mark.parametrize("fabric", [LeafSpine(3, 2), Torus(dimensions=2),
                                    LeafSpine(3, 2, routing="ecmp")])  # fmt: skip
def test_a_run_tells_of_each_shared_link_what_the_links_over_time_tell(fabric):
    """The mean over the run is that of the bins, weighed by their length; the fuller way counts."""
    result = talked(fabric)
    end_s, full = max(result.links.column("end_s").to_pylist()), {}
    for row in result.links.to_pylist():
        share = row["load_frac"] * (row["end_s"] - row["begin_s"]) / end_s
        full[row["link"]] = full.get(row["link"], 0.0) + share
    told = result.fabric.to_pylist()
    assert max(full.values()) == pytest.approx(max(row["load_frac"] for row in told))
    assert len({(r["one_kind"], r["one"], r["other_kind"], r["other"]) for r in told}) == len(told)
    busy = sum(row["load_frac"] > 0.0 for row in told)
    ends = {frozenset(name.split(" → ")) for name in full}
    assert busy == len(ends) > 0


def test_a_run_is_drawn_and_one_without_a_fabric_is_not(tmp_path):
    result = talked(Torus(dimensions=2))
    again = Result.read(result.write(tmp_path / "run"))
    assert drawn(again) == drawn(result)
    assert "9 nodes" in drawn(again)
    assert drawn(run([(0, 8, 10)], 1, 8)) == ""
