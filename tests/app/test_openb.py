"""`rackplan experiment=openb`: the shipped arrivals, the figure, the published curve."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError
from sim.files import find
from sim.policies.backfill import NoBackfill
from sim.report.allocation import published
from sim.results import Result
from sim.results.allocation import allocation
from sim.workload import Given, NodeList
from tests.conftest import cluster

ROOT = str(Path(__file__).resolve().parents[2])
CURVES = "openb_published_seed42.parquet"


def rackplan(folder, *words):
    command = [sys.executable, "-m", "sim", *words]
    around = {**os.environ, "PYTHONPATH": ROOT, "COLUMNS": "160"}
    return subprocess.run(command, cwd=folder, env=around, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        ("FGD", ()),
        ("GpuPacking", ("placement=gpu_packing",)),
        ("BestFit", ("placement=best_fit_vector",)),
    ],
)
def test_the_experiment_draws_the_published_curve(tmp_path, curve, words):
    done = rackplan(tmp_path, "experiment=openb", *words, "report=false", "hydra.run.dir=here")
    assert done.returncode == 0, done.stderr
    assert "figure: here/allocation.svg" in done.stdout
    drawn = tmp_path / "here" / "allocation.svg"
    text = "".join(ET.fromstring(drawn.read_text()).itertext())
    assert "this run" in text
    asked, held = allocation(Result.read(tmp_path / "here"))
    x, y = published(CURVES)[curve]
    assert asked.tolist() == x.tolist()
    assert held == pytest.approx(y, abs=0.01)
    assert f"nearest to {curve}" in drawn.read_text()


def test_what_is_shipped_names_its_source():
    for name in ("openb_arrivals_seed42.parquet", "openb_nodes_seed42.parquet", CURVES):
        said = pq.read_schema(find(name)).metadata[b"source"].decode()
        assert "USENIX ATC 2023" in said
    assert pq.read_metadata(find("openb_arrivals_seed42.parquet")).num_rows == 10866


def test_allocation_counts_what_is_held_before_the_next_submission():
    jobs = {"submit_s": [0.0, 1.0, 2.0, 3.0], "gpus": [1, 1, 2, 1], "gpu_milli": [500, None, None, 250],
            "work_s": [10.0, 0.5, 10.0, 10.0]}  # fmt: skip
    result = simulate(Scenario(cluster=cluster(1, 4), workload=Given(jobs), backfill=NoBackfill()))
    asked, held = allocation(result)
    assert asked == pytest.approx(np.round([12.5, 37.5, 87.5, 93.75]))  # percent of 4 GPUs
    assert held == pytest.approx([12.5, 12.5, 62.5, 0.0])  # after the last all have ended


def test_a_curve_that_is_not_there_is_told_with_the_rest(tmp_path):
    done = rackplan(tmp_path, "beside=nowhere.parquet", "cluster.nodes=0")
    assert done.returncode == 2
    assert "beside: nowhere.parquet: no such file" in done.stderr
    assert "cluster.nodes" in done.stderr


def test_nodes_from_a_file(tmp_path):
    path = tmp_path / "nodes.csv"
    path.write_text("node,gpus,gpu,cpus,mem_bytes\na,8,h100,96,1e12\nb,0,none,64,\n")
    one, other = NodeList(str(path)).inventory().pools
    assert (one.name, one.gpus_per_node, one.gpu, one.cpus, one.mem_bytes) == (
        "a",
        8,
        "h100",
        96,
        1e12,
    )
    assert (other.gpus_per_node, other.mem_bytes) == (0, None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("node,gpus\na,8\n", "cluster.gpu: is missing"),
        ("node,gpus,gpu\na,many,h\n", "cluster.gpus: is string"),
        ("node,gpus,gpu\na,1.5,h\n", "gpus_per_node: is 1.5"),
        ("node,gpus,gpu\na,1,h\na,1,h\n", "the name 'a' stands twice"),
        ("node,gpus,gpu\n", "cluster.pools: is empty"),
    ],
)
def test_a_bad_list_of_nodes_says_what_is_wrong(tmp_path, text, told):
    path = tmp_path / "nodes.csv"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=told):
        NodeList(str(path)).inventory()
